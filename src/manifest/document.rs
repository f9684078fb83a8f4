//! One text: its documents, told apart by `kind`, each handed to the tables that know it.

use super::common::{API_VERSION, DOCUMENT, ROOT_DOCUMENT};
use super::findings::{Findings, closest, did_you_mean, one_of, shown};
use super::root::{self, RootSpec};
use super::set::{self, DraftSet};
use super::shape::Record;
use super::target::{self, DraftTarget};
use super::yaml::{self, Node, NodeKind, Tree, is_null};
use super::{Kind, ROOT_FILE};
use crate::diag::{Diagnostic, Diagnostics, SourceId, Span};
use crate::model::Ids;

/// What is the same for all texts of a run.
#[derive(Clone, Copy)]
pub(super) struct Context<'c> {
    pub(super) kinds: &'c [&'static Kind],
    pub(super) ids: &'c Ids,
}

/// What the documents declared, before they are held against each other.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    pub(super) targets: Vec<DraftTarget>,
    pub(super) sets: Vec<DraftSet>,
    pub(super) roots: Vec<(Span, RootSpec)>,
}

/// `metadata`, read.
#[derive(Debug)]
pub(super) struct Meta {
    /// `None` where it is missing or wrong: reported.
    pub(super) name: Option<String>,
    /// The name, or the best place to point at.
    pub(super) span: Span,
    pub(super) labels: Vec<(String, String)>,
}

/// One text as YAML: its arena, and what is wrong with its syntax.
pub(super) struct Parsed<'s> {
    pub(super) source: SourceId,
    tree: Tree<'s>,
    diagnostics: Diagnostics,
}

/// Reads a text as YAML.
pub(super) fn parse(text: &str, source: SourceId) -> Parsed<'_> {
    let mut diagnostics = Diagnostics::default();
    Parsed { source, tree: yaml::parse(text, source, &mut diagnostics), diagnostics }
}

/// Reads all documents of a text.
pub(super) fn read(
    parsed: Parsed<'_>,
    is_root_file: bool,
    context: Context<'_>,
    drafts: &mut Drafts,
    findings: &mut Findings,
) {
    let Parsed { source, tree, diagnostics } = parsed;
    let is_broken = diagnostics.errors() > 0;
    findings.extend(diagnostics);
    let roots = drafts.roots.len();
    for node in tree.documents() {
        read_document(node, is_root_file, context, drafts, findings);
    }
    if is_root_file && drafts.roots.len() == roots && !is_broken && findings.errors() == 0 {
        let at = Span { source, start: 0, end: 0 };
        let message = format!("{ROOT_FILE} holds no document of kind Root");
        let help = format!("begin it with `apiVersion: {API_VERSION}` and `kind: Root`");
        findings.push(Diagnostic::error("missing-root", message, at).help(help));
    }
}

fn read_document(
    node: Node<'_>,
    is_root_file: bool,
    context: Context<'_>,
    drafts: &mut Drafts,
    findings: &mut Findings,
) {
    if node.scalar().is_some_and(|scalar| scalar.plain && is_null(scalar.text)) || node.kind() == NodeKind::Bad {
        return; // an empty document, or one that is reported already
    }
    let Some(kind) = word(node, "kind") else { return no_kind(node, findings) };
    let name = kind.scalar().map_or("", |scalar| scalar.text);
    match name {
        "Root" => read_root(node, kind, is_root_file, drafts, findings),
        "Policy" => misplaced_policy(kind, findings),
        "Target" => {
            if let Some(document) = open(node, findings) {
                let meta = read_meta(&document, findings);
                drafts.targets.extend(document.get("spec").map(|spec| target::lower(meta, spec, context, findings)));
            }
        }
        _ => match context.kinds.iter().position(|known| known.name == name) {
            Some(index) => {
                let Some(document) = open(node, findings) else { return };
                let meta = read_meta(&document, findings);
                let spec = document.get("spec");
                drafts.sets.extend(spec.and_then(|spec| set::lower(meta, spec, index, context, findings)));
            }
            None => unknown_kind(name, kind, node, context, findings),
        },
    }
}

/// Whoever can edit manifests must not be able to edit what bounds them (DESIGN section 3: never loaded from the paths).
fn misplaced_policy(kind: Node<'_>, findings: &mut Findings) {
    let message = "a Policy is no manifest: it is never loaded from the paths";
    let help = format!(
        "give it with --policy FILE, from a place that a pull request cannot change; where it must lie here, list it under `ignore` in {ROOT_FILE}"
    );
    findings.push(Diagnostic::error("misplaced-policy", message, kind.span()).help(help));
}

/// The value of a top-level key, before any table is chosen.
pub(super) fn word<'t>(node: Node<'t>, name: &str) -> Option<Node<'t>> {
    node.pairs().find(|(key, _)| key.scalar().is_some_and(|scalar| scalar.text == name)).map(|(_, value)| value)
}

fn no_kind(node: Node<'_>, findings: &mut Findings) {
    if node.kind() == NodeKind::Mapping && word(node, "apiVersion").is_some() {
        DOCUMENT.read(node, findings);
        return;
    }
    not_ours("it has no `apiVersion` and no `kind`", node, findings);
}

fn not_ours(why: &str, at: Node<'_>, findings: &mut Findings) {
    let message = format!("this document is no manifest: {why}");
    let help = format!("if the file is meant for another program, list it under `ignore` in {ROOT_FILE}");
    findings.push(Diagnostic::error("not-a-manifest", message, at.head()).help(help));
}

/// A kind that there is not; a document whose `apiVersion` is another program's is no manifest at all.
fn unknown_kind(name: &str, kind: Node<'_>, document: Node<'_>, context: Context<'_>, findings: &mut Findings) {
    let version = word(document, "apiVersion").and_then(|node| node.scalar()).map_or("", |scalar| scalar.text);
    if version.contains('/') && !version.starts_with("assignctl/") {
        let why = format!("its `apiVersion` is {}, which is another program's", shown(version));
        return not_ours(&why, kind, findings);
    }
    let mut names: Vec<&str> = context.kinds.iter().map(|kind| kind.name).collect();
    names.extend(["Target", "Root"]);
    let message = format!("there is no kind {}", shown(name));
    let mut diagnostic = Diagnostic::error("unknown-kind", message, kind.head()).help(did_you_mean(name, &names));
    if closest(name, names.iter().copied()).is_some() {
        diagnostic = diagnostic.help(one_of(&names));
    }
    findings.push(diagnostic);
}

/// Checks the outer fields of a document.
fn open<'t>(node: Node<'t>, findings: &mut Findings) -> Option<Record<'t>> {
    let document = DOCUMENT.read(node, findings)?;
    check_version(&document, findings);
    Some(document)
}

pub(super) fn check_version(document: &Record<'_>, findings: &mut Findings) {
    let Some((version, span)) = document.text("apiVersion").filter(|(version, _)| *version != API_VERSION) else {
        return;
    };
    let message = format!("this program does not read {}", shown(version));
    let help = format!("write `apiVersion: {API_VERSION}`");
    findings.push(Diagnostic::error("unknown-version", message, span).help(help));
}

fn read_meta(document: &Record<'_>, findings: &mut Findings) -> Meta {
    let fallback = document.node.head();
    let Some(record) = document.object("metadata", findings) else {
        return Meta { name: None, span: fallback, labels: Vec::new() };
    };
    let name = record.text("name");
    let labels = record.get("labels").map(set::labels).unwrap_or_default();
    Meta {
        name: name.map(|(name, _)| name.to_owned()),
        span: name.map_or(record.node.head(), |(_, span)| span),
        labels,
    }
}

fn read_root(node: Node<'_>, kind: Node<'_>, is_root_file: bool, drafts: &mut Drafts, findings: &mut Findings) {
    if !is_root_file {
        let message = format!("a Root stands only in {ROOT_FILE}");
        let help = "move it to a file of that name in the directory that is the root, or remove it";
        findings.push(Diagnostic::error("misplaced-root", message, kind.span()).help(help));
    }
    let Some(document) = ROOT_DOCUMENT.read(node, findings) else { return };
    check_version(&document, findings);
    let _ = document.object("metadata", findings);
    let spec = root::lower(&document, findings);
    if let Some((first, _)) = drafts.roots.first().filter(|_| is_root_file) {
        let message = "a root has one document of kind Root";
        let diagnostic = Diagnostic::error("misplaced-root", message, kind.span()).also(*first, "the first one");
        findings.push(diagnostic.help("put both into one"));
    }
    if is_root_file {
        drafts.roots.push((kind.span(), spec));
    }
}
