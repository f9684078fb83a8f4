//! The loader as its users meet it: files in, targets and sets out, every mistake told with its place.

mod broken;
mod by_name;
mod files;
mod lowering;
mod properties;
mod schemas;
mod values;
mod written;

use std::path::{Path, PathBuf};

use assignctl::manifest::{Inputs, Loaded, load};
use assignctl::model::Ids;
use assignctl::provider;

/// Loads files and directories.
fn load_paths(paths: &[&Path]) -> (Loaded, Ids) {
    let ids = Ids::default();
    let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
    (load(&Inputs { paths, ..Inputs::default() }, &provider::kinds(), &ids), ids)
}

/// Loads a text as standard input, by a caller who says that it is all there is.
fn load_text(text: &str) -> (Loaded, Ids) {
    load_bytes(text.as_bytes())
}

fn load_bytes(bytes: &[u8]) -> (Loaded, Ids) {
    let ids = Ids::default();
    let inputs = Inputs { stdin: Some(bytes.to_vec()), complete: true, ..Inputs::default() };
    (load(&inputs, &provider::kinds(), &ids), ids)
}

/// The codes of all findings, in the order of their places.
fn codes(loaded: &Loaded) -> Vec<&'static str> {
    loaded.diagnostics.sorted().iter().map(|diagnostic| diagnostic.code).collect()
}

/// Loads a text that must have no findings.
#[track_caller]
fn load_good(text: &str) -> (Loaded, Ids) {
    let (loaded, ids) = load_text(text);
    let shown = assignctl::render::diagnostics::human(&loaded.diagnostics, &loaded.sources, false);
    assert!(loaded.diagnostics.is_empty(), "{shown}");
    (loaded, ids)
}
