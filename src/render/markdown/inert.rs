//! Untrusted text that stays text in Markdown: no mention, no reference, no HTML, no table cell, no link comes of it.

use std::fmt::Write as _;

use std::borrow::Cow;

use crate::render::clean;

/// Characters of one untrusted text that are shown. One display name may not fill the page, which would cut the losses after it.
const LONGEST: usize = 1_000;

/// The text, cut with a sign where it is too long to show.
fn bounded(text: Cow<'_, str>) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => text,
    }
}

/// Text in a code span. Where a code span could be broken out of (backquotes, and the pipes and backslashes that tables look at
/// first), a `<code>` element with every special character as an entity.
pub(super) fn code(text: &str) -> String {
    let text = bounded(clean::terminal(text));
    if text.is_empty() {
        return "`\"\"`".to_owned();
    }
    let simple = !text.contains(['`', '|', '\\']) && !text.starts_with(' ') && !text.ends_with(' ');
    if simple { format!("`{text}`") } else { format!("<code>{}</code>", entities(&text)) }
}

/// A phrase of ours that names untrusted ids: plain where all of it is plain.
pub(super) fn phrase(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || " ,()".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { code(text) }
}

/// Text in a `<code>` element inside an HTML block, where Markdown means nothing.
pub(super) fn html_code(text: &str) -> String {
    format!("<code>{}</code>", entities(&bounded(clean::terminal(text))))
}

/// Every character that could mean something, and the dots and colons of addresses.
fn entities(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if c.is_ascii_punctuation() && !"-/,()".contains(c) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "&#{};", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A fence that nothing in the text can close.
pub(super) fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_span_cannot_be_left() {
        assert_eq!(code("@team <b>#1"), "`@team <b>#1`");
        assert_eq!(code("a`b|c\\"), "<code>a&#96;b&#124;c&#92;</code>");
        assert_eq!(code("a\n\n# b"), "<code>a&#92;n&#92;n&#35; b</code>");
        assert_eq!(code(" "), "<code> </code>");
        assert_eq!(code(""), "`\"\"`");
        assert_eq!(html_code("</summary>@x"), "<code>&#60;/summary&#62;&#64;x</code>");
    }

    #[test]
    fn a_fence_is_longer_than_any_inside() {
        assert_eq!(fence("plain"), "```");
        assert_eq!(fence("a ```` b ` c"), "`````");
    }

    #[test]
    fn a_phrase_is_plain_only_without_ids() {
        assert_eq!(phrase("loses access, access ends later"), "loses access, access ends later");
        assert_eq!(phrase("loses @team"), "`loses @team`");
    }
}
