//! What an answer to a write shows, held against what was sent: an answer that shows another value proves nothing.

use serde_json::Value as Json;

use crate::model::{Change, Instant, Value};

use super::api::{Api, FROM, IDENTITY, NODE, ROLE, TO};

/// The first field in which the assignment of an answer is another one than was sent; in words, with the name of the field. What the
/// answer does not show contradicts nothing.
///
/// The node has two names in answers (apis/canopy.md: Create, Update). A cleared `effective_from` is not compared: the API shows the
/// moment of creation in its place (apis/canopy.md: List).
pub(super) fn contradiction(api: &Api, change: &Change, shown: &Json) -> Option<String> {
    let text = |part| api.ids.text(change.key.part(part));
    let keys = [
        ("identity_id", text(IDENTITY)),
        ("application_node_id", text(NODE)),
        ("node_id", text(NODE)),
        ("role_id", text(ROLE)),
    ];
    let other_key = keys.into_iter().find(|(name, sent)| is_other(shown.get(name), sent)).map(|(name, _)| name);
    let other = other_key.or_else(|| [FROM, TO].into_iter().find(|name| is_other_date(change, name, shown)))?;
    Some(format!("another `{other}` than was sent"))
}

fn is_other(shown: Option<&Json>, sent: &str) -> bool {
    shown.is_some_and(|shown| !shown.is_null() && shown.as_str() != Some(sent))
}

fn is_other_date(change: &Change, name: &'static str, shown: &Json) -> bool {
    let Some(shown) = shown.get(name) else { return false };
    match change.desired.get(name) {
        Some(Value::Instant(sent)) => match shown.as_str().map(Instant::parse) {
            Some(Some(shown)) => shown != *sent,
            _ => true,
        },
        // An update clears what is declared as null, and what a create would leave empty.
        declared => {
            let cleared = declared.is_some_and(Value::is_null) || change.differs.contains(&name);
            name == TO && cleared && !shown.is_null()
        }
    }
}
