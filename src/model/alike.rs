//! Ids that people take for one another: the characters that nobody sees, and the form in which look-alikes are equal.
//!
//! Only rules that deny compare in this form. What an allowing rule permits, and what is sent, is the id as written.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// Whether nobody can see a character: controls, blanks other than the space, format characters, fillers, variation selectors and
/// noncharacters. An id that holds one looks like another id.
///
/// The ranges are those of Unicode 16: General_Category Cc, Cf, Zs (without the space), Zl and Zp, Default_Ignorable_Code_Point, the
/// blank Braille pattern and the noncharacters.
pub fn is_invisible(c: char) -> bool {
    match u32::from(c) {
        0x20..=0x7e => false,
        0xad
        | 0x34f
        | 0x600..=0x605
        | 0x61c
        | 0x6dd
        | 0x70f
        | 0x890..=0x891
        | 0x8e2
        | 0x115f..=0x1160
        | 0x17b4..=0x17b5
        | 0x180b..=0x180f
        | 0x200b..=0x200f
        | 0x202a..=0x202e
        | 0x2060..=0x206f
        | 0x2800
        | 0x3164
        | 0xfdd0..=0xfdef
        | 0xfe00..=0xfe0f
        | 0xfeff
        | 0xffa0
        | 0xfff0..=0xfffb
        | 0x110bd
        | 0x110cd
        | 0x13430..=0x1343f
        | 0x1bca0..=0x1bca3
        | 0x1d173..=0x1d17a
        | 0xe0000..=0xe0fff => true,
        code => c.is_control() || c.is_whitespace() || code & 0xfffe == 0xfffe,
    }
}

/// The form in which look-alike texts are equal: compatibility normal form, without case, invisible characters and outer spaces.
pub fn folded(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| matches!(b, b'!'..=b'~') && !b.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    let visible = text.chars().filter_map(|c| match c {
        c if c.is_whitespace() => Some(' '),
        c if is_invisible(c) => None,
        c => Some(c),
    });
    // Lower, upper and lower case: `ß`, `ẞ` and `SS` are one then, and so are all forms of sigma.
    let upper = visible.nfkc().collect::<String>().to_lowercase().to_uppercase();
    let lower: String = upper.to_lowercase().nfkc().collect();
    Cow::Owned(lower.trim().to_owned())
}

/// Whether people take two texts for one another.
pub fn alike(a: &str, b: &str) -> bool {
    a == b || folded(a) == folded(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_normal_form_outer_space_and_invisible_characters_do_not_tell_two_ids_apart() {
        for (a, b) in [
            ("role_owner", "Role_Owner"),
            ("role_owner", " role_owner\t"),
            ("role_owner", "role\u{200b}_owner"),
            ("role_owner", "\u{feff}role_owner"),
            ("role_owner", "ｒole_owner"),
            ("caf\u{e9}", "CAFE\u{301}"),
            ("stra\u{df}e", "STRASSE"),
            ("ofﬁce", "office"),
            ("ΟΔΟΣ", "οδος"),
        ] {
            assert!(alike(a, b) && alike(b, a), "{a:?} {b:?}");
        }
        for (a, b) in
            [("role_owner", "role_owners"), ("a b", "ab"), ("idn_1", "idn_l"), ("cafe", "caf\u{e9}"), ("", "a")]
        {
            assert!(!alike(a, b), "{a:?} {b:?}");
        }
    }

    #[test]
    fn folding_twice_is_folding_once() {
        for text in ["", " A ", "ß", "ς", "İ", "ı", "ﬁ", "\u{1e9e}", "\u{345}", "Å\u{301}", "a\u{200d}b", "ｱﾞ"]
        {
            let once = folded(text).into_owned();
            assert_eq!(folded(&once), once, "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_invisible_and_letters_of_all_scripts_are_not() {
        for c in "\0\t\n\u{7f}\u{85}\u{a0}\u{ad}\u{200b}\u{200d}\u{202e}\u{2028}\u{2060}\u{2066}\u{3000}\u{3164}\u{fe0f}\u{feff}\u{e0041}\u{ffff}\u{2800}".chars() {
            assert!(is_invisible(c), "{c:?}");
        }
        for c in " aZ0~é中अ\u{301}ß😀\u{ac00}".chars() {
            assert!(!is_invisible(c), "{c:?}");
        }
    }
}
