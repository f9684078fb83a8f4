//! Showing plans: every change of a large plan in each form. `ASSIGNCTL_BENCH_ENTRIES` makes it smaller or larger.
#![allow(missing_docs, clippy::unwrap_used)]

mod shared;

use std::io;
use std::sync::LazyLock;

use assignctl::apply::Exit;
use assignctl::plan::Plan;
use assignctl::render;
use divan::{Bencher, counter::ItemsCount};
use shared::{Live, World};

fn main() {
    divan::main();
}

static PLAN: LazyLock<Plan> = LazyLock::new(|| {
    let entries = std::env::var("ASSIGNCTL_BENCH_ENTRIES").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let world = World::new("canopy", entries);
    let live = world.live(Live::Half);
    world.plan(live)
});

fn changes() -> ItemsCount {
    ItemsCount::new(PLAN.changes().count())
}

#[divan::bench(sample_count = 5)]
fn json(bencher: Bencher<'_, '_>) {
    bencher.counter(changes()).bench_local(|| {
        render::json::pretty::write(&mut io::sink(), &render::json::plan(&PLAN, Exit::Success)).unwrap()
    });
}

#[divan::bench(sample_count = 5)]
fn html(bencher: Bencher<'_, '_>) {
    bencher.counter(changes()).bench_local(|| render::html::plan(&mut io::sink(), &PLAN, Exit::Success).unwrap());
}

#[divan::bench(sample_count = 5)]
fn markdown(bencher: Bencher<'_, '_>) {
    let options = render::markdown::Options::default();
    bencher.counter(changes()).bench_local(|| render::markdown::plan(&PLAN, options));
}

#[divan::bench(sample_count = 5)]
fn human_in_full(bencher: Bencher<'_, '_>) {
    let options = render::Options { full: true, ..render::Options::default() };
    bencher.counter(changes()).bench_local(|| render::human::plan(&mut io::sink(), &PLAN, &options).unwrap());
}
