//! Untrusted text made harmless before it is shown. Every string that came from an API or a manifest passes through here on its
//! way to a person (DESIGN section 6). It knows no plan and no terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Text for a terminal: control characters and characters that reorder or hide text are written as escapes, so that a name can
/// neither move the cursor nor pass for another line. Everything else stays as it is.
pub fn terminal(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if is_unsafe(c) => {
                // Writing to a String cannot fail.
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// C0, DEL and C1 controls; line and paragraph separators; bidirectional controls; characters without width that only hide.
/// The zero-width joiners stay: names in several scripts need them.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_is_not_copied() {
        assert!(matches!(terminal("Ånna Bērg 👩‍🔧 <a@b.example>"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_moves_reorders_or_hides_is_shown_as_an_escape() {
        assert_eq!(terminal("a\x1b[2Jb\r\nc\td"), "a\\u{1b}[2Jb\\r\\nc\\td");
        assert_eq!(terminal("\u{202e}evil\u{2069}\u{9b}1m\u{200b}"), "\\u{202e}evil\\u{2069}\\u{9b}1m\\u{200b}");
    }
}
