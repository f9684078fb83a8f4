//! Commands to type, quoted so that a POSIX shell reads every word back as it was given.

use super::clean;

/// A word, quoted where a shell would read it differently. `None` where no single line can say it: it holds a control or invisible
/// character, which a terminal would act on or hide.
pub fn quote(word: &str) -> Option<String> {
    if word.chars().any(clean::is_unsafe) {
        return None;
    }
    shlex::try_quote(word).ok().map(std::borrow::Cow::into_owned)
}

/// A path as a positional argument. One that begins with `-` gets `./` before it, so that it is not read as a flag.
pub fn path(path: &std::path::Path) -> Option<String> {
    let text = path.to_str()?;
    if text.starts_with('-') { quote(&format!("./{text}")) } else { quote(text) }
}

/// A command without one flag and its value.
pub fn without_flag(command: &str, flag: &str) -> String {
    let Some(words) = shlex::split(command) else { return command.to_owned() };
    let mut words = words.into_iter();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        if word == flag {
            words.next();
        } else {
            kept.push(word);
        }
    }
    kept.iter()
        .map(|word| quote(word))
        .collect::<Option<Vec<_>>>()
        .map_or_else(|| command.to_owned(), |kept| kept.join(" "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use super::*;

    #[test]
    fn a_shell_reads_every_word_back() {
        for word in ["teams/a-b_1.yaml", "my plans", "it's", "$(x)", "", "a;b", "~", "*", "a\\b", "!x", "ü", "--plan"]
        {
            assert_eq!(shlex::split(&quote(word).unwrap()).unwrap(), [word]);
        }
        assert_eq!(quote("teams/a-b_1.yaml").unwrap(), "teams/a-b_1.yaml");
    }

    #[test]
    fn a_word_that_a_terminal_would_act_on_is_no_command() {
        for word in ["a\nb", "\u{1b}[2J", "\u{202e}x", "\0"] {
            assert_eq!(quote(word), None, "{word:?}");
        }
    }

    #[test]
    fn a_path_that_begins_with_a_dash_is_no_flag() {
        assert_eq!(path(Path::new("--auto-approve")).unwrap(), "./--auto-approve");
        assert_eq!(path(Path::new("a/--b")).unwrap(), "a/--b");
    }

    #[test]
    fn a_flag_is_taken_out_and_a_path_of_its_name_is_not() {
        let command = "assignctl apply 'x --shard y' --set a --shard 1/2 -l 'k=a b'";
        let words = |command: &str| shlex::split(command).unwrap();
        assert_eq!(words(&without_flag(command, "--shard")), words("assignctl apply 'x --shard y' --set a -l 'k=a b'"),);
        assert_eq!(
            without_flag("assignctl apply 'unclosed --shard 1/2", "--shard"),
            "assignctl apply 'unclosed --shard 1/2"
        );
    }
}
