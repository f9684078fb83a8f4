//! The root of a repository of manifests: what it ignores, and where its sandbox keeps its files.

use std::path::{Path, PathBuf};

use globset::{GlobSet, GlobSetBuilder};

use super::findings::Findings;
use super::set::origin;
use super::shape::{Record, parse_glob};
use crate::model::{Origin, RootOptions};

/// Where a sandbox keeps its state unless the root says otherwise: a hidden directory is never walked.
pub const SANDBOX_STATE: &str = ".assignctl/sandbox.db";

/// The root of the manifests of a run.
#[derive(Debug, Clone)]
pub struct Root {
    /// The directory that holds `assignctl.yaml`.
    pub dir: PathBuf,
    /// The sandbox's state file, inside `dir`.
    pub sandbox_state: PathBuf,
    /// The live state that a new sandbox starts with, inside `dir`.
    pub sandbox_seed: Option<PathBuf>,
    /// What it says, as written.
    pub options: RootOptions,
    /// What its `ignore` globs match.
    ignored: GlobSet,
}

impl Root {
    /// Whether its `ignore` globs leave out a path below it: the path itself or a directory on the way.
    pub fn leaves_out(&self, below: &Path) -> bool {
        leaves_out(&self.ignored, below)
    }
}

/// Whether globs of a root leave out a path below it.
pub(super) fn leaves_out(ignored: &GlobSet, below: &Path) -> bool {
    below.ancestors().filter(|path| !path.as_os_str().is_empty()).any(|path| ignored.is_match(path))
}

/// `Root.spec`, read.
#[derive(Debug, Clone, Default)]
pub(super) struct RootSpec {
    pub(super) ignore: Vec<String>,
    pub(super) state: Option<String>,
    pub(super) seed: Option<String>,
    pub(super) options: RootOptions,
}

pub(super) fn lower(document: &Record<'_>, findings: &mut Findings) -> RootSpec {
    let Some(spec) = document.object("spec", findings) else { return RootSpec::default() };
    let globs = spec.get("ignore").into_iter().flat_map(|list| list.items());
    let globs = globs.filter_map(|item| Some((item.scalar()?.text.to_owned(), origin(item.span()))));
    let sandbox = spec.object("sandbox", findings);
    let path =
        |name| sandbox.and_then(|sandbox| sandbox.text(name)).map(|(text, span)| (text.to_owned(), origin(span)));
    let options = RootOptions { ignore: globs.collect(), sandbox_state: path("state"), sandbox_seed: path("seed") };
    let text = |path: &Option<(String, Origin)>| path.as_ref().map(|(text, _)| text.clone());
    RootSpec {
        ignore: options.ignore.iter().map(|(glob, _)| glob.clone()).collect(),
        state: text(&options.sandbox_state),
        seed: text(&options.sandbox_seed),
        options,
    }
}

impl RootSpec {
    /// What is no manifest, matched against paths relative to the root. Globs were checked when they were read.
    pub(super) fn ignored(&self) -> GlobSet {
        let mut set = GlobSetBuilder::new();
        for pattern in &self.ignore {
            if let Some(glob) = parse_glob(pattern) {
                set.add(glob);
            }
        }
        set.build().unwrap_or_else(|_| GlobSet::empty())
    }

    pub(super) fn at(&self, dir: PathBuf) -> Root {
        Root {
            sandbox_state: dir.join(self.state.as_deref().unwrap_or(SANDBOX_STATE)),
            sandbox_seed: self.seed.as_ref().map(|seed| dir.join(seed)),
            ignored: self.ignored(),
            options: self.options.clone(),
            dir,
        }
    }
}
