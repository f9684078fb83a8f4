//! Reading of `Target.options`: values that the target's shape has checked, in whichever of their two forms they come.
//!
//! A value that is missing or of another kind is `None`: the caller then takes its documented default.

use crate::model::{Fields, Value};

/// A text; empty counts as absent.
pub fn text<'a>(options: &'a Fields, name: &str) -> Option<&'a str> {
    let text = match options.get(name)? {
        Value::Text(text) => text.as_ref(),
        Value::Json(json) => json.as_str()?,
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// A size of at least 1.
pub fn size(options: &Fields, name: &str) -> Option<usize> {
    let size = match options.get(name)? {
        Value::Json(json) => usize::try_from(json.as_u64()?).ok()?,
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
        let json = |value| Value::Json(Box::new(value));
        let options = Fields::new(vec![
            ("a", Value::Text("x".into())),
            ("b", json(json!(true))),
            ("c", json(json!(7))),
            ("d", Value::Text("false".into())),
            ("e", Value::Text("12".into())),
            ("f", Value::Text("".into())),
            ("g", json(json!(0))),
        ]);
        assert_eq!(text(&options, "a"), Some("x"));
        assert_eq!(text(&options, "f"), None);
        assert_eq!(text(&options, "c"), None);
        assert_eq!((size(&options, "c"), size(&options, "e"), size(&options, "g")), (Some(7), Some(12), None));
        assert_eq!(size(&options, "missing"), None);
    }
}
