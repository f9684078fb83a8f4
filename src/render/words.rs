//! Words and phrases that plans, reports and progress share: keys with names beside ids, counts, actions. It knows no layout.

use std::borrow::Cow;

use crate::diag::Location;
use crate::model::{Action, Capabilities, Ids, Key, Names, OnRemove, Sym, Value};
use crate::plan::authority::{AuthorityChange, Effect, Leaving, LeavingRow, What};
use crate::plan::{
    Base, BaseGapKind, Cause, Counts, Grant, Loss, Plan, PlannedChange, ResolvedName, TargetPlan, cause, field_changes,
};

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
    plan.base.as_ref().filter(|base| base.not_used.is_none())?;
    let [own, both, drift] = cause::counts(plan);
    let on_drifted =
        if both > 0 { format!(" ({} on live state that had drifted as well)", number(both)) } else { String::new() };
    Some(format!("{} by this pull request{on_drifted}, {} drift", number(own + both), number(drift)))
}

/// Items of a list that text and Markdown show before they count the rest.
pub(super) const LISTED: usize = 20;

/// Items inside one line, such as the ids that a scope gains, before the rest is counted.
pub(super) const LISTED_INSIDE: usize = 10;

/// Where everything that was cut from a list is.
pub(super) const ELSEWHERE: &str = "see the JSON or HTML report";

/// A text that ends after so many characters.
pub(super) fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// What leaves management, of one set: how many assignments.
pub(super) fn leaving(left: &Leaving) -> String {
    let count = counted(len(&left.rows), "assignment");
    let what = match left.rows.len() {
        1 => "leaves management and stays live",
        _ => "leave management and stay live",
    };
    format!("{count} {what}")
}

/// Why an assignment leaves management.
pub(super) fn why_leaving(row: &LeavingRow) -> String {
    let unseen = if row.seen { "" } else { " (its live state was not read)" };
    format!("{}{unseen}", row.why.text())
}

/// The keys of what leaves, with the names beside their ids.
pub(super) fn leaving_keys<'a>(ids: &'a Ids, left: &'a Leaving) -> Speaker<'a> {
    Speaker { ids, names: &left.names, capabilities: left.capabilities }
}

/// What a change of authority concerns: `set owners on crm`.
pub(super) fn subject(change: &AuthorityChange) -> String {
    let target = change.target.as_ref().map(|target| format!(" on {}", value(target))).unwrap_or_default();
    format!("{} {}{target}", change.subject.word(), value(&change.name))
}

/// A change of authority in words, without its subject: `mode: observe → additive`. The values are as manifests have them.
pub(super) fn authority(change: &AuthorityChange) -> String {
    let AuthorityChange { field, assignment, before, after, .. } = change;
    let of = assignment.as_ref().map(|key| {
        let parts: Vec<String> = key.iter().map(|(field, id)| format!("{field} {id}")).collect();
        format!(" of {}", parts.join(", "))
    });
    let values = match (before, after) {
        (Some(before), Some(after)) => format!("{before} → {after}"),
        (Some(before), None) => format!("removed ({before})"),
        (None, Some(after)) => format!("added ({after})"),
        (None, None) => "changed".to_owned(),
    };
    let said = match change.what {
        What::Added => format!("added ({})", after.as_deref().unwrap_or_default()),
        What::Deleted => format!("deleted ({})", before.as_deref().unwrap_or_default()),
        What::Renamed => {
            format!("renamed: {} → {}", before.as_deref().unwrap_or_default(), after.as_deref().unwrap_or_default())
        }
        What::Hidden => "is still there and no longer loaded".to_owned(),
        What::Changed => format!("{}{}: {values}", field.as_deref().unwrap_or_default(), of.unwrap_or_default()),
    };
    let list = |sign: char, items: &[String]| {
        let shown: Vec<String> = items.iter().take(LISTED_INSIDE).map(|item| format!("{sign} {item}")).collect();
        let more = items.len().saturating_sub(LISTED_INSIDE);
        let more = if more > 0 { format!(" and {} more, {ELSEWHERE}", number(more as u64)) } else { String::new() };
        if shown.is_empty() { String::new() } else { format!("; {}{more}", shown.join(", ")) }
    };
    format!("{said}{}{}", list('+', &change.added), list('-', &change.removed))
}

/// Where a change of authority stands: in the head, or else in the base.
pub(super) fn authority_place(change: &AuthorityChange, base: &str) -> Option<String> {
    let of_base = || change.base_at.as_ref().map(|at| format!("{} in {base}", place(at)));
    change.at.as_ref().map(place).or_else(of_base)
}

/// How much changes about authority, in one line; `None`: nothing.
pub(super) fn authority_counts(base: &Base) -> Option<String> {
    let of = |effect| {
        u64::try_from(base.authority.iter().filter(|change| change.effect == effect).count()).unwrap_or(u64::MAX)
    };
    let counts = Effect::ALL.map(|effect| (of(effect), effect));
    let parts = counts.into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, effect)| format!("{} {}", number(count), effect.word())).collect();
    let changes =
        (!parts.is_empty()).then(|| format!("{} ({})", counted(len(&base.authority), "change"), parts.join(", ")));
    let leaving = match base.leaving() {
        0 => None,
        1 => Some("1 assignment leaves management".to_owned()),
        count => Some(format!("{} assignments leave management", number(count))),
    };
    let parts: Vec<String> = changes.into_iter().chain(leaving).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// What of the base was not used, which is an error, or not read, as sentences.
pub(super) fn base_problems(base: &Base) -> Vec<(BaseGapKind, String)> {
    let whole = base.not_used.iter().map(|why| {
        let said = format!(
            "the base {} was not used: {why}. Changes are shown without their cause, and changes of authority are not shown.",
            base.name
        );
        (BaseGapKind::NotUsed, said)
    });
    let gaps = base.gaps.iter().map(|gap| {
        let (base, message) = (&base.name, &gap.message);
        let target = gap.target.as_deref().unwrap_or_default();
        let said = match gap.kind {
            BaseGapKind::NotUsed if gap.path.is_some() => {
                let path = gap.path.as_deref().unwrap_or_default();
                format!("the base {base} was not used for {path}: {message}. What it declares there counts as new.")
            }
            BaseGapKind::NotUsed => format!(
                "the base {base} was not used for target {target}: {message}. All changes there count as this pull request's."
            ),
            BaseGapKind::Unread => {
                format!("live state of target {target} that only the base {base} reads could not be read whole: {message}")
            }
        };
        (gap.kind, said)
    });
    whole.chain(gaps).collect()
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

/// The secrets that a change sends, each with its reference: `secret_params.key from {env: KEY}`.
pub(super) fn sent_secrets(planned: &PlannedChange, speaker: Speaker<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for field in field_changes(&planned.change, speaker.capabilities) {
        if let Some(Value::Secrets(map)) = field.after {
            all.extend(
                map.iter()
                    .map(|(key, from)| format!("{}.{} from {}", field.name, value(key), value(&from.to_string()))),
            );
        }
    }
    all
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
