//! What a set's `ignore` rules leave alone: cut out of changes before they are planned, and remembered with the rule's reason.

use crate::diag::Location;
use crate::model::{Change, DesiredSet, Fields, Ignore, Key, Ranks, Value};

use super::planner::Input;
use super::{SetPlan, Warning};

/// How live differs from a declaration.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// Declared, and live with other values.
    Changed,
    /// Declared, and not live.
    Missing,
    /// Live in scope, and not declared.
    Extra,
}

impl Difference {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Difference::Changed => "changed",
            Difference::Missing => "missing",
            Difference::Extra => "extra",
        }
    }
}

/// A difference that a rule leaves alone.
#[derive(Debug, Clone)]
pub struct Ignored {
    /// The assignment.
    pub key: Key,
    /// How it differs.
    pub difference: Difference,
    /// The fields that differ and are left alone; empty for the assignment as a whole.
    pub fields: Vec<&'static str>,
    /// The rule's reason.
    pub reason: String,
    /// The rule.
    pub at: Location,
}

/// One set's rules while it is planned.
pub(super) struct Rules<'a> {
    input: &'a Input<'a>,
    rules: Vec<Rule<'a>>,
    ignored: Vec<Ignored>,
}

struct Rule<'a> {
    rule: &'a Ignore,
    used: bool,
}

impl<'a> Rules<'a> {
    /// The rules of a set that are in force.
    pub(super) fn new(input: &'a Input<'a>, set: &'a DesiredSet) -> Self {
        let in_force = set.ignore.iter().filter(|rule| rule.in_force(input.now));
        Self { input, rules: in_force.map(|rule| Rule { rule, used: false }).collect(), ignored: Vec::new() }
    }

    /// The first rule that leaves a field (`None`: the assignment as a whole) alone.
    fn find(&self, key: &Key, field: Option<&str>) -> Option<usize> {
        let speaks = |rule: &Ignore| rule.fields.is_empty() || field.is_some_and(|field| rule.fields.contains(&field));
        self.rules.iter().position(|rule| speaks(rule.rule) && rule.rule.matches(self.input.ids, key))
    }

    fn note(&mut self, rule: usize, key: Key, difference: Difference, fields: Vec<&'static str>) {
        let found = &mut self.rules[rule];
        found.used = true;
        let (reason, at) = (found.rule.reason.clone(), self.input.locate(found.rule.origin));
        self.ignored.push(Ignored { key, difference, fields, reason, at });
    }

    /// Whether a rule leaves an assignment alone as a whole, however it differs.
    pub(super) fn covers_whole(&self, key: &Key) -> bool {
        self.find(key, None).is_some()
    }

    /// Whether an assignment that is missing or too much is left alone as a whole.
    pub(super) fn covers(&mut self, key: Key, difference: Difference) -> bool {
        let rule = self.find(&key, None);
        if let Some(rule) = rule {
            self.note(rule, key, difference, Vec::new());
        }
        rule.is_some()
    }

    /// Takes the fields that are left alone out of an update: they are then as if they were not declared.
    pub(super) fn cut(&mut self, change: &mut Change) {
        let mut hits: Vec<(usize, &'static str)> = Vec::new();
        for field in &change.differs {
            hits.extend(self.find(&change.key, Some(field)).map(|rule| (rule, *field)));
        }
        if hits.is_empty() {
            return;
        }
        let left = |name: &str| hits.iter().any(|(_, field)| *field == name);
        change.differs.retain(|name| !left(name));
        let kept = change.desired.iter().filter(|(name, _)| !left(name));
        let kept: Vec<(&'static str, Value)> = kept.map(|(name, value)| (name, value.clone())).collect();
        change.desired = Fields::new(kept);
        hits.sort_unstable();
        for rule in hits.chunk_by(|a, b| a.0 == b.0) {
            let fields = rule.iter().map(|(_, field)| *field).collect();
            self.note(rule[0].0, change.key, Difference::Changed, fields);
        }
    }

    /// Tells the plan what was left alone, and which rules had nothing to do.
    pub(super) fn finish(mut self, plan: &mut SetPlan, ranks: &Ranks) {
        self.ignored.sort_by_cached_key(|row| (ranks.of(&row.key), row.difference, row.fields.clone()));
        plan.counts.ignored = u64::try_from(self.ignored.len()).unwrap_or(u64::MAX);
        plan.ignored = self.ignored;
        for Rule { rule, .. } in self.rules.iter().filter(|rule| !rule.used) {
            let message = "this rule of `ignore` leaves nothing alone: nothing that it speaks of differs; delete it \
                           unless the difference comes and goes"
                .to_owned();
            plan.warnings.push(Warning {
                code: "ignore-unused".to_owned(),
                message,
                at: self.input.locate(rule.origin),
            });
        }
    }
}
