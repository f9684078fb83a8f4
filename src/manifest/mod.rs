//! From text to targets and desired sets, with every error of a run at once.
//!
//! `files` finds and reads the text; `yaml` makes an arena of it, on all cores where there is much (`ahead`); `shape` holds the tables that check, describe and document every
//! object; `document`, `target`, `set` and `root` lower documents into the model; `cross` holds them against each other.
//! Providers bring their tables as [`Kind`]s; this module knows none of them.

mod ahead;
pub mod common;
mod cross;
mod document;
mod files;
pub mod findings;
mod ignore;
mod kind;
pub mod names;
mod policy;
mod policy_shape;
mod root;
pub mod schemas;
mod set;
pub mod shape;
mod target;
pub mod work_tree;
pub mod write;
pub mod yaml;

use std::path::{Path, PathBuf};

pub use files::{MAX_FILE, MAX_TOTAL};
pub use kind::{AuthForm, Kind, PathSpec, no_more_rules};
pub use policy::Policy;
pub use root::{Root, SANDBOX_STATE};
pub use set::MAX_ROWS;
pub use work_tree::WorkTree;

use crate::diag::{Diagnostic, Diagnostics, SourceId, Sources, Span};
use crate::model::{DesiredSet, Ids, Mode, Origin, Target};
use document::{Context, Drafts};
use files::{Found, Given};
use findings::Findings;

/// The file that marks a root.
pub const ROOT_FILE: &str = "assignctl.yaml";

/// How standard input is called in places.
pub const STDIN: &str = "<stdin>";

/// What to read.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// Files and directories. With a root they only select; without one they are all there is.
    pub paths: Vec<PathBuf>,
    /// The bytes of standard input, where `-` was given.
    pub stdin: Option<Vec<u8>>,
    /// The caller says that these files are all there is, though there is no root.
    pub complete: bool,
}

/// Everything that was read, and everything that is wrong with it.
#[derive(Debug)]
pub struct Loaded {
    /// The texts, for excerpts and places. Text that may be a secret is blacked out.
    pub sources: Sources,
    /// The root, where there is one.
    pub root: Option<Root>,
    /// The targets that are right.
    pub targets: Vec<Target>,
    /// The sets whose target is known, in the order of files and documents.
    pub sets: Vec<DesiredSet>,
    /// For each set: whether the given paths cover its file.
    pub selected: Vec<bool>,
    /// How many files were read.
    pub files: usize,
    /// All findings. With an error among them, nothing else here may be acted on.
    pub diagnostics: Diagnostics,
}

impl Loaded {
    /// Judges what depends on the moment: adds an error for every rule of `ignore` that has ended.
    pub fn expire(&mut self, now: crate::model::Instant) {
        for ended in self.sets.iter().flat_map(|set| ignore::ended(set, now)) {
            self.diagnostics.push(ended);
        }
    }
}

/// One text of a run, in the order of the sources.
struct Text {
    /// Whether the given paths cover it.
    is_selected: bool,
    /// Whether it is UTF-8.
    is_readable: bool,
}

/// Reads, checks and joins all manifests of a run.
pub fn load(inputs: &Inputs, kinds: &[&'static Kind], ids: &Ids) -> Loaded {
    let mut findings = Findings::default();
    let mut sources = Sources::default();
    let mut texts = Vec::new();
    let mut root = gather(inputs, &mut sources, &mut texts, &mut findings);
    let context = Context { kinds, ids };
    let mut drafts = Drafts::default();
    let readable = texts.iter().zip(0..).filter(|(text, _)| text.is_readable).map(|(_, index)| SourceId(index));
    let readable: Vec<SourceId> = readable.collect();
    for group in ahead::groups(&readable, &sources) {
        for parsed in ahead::parse(group, &sources) {
            let is_root_file = root.is_some() && sources.name(parsed.source) == ROOT_FILE;
            let mut found = Findings::default();
            document::read(parsed, is_root_file, context, &mut drafts, &mut found);
            findings.merge(found);
        }
    }
    if let (Some(root), Some((_, spec))) = (&mut root, drafts.roots.first()) {
        // Read ahead of the others, it had no places among the sources.
        root.options = spec.options.clone();
    }
    let is_given = root.is_some() || !texts.is_empty();
    if is_given && drafts.targets.is_empty() && drafts.sets.is_empty() && findings.errors() == 0 {
        let message = "nothing was read: there is no target and no set in it";
        let empty = match (&root, texts.is_empty()) {
            (None, false) => Diagnostic::error("empty-input", message, Span { source: SourceId(0), start: 0, end: 0 }),
            _ => Diagnostic::global("empty-input", message),
        };
        findings.push(empty.help("is it the right file or directory, or the right pipe?"));
    }
    let (targets, sets) = cross::join(drafts, context, &mut findings);
    if root.is_none() && !inputs.complete {
        require_complete(&sets, &mut findings);
    }
    // A path to a target selects every set that uses it.
    let covers = |origin: Origin| texts.get(origin.source as usize).is_none_or(|text| text.is_selected);
    let of_target = |set: &DesiredSet| targets.get(set.target).is_some_and(|target| covers(target.origin));
    let selected = sets.iter().map(|(_, set)| covers(set.origin) || of_target(set)).collect();
    let (diagnostics, redactions) = findings.finish();
    for span in redactions {
        sources.redact(span);
    }
    let sets = sets.into_iter().map(|(_, set)| set).collect();
    Loaded { files: sources.len(), sources, root, targets, sets, selected, diagnostics }
}

/// Loose files may be a part of the whole: what they do not declare may be declared elsewhere.
fn require_complete(sets: &[(Span, DesiredSet)], findings: &mut Findings) {
    for (mode, set) in sets.iter().filter(|(_, set)| set.mode == Mode::Authoritative) {
        let message = format!("the set {} is authoritative, and these files have no root", findings::shown(&set.name));
        let help = format!(
            "put {ROOT_FILE} (`kind: Root`) beside the manifests, or say with --complete that these files are all there is"
        );
        findings.push(Diagnostic::error("incomplete-input", message, *mode).help(help));
    }
}

/// Reads all texts in order, and notes which of them the given paths cover.
fn gather(inputs: &Inputs, sources: &mut Sources, texts: &mut Vec<Text>, findings: &mut Findings) -> Option<Root> {
    let mut root = None;
    let given = if inputs.paths.is_empty() { None } else { files::locate(&inputs.paths, findings) };
    let files = match given {
        None => Vec::new(),
        Some(Given::Loose(places)) => files::loose(&places, findings),
        Some(Given::Rooted { .. }) if inputs.stdin.is_some() => {
            let message = "standard input cannot be read beside files that have a root";
            let help = "give `-` alone, or write the text to a file under the root";
            findings.push(Diagnostic::global("several-roots", message).help(help));
            Vec::new()
        }
        Some(Given::Rooted { dir, places }) => {
            let spec = peek_root(&dir);
            let files = files::under_root(&dir, &places, &spec, findings);
            root = Some(spec.at(dir));
            files
        }
    };
    let mut total = 0;
    for file in &files {
        if let Some(bytes) = files::read(file, &mut total, findings) {
            let is_readable = add(sources, &file.name, bytes, findings);
            texts.push(Text { is_selected: file.selected, is_readable });
        }
    }
    if let Some(bytes) = &inputs.stdin {
        let is_readable = add(sources, STDIN, bytes.clone(), findings);
        texts.push(Text { is_selected: true, is_readable });
    }
    root
}

/// What the root's own file says, read ahead of the others because it decides which they are. Its errors are reported when it
/// is read again with the rest.
fn peek_root(dir: &Path) -> root::RootSpec {
    let mut silent = Findings::default();
    let file = Found { path: dir.join(ROOT_FILE), name: ROOT_FILE.to_owned(), selected: true };
    let Some(bytes) = files::read(&file, &mut 0, &mut silent) else { return root::RootSpec::default() };
    let text = String::from_utf8_lossy(&bytes);
    let mut drafts = Drafts::default();
    let context = Context { kinds: &[], ids: &Ids::default() };
    document::read(document::parse(&text, SourceId(0)), true, context, &mut drafts, &mut silent);
    drafts.roots.into_iter().next().map(|(_, spec)| spec).unwrap_or_default()
}

/// Adds a text; false: it is not UTF-8, kept for its excerpt and read no further.
fn add(sources: &mut Sources, name: &str, bytes: Vec<u8>, findings: &mut Findings) -> bool {
    let error = match String::from_utf8(bytes) {
        Ok(text) => {
            sources.add(name, text);
            return true;
        }
        Err(error) => error,
    };
    let valid = error.utf8_error().valid_up_to();
    let is_wide = matches!(error.as_bytes(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
    // Only the text up to the end of the broken line: the rest is never looked at.
    let head = String::from_utf8_lossy(error.as_bytes().get(..valid).unwrap_or_default()).into_owned();
    let clip = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let source = sources.add(name, format!("{head}\u{fffd}"));
    let start = clip(head.len());
    let at = Span { source, start, end: start + 3 };
    let message = "the file is not UTF-8 from here on";
    let help = if is_wide { "it is UTF-16: save it as UTF-8" } else { "save it as UTF-8" };
    findings.push(Diagnostic::error("not-utf8", message, at).help(help));
    false
}
