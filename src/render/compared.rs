//! Two documents, line by line: what differs between them, with a little of what does not.

use similar::algorithms::{Capture, Compact, Replace, myers};
use similar::{ChangeTag, group_diff_ops};

/// Unchanged lines around a changed one, enough to see where in a document it stands.
const CONTEXT: usize = 2;
/// Lines, old and new together, beyond which two documents are not compared: the time that takes grows with the square of what differs.
const COMPARED_LINES: usize = 10_000;

/// A line with its sign: `-` where only the old document has it, `+` where only the new one has it, a blank where both do.
pub(super) type Line<'t> = (char, &'t str);

/// What [`lines`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Compared<'t> {
    /// The differences in order, each with the lines around it; those close to each other are one.
    Groups(Vec<Vec<Line<'t>>>),
    /// Together they are too long; how many lines each has.
    TooLong { before: usize, after: usize },
}

/// Compares two documents; `""` is one without lines. Line ends are not compared: documents here are JSON, written out by this program.
pub(super) fn lines<'t>(before: &'t str, after: &'t str) -> Compared<'t> {
    let [old, new]: [Vec<&str>; 2] = [before, after].map(|text| text.lines().collect());
    if old.len() + new.len() > COMPARED_LINES {
        return Compared::TooLong { before: old.len(), after: new.len() };
    }
    // One algorithm by name: chosen at run time, each is compiled in.
    let mut script = Compact::new(Replace::new(Capture::new()), &old, &new);
    let Ok(()) = myers::diff(&mut script, &old, 0..old.len(), &new, 0..new.len());
    let ops = script.into_inner().into_inner().into_ops();
    let line = |change: similar::Change<&'t str>| {
        let sign = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        (sign, change.value())
    };
    let groups = group_diff_ops(ops, CONTEXT);
    let lines =
        |group: &Vec<similar::DiffOp>| group.iter().flat_map(|op| op.iter_changes(&old, &new)).map(line).collect();
    Compared::Groups(groups.iter().map(lines).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(before: &str, after: &str) -> Vec<String> {
        let Compared::Groups(groups) = lines(before, after) else { return vec!["too long".to_owned()] };
        groups.iter().map(|group| group.iter().map(|(sign, line)| format!("{sign}{line} ")).collect()).collect()
    }

    #[test]
    fn differences_have_two_lines_around_them_and_join_where_they_are_close() {
        let before = "a\nb\nc\nd\ne\nf\ng\nh\ni";
        assert_eq!(shown(before, &before.replace('d', "x")), [" b  c -d +x  e  f "]);
        assert_eq!(shown(before, &before.replace('b', "x").replace('g', "y")), [" a -b +x  c  d  e  f -g +y  h  i "]);
        assert_eq!(shown(before, &before.replace('a', "x").replace('i', "y")), ["-a +x  b  c ", " g  h -i +y "]);
        assert_eq!(shown(before, before), [""; 0]);
    }

    #[test]
    fn nothing_is_a_document_without_lines() {
        assert_eq!(shown("", "a\nb"), ["+a +b "]);
        assert_eq!(shown("a\nb", ""), ["-a -b "]);
        assert_eq!(shown("", ""), [""; 0]);
    }

    #[test]
    fn long_documents_are_not_compared() {
        let half = "x\n".repeat(COMPARED_LINES / 2);
        assert_eq!(shown(&half, &half), [""; 0]);
        let longer = format!("{half}y\n");
        assert_eq!(lines(&half, &longer), Compared::TooLong { before: 5_000, after: 5_001 });
    }
}
