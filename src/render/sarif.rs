//! SARIF 2.1.0 (OASIS), as code scanning takes it: findings in manifests, what guards refuse, what could not be read, and drift, each at
//! its line and with a fingerprint that survives moved lines.

use std::collections::{BTreeMap, HashMap};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::apply::{Exit, Outcome, Report};
use crate::diag::{Diagnostics, Location, Severity, Sources};
use crate::plan::authority::Effect;
use crate::plan::drift::{Drift, Finding as Found, Kind, SetDrift};
use crate::plan::{Base, BaseGapKind, Guard, Plan, SetPlan, TargetPlan};

use super::report::said;
use super::words::{self, Speaker};
use super::{Stopped, clean, drift};

/// Results of a run. GitHub shows the first 5,000 and refuses more than 25,000.
const RESULTS: usize = 5_000;
/// The file that a result without a place is shown at: hosts refuse results without one.
const NOWHERE: &str = "assignctl.yaml";
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// What may stand in a path of a URI as it is (RFC 3986: unreserved, and the slash).
const PATH: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// How a log is made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// The way from the repository to the manifests' root: empty, or with a slash at its end.
    pub base: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    invocations: [Invocation; 1],
    column_kind: &'static str,
    results: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Debug, Serialize)]
struct Rule {
    id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    exit_code: u8,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Debug, Serialize)]
struct Notification {
    level: &'static str,
    message: Message,
}

#[derive(Debug, Serialize)]
struct Message {
    text: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    rule_id: String,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: [Place; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Place>,
    partial_fingerprints: BTreeMap<&'static str, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    physical_location: Physical,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    region: Region,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    uri: String,
    uri_base_id: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
}

impl Message {
    /// Plain text: brackets would make links (SARIF 3.11.6). Controls are made visible, line breaks stay.
    fn new(text: &str) -> Self {
        let lines: Vec<_> = text.lines().map(clean::terminal).collect();
        Self { text: lines.join("\n").replace('[', "\\[").replace(']', "\\]") }
    }
}

/// Results as they are collected.
struct Results<'a> {
    options: Options<'a>,
    rules: HashMap<String, usize>,
    seen: HashMap<String, usize>,
    results: Vec<Finding>,
    left_out: usize,
}

impl<'a> Results<'a> {
    fn new(options: Options<'a>) -> Self {
        Self { options, rules: HashMap::new(), seen: HashMap::new(), results: Vec::new(), left_out: 0 }
    }

    fn place(&self, at: Option<&Location>, message: &str) -> Place {
        let (file, line, column) = at.map_or((NOWHERE, 1, 1), |at| (&*at.file, at.line, at.column));
        let uri = percent_encode(format!("{}{file}", self.options.base).as_bytes(), &PATH).to_string();
        Place {
            physical_location: Physical {
                artifact_location: Artifact { uri, uri_base_id: "%SRCROOT%" },
                region: Region { start_line: line.max(1), start_column: column.max(1) },
            },
            message: (!message.is_empty()).then(|| Message::new(message)),
        }
    }

    /// Adds a result. `identity` says what it is about without saying where: the fingerprint is made of it.
    fn add(&mut self, level: &'static str, rule: &str, at: Option<&Location>, message: &str, identity: &[&str]) {
        if self.results.len() == RESULTS {
            self.left_out += 1;
            return;
        }
        let count = self.rules.len();
        let rule_index = *self.rules.entry(rule.to_owned()).or_insert(count);
        let result = Finding {
            rule_id: rule.to_owned(),
            rule_index,
            level,
            message: Message::new(message),
            locations: [self.place(at, "")],
            related_locations: Vec::new(),
            partial_fingerprints: BTreeMap::from([("assignctl/v1", self.fingerprint(rule, identity))]),
        };
        self.results.push(result);
    }

    /// The same for the same thing in every run; things that are told by nothing but their order are numbered.
    fn fingerprint(&mut self, rule: &str, identity: &[&str]) -> String {
        let mut hash = Sha256::new();
        for part in std::iter::once(&rule).chain(identity) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let digest: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let nth = self.seen.entry(digest.clone()).or_insert(0);
        *nth += 1;
        format!("{digest}:{nth}")
    }

    fn log(self, exit: Exit) -> Log {
        let mut rules: Vec<(usize, String)> = self.rules.into_iter().map(|(id, index)| (index, id)).collect();
        rules.sort_unstable();
        let note = (self.left_out > 0).then(|| Notification {
            level: "warning",
            message: Message::new(&format!("{} more results were left out; the JSON report has all", self.left_out)),
        });
        let driver = Driver {
            name: env!("CARGO_PKG_NAME"),
            semantic_version: env!("CARGO_PKG_VERSION"),
            rules: rules.into_iter().map(|(_, id)| Rule { id }).collect(),
        };
        let invocation = Invocation {
            execution_successful: !matches!(exit, Exit::Error | Exit::Temporary | Exit::Interrupted | Exit::Terminated),
            exit_code: exit.code(),
            tool_execution_notifications: note.into_iter().collect(),
        };
        let run = Run {
            tool: Tool { driver },
            invocations: [invocation],
            column_kind: "unicodeCodePoints",
            results: self.results,
        };
        Log { schema: SCHEMA, version: "2.1.0", runs: [run] }
    }
}

/// Findings in manifests.
pub fn findings(diagnostics: &Diagnostics, sources: &Sources, options: Options<'_>) -> impl Serialize + use<> {
    let mut results = Results::new(options);
    for finding in diagnostics.sorted() {
        let level = if finding.severity == Severity::Error { "error" } else { "warning" };
        let at = finding.primary.as_ref().map(|label| sources.locate(label.span));
        let help: String = finding.help.iter().map(|help| format!("\nHelp: {help}")).collect();
        let file = at.as_ref().map(|at| &*at.file).unwrap_or_default();
        let before = results.results.len();
        let message = finding.message.as_str();
        results.add(level, finding.code, at.as_ref(), &format!("{message}{help}"), &[file, message]);
        let related =
            finding.secondary.iter().map(|label| results.place(Some(&sources.locate(label.span)), &label.text));
        let related: Vec<Place> = related.collect();
        if let Some(result) = results.results.get_mut(before) {
            result.related_locations = related;
        }
    }
    let exit = if diagnostics.errors() > 0 { Exit::Error } else { Exit::Success };
    results.log(exit)
}

/// What a plan has to say beyond the changes themselves: in a pull request, they are what it is for.
pub fn plan(plan: &Plan, exit: Exit, options: Options<'_>) -> impl Serialize + use<> {
    let mut results = Results::new(options);
    of_plan(&mut results, plan);
    results.log(exit)
}

/// What an apply has to say: what its plan had, targets that were not run, and changes that did not go through.
pub fn report(plan: &Plan, report: &Report, exit: Exit, options: Options<'_>) -> impl Serialize + use<> {
    let mut results = Results::new(options);
    of_plan(&mut results, plan);
    for ended in &report.targets {
        let Some(target) = plan.targets.iter().find(|target| target.name == ended.name) else { continue };
        if let Some(not_run) = ended.not_run {
            let at = target.sets.first().map(|set| &set.at);
            let message = format!("nothing of target {} was applied: {}", target.name, not_run.why());
            results.add("error", "apply-not-run", at, &message, &[&target.name]);
        }
        let speaker = Speaker::new(&plan.ids, target);
        let changes = ended.changes.iter().filter(|change| !change.outcome.is_converged());
        for change in changes.filter(|change| !matches!(change.outcome, Outcome::Skipped { .. })) {
            let Some(set) = target.sets.get(change.id.set) else { continue };
            let Some(planned) = set.changes.get(change.id.index) else { continue };
            let said = said(&change.outcome).unwrap_or_else(|| "waits for a grant that did not come".to_owned());
            let (action, key) = (speaker.action(planned.action()), speaker.change_key(planned));
            let identity = [target.name.as_str(), set.name.as_str(), key.as_str()];
            let rule = format!("apply-{}", change.outcome.word());
            results.add("error", &rule, Some(&planned.at), &format!("{action} {key}: {said}"), &identity);
        }
    }
    results.log(exit)
}

fn of_plan(results: &mut Results<'_>, plan: &Plan) {
    plan.base.iter().for_each(|base| compared(results, base));
    for target in &plan.targets {
        refusals(results, target);
        trouble(results, target);
    }
    for target in &plan.targets {
        target.sets.iter().filter(|set| set.selected).for_each(|set| warnings(results, target, set));
    }
}

/// What could not be compared with the base, and what a pull request changes about authority.
fn compared(results: &mut Results<'_>, base: &Base) {
    for (kind, problem) in words::base_problems(base) {
        let (level, rule) = match kind {
            BaseGapKind::NotUsed => ("error", "base-not-used"),
            BaseGapKind::Unread => ("warning", "base-unread"),
        };
        results.add(level, rule, None, &problem, &[&base.name]);
    }
    for change in base.authority.iter().filter(|change| change.effect != Effect::Neutral) {
        let (subject, text) = (words::subject(change), words::authority(change));
        let rule = if change.effect == Effect::Widens { "authority-widened" } else { "authority-narrowed" };
        results.add("warning", rule, change.at.as_ref(), &format!("{subject}: {text}"), &[&subject, &text]);
    }
    for left in &base.leaving {
        let message = format!("{}: set {} on {}", words::leaving(left), left.set, left.target);
        let at = left.rows.iter().find_map(|row| row.at.as_ref());
        results.add("warning", "leaving-management", at, &message, &[&left.target, &left.set]);
    }
}

/// A run that ended before there was a plan.
pub fn stopped(stopped: Stopped<'_>, options: Options<'_>) -> impl Serialize + use<> {
    let mut results = Results::new(options);
    let text = format!("{}: {}", stopped.sentence(), stopped.why);
    results.add("error", stopped.command.code(), None, &text, &[]);
    results.log(stopped.exit)
}

/// How live differs from the manifests: each assignment that counts as drift, and what ends soon. Guards refuse nothing here.
pub fn drift(drift: &Drift<'_>, exit: Exit, options: Options<'_>) -> impl Serialize + use<> {
    let mut results = Results::new(options);
    drift.targets.iter().for_each(|found| trouble(&mut results, found.target));
    for found in &drift.targets {
        let speaker = Speaker::new(&drift.plan.ids, found.target);
        for set in &found.sets {
            warnings(&mut results, found.target, set.set);
            set.findings.iter().for_each(|finding| difference(&mut results, speaker, found.target, set, finding));
        }
    }
    results.log(exit)
}

fn warnings(results: &mut Results<'_>, target: &TargetPlan, set: &SetPlan) {
    for warning in &set.warnings {
        let identity = [target.name.as_str(), set.name.as_str(), warning.message.as_str()];
        results.add("warning", &warning.code, Some(&warning.at), &warning.message, &identity);
    }
}

fn refusals(results: &mut Results<'_>, target: &TargetPlan) {
    let name = target.name.as_str();
    let at = target.sets.first().map(|set| &set.at);
    for refusal in &target.refusals {
        let set = refusal.set.as_deref().unwrap_or_default();
        let message = format!("{}. To allow it: {}", refusal.message, refusal.allow);
        results.add("error", &guard(refusal.guard), refusal.at.as_ref().or(at), &message, &[name, set]);
    }
}

/// What could not be read, or not in full.
fn trouble(results: &mut Results<'_>, target: &TargetPlan) {
    let name = target.name.as_str();
    let at = target.sets.first().map(|set| &set.at);
    if let Some(unreadable) = &target.unreadable {
        let message = format!("target {name} could not be read: {}", unreadable.message);
        results.add("error", "target-unreadable", at, &message, &[name]);
    }
    for gap in target.evidence.iter().filter_map(|evidence| evidence.gap.as_ref()) {
        let message = format!("target {name}: the listing is not proven complete, nothing is removed there: {gap}");
        results.add("warning", "incomplete-listing", at, &message, &[name]);
    }
}

fn difference(
    results: &mut Results<'_>,
    speaker: Speaker<'_>,
    target: &TargetPlan,
    set: &SetDrift<'_>,
    found: &Found<'_>,
) {
    let (level, rule) = match (found.is_drift, found.kind) {
        (true, kind) => ("warning", format!("drift-{}", kind.name())),
        (false, Kind::ExpiringSoon) => ("note", "expiring-soon".to_owned()),
        _ => return,
    };
    let key = speaker.key(&found.key, None);
    let shown = found.planned.map_or_else(|| key.clone(), |planned| speaker.change_key(planned));
    let mut said: Vec<String> = found.planned.iter().map(|planned| planned.reason.text().to_owned()).collect();
    said.extend(drift::notes(found));
    let message =
        format!("{shown}: {}{}", found.kind.word(), said.iter().map(|said| format!(", {said}")).collect::<String>());
    let identity = [target.name.as_str(), set.set.name.as_str(), key.as_str()];
    results.add(level, &rule, Some(drift::place(found).unwrap_or(&set.set.at)), &message, &identity);
}

/// A guard's rule: its stable name, which JSON uses too.
fn guard(guard: Guard) -> String {
    format!("guard-{}", guard.code())
}
