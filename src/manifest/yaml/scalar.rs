//! What a plain scalar means where any JSON value may stand: YAML 1.2's core schema, and an error wherever YAML 1.1 readers
//! (and many people) would see something else. Fields that hold text never come here: they take the text as written.

/// A plain scalar's meaning.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolved {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, with all of its digits.
    Number(serde_json::Number),
    /// Text.
    Text,
}

/// Why a plain scalar is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ambiguity {
    /// A boolean to YAML 1.1, text to YAML 1.2.
    Boolean,
    /// Octal, sexagesimal, binary or with underscores to one version, something else to the other.
    Number,
    /// No number of JSON: infinite, not a number, or hexadecimal beyond 64 bits.
    Unrepresentable,
}

/// Whether a plain scalar is YAML's null.
pub fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// The meaning of a plain scalar.
///
/// # Errors
/// [`Ambiguity`] for what YAML 1.1 and 1.2 read differently, and for numbers that JSON cannot carry.
pub fn resolve(text: &str) -> Result<Resolved, Ambiguity> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Resolved::Null),
        "true" | "True" | "TRUE" => return Ok(Resolved::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Resolved::Bool(false)),
        "yes" | "Yes" | "YES" | "no" | "No" | "NO" | "on" | "On" | "ON" | "off" | "Off" | "OFF" => {
            return Err(Ambiguity::Boolean);
        }
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF" | ".nan" | ".NaN"
        | ".NAN" => return Err(Ambiguity::Unrepresentable),
        _ => {}
    }
    match text.bytes().next() {
        Some(b'0'..=b'9' | b'+' | b'-' | b'.') => number(text),
        _ => Ok(Resolved::Text),
    }
}

fn number(text: &str) -> Result<Resolved, Ambiguity> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() {
        return Ok(Resolved::Text);
    }
    if let Some(hex) = digits.strip_prefix("0x") {
        return radix(hex, 16, negative);
    }
    if is_odd_number(digits) {
        return Err(Ambiguity::Number);
    }
    if !digits.bytes().all(|b| b.is_ascii_digit()) && !is_float(digits) {
        return Ok(Resolved::Text);
    }
    serde_json::from_str(&json_number(negative, digits)).map(Resolved::Number).map_err(|_| Ambiguity::Unrepresentable)
}

/// A number in JSON's grammar, with all of its digits: JSON takes no `+`, and wants a digit on both sides of a point.
fn json_number(negative: bool, digits: &str) -> String {
    let (mantissa, exponent) = digits.split_at(digits.find(['e', 'E']).unwrap_or(digits.len()));
    let (whole, fraction) =
        mantissa.split_once('.').map_or((mantissa, None), |(whole, fraction)| (whole, Some(fraction)));
    let filled = |digits: &str| if digits.is_empty() { "0".to_owned() } else { digits.to_owned() };
    let fraction = fraction.map(|fraction| format!(".{}", filled(fraction))).unwrap_or_default();
    format!("{}{}{fraction}{exponent}", if negative { "-" } else { "" }, filled(whole))
}

/// Digits that YAML 1.1 and 1.2 (or people) read as different numbers: `012`, `0o14`, `0b11`, `1_000`, `190:20:30`.
fn is_odd_number(digits: &str) -> bool {
    let all = |text: &str, ok: fn(u8) -> bool| !text.is_empty() && text.bytes().all(ok);
    let numeric = |text: &str| all(text, |b| b.is_ascii_digit() || matches!(b, b'_' | b'.'));
    if let Some(rest) = digits.strip_prefix("0o").or_else(|| digits.strip_prefix("0b")) {
        return all(rest, |b| b.is_ascii_digit() || b == b'_');
    }
    let starts_with_digit = digits.bytes().next().is_some_and(|b| b.is_ascii_digit());
    let is_octal = digits.len() > 1 && digits.starts_with('0') && all(digits, |b| b.is_ascii_digit() || b == b'_');
    let has_underscores = starts_with_digit && digits.contains('_') && numeric(digits);
    let is_sexagesimal = starts_with_digit
        && digits.contains(':')
        && digits.split(':').enumerate().all(|(i, part)| numeric(part) && (i == 0 || sixty(part)));
    let padded_float = digits.len() > 1
        && digits.starts_with('0')
        && digits.as_bytes().get(1).is_some_and(u8::is_ascii_digit)
        && is_float(digits);
    is_octal || has_underscores || is_sexagesimal || padded_float
}

/// A part of a sexagesimal number: below sixty, perhaps with a fraction.
fn sixty(part: &str) -> bool {
    part.split('.').next().is_some_and(|whole| whole.len() <= 2 && whole.parse::<u8>().is_ok_and(|n| n < 60))
}

/// `1.5`, `1.`, `.5`, `1e3`: YAML 1.2's float, without a sign.
fn is_float(digits: &str) -> bool {
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && exponent.bytes().all(|b| b.is_ascii_digit())
    });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits_only = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    exponent_fits && digits_only(whole) && digits_only(fraction) && !(whole.is_empty() && fraction.is_empty())
}

fn radix(digits: &str, radix: u32, negative: bool) -> Result<Resolved, Ambiguity> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit() || b == b'_') {
        return Ok(Resolved::Text);
    }
    if negative || digits.contains('_') {
        return Err(Ambiguity::Number);
    }
    let value = u64::from_str_radix(digits, radix).map_err(|_| Ambiguity::Unrepresentable)?;
    Ok(Resolved::Number(value.into()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        let number = |text: &str| match resolve(text) {
            Ok(Resolved::Number(n)) => n.to_string(),
            other => format!("{other:?}"),
        };
        for (text, value) in [("0", "0"), ("-12", "-12"), ("+3", "3"), ("1.5", "1.5"), (".5", "0.5"), ("1.", "1.0")] {
            assert_eq!(number(text), value, "{text}");
        }
        for (text, value) in [
            ("1e3", "1e3"),
            ("0x1F", "31"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("-1.50", "-1.50"),
            ("1.e-3", "1.0e-3"),
            ("1e999", "1e999"),
            ("1234567890.1234567891", "1234567890.1234567891"),
        ] {
            assert_eq!(number(text), value, "{text}");
        }
        for text in ["2.1.0", "1-2", "-", "+", ".", "...", "2026-01-01", "1.2.3.4", "0xzz", "y", "n", "0b2x", "e3"] {
            assert_eq!(resolve(text), Ok(Resolved::Text), "{text}");
        }
        assert_eq!(resolve("~"), Ok(Resolved::Null));
        assert_eq!(resolve("True"), Ok(Resolved::Bool(true)));
    }

    #[test]
    fn what_two_readers_would_read_differently_is_refused() {
        for text in ["yes", "No", "ON", "off"] {
            assert_eq!(resolve(text), Err(Ambiguity::Boolean), "{text}");
        }
        for text in ["012", "0o14", "0b101", "1_000", "190:20:30", "12:30", "-012", "-0x1F", "01.5", "1_0.5"] {
            assert_eq!(resolve(text), Err(Ambiguity::Number), "{text}");
        }
        for text in [".inf", "-.INF", ".nan", "0x1FFFFFFFFFFFFFFFF"] {
            assert_eq!(resolve(text), Err(Ambiguity::Unrepresentable), "{text}");
        }
    }
}
