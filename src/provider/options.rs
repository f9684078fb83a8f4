//! Reading of `Target.options`: values that the target's shape has checked, in whichever of their two forms they come.
//!
//! A value that is missing or of another kind is `None`: the caller then takes its documented default.

use crate::http::Path;
use crate::manifest::PathSpec;
use crate::model::{Fields, Value};

/// A text; empty counts as absent.
pub fn text<'a>(options: &'a Fields, name: &str) -> Option<&'a str> {
    let text = match options.get(name)? {
        Value::Text(text) => text.as_ref(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// The path of a route: the contract's, or the one that the policy put in its place.
pub fn path(options: &Fields, spec: &PathSpec, values: &[(&str, &str)]) -> Path {
    Path::template(template(options, spec), values)
}

/// The template of a route's path.
pub fn template<'a>(options: &'a Fields, spec: &PathSpec) -> &'a str {
    text(options, spec.option).unwrap_or(spec.template)
}

/// A size of at least 1.
pub fn size(options: &Fields, name: &str) -> Option<usize> {
    let size = match options.get(name)? {
        Value::Json(json) => usize::try_from(json.tree().as_u64()?).ok()?,
        Value::Text(text) => text.parse().ok()?,
        _ => return None,
    };
    (size > 0).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_read_in_both_forms_and_nonsense_is_absent() {
        let json = |value| Value::json(value);
        let options = Fields::new(vec![
            ("a", Value::Text("x".into())),
            ("c", json(json!(7))),
            ("d", Value::Text("12".into())),
            ("e", Value::Text("".into())),
            ("f", json(json!(0))),
        ]);
        assert_eq!(text(&options, "a"), Some("x"));
        assert_eq!((text(&options, "c"), text(&options, "e"), text(&options, "missing")), (None, None, None));
        assert_eq!((size(&options, "c"), size(&options, "d")), (Some(7), Some(12)));
        assert_eq!((size(&options, "a"), size(&options, "f"), size(&options, "missing")), (None, None, None));
    }
}
