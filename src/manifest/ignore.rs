//! `ignore`: which differences a set leaves alone. Which fields there are is the kind's table's to say; whether a rule has ended is for
//! whoever has a clock ([`super::Loaded::expire`]).

use super::Kind;
use super::findings::{Findings, did_you_mean, shown};
use super::set::{origin, span};
use super::shape::{Field, Record, Type, unique_pairs};
use crate::diag::Diagnostic;
use crate::model::{DesiredSet, Ignore, Instant, MAX_KEY_PARTS, Pattern};

/// Reads the rules of a set. Wrong ones are reported and left out.
pub(super) fn lower(record: &Record<'_>, kind: &Kind, findings: &mut Findings) -> Vec<Ignore> {
    let Some((_, Field { ty: Type::Objects(shape), .. })) = record.shape.field("ignore") else { return Vec::new() };
    let items = record.get("ignore").into_iter().flat_map(|list| list.items());
    let mut rules = Vec::new();
    for item in items {
        let before = findings.errors();
        let Some(rule) = shape.read(item, findings) else { continue };
        let fields = fields(&rule, kind, findings);
        let parts = parts(&rule, kind, findings);
        if findings.errors() > before {
            continue;
        }
        let until = rule.instant("until").map(|(until, at)| (until, origin(at)));
        let reason = rule.text("reason").map_or("", |(text, _)| text).to_owned();
        rules.push(Ignore { fields, parts, reason, until, origin: origin(item.span()) });
    }
    rules
}

fn fields(rule: &Record<'_>, kind: &Kind, findings: &mut Findings) -> Vec<&'static str> {
    let names: Vec<&str> = kind.capabilities.fields.iter().map(|field| field.name).collect();
    let mut found = Vec::new();
    let list = rule.get("fields");
    for item in list.into_iter().flat_map(|list| list.items()) {
        let text = item.scalar().map_or("", |scalar| scalar.text);
        match kind.capabilities.field(text) {
            Some(field) => found.push(field.name),
            None => {
                let message = format!("{} is no field of these assignments that could differ", shown(text));
                let help = match names.is_empty() {
                    true => "they have none beyond their key: use `match`".to_owned(),
                    false => did_you_mean(text, &names),
                };
                findings.push(Diagnostic::error("unknown-field", message, item.span()).help(help));
            }
        }
    }
    if let Some(list) = list.filter(|list| list.is_empty()) {
        let help = "name at least one field, or remove `fields`";
        findings.push(Diagnostic::error("empty-list", "`fields` is an empty list", list.span()).help(help));
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn parts(rule: &Record<'_>, kind: &Kind, findings: &mut Findings) -> [Option<Pattern>; MAX_KEY_PARTS] {
    let mut parts = [const { None }; MAX_KEY_PARTS];
    let Some(map) = rule.get("match") else { return parts };
    let mut implied = None;
    // Doubled names were reported when the mapping was checked.
    for (_, at, name, value) in unique_pairs(map, &mut Findings::default()) {
        let found = kind.capabilities.written_key_part(name);
        let Some((slot, other)) = found.and_then(|(part, other)| Some((parts.get_mut(part)?, other))) else {
            let message = format!("{} is no part of these assignments' key", shown(name));
            let help = did_you_mean(name, &kind.capabilities.written_key_names());
            findings.push(Diagnostic::error("unknown-field", message, at).help(help));
            continue;
        };
        if slot.is_some() {
            let message = format!("{} says what another field of this `match` says already", shown(name));
            let help = "no assignment has both: write a rule for each";
            findings.push(Diagnostic::error("conflicting-fields", message, at).help(help));
            continue;
        }
        *slot = value.scalar().map(|pattern| Pattern::new(pattern.text));
        implied = implied.or(other);
    }
    // `tenantId` speaks of tenants alone: without this, a pattern would take in users of the same id.
    if let Some((slot, word)) = implied.and_then(|(part, word)| Some((parts.get_mut(part)?, word))) {
        slot.get_or_insert_with(|| Pattern::new(word));
    }
    parts
}

/// What is wrong with a set's rules at a moment: those that have ended. A silence that nobody renewed must not last.
pub(super) fn ended(set: &DesiredSet, now: Instant) -> impl Iterator<Item = Diagnostic> {
    set.ignore.iter().filter_map(move |rule| {
        let (until, at) = rule.until.filter(|(until, _)| *until <= now)?;
        let message = format!("this rule of `ignore` ended at {until}");
        let diagnostic = Diagnostic::error("ignore-ended", message, span(at)).also(span(rule.origin), "the rule");
        Some(diagnostic.help("delete the rule, or move `until` after a new review of its reason"))
    })
}
