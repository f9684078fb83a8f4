//! Semaphor's JSON, as far as it is used: envelopes, listed rows, answers to writes, tokens.
//!
//! Unknown fields are ignored; a known field of a wrong type is an error. It knows nothing of `model`.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// What every answer is wrapped in. The overview page says `success` where the assignment pages say `ok`: both are read
/// (apis/semaphor.md: Create).
#[derive(Deserialize)]
pub(super) struct Envelope<T> {
    ok: Option<bool>,
    success: Option<bool>,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    errors: Value,
    /// What was asked for.
    pub data: Option<T>,
}

impl<T> Envelope<T> {
    /// Whether the API says that it worked. `None`: it does not say, or says both yes and no, as with an error beside `ok: true`.
    pub(super) fn verdict(&self) -> Option<bool> {
        let verdict = match (self.ok, self.success) {
            (Some(ok), Some(success)) if ok != success => None,
            (ok, success) => ok.or(success),
        };
        let has_error = [&self.error, &self.errors].into_iter().any(|error| match error {
            Value::Null | Value::Bool(false) => false,
            Value::Array(errors) => !errors.is_empty(),
            Value::Object(error) => !error.is_empty(),
            _ => true,
        });
        verdict.filter(|yes| !(*yes && has_error))
    }
}

/// The error part of an envelope, alone: a refusal's `data` may be anything.
#[derive(Deserialize)]
pub(super) struct Failure {
    /// Code, message and details.
    pub error: ErrorBody,
}

/// `{code, message, details}`. Values of any type, so that an odd code never hides the message.
#[derive(Deserialize)]
pub(super) struct ErrorBody {
    #[serde(default)]
    pub code: Value,
    #[serde(default)]
    pub message: Value,
    #[serde(default)]
    pub details: Value,
}

/// `data` of a list. Rows stay raw at first, so that one bad row can be named by its id, and all of them are decoded one by one.
#[derive(Deserialize)]
pub(super) struct Listing<'a> {
    #[serde(borrow)]
    pub assignments: Vec<&'a RawValue>,
    /// What is beside them. Nothing is documented there; pages would show here.
    #[serde(flatten)]
    pub beside: Map<String, Value>,
}

/// One listed row: the assignment with what its ids are called.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    pub assignment: Assignment,
    pub definition: Option<Named>,
    pub connection: Option<Named>,
    pub org_user: Option<Named>,
    pub tenant: Option<Named>,
    pub tenant_user: Option<Named>,
}

/// The assignment itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Assignment {
    pub id: String,
    pub definition_id: String,
    pub scope_type: String,
    pub org_user_id: Option<String>,
    pub tenant_id: Option<String>,
    pub tenant_user_id: Option<String>,
    pub params: Option<Map<String, Value>>,
    pub created_at: Option<String>,
    pub updated_at: Option<String>,
}

impl Assignment {
    /// The value of an actor field.
    pub(super) fn actor(&self, field: &str) -> Option<&str> {
        let value = match field {
            "tenantId" => &self.tenant_id,
            "tenantUserId" => &self.tenant_user_id,
            "orgUserId" => &self.org_user_id,
            _ => &None,
        };
        value.as_deref()
    }
}

/// Something that has a name; users also have an email.
#[derive(Deserialize)]
pub(super) struct Named {
    pub name: Option<String>,
    pub email: Option<String>,
}

impl Named {
    /// The name as a person reads it, with the email that tells two equal names apart.
    pub(super) fn display(&self) -> String {
        let (name, email) = (self.name.as_deref().unwrap_or(""), self.email.as_deref().unwrap_or(""));
        match (name.is_empty(), email.is_empty()) {
            (_, true) => name.to_owned(),
            (true, false) => email.to_owned(),
            (false, false) => format!("{name} <{email}>"),
        }
    }
}

/// `data` of a create, an update or a removal.
#[derive(Deserialize)]
pub(super) struct Written {
    pub assignment: Assignment,
}

/// The id of a raw row that could not be understood, if it has one.
pub(super) fn id_of(row: &RawValue) -> Option<String> {
    let row: Value = serde_json::from_str(row.get()).ok()?;
    Some(row.get("assignment")?.get("id")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn verdict(text: &str) -> Option<bool> {
        serde_json::from_str::<Envelope<Value>>(text).unwrap().verdict()
    }

    #[test]
    fn both_envelopes_are_read_and_a_contradiction_is_no_answer() {
        assert_eq!(verdict(r#"{"ok": true, "data": {}}"#), Some(true));
        assert_eq!(verdict(r#"{"success": true, "data": {}}"#), Some(true));
        assert_eq!(verdict(r#"{"success": false}"#), Some(false));
        assert_eq!(verdict(r#"{"ok": true, "success": false}"#), None);
        assert_eq!(verdict(r#"{"data": {}}"#), None);
        assert_eq!(verdict(r#"{"ok": true, "data": {}, "error": {"code": "x"}}"#), None, "an error in a success");
        assert_eq!(verdict(r#"{"ok": true, "data": {}, "error": null, "errors": []}"#), Some(true));
    }

    #[test]
    fn an_id_is_text_or_nothing() {
        let row = |id: &str| format!(r#"{{"id": {id}, "definitionId": "d", "scopeType": "ALL_TENANTS"}}"#);
        assert!(serde_json::from_str::<Assignment>(&row("\"a\"")).is_ok());
        assert!(serde_json::from_str::<Assignment>(&row("7")).is_err());
        assert!(serde_json::from_str::<Assignment>(&row("null")).is_err());
    }

    #[test]
    fn equal_names_are_told_apart_by_email() {
        let named = |text: &str| serde_json::from_str::<Named>(text).unwrap().display();
        assert_eq!(named(r#"{"id": "u", "name": "Ann", "email": "a@x.example"}"#), "Ann <a@x.example>");
        assert_eq!(named(r#"{"name": "Ann"}"#), "Ann");
        assert_eq!(named(r#"{"name": null, "email": "a@x.example"}"#), "a@x.example");
        assert_eq!(named("{}"), "");
    }
}
