//! Declared fields against live ones: which differ, and what they were and will be.

use crate::model::{Action, Capabilities, Change, FieldKind, FieldSpec, Fields, Instant, Value};

/// One field of a change, old and new.
#[derive(Debug, Clone)]
pub struct FieldChange<'a> {
    /// The API's own name.
    pub name: &'static str,
    /// How its values look.
    pub kind: FieldKind,
    /// The live value; `None` where there is no live row, or nothing there.
    pub before: Option<&'a Value>,
    /// The value afterwards; `None` where it is taken away.
    pub after: Option<&'a Value>,
    /// It does not differ as far as anyone can tell, and is sent along with a field that does: the references of secrets.
    pub sent_along: bool,
}

/// The fields that a change touches, in the order of their names: all declared ones of a create, the differing ones of an update with
/// the secrets that are sent along, the live ones of a removal.
pub fn field_changes<'a>(change: &'a Change, capabilities: &Capabilities) -> Vec<FieldChange<'a>> {
    let live = change.live.as_ref().map(|live| &live.fields);
    // A map that is sent whole takes the declared secrets along (apis/semaphor.md: Get, update, delete).
    let sent_along = |name: &str| {
        let takes_it = |field: &FieldSpec| field.sent_with == Some(name) && change.differs.contains(&field.name);
        change.action == Action::Update
            && !change.differs.contains(&name)
            && matches!(change.desired.get(name), Some(Value::Secrets(_)))
            && capabilities.fields.iter().any(takes_it)
    };
    let row = |name: &'static str, kind| {
        let before = live.and_then(|fields| fields.get(name)).filter(|value| !value.is_null());
        let after = change.desired.get(name).filter(|value| !value.is_null());
        FieldChange { name, kind, before, after, sent_along: sent_along(name) }
    };
    let shown = |name: &str| match change.action {
        Action::Create => change.desired.get(name).is_some(),
        Action::Update => change.differs.contains(&name) || sent_along(name),
        Action::Remove => live.is_some_and(|fields| fields.get(name).is_some_and(|value| !value.is_null())),
    };
    capabilities.fields.iter().filter(|field| shown(field.name)).map(|field| row(field.name, field.kind)).collect()
}

/// Those of [`field_changes`] that differ, for reports of what is and not of what is sent.
pub fn differing_changes<'a>(change: &'a Change, capabilities: &Capabilities) -> Vec<FieldChange<'a>> {
    field_changes(change, capabilities).into_iter().filter(|field| !field.sent_along).collect()
}

/// The names of the declared fields whose live value means something else, sorted.
pub(super) fn differing_fields(desired: &Fields, live: &Fields) -> Vec<&'static str> {
    let differs = |name: &str, value: &Value| match live.get(name) {
        Some(current) => !current.same(value),
        None => !value.is_null(),
    };
    desired.iter().filter(|(name, value)| differs(name, value)).map(|(name, _)| name).collect()
}

/// An instant field's value; absent, null and other kinds are `None`.
pub(super) fn instant(fields: &Fields, name: &str) -> Option<Instant> {
    match fields.get(name) {
        Some(Value::Instant(instant)) => Some(*instant),
        _ => None,
    }
}

/// The declared fields with one more, or with one replaced.
pub(super) fn with_field(fields: &Fields, name: &'static str, value: Value) -> Fields {
    let mut pairs: Vec<(&'static str, Value)> = fields.iter().map(|(name, value)| (name, value.clone())).collect();
    pairs.push((name, value));
    Fields::new(pairs)
}
