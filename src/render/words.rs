//! Words and phrases that plans, reports and progress share: keys with names beside ids, counts, actions. It knows no layout.

use std::borrow::Cow;

use crate::diag::Location;
use crate::model::{Action, Capabilities, Ids, Key, Names, OnRemove, Sym};
use crate::plan::cause::Leaving;
use crate::plan::{Cause, Counts, Grant, Loss, Plan, PlannedChange, ResolvedName, TargetPlan, cause};

use super::clean;

/// Names longer than this are cut: a name is there to recognise somebody by, the id beside it is what counts.
const NAME_CHARS: usize = 60;

/// "1 change", "2 changes".
pub(super) fn counted(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{} {one}s", number(count)) }
}

/// A number with thousands separated: `100,000`.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A length as a count.
pub(super) fn len<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}

/// The heading of the changes of one cause.
pub(super) fn by(cause: Cause) -> &'static str {
    match cause {
        Cause::PullRequest => "By this pull request",
        Cause::Both => "By this pull request, where live had drifted from the base as well",
        Cause::Drift => "Drift, not by this pull request (live left the base by itself)",
    }
}

/// How many changes have which cause, where the plan was compared with a base.
pub(super) fn causes(plan: &Plan) -> Option<String> {
    plan.base.as_ref()?;
    let [own, both, drift] = cause::counts(plan);
    let on_drifted =
        if both > 0 { format!(" ({} on live state that had drifted as well)", number(both)) } else { String::new() };
    Some(format!("{} by this pull request{on_drifted}, {} drift", number(own + both), number(drift)))
}

/// What nobody manages any more: how much of it, and why.
pub(super) fn leaving(left: &Leaving) -> (String, &'static str) {
    let count = counted(left.assignments, "assignment");
    let what = match left.assignments {
        1 => "leaves management and stays live",
        _ => "leave management and stay live",
    };
    (format!("{count} {what}"), if left.deleted { "the set is deleted" } else { "no longer declared" })
}

/// A name of a manifest as its field and itself, and the id that it means.
pub(super) fn resolved(name: &ResolvedName) -> (String, Cow<'_, str>) {
    let within = name.within.as_ref().map(|within| format!(" within {}", value(within))).unwrap_or_default();
    (format!("{} {}{within}", name.field, value(&name.name)), value(&name.id))
}

/// An id or another value as text: quoted where it could be mistaken for something else.
pub(super) fn value(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "._-:@/+~=#%".contains(c);
    if !text.is_empty() && !text.starts_with("::") && text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let cleaned = clean::terminal(text);
    Cow::Owned(format!("\"{}\"", cleaned.replace('"', "\\\"")))
}

/// A display name, cut to a length that fits beside an id.
fn name(text: &str) -> String {
    let cleaned = clean::terminal(text);
    match cleaned.char_indices().nth(NAME_CHARS) {
        Some((end, _)) => format!("{}…", cleaned.get(..end).unwrap_or_default()),
        None => cleaned.into_owned(),
    }
}

/// What is needed to say a key aloud.
#[derive(Clone, Copy)]
pub(super) struct Speaker<'a> {
    /// The table of ids.
    pub ids: &'a Ids,
    /// Names beside ids.
    pub names: &'a Names,
    /// The provider's key and actions.
    pub capabilities: &'a Capabilities,
}

impl<'a> Speaker<'a> {
    /// For the keys of one target.
    pub(super) fn new(ids: &'a Ids, target: &'a TargetPlan) -> Self {
        Self { ids, names: &target.names, capabilities: target.capabilities }
    }

    /// An id with its name beside it: `idn_anna (Anna Berg)`.
    pub(super) fn part(&self, part: usize, sym: Sym) -> String {
        if sym.is_none() {
            return "-".to_owned();
        }
        let text = self.ids.text(sym);
        let id = value(text);
        match self.names.get(part, sym).filter(|name| **name != *text) {
            Some(known) => format!("{id} ({})", name(known)),
            None => id.into_owned(),
        }
    }

    /// A key, part by part; `skip` leaves one part out.
    pub(super) fn key(&self, key: &Key, skip: Option<usize>) -> String {
        let parts = (0..self.capabilities.key_fields.len()).filter(|part| Some(*part) != skip);
        parts.map(|part| self.part(part, key.part(part))).collect::<Vec<_>>().join(" / ")
    }

    /// The key part that a change replaces, where it replaces one.
    pub(super) fn replaced(&self, planned: &PlannedChange) -> Option<(usize, Sym, Sym)> {
        let from = planned.change.from_key?;
        let part = self.capabilities.pairing?.replaced;
        Some((part, from.part(part), planned.change.key.part(part)))
    }

    /// The key of a change; where it replaces a part, both the old and the new one: `idn_anna / node_emea / role_a → role_b`.
    pub(super) fn change_key(&self, planned: &PlannedChange) -> String {
        match self.replaced(planned) {
            None => self.key(&planned.change.key, None),
            Some((part, before, after)) => {
                let (before, after) = (self.part(part, before), self.part(part, after));
                format!("{} / {before} → {after}", self.key(&planned.change.key, Some(part)))
            }
        }
    }

    /// The word for an action, as this provider means it.
    pub(super) fn action(&self, action: Action) -> &'static str {
        match (action, self.capabilities.on_remove) {
            (Action::Create, _) => "create",
            (Action::Update, _) => "update",
            (Action::Remove, OnRemove::Remove) => "remove",
            (Action::Remove, OnRemove::Archive) => "archive",
        }
    }

    /// What a change takes away, as a person would say it.
    pub(super) fn loss(&self, planned: &PlannedChange, loss: Loss) -> String {
        match (loss, self.replaced(planned)) {
            (Loss::Replaced, Some((part, before, _))) => format!("loses {}", self.part(part, before)),
            // Where nobody holds anything (a security definition, say), taking an assignment away need not end anyone's access.
            (Loss::Removed, _) if self.capabilities.holder.is_some() => "loses access".to_owned(),
            (Loss::Removed, _) => "loses this assignment".to_owned(),
            (Loss::Archived, _) => "no longer active (archived, kept as history)".to_owned(),
            (Loss::Replaced, None) => "loses what it replaces".to_owned(),
            (Loss::EndsEarlier, _) => "access ends earlier".to_owned(),
            (Loss::StartsLater, _) => "access starts later".to_owned(),
        }
    }
}

impl Speaker<'_> {
    /// What a change gives, as a person would say it.
    pub(super) fn grant(&self, planned: &PlannedChange, grant: Grant) -> String {
        match (grant, self.replaced(planned)) {
            (Grant::Replaced, Some((part, _, after))) => format!("gains {}", self.part(part, after)),
            (Grant::Added, _) if self.capabilities.holder.is_some() => "gains access".to_owned(),
            (Grant::Added, _) => "gains this assignment".to_owned(),
            (Grant::Replaced, None) => "gains what replaces it".to_owned(),
            (Grant::EndsLater, _) => "access ends later".to_owned(),
            (Grant::StartsEarlier, _) => "access starts earlier".to_owned(),
        }
    }

    /// All that a change takes away and gives.
    pub(super) fn effect(&self, planned: &PlannedChange) -> Vec<String> {
        let losses = planned.losses.iter().map(|loss| self.loss(planned, *loss));
        losses.chain(planned.grants.iter().map(|grant| self.grant(planned, *grant))).collect()
    }
}

/// Which policy was in force; `None`: there is none.
pub(super) fn policy(plan: &Plan) -> Option<String> {
    let digest = plan.policy.as_ref()?;
    let file = plan.policy_file.as_deref().unwrap_or("(unnamed)");
    Some(format!("Policy in force: {} ({digest}).", value(file)))
}

/// `file:line`, which terminals and editors open.
pub(super) fn place(at: &Location) -> String {
    format!("{}:{}", clean::terminal(&at.file), at.line)
}

/// The sign of an action.
pub(super) fn sign(action: Action) -> char {
    match action {
        Action::Create => '+',
        Action::Update => '~',
        Action::Remove => '-',
    }
}

/// `12 unchanged, 1 unmanaged, 2 observed differences`; what is zero is left out, but for the first.
pub(super) fn rest(counts: &Counts) -> String {
    let mut parts = vec![format!("{} unchanged", number(counts.unchanged))];
    if counts.unmanaged > 0 {
        parts.push(format!("{} unmanaged", number(counts.unmanaged)));
    }
    if counts.observed > 0 {
        parts.push(counted(counts.observed, "observed difference"));
    }
    if counts.ignored > 0 {
        parts.push(counted(counts.ignored, "ignored difference"));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let shown: Vec<String> = [0, 999, 1_000, 100_000, 1_234_567].into_iter().map(number).collect();
        assert_eq!(shown, ["0", "999", "1,000", "100,000", "1,234,567"]);
        assert_eq!(counted(1, "change"), "1 change");
        assert_eq!(counted(0, "change"), "0 changes");
    }

    #[test]
    fn values_that_could_be_mistaken_are_quoted() {
        assert_eq!(value("demand-forecast"), "demand-forecast");
        assert_eq!(value(""), "\"\"");
        assert_eq!(value("a → \"b\""), "\"a → \\\"b\\\"\"");
        assert_eq!(value("a\x1b[1m"), "\"a\\u{1b}[1m\"");
    }
}
