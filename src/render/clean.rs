//! Untrusted text made harmless before it is shown. Every string that came from an API or a manifest passes through here on its
//! way to a person (DESIGN section 6). It knows no plan and no terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Text for a terminal: control characters and characters that reorder or hide text are written as escapes, so that a name can
/// neither move the cursor nor pass for another line; and what a CI system would take for a command to itself is broken up. Everything
/// else stays as it is.
pub fn terminal(text: &str) -> Cow<'_, str> {
    match without_commands(text) {
        Cow::Borrowed(text) => visible(text),
        Cow::Owned(text) => Cow::Owned(visible(&text).into_owned()),
    }
}

/// Breaks up workflow commands: `::error …` at the start of a line (GitHub; blanks before it do not matter there), and `##[…]`,
/// `##vso[…]`, `##teamcity[…]` anywhere in one (GitHub's older form, Azure Pipelines, TeamCity). One character of each becomes its escape.
pub fn without_commands(text: &str) -> Cow<'_, str> {
    let leading = text.trim_start().starts_with("::");
    if !leading && !text.contains("##") {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    let mut rest = text;
    if leading && let Some((blank, after)) = text.split_once(':') {
        shown.push_str(blank);
        shown.push_str("\\u{3a}");
        rest = after;
    }
    while let Some((before, after)) = rest.split_once("##") {
        shown.push_str(before);
        let word = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let is_command = after.as_bytes().get(word) == Some(&b'[');
        // A further `#` may begin the command: the second one here is looked at again.
        shown.push_str(if is_command { "\\u{23}" } else { "#" });
        rest = rest.get(before.len() + 1..).unwrap_or_default();
        if is_command {
            shown.push('#');
            rest = after;
        }
    }
    shown.push_str(rest);
    if shown == text { Cow::Borrowed(text) } else { Cow::Owned(shown) }
}

fn visible(text: &str) -> Cow<'_, str> {
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
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
        || is_noncharacter(c)
}

/// Code points that Unicode reserves for internal use (section 23.7). XML 1.0 forbids U+FFFE and U+FFFF even as references, so a name
/// with one would make a whole JUnit report unreadable.
fn is_noncharacter(c: char) -> bool {
    matches!(u32::from(c), 0xfdd0..=0xfdef) || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_is_not_copied() {
        assert!(matches!(terminal("Ånna Bērg 👩‍🔧 <a@b.example>"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_xml_cannot_hold_is_shown_as_an_escape() {
        assert_eq!(
            terminal("Anna \u{ffff}\u{fffe}\u{fdd0}\u{1fffe}\u{10ffff}"),
            "Anna \\u{ffff}\\u{fffe}\\u{fdd0}\\u{1fffe}\\u{10ffff}"
        );
        assert!(matches!(terminal("\u{fffd}\u{fdcf}\u{fdf0}"), Cow::Borrowed(_)));
    }

    #[test]
    fn commands_to_a_ci_system_are_broken_up() {
        assert_eq!(terminal("::error::x"), "\\u{3a}:error::x");
        assert_eq!(terminal("  ::set-output name=a::b"), "  \\u{3a}:set-output name=a::b");
        assert_eq!(terminal("a ##[error]b ##vso[task.x]c"), "a \\u{23}#[error]b \\u{23}#vso[task.x]c");
        assert_eq!(terminal("###[x] ##teamcity["), "#\\u{23}#[x] \\u{23}#teamcity[");
        assert_eq!(terminal("\r\n::error::x"), "\\r\\n\\u{3a}:error::x");
        for plain in ["a::b", "# ## ###", "##", "## heading [link]", "#[derive]"] {
            assert!(matches!(terminal(plain), Cow::Borrowed(_)), "{plain}");
        }
    }

    #[test]
    fn what_moves_reorders_or_hides_is_shown_as_an_escape() {
        assert_eq!(terminal("a\x1b[2Jb\r\nc\td"), "a\\u{1b}[2Jb\\r\\nc\\td");
        assert_eq!(terminal("\u{202e}evil\u{2069}\u{9b}1m\u{200b}"), "\\u{202e}evil\\u{2069}\\u{9b}1m\\u{200b}");
    }
}
