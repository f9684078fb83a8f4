//! One case at a time, for counting its instructions: `cases NAME` prepares and does it, `cases --prepare NAME` only prepares it, and the
//! difference of their counts is the case. Without a name it lists them. `benches/instructions` runs it.
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

/// Enough to outweigh the prelude, little enough for a tool that is fifty times slower than the machine.
const ENTRIES: usize = 5_000;

type Work = Box<dyn FnOnce()>;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let prepare_only = words.first().is_some_and(|word| word == "--prepare");
    let Some(name) = words.last() else {
        names().for_each(|name| println!("{name}"));
        return;
    };
    let work = prepare(name);
    if prepare_only {
        // Nothing is freed, so that the other run's freeing is not taken for a part of the preparation.
        std::mem::forget(work);
    } else {
        work();
    }
    // Neither is it in the other run.
    std::process::exit(0);
}

fn names() -> impl Iterator<Item = String> {
    let each = |stage: &'static str| PROVIDERS.iter().map(move |provider| format!("{stage}-{provider}"));
    let plans = ["plan-unchanged", "plan-new", "plan-half"].into_iter().flat_map(each);
    let renders = ["json", "html", "markdown", "human"].iter().map(|form| format!("render-{form}"));
    each("load").chain(each("decode")).chain(plans).chain(renders).chain(each("apply")).chain(each("journal"))
}

fn prepare(name: &str) -> Work {
    let (stage, rest) = name.rsplit_once('-').unwrap();
    match stage {
        "load" => {
            let text = shared::manifest(rest, ENTRIES);
            Box::new(move || keep(shared::loaded(&text, &Ids::default())))
        }
        "decode" => {
            let read = World::new(rest, ENTRIES).reader(Live::Equal);
            Box::new(move || keep(read()))
        }
        "plan-unchanged" => planning(rest, Live::Equal),
        "plan-new" => planning(rest, Live::Nothing),
        "plan-half" => planning(rest, Live::Half),
        "apply" => applying(rest, false),
        "journal" => applying(rest, true),
        _ => rendering(rest),
    }
}

fn planning(provider: &str, live: Live) -> Work {
    let world = World::new(provider, ENTRIES);
    let live = world.live(live);
    Box::new(move || {
        keep(world.plan(live));
        keep(world);
    })
}

fn rendering(form: &str) -> Work {
    let world = World::new("canopy", ENTRIES);
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
fn applying(provider: &str, journaled: bool) -> Work {
    let world = World::new(provider, ENTRIES);
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
