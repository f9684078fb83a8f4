//! What a saved plan holds back, for people: in plans and in reports alike.

use std::io::{self, Write};

use crate::plan::saved::{Held, HeldWhy};

use super::style::FOLD;
use super::words::{self, Speaker};
use super::{Style, clean};

/// Writes each change that is held with the reason: what it was, and what it is.
pub(super) fn write(
    out: &mut dyn Write,
    style: Style,
    speaker: Speaker<'_>,
    held: &[Held],
    full: bool,
) -> io::Result<()> {
    let mut quiet = 0;
    for held in held {
        if !held.why.is_stale() {
            quiet += 1;
            if quiet > FOLD && !full {
                continue;
            }
        }
        one(out, style, speaker, held)?;
    }
    if quiet > FOLD && !full {
        let more = words::number(u64::try_from(quiet - FOLD).unwrap_or(u64::MAX));
        writeln!(out, "  … {more} more that are so already or could not be read (--full shows them)")?;
    }
    Ok(())
}

fn one(out: &mut dyn Write, style: Style, speaker: Speaker<'_>, held: &Held) -> io::Result<()> {
    let (style, label) = match held.why {
        HeldWhy::Already => (style.create, "already"),
        HeldWhy::Unread => (style.warning, "skipped"),
        HeldWhy::Moved(_) | HeldWhy::New => (style.error, "STALE"),
    };
    let (sign, word) = (words::sign(held.action), speaker.action(held.action));
    let key = match held.from_key {
        None => speaker.key(&held.key, None),
        Some(from) => format!("{} → {}", speaker.key(&from, None), speaker.key(&held.key, None)),
    };
    let set = words::value(&held.set);
    writeln!(out, "  {style}{label:<7}{style:#}  {sign} {word:<8}  {key}  (set {set})")?;
    writeln!(out, "           {}", clean::terminal(held.why.text()))
}
