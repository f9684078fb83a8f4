//! The fuzz targets' entry points on mutated corpora, for a bounded time, on the stable compiler. `cargo fuzz run TARGET` in `fuzz/` does
//! the same with coverage and without end, on the nightly compiler (`cargo check` there passes on stable); what it finds goes into `fuzz/corpus` and is tried here ever after.
//!
//! `FUZZ_SECONDS=60` takes that long for each target, `SEED=7` takes other random numbers.

use std::path::Path;
use std::time::{Duration, Instant};

use assignctl::plan::saved::{DesiredDigests, Envelope, SavedPlan};
use assignctl::sandbox::{Options, Seed};

use super::drive::Stage;
use super::entries::{Answers, manifest, plan_file, policy};
use super::worlds::{CANOPY, CANOPY_SINGLE, PARTIUM, SEMAPHOR, SEMAPHOR_TOKEN, STREAMLINE, STREAMLINE_KEYED, World};

/// Pieces that parsers stumble over.
const PIECES: [&str; 24] = [
    "null",
    "true",
    "-1",
    "1e999",
    "18446744073709551616",
    "0.1",
    "\"\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "{",
    "}",
    "[",
    "]",
    "[[[[[[[[[[[[[[[[",
    ",",
    ":",
    "\n",
    "\t",
    "---\n",
    "&a [*a]",
    "<<: *a",
    "!!binary",
    "\u{feff}",
    "\u{202e}",
];

/// A small random number generator: xorshift64*.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// A place in a text and a short stretch from there.
    fn stretch(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        start..(start + self.below(24)).min(length)
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
        let stretch = self.stretch(bytes.len());
        match self.below(7) {
            0 => drop(bytes.drain(stretch)),
            1 => bytes.extend_from_within(stretch),
            2 => {
                let piece = PIECES[self.below(PIECES.len())];
                drop(bytes.splice(stretch.start..stretch.start, piece.bytes()));
            }
            3 => {
                let piece = PIECES[self.below(PIECES.len())];
                drop(bytes.splice(stretch, piece.bytes()));
            }
            4 if !bytes.is_empty() => {
                let at = self.below(bytes.len());
                bytes[at] ^= 1 << self.below(8);
            }
            5 => bytes.truncate(stretch.start),
            _ => {
                let other = &others[self.below(others.len())];
                let from = self.stretch(other.len());
                drop(bytes.splice(stretch, other[from].iter().copied()));
            }
        }
    }
}

pub(super) fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Gives the corpus of a target to an entry point as it is, then mutated, until the time is over.
fn feed(target: &str, more: Vec<Vec<u8>>, entry: impl Fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> =
        std::fs::read_dir(&dir).expect("a corpus is kept").map(|file| file.expect("a file").path()).collect();
    files.sort();
    let kept = files.iter().map(|file| std::fs::read(file).expect("a file can be read"));
    let corpus: Vec<Vec<u8>> = kept.chain(more).collect();
    assert!(!corpus.is_empty(), "{} is empty", dir.display());
    let last = std::cell::RefCell::new(Vec::new());
    let try_it = |bytes: &[u8]| {
        *last.borrow_mut() = bytes.to_vec();
        let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| entry(bytes)));
        if tried.is_err() {
            panic!("{target} fails on these bytes:\n{}", String::from_utf8_lossy(&last.borrow()).escape_debug());
        }
    };
    corpus.iter().for_each(|bytes| try_it(bytes));
    let mut random = Random(number("SEED", 1).max(1));
    let end = Instant::now() + Duration::from_secs(number("FUZZ_SECONDS", 2));
    let mut tried = corpus.len();
    while Instant::now() < end {
        let mut bytes = corpus[random.below(corpus.len())].clone();
        for _ in 0..=random.below(6) {
            random.mutate(&mut bytes, &corpus);
        }
        try_it(&bytes);
        tried += 1;
    }
    tell(target, tried);
}

#[allow(clippy::print_stdout)] // for whoever asks with --nocapture how far the time went
fn tell(target: &str, tried: usize) {
    println!("{target}: {tried} inputs");
}

/// A saved plan as this version writes it.
fn saved(world: &World) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    let plan = runtime.block_on(async {
        let seed = Some(Seed::parse(world.seed).expect("the seed is good"));
        let stage = Stage::new(
            &world.manifests.replace("{{limits}}", "concurrency: 2"),
            Options { seed, ..Options::default() },
        )
        .await;
        stage.plan().await
    });
    let (created, expires) = (plan.now, assignctl::model::Instant(plan.now.0 + 86_400_000));
    let envelope = Envelope { tool_version: "0.1.0", created, expires, git_commit: None, policy: None };
    SavedPlan::new(&plan, &envelope, &DesiredDigests::new(), &[]).to_text().expect("a plan can be written").into_bytes()
}

#[test]
fn manifests_of_any_bytes() {
    feed("manifests", Vec::new(), manifest);
}

#[test]
fn policies_of_any_bytes() {
    let page = include_str!("../../docs/threat-model.md");
    let whole = page.split("```").find(|block| block.contains("kind: Policy")).expect("the page shows a policy");
    let whole = whole.strip_prefix("yaml\n").unwrap_or(whole).as_bytes().to_vec();
    let (_, findings) = assignctl::manifest::Policy::read(
        "policy",
        whole.clone(),
        &mut assignctl::diag::Sources::default(),
        &assignctl::provider::kinds(),
        &assignctl::model::Ids::default(),
    );
    assert_eq!(findings.errors(), 0, "variations of a policy that is none would try little: {findings:?}");
    feed("manifests", vec![whole], policy);
}

#[test]
fn plan_files_of_any_bytes() {
    feed("plan_files", [&STREAMLINE, &PARTIUM, &SEMAPHOR, &CANOPY].map(saved).to_vec(), plan_file);
}

#[test]
fn answers_of_any_bytes() {
    let systems: [(&str, &[&World]); 4] = [
        ("streamline", &[&STREAMLINE, &STREAMLINE_KEYED]),
        ("partium", &[&PARTIUM]),
        ("semaphor", &[&SEMAPHOR, &SEMAPHOR_TOKEN]),
        ("canopy", &[&CANOPY, &CANOPY_SINGLE]),
    ];
    for (target, worlds) in systems {
        let answers = Answers::of(worlds);
        feed(target, Vec::new(), |bytes| answers.are(bytes));
    }
}
