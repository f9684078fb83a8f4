//! A bug that panics: told with its place, and without the data that it stumbled over, which may be a secret.

use std::any::Any;
use std::io::Write as _;
use std::panic::Location;

use crate::apply::Exit;

/// From now on a panic says where it happened and ends the process with exit 1. Unlike an abort, that leaves no memory behind on a disk.
pub(super) fn keep_quiet() {
    std::panic::set_hook(Box::new(|panic| {
        let text = told(panic.payload(), panic.location());
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
        std::process::exit(i32::from(Exit::Error.code()));
    }));
    #[cfg(debug_assertions)]
    on_demand();
}

/// What is said. A text that stands in the source as it is holds no data; a text that was put together may.
fn told(payload: &(dyn Any + Send), place: Option<&Location<'_>>) -> String {
    let what = payload.downcast_ref::<&'static str>().copied().unwrap_or("(its message is withheld: it may hold data)");
    let place = place.map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    format!(
        "error: internal error at {place}: {what}\n  This is a bug in assignctl {}: please report this line. What was sent before it is in the journal, and running again is safe.\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// Panics where a test asks for it; no release has this.
#[cfg(debug_assertions)]
#[allow(clippy::panic)]
fn on_demand() {
    if let Ok(message) = std::env::var("ASSIGNCTL_TEST_PANIC") {
        panic!("{message}");
    }
}

#[cfg(test)]
mod tests {
    use super::told;
    use std::panic::Location;

    #[test]
    fn a_message_that_was_put_together_is_withheld() {
        let text = told(&format!("bad value {}", "canary"), Some(Location::caller()));
        assert!(text.contains("src/cli/panic.rs:") && text.contains("withheld") && !text.contains("canary"), "{text}");
        assert!(told(&"index out of bounds", None).contains("an unknown place: index out of bounds"));
        assert!(!told(&17_u8, None).contains("17"));
    }
}
