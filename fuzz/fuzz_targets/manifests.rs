//! Any bytes as manifests: the loader must neither panic nor hang, and what it finds must be showable.
//!
//! `cargo +nightly fuzz run manifests fuzz/corpus/manifests tests/broken -- -max_total_time=60`
#![no_main]

use assignctl::manifest::{Inputs, load};
use assignctl::model::Ids;
use assignctl::provider;
use assignctl::render::diagnostics;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let inputs = Inputs { stdin: Some(bytes.to_vec()), complete: true, ..Inputs::default() };
    let loaded = load(&inputs, &provider::kinds(), &Ids::default());
    let shown = diagnostics::human(&loaded.diagnostics, &loaded.sources, false);
    assert_eq!(shown.is_empty(), loaded.diagnostics.is_empty());
    // Nothing in an excerpt may steer a terminal.
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()));
    // Rows have places in their own text.
    for row in loaded.sets.iter().flat_map(|set| &set.rows) {
        assert!(row.origin.start <= row.origin.end && row.origin.end as usize <= bytes.len() + 3);
    }
});
