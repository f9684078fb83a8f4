//! Reading an account: from the bytes of its pages to rows, without a wire. `ASSIGNCTL_BENCH_ENTRIES` makes it smaller or larger.
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

#[divan::bench(args = PROVIDERS, sample_count = 5)]
fn pages_to_rows(bencher: Bencher<'_, '_>, provider: &str) {
    let world = World::new(provider, entries());
    let read = world.reader(Live::Equal);
    bencher.counter(ItemsCount::new(entries())).bench_local(|| {
        let snapshot = read();
        assert_eq!(snapshot.rows.len(), entries());
        snapshot
    });
}
