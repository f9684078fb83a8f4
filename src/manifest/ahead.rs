//! Many texts as YAML on all cores, a bounded group at a time.
//!
//! A text is read apart from all others, so their order and number of threads change nothing. What the documents mean is read
//! afterwards, in order.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::document::{self, Parsed};
use crate::diag::{SourceId, Sources};

/// How many bytes of text are held as arenas at once, beyond the one text that is larger: an arena takes up to twice its text.
const GROUP: usize = 32 << 20;

/// Below this many bytes a thread costs more than it saves: reading them takes a few milliseconds.
const WORTHWHILE: usize = 1 << 20;

/// The texts in groups, in order.
pub(super) fn groups<'s>(texts: &'s [SourceId], sources: &'s Sources) -> impl Iterator<Item = &'s [SourceId]> {
    let mut rest = texts;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |source: &&SourceId| {
            let is_first = bytes == 0;
            bytes += sources.text(**source).len().max(1);
            is_first || bytes <= GROUP
        };
        let (group, later) = rest.split_at(rest.iter().take_while(fits).count());
        rest = later;
        (!group.is_empty()).then_some(group)
    })
}

/// Reads a group's texts, side by side where that is worthwhile. The results stand in the order of the texts.
pub(super) fn parse<'s>(group: &[SourceId], sources: &'s Sources) -> Vec<Parsed<'s>> {
    let bytes: usize = group.iter().map(|source| sources.text(*source).len()).sum();
    let cores = thread::available_parallelism().map_or(1, usize::from).min(group.len());
    if bytes < WORTHWHILE || cores < 2 {
        return group.iter().map(|source| document::parse(sources.text(*source), *source)).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(source) = group.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push(document::parse(sources.text(*source), *source));
        }
        done
    };
    let mut parsed: Vec<Parsed<'s>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        // A worker cannot panic (no input makes the parser do so); if one did, so does this thread.
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    parsed.sort_unstable_by_key(|parsed| parsed.source.0);
    parsed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(count: usize, size: usize) -> (Sources, Vec<SourceId>) {
        let mut sources = Sources::default();
        for n in 0..count {
            sources.add(format!("{n}.yaml"), format!("a: {n}{}\n", "\n".repeat(size)));
        }
        let ids = (0..count).map(|n| SourceId(u32::try_from(n).unwrap_or(u32::MAX))).collect();
        (sources, ids)
    }

    #[test]
    fn texts_come_back_in_order_whether_read_side_by_side_or_not() {
        for size in [1, WORTHWHILE / 4] {
            let (sources, ids) = many(20, size);
            let order: Vec<u32> = parse(&ids, &sources).iter().map(|parsed| parsed.source.0).collect();
            assert_eq!(order, (0..20).collect::<Vec<_>>());
        }
    }

    #[test]
    fn groups_are_bounded_and_hold_every_text_once() {
        let (sources, ids) = many(9, GROUP / 4);
        let sizes: Vec<usize> = groups(&ids, &sources).map(<[SourceId]>::len).collect();
        assert_eq!(sizes, [3, 3, 3]);
        let (sources, ids) = many(2, 2 * GROUP);
        assert_eq!(groups(&ids, &sources).count(), 2);
    }
}
