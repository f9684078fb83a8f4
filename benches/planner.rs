//! Planning: declared rows joined with live ones, from nothing to do to everything. `ASSIGNCTL_BENCH_ENTRIES` makes it smaller or larger.
#![allow(missing_docs, clippy::unwrap_used)]

mod shared;

use divan::{Bencher, counter::ItemsCount};
use shared::{Live, PROVIDERS, World};

fn main() {
    divan::main();
}

fn entries() -> usize {
    std::env::var("ASSIGNCTL_BENCH_ENTRIES").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000)
}

fn plan(bencher: Bencher<'_, '_>, provider: &str, live: Live) {
    let world = World::new(provider, entries());
    let snapshot = world.live(live);
    bencher
        .counter(ItemsCount::new(entries()))
        .with_inputs(|| snapshot.clone())
        .bench_local_values(|snapshot| world.plan(snapshot));
}

#[divan::bench(args = PROVIDERS, sample_count = 5)]
fn nothing_to_do(bencher: Bencher<'_, '_>, provider: &str) {
    plan(bencher, provider, Live::Equal);
}

#[divan::bench(args = PROVIDERS, sample_count = 5)]
fn all_is_new(bencher: Bencher<'_, '_>, provider: &str) {
    plan(bencher, provider, Live::Nothing);
}

#[divan::bench(args = PROVIDERS, sample_count = 5)]
fn half_is_other(bencher: Bencher<'_, '_>, provider: &str) {
    plan(bencher, provider, Live::Half);
}

/// A sort of as many keys, beside it.
#[divan::bench(sample_count = 5)]
fn one_sort_of_the_keys(bencher: Bencher<'_, '_>) {
    let rows = World::new("canopy", entries()).live(Live::Equal).rows;
    let mut keys: Vec<_> = rows.iter().map(|row| row.key).collect();
    keys.reverse();
    bencher.counter(ItemsCount::new(entries())).with_inputs(|| keys.clone()).bench_local_values(|mut keys| {
        keys.sort_unstable();
        keys
    });
}
