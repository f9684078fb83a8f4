//! Joins the JSON reports of a sharded run (`--shard K/N`) into the one that the whole run would have written.
//!
//! It reads texts and gives a document; which files they come from, and whether a part may be missing, is the caller's to say.

mod node;
mod recipe;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use self::node::{Node, Object, Raw};
use self::recipe::{APPLY, DRIFT, Field, PLAN, Rule};
use super::{ExitView, FORMAT_VERSION};
use crate::apply::Exit;
use crate::model::Instant;
use crate::plan;
use crate::plan::{Guard, Judged, Refusal};

/// Milliseconds between the parts of one run, at most: a day. Parts of different nights are no one plan.
const LONGEST_RUN_MS: u64 = 86_400_000;

/// One report, with the name that messages call it by.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The file.
    pub name: &'a str,
    /// What is in it.
    pub text: &'a str,
}

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `assignctl plan`.
    Plan,
    /// `assignctl apply`.
    Apply,
    /// `assignctl drift`.
    Drift,
}

impl Kind {
    /// The command's name.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Plan => "plan",
            Kind::Apply => "apply",
            Kind::Drift => "drift",
        }
    }

    fn of(document: &Object) -> Option<Self> {
        let has = |name: &str| document.get(name).is_some();
        match () {
            () if has("planned_at") => Some(Kind::Plan),
            () if has("checked_at") => Some(Kind::Drift),
            () if has("totals") => Some(Kind::Apply),
            () => None,
        }
    }

    fn recipe(self) -> &'static [Field] {
        match self {
            Kind::Plan => PLAN,
            Kind::Apply => APPLY,
            Kind::Drift => DRIFT,
        }
    }
}

/// Why reports are not joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// Nothing was given.
    #[error("there is no report to merge; give the JSON reports of all shards")]
    Nothing,
    /// It is no JSON.
    #[error("{0} is no JSON report ({1}); write it with --report json=PATH")]
    NotJson(String, String),
    /// It is some other JSON.
    #[error("{0} is no JSON report of plan, apply or drift; write it with --report json=PATH")]
    NotAReport(String),
    /// A field is missing, unknown, or has another shape.
    #[error("{0}: the field {1} is not as this version writes it; merge with the version that wrote the report")]
    Shape(String, String),
    /// Another format.
    #[error(
        "{0} has format {1}, and this version merges {FORMAT_VERSION}; merge with the version that wrote the report"
    )]
    Format(String, String),
    /// It is no part.
    #[error("{0} is the report of a run without --shard: there is nothing to join it with")]
    Whole(String),
    /// A shard that ended before there was a plan.
    #[error("{0} is of a shard that stopped: {1}; run that shard again, or give --partial for a report without it")]
    Stopped(String, String),
    /// Reports of two commands.
    #[error("{0} is a report of {1}, and {2} one of {3}; merge those of one command")]
    Kinds(String, &'static str, String, &'static str),
    /// Parts that do not belong together.
    #[error(
        "{0} and {1} differ in {2}: they are no parts of one run; run all shards with the same manifests, policy and version"
    )]
    Differs(String, String, String),
    /// The same part twice.
    #[error("{0} and {1} are both shard {2}; give each shard once")]
    Twice(String, String, u64),
    /// One set in two parts.
    #[error("the set {0} is in {1} and in {2}; shards are disjoint, so these are no parts of one run")]
    Overlap(String, String, String),
    /// Not all parts.
    #[error("of {of} shards these are missing: {}; give their reports, or --partial for a report without them", words(.missing))]
    Missing {
        /// Their numbers.
        missing: Vec<u64>,
        /// How many there are.
        of: u64,
    },
}

fn words(numbers: &[u64]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The joined report.
#[derive(Debug)]
pub struct Merged {
    /// What it is about.
    pub kind: Kind,
    /// The exit that the whole run would have; at least an error where parts are missing.
    pub exit: Exit,
    /// Parts that were not given.
    pub missing: Vec<u64>,
    /// How many parts there are.
    pub of: u64,
    document: Node,
}

/// The document; written while it is serialized.
impl Serialize for Merged {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.document.serialize(serializer)
    }
}

/// A part, read.
struct Read<'a> {
    name: &'a str,
    document: Object,
    number: u64,
    of: u64,
    manifests: String,
    selection: String,
    /// When it was made; applies do not say.
    made: Option<Instant>,
}

/// Joins reports. With `partial`, shards may be missing or have stopped; the result then says that it is an error.
///
/// # Errors
/// See [`MergeError`].
pub fn merge(parts: &[Part<'_>], partial: bool) -> Result<Merged, MergeError> {
    let (mut kinds, mut read, mut stopped) = (Vec::new(), Vec::new(), None);
    for part in parts {
        match read_part(part) {
            Err(error @ MergeError::Stopped(..)) if partial => stopped = stopped.or(Some(error)),
            part => {
                let (kind, part) = part?;
                kinds.push(kind);
                read.push(part);
            }
        }
    }
    let (Some(kind), Some(first)) = (kinds.first().copied(), read.first()) else {
        return Err(stopped.unwrap_or(MergeError::Nothing));
    };
    for (other, part) in kinds.iter().zip(&read) {
        if *other != kind {
            let (a, b) = (first.name.to_owned(), part.name.to_owned());
            return Err(MergeError::Kinds(a, kind.word(), b, other.word()));
        }
    }
    let of = first.of;
    let missing = belong_together(&read)?;
    if !missing.is_empty() && !partial {
        return Err(MergeError::Missing { missing, of });
    }
    let common = Common { parts: of, manifests: first.manifests.clone(), selection: first.selection.clone() };
    // The order of the arguments must not matter.
    read.sort_by_key(|part| part.number);
    let least = if missing.is_empty() { Exit::Success } else { Exit::Error };
    let objects: Vec<(&str, Object)> = read.into_iter().map(|part| (part.name, part.document)).collect();
    let exit = objects.iter().map(|(name, object)| exit(name, object.get("exit"))).collect::<Result<Vec<_>, _>>()?;
    let exit = exit.into_iter().fold(least, Exit::worse);
    let sums = refusals_of_the_sums(&objects)?;
    let refused = kind == Kind::Plan && sums.values().any(|refusals| !refusals.is_empty());
    let exit = if refused { exit.worse(Exit::Refused) } else { exit };
    let merging = Merging { exit, refused, missing: &missing, common, sums };
    let document = merging.object(kind.recipe(), &objects, "")?;
    Ok(Merged { kind, exit, missing, of, document: Node::Object(document) })
}

/// The first error of findings, which a plan or a look for drift leaves where it stopped.
fn first_error(text: &str) -> Option<String> {
    let findings: Vec<Object> = serde_json::from_str(text).ok()?;
    findings.iter().find(|finding| finding.text("severity").as_deref() == Some("error"))?.text("message")
}

fn read_part<'a>(part: &Part<'a>) -> Result<(Kind, Read<'a>), MergeError> {
    let name = || part.name.to_owned();
    let document: Object = serde_json::from_str(part.text).map_err(|error| match first_error(part.text) {
        Some(why) => MergeError::Stopped(name(), why),
        None => MergeError::NotJson(name(), error.to_string()),
    })?;
    let kind = Kind::of(&document).ok_or_else(|| MergeError::NotAReport(name()))?;
    let format = document.text("format_version").ok_or_else(|| MergeError::NotAReport(name()))?;
    if format != FORMAT_VERSION {
        return Err(MergeError::Format(name(), format));
    }
    if let Some(why) = document.text("stopped") {
        return Err(MergeError::Stopped(name(), why));
    }
    let shard = document.get("shard").ok_or_else(|| MergeError::Whole(name()))?;
    let shape = || MergeError::Shape(name(), "shard".to_owned());
    let shard: Object = serde_json::from_str(shard.get()).map_err(|_| shape())?;
    let (number, of) = (shard.number("part").ok_or_else(shape)?, shard.number("parts").ok_or_else(shape)?);
    let manifests = shard.text("manifests").ok_or_else(shape)?;
    let selection = shard.text("selection").ok_or_else(shape)?;
    let made = document.text("planned_at").or_else(|| document.text("checked_at"));
    let made = made.and_then(|made| Instant::parse(&made));
    if of > plan::Part::MOST || !(1..=of).contains(&number) {
        return Err(shape());
    }
    Ok((kind, Read { name: part.name, document, number, of, manifests, selection, made }))
}

/// Checks that these are parts of one run, each once; gives the numbers of those that are missing.
fn belong_together(parts: &[Read<'_>]) -> Result<Vec<u64>, MergeError> {
    let mut seen: BTreeMap<u64, &str> = BTreeMap::new();
    let Some(first) = parts.first() else { return Ok(Vec::new()) };
    for part in parts {
        let differs = |what: &str| MergeError::Differs(first.name.to_owned(), part.name.to_owned(), what.to_owned());
        if part.of != first.of {
            return Err(differs("the number of shards"));
        }
        if part.manifests != first.manifests {
            return Err(differs("what the manifests declare"));
        }
        if part.selection != first.selection {
            return Err(differs("the selectors, the modes or the options that they were run with"));
        }
        if let (Some(one), Some(other)) = (part.made, first.made)
            && one.0.abs_diff(other.0) > LONGEST_RUN_MS
        {
            return Err(differs("the day that they were made on"));
        }
        if let Some(earlier) = seen.insert(part.number, part.name) {
            return Err(MergeError::Twice(earlier.to_owned(), part.name.to_owned(), part.number));
        }
    }
    Ok((1..=first.of).filter(|number| !seen.contains_key(number)).collect())
}

/// The exit that a report names.
fn exit(name: &str, exit: Option<&Raw>) -> Result<Exit, MergeError> {
    let shape = || MergeError::Shape(name.to_owned(), "exit".to_owned());
    let exit: Object = serde_json::from_str(exit.ok_or_else(shape)?.get()).map_err(|_| shape())?;
    let code = exit.number("code").ok_or_else(shape)?;
    Exit::ALL.into_iter().find(|exit| u64::from(exit.code()) == code).ok_or_else(shape)
}

/// One field's values: the file and the value of each part that has it.
type Values<'a> = [(&'a str, &'a Raw)];

struct Merging<'a> {
    exit: Exit,
    /// The sum of a target is over a threshold.
    refused: bool,
    missing: &'a [u64],
    common: Common,
    /// By target, the refusals of the sum over all its sets.
    sums: BTreeMap<String, Vec<Refusal>>,
}

/// What all parts have in common.
struct Common {
    parts: u64,
    manifests: String,
    selection: String,
}

impl Common {
    fn node(&self) -> Node {
        let text = |text: &String| Node::Text(text.clone());
        Node::Object(vec![
            ("parts".to_owned(), Node::Number(self.parts)),
            ("manifests".to_owned(), text(&self.manifests)),
            ("selection".to_owned(), text(&self.selection)),
        ])
    }
}

/// Judges the sums of all parts, target by target: no part knows more than its own.
fn refusals_of_the_sums(objects: &[(&str, Object)]) -> Result<BTreeMap<String, Vec<Refusal>>, MergeError> {
    let mut found: BTreeMap<String, (Judged, BTreeSet<Guard>)> = BTreeMap::new();
    for (file, document) in objects {
        let Some(targets) = document.get("targets") else { continue };
        for target in read::<Vec<Object>>(file, targets, "targets")? {
            let (Some(name), Some(judged)) = (target.text("name"), target.get("judged")) else { continue };
            let judged: Judged = read(file, judged, "targets.judged")?;
            let listed = target.get("refusals").or_else(|| target.get("would_be_refused"));
            let listed: Vec<Object> =
                listed.map(|raw| read(file, raw, "targets.refusals")).transpose()?.unwrap_or_default();
            let by_sets = listed.iter().filter(|refusal| refusal.get("set").is_some()).filter_map(guard_of);
            match found.entry(name) {
                Entry::Vacant(vacant) => {
                    vacant.insert((judged, by_sets.collect()));
                }
                Entry::Occupied(mut sum) => {
                    let (sum, guards) = sum.get_mut();
                    sum.effective = sum.effective.saturating_add(judged.effective);
                    sum.losses = sum.losses.saturating_add(judged.losses);
                    sum.updates = sum.updates.saturating_add(judged.updates);
                    guards.extend(by_sets);
                }
            }
        }
    }
    let judge = |(name, (judged, guards)): (String, (Judged, BTreeSet<Guard>))| {
        (name, judged.refusals(|guard| guards.contains(&guard)))
    };
    Ok(found.into_iter().map(judge).collect())
}

fn guard_of(refusal: &Object) -> Option<Guard> {
    serde_json::from_str(refusal.get("guard")?.get()).ok()
}

/// Every refusal once, with those of the sum as they are judged now, in the order of a plan.
fn refusals(values: &Values<'_>, sum: &[Refusal], place: &str) -> Result<Node, MergeError> {
    type Order = (Option<String>, Option<Guard>, String);
    let (mut seen, mut found) = (BTreeSet::new(), Vec::<(Order, Node)>::new());
    for (file, item) in items::<Raw>(values, place)? {
        let refusal = read::<Object>(file, &item, place)?;
        let (set, guard) = (refusal.text("set"), guard_of(&refusal));
        let of_the_sum = set.is_none() && matches!(guard, Some(Guard::Losses | Guard::Updates));
        let meant: Value = read(file, &item, place)?;
        if !of_the_sum && seen.insert(meant.to_string()) {
            found.push(((set, guard, refusal.text("message").unwrap_or_default()), Node::Raw(item)));
        }
    }
    for refusal in sum {
        let text = |text: &str| Node::Text(text.to_owned());
        let node = Node::Object(vec![
            ("guard".to_owned(), text(refusal.guard.code())),
            ("message".to_owned(), text(&refusal.message)),
            ("allow".to_owned(), text(&refusal.allow)),
            ("keys".to_owned(), Node::List(Vec::new())),
        ]);
        found.push(((None, Some(refusal.guard), refusal.message.clone()), node));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(Node::List(found.into_iter().map(|(_, node)| node).collect()))
}

impl Merging<'_> {
    /// Objects, field by field. `place` is the way to them, for messages.
    fn object(
        &self,
        recipe: &[Field],
        objects: &[(&str, Object)],
        place: &str,
    ) -> Result<Vec<(String, Node)>, MergeError> {
        let way = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
        for (file, object) in objects {
            let known = |name: &str| recipe.iter().any(|(field, _)| *field == name);
            if let Some((name, _)) = object.0.iter().find(|(name, _)| !known(name)) {
                return Err(MergeError::Shape((*file).to_owned(), way(name)));
            }
        }
        let mut merged = Vec::new();
        for (name, rule) in recipe {
            if matches!(rule, Rule::Missing) && !self.missing.is_empty() {
                let missing = self.missing.iter().map(|number| Node::Number(*number)).collect();
                merged.push(((*name).to_owned(), Node::List(missing)));
            }
            if matches!(rule, Rule::Merged) && self.missing.is_empty() {
                merged.push(((*name).to_owned(), self.common.node()));
            }
            let values: Vec<(&str, &Raw)> =
                objects.iter().filter_map(|(file, object)| Some((*file, object.get(name)?))).collect();
            let Some((first, _)) = values.first() else { continue };
            if matches!(rule, Rule::Same | Rule::Object(_)) && values.len() < objects.len() {
                let without = objects.iter().find(|(_, object)| object.get(name).is_none());
                let without = without.map_or("", |(file, _)| *file).to_owned();
                return Err(MergeError::Differs((*first).to_owned(), without, way(name)));
            }
            if matches!(rule, Rule::Refusals) {
                let target = objects.iter().find_map(|(_, object)| object.text("name"));
                let sum = target.and_then(|target| self.sums.get(&target)).map_or(&[][..], Vec::as_slice);
                merged.push(((*name).to_owned(), refusals(&values, sum, &way(name))?));
                continue;
            }
            if let Some(node) = self.field(*rule, &values, &way(name))? {
                merged.push(((*name).to_owned(), node));
            }
        }
        Ok(merged)
    }

    fn field(&self, rule: Rule, values: &Values<'_>, place: &str) -> Result<Option<Node>, MergeError> {
        let node = match rule {
            Rule::Drop | Rule::Missing | Rule::Merged | Rule::Refusals => return Ok(None),
            Rule::Same => same(values, place)?,
            Rule::First => return Ok(values.first().map(|(_, raw)| Node::Raw((*raw).clone()))),
            Rule::Sum => Node::Number(all::<u64>(values, place)?.into_iter().fold(0, u64::saturating_add)),
            Rule::Counts => counts(values, place)?,
            Rule::Earliest => return Ok(all::<String>(values, place)?.into_iter().min().map(Node::Text)),
            Rule::Any => Node::Flag(all::<bool>(values, place)?.contains(&true)),
            Rule::FirstOf(words) => first_of(words, values, place, self.refused)?,
            Rule::Exit => self.exit_node(),
            Rule::Unnarrowed => return Ok(all::<String>(values, place)?.first().map(|text| unnarrowed(text))),
            Rule::Union => union(values, place, &[])?,
            Rule::SortedUnion(fields) => union(values, place, fields)?,
            Rule::Common => common(values, place)?,
            Rule::Object(recipe) => Node::Object(self.object(recipe, &named(values, place)?, place)?),
            Rule::ByName(recipe) => self.by_name(recipe, values, place)?,
            Rule::Sets => sets(values, place)?,
            Rule::BySet => by_set(values, place, false)?,
            Rule::BySetOnce => by_set(values, place, true)?,
        };
        Ok(Some(node))
    }

    fn exit_node(&self) -> Node {
        let view = ExitView::from(self.exit);
        Node::Object(vec![
            ("code".to_owned(), Node::Number(u64::from(view.code))),
            ("meaning".to_owned(), Node::Text(view.meaning.to_owned())),
        ])
    }

    fn by_name(&self, recipe: &[Field], values: &Values<'_>, place: &str) -> Result<Node, MergeError> {
        let mut groups: BTreeMap<String, Vec<(&str, Object)>> = BTreeMap::new();
        for (file, item) in items::<Object>(values, place)? {
            let name = item.text("name").ok_or_else(|| shape(file, place))?;
            groups.entry(name).or_default().push((file, item));
        }
        let merged = groups
            .iter()
            .map(|(name, group)| Ok(Node::Object(self.object(recipe, group, &format!("{place}.{name}"))?)));
        Ok(Node::List(merged.collect::<Result<_, MergeError>>()?))
    }
}

fn shape(file: &str, place: &str) -> MergeError {
    MergeError::Shape(file.to_owned(), place.to_owned())
}

fn read<T: serde::de::DeserializeOwned>(file: &str, raw: &Raw, place: &str) -> Result<T, MergeError> {
    serde_json::from_str(raw.get()).map_err(|_| shape(file, place))
}

fn all<T: serde::de::DeserializeOwned>(values: &Values<'_>, place: &str) -> Result<Vec<T>, MergeError> {
    values.iter().map(|(file, raw)| read(file, raw, place)).collect()
}

/// The items of lists, each with its file.
fn items<'a, T: serde::de::DeserializeOwned>(
    values: &Values<'a>,
    place: &str,
) -> Result<Vec<(&'a str, T)>, MergeError> {
    let mut found = Vec::new();
    for (file, raw) in values {
        found.extend(read::<Vec<T>>(file, raw, place)?.into_iter().map(|item| (*file, item)));
    }
    Ok(found)
}

fn named<'a>(values: &Values<'a>, place: &str) -> Result<Vec<(&'a str, Object)>, MergeError> {
    values.iter().map(|(file, raw)| Ok((*file, read(file, raw, place)?))).collect()
}

fn same(values: &Values<'_>, place: &str) -> Result<Node, MergeError> {
    let meant: Vec<Value> = all(values, place)?;
    let Some(((first, raw), wanted)) = values.first().zip(meant.first()) else { return Ok(Node::List(Vec::new())) };
    match values.iter().zip(&meant).find(|(_, value)| *value != wanted) {
        Some(((other, _), _)) => Err(MergeError::Differs((*first).to_owned(), (*other).to_owned(), place.to_owned())),
        None => Ok(Node::Raw((*raw).clone())),
    }
}

fn counts(values: &Values<'_>, place: &str) -> Result<Node, MergeError> {
    let mut sums: Vec<(String, u64)> = Vec::new();
    for (file, object) in named(values, place)? {
        for (name, _) in &object.0 {
            let count = object.number(name).ok_or_else(|| shape(file, place))?;
            match sums.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum = sum.saturating_add(count),
                None => sums.push((name.clone(), count)),
            }
        }
    }
    Ok(Node::Object(sums.into_iter().map(|(name, sum)| (name, Node::Number(sum))).collect()))
}

/// The first of the words that occurs; `refused` counts as one that does.
fn first_of(words: &[&str], values: &Values<'_>, place: &str, refused: bool) -> Result<Node, MergeError> {
    let there: Vec<String> = all(values, place)?;
    let unknown = values.iter().zip(&there).find(|(_, word)| !words.contains(&word.as_str()));
    if let Some(((file, _), _)) = unknown {
        return Err(shape(file, place));
    }
    let occurs = |word: &str| there.iter().any(|there| there == word) || refused && word == "refused";
    let first = words.iter().find(|word| occurs(word));
    Ok(Node::Text(first.copied().unwrap_or_default().to_owned()))
}

/// The command for the whole: without the one flag that narrows it to a part.
fn unnarrowed(command: &str) -> Node {
    let mut words = command.split(' ');
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        if word == "--shard" {
            words.next();
        } else {
            kept.push(word);
        }
    }
    Node::Text(kept.join(" "))
}

/// Every item once, sorted by the texts of some fields; without fields in the order in which they are met.
fn union(values: &Values<'_>, place: &str, fields: &[&str]) -> Result<Node, MergeError> {
    let (mut seen, mut kept) = (BTreeSet::new(), Vec::new());
    for (file, item) in items::<Raw>(values, place)? {
        let meant: Value = read(file, &item, place)?;
        if seen.insert(meant.to_string()) {
            let text = |field: &&str| meant.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
            kept.push((fields.iter().map(text).collect::<Vec<_>>(), Node::Raw(item)));
        }
    }
    kept.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(Node::List(kept.into_iter().map(|(_, item)| item).collect()))
}

fn common(values: &Values<'_>, place: &str) -> Result<Node, MergeError> {
    let lists: Vec<Vec<String>> = all(values, place)?;
    let (first, others) = lists.split_first().map_or((&[][..], &[][..]), |(first, others)| (first.as_slice(), others));
    let others: Vec<BTreeSet<&String>> = others.iter().map(|list| list.iter().collect()).collect();
    let kept = first.iter().filter(|item| others.iter().all(|list| list.contains(item)));
    Ok(Node::List(kept.cloned().map(Node::Text).collect()))
}

fn sets(values: &Values<'_>, place: &str) -> Result<Node, MergeError> {
    let mut found: BTreeMap<String, (&str, Raw)> = BTreeMap::new();
    for (file, item) in items::<Raw>(values, place)? {
        let name = read::<Object>(file, &item, place)?.text("name").ok_or_else(|| shape(file, place))?;
        if let Some((earlier, _)) = found.get(&name) {
            return Err(MergeError::Overlap(name, (*earlier).to_owned(), file.to_owned()));
        }
        found.insert(name, (file, item));
    }
    Ok(Node::List(found.into_values().map(|(_, item)| Node::Raw(item)).collect()))
}

fn by_set(values: &Values<'_>, place: &str, once: bool) -> Result<Node, MergeError> {
    let mut found: Vec<(String, &str, Raw)> = Vec::new();
    for (file, item) in items::<Raw>(values, place)? {
        let set = read::<Object>(file, &item, place)?.text("set").ok_or_else(|| shape(file, place))?;
        found.push((set, file, item));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0)); // stable: the plan's order inside a set
    for pair in found.windows(2) {
        let [(set, one, _), (next, other, _)] = pair else { continue };
        if once && set == next && one != other {
            return Err(MergeError::Overlap(set.clone(), (*one).to_owned(), (*other).to_owned()));
        }
    }
    Ok(Node::List(found.into_iter().map(|(.., item)| Node::Raw(item)).collect()))
}
