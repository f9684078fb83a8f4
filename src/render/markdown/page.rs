//! A page that is filled until it is full, and that says what was left out. It knows no plan.

use crate::render::words;

/// Bytes that are kept for saying what was cut: a line for each kind of content.
const RESERVE: usize = 800;

/// A page under construction.
pub(super) struct Page {
    text: String,
    limit: usize,
    /// Bytes that are kept for what follows.
    reserved: usize,
    /// What was left out, by kind, in the order of the page.
    cut: Vec<(&'static str, u64)>,
}

/// A table of the page.
pub(super) struct Table<'a> {
    /// The heading of the part that begins with it, or nothing.
    pub above: &'a str,
    /// What stands above it.
    pub title: &'a str,
    /// The heads of its columns.
    pub heads: &'a [&'a str],
    /// What its rows are called where some are cut.
    pub what: &'static str,
}

impl Table<'_> {
    /// A row. The cells are Markdown without line breaks and bare pipes.
    pub(super) fn row(cells: &[String]) -> String {
        format!("| {} |\n", cells.join(" | "))
    }

    fn head(&self, total: u64) -> String {
        let line = vec!["---"; self.heads.len()].join("|");
        let total = words::number(total);
        let above = if self.above.is_empty() { String::new() } else { format!("\n### {}\n", self.above) };
        format!("{above}\n**{}** ({total})\n\n| {} |\n|{line}|\n", self.title, self.heads.join(" | "))
    }
}

impl Page {
    /// A page that begins with its summary, which is never cut.
    pub(super) fn new(summary: &str, limit: usize) -> Self {
        Self { text: format!("{summary}\n"), limit, reserved: 0, cut: Vec::new() }
    }

    /// Bytes that are left for content.
    pub(super) fn room(&self) -> usize {
        self.limit.saturating_sub(self.text.len() + RESERVE + self.reserved)
    }

    /// Keeps bytes for what follows, until [`Self::release`].
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.reserved = bytes;
    }

    /// Gives back what was kept.
    pub(super) fn release(&mut self) {
        self.reserved = 0;
    }

    /// Notes that so many of a kind were left out.
    pub(super) fn leave_out(&mut self, what: &'static str, count: u64) {
        match self.cut.iter_mut().find(|(kind, _)| *kind == what) {
            _ if count == 0 => {}
            Some((_, so_far)) => *so_far += count,
            None => self.cut.push((what, count)),
        }
    }

    /// Writes text that [`Self::room`] was asked for, or that belongs to the summary.
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Writes as many rows as there is room for, between a head and a tail; nothing at all where not one fits.
    pub(super) fn section(
        &mut self,
        head: &str,
        rows: impl Iterator<Item = String>,
        total: u64,
        what: &'static str,
        more: impl Fn(&str) -> String,
        tail: &str,
    ) {
        if total == 0 {
            return;
        }
        let more_row = |left: u64| more(&words::number(left));
        let frame = head.len() + tail.len() + more_row(total).len();
        let mut room = self.room().saturating_sub(frame);
        let mut written = 0;
        for row in rows {
            if row.len() > room {
                break;
            }
            if written == 0 {
                self.text.push_str(head);
            }
            room -= row.len();
            self.text.push_str(&row);
            written += 1;
        }
        let left = total.saturating_sub(written);
        if written > 0 {
            if left > 0 {
                self.text.push_str(&more_row(left));
            }
            self.text.push_str(tail);
        }
        self.leave_out(what, left);
    }

    /// Writes a table.
    pub(super) fn table(&mut self, table: &Table<'_>, rows: impl Iterator<Item = String>, total: u64) {
        let rest = " |".repeat(table.heads.len().saturating_sub(2));
        self.section(
            &table.head(total),
            rows,
            total,
            table.what,
            |more| format!("| … | and {more} more |{rest}\n"),
            "",
        );
    }

    /// Writes a folded list. `title` is HTML.
    pub(super) fn folded(&mut self, title: &str, rows: impl Iterator<Item = String>, total: u64, what: &'static str) {
        let head = format!("\n<details><summary>{title}</summary>\n\n");
        self.section(&head, rows, total, what, |more| format!("- … and {more} more\n"), "\n</details>\n");
    }

    /// The finished page; says what was cut, and where all of it is.
    pub(super) fn end(mut self, elsewhere: &str) -> String {
        if self.cut.is_empty() {
            return self.text;
        }
        let cut: Vec<String> =
            self.cut.iter().map(|(what, count)| format!("{} {what}", words::number(*count))).collect();
        let limit = words::number(self.limit as u64);
        let note = format!("\n> **Cut** to fit {limit} bytes. Left out: {}. {elsewhere}\n", cut.join(", "));
        // Only a limit that is smaller than the summary and this note leaves no room for it; then the summary stands alone.
        if self.text.len() + note.len() <= self.limit {
            self.text.push_str(&note);
        }
        self.text
    }
}
