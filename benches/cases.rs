//! Cases whose instructions are counted: `cases ENTRIES NAME...` prepares each and does it in [`counted`], which alone is counted. Without
//! words it lists the names. `benches/instructions` runs it.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod shared;

use std::io;
use std::sync::Arc;

use assignctl::apply::{Exit, Silent};
use assignctl::model::Ids;
use assignctl::plan::Plan;
use assignctl::render;
use assignctl::render::json::journal::{About, Journal};
use shared::{Live, PROVIDERS, World};

type Work = Box<dyn FnOnce()>;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let Some((entries, chosen)) = words.split_first() else {
        return names().for_each(|name| println!("{name}"));
    };
    let entries = entries.parse().unwrap();
    chosen.iter().for_each(|name| counted(prepare(name, entries)));
}

/// Does it. A function of its own, since the counting begins and ends with it.
#[inline(never)]
fn counted(work: Work) {
    work();
}

fn names() -> impl Iterator<Item = String> {
    let each = |stage: &'static str| PROVIDERS.iter().map(move |provider| format!("{stage}-{provider}"));
    let plans = ["plan-unchanged", "plan-new", "plan-half"].into_iter().flat_map(each);
    let renders = ["json", "html", "markdown", "human"].iter().map(|form| format!("render-{form}"));
    each("load").chain(each("decode")).chain(plans).chain(renders).chain(each("apply")).chain(each("journal"))
}

fn prepare(name: &str, entries: usize) -> Work {
    let (stage, rest) = name.rsplit_once('-').unwrap();
    match stage {
        "load" => {
            let text = shared::manifest(rest, entries);
            Box::new(move || keep(shared::loaded(&text, &Ids::default())))
        }
        "decode" => {
            let read = World::new(rest, entries).reader(Live::Equal);
            Box::new(move || keep(read()))
        }
        "plan-unchanged" => planning(rest, entries, Live::Equal),
        "plan-new" => planning(rest, entries, Live::Nothing),
        "plan-half" => planning(rest, entries, Live::Half),
        "apply" => applying(rest, entries, false),
        "journal" => applying(rest, entries, true),
        _ => rendering(rest, entries),
    }
}

fn planning(provider: &str, entries: usize, live: Live) -> Work {
    let world = World::new(provider, entries);
    let live = world.live(live);
    Box::new(move || {
        keep(world.plan(live));
        keep(world);
    })
}

fn rendering(form: &str, entries: usize) -> Work {
    let world = World::new("canopy", entries);
    let plan: Plan = world.plan(world.live(Live::Half));
    let form = form.to_owned();
    Box::new(move || {
        match form.as_str() {
            "json" => render::json::pretty::write(&mut io::sink(), &render::json::plan(&plan, Exit::Success)).unwrap(),
            "html" => render::html::plan(&mut io::sink(), &plan, Exit::Success).unwrap(),
            "markdown" => keep(render::markdown::plan(&plan, render::markdown::Options::default())),
            _ => render::human::plan(&mut io::sink(), &plan, &render::Options::default()).unwrap(),
        }
        keep(plan);
    })
}

/// Carrying out as many creates as there are entries, with a writer that answers at once; what is left is the executor, or both it and its
/// journal.
fn applying(provider: &str, entries: usize, journaled: bool) -> Work {
    let world = World::new(provider, entries);
    let plan: Plan = world.plan(world.live(Live::Nothing));
    Box::new(move || {
        if journaled {
            let ids = Arc::clone(&plan.ids);
            let clock = || "2027-01-15T08:00:00Z".to_owned();
            let out = Box::new(io::sink());
            let journal = Journal::begin(out, Box::new(clock), "run".to_owned(), ids, &About::default()).unwrap();
            keep(shared::apply(&plan, &journal));
            journal.end(Exit::Success).unwrap();
        } else {
            keep(shared::apply(&plan, &Silent));
        }
        keep(plan);
        keep(world);
    })
}

/// Is not optimised away, and is not freed.
fn keep<T>(value: T) {
    std::mem::forget(std::hint::black_box(value));
}
