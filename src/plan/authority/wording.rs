//! Values of manifests as short texts. What they show is untrusted; whoever prints them escapes it.

use std::borrow::Cow;

use crate::model::{
    Account, Auth, Capabilities, Endpoint, Expect, Ids, Ignore, Mode, PartScope, Pattern, Protect, Scope, SecretRef,
    Sym, Target, Value,
};

/// Ids of a scope that are listed before the rest is counted. The ids that differ are listed apart.
const LISTED_IDS: usize = 10;

/// A text as one word: in quotes where it could be mistaken for something else.
pub(super) fn word(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "._-:@/+~=#%*".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
    }
}

/// Some texts, the first ten of them, and how many more there are.
fn listed(texts: &[String]) -> String {
    let shown = texts.iter().take(LISTED_IDS).map(String::as_str).collect::<Vec<_>>().join(", ");
    match texts.len().saturating_sub(LISTED_IDS) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// An id, or the name that stands in its place.
pub(super) fn id(ids: &Ids, sym: Sym) -> String {
    match ids.name(sym) {
        None => word(ids.text(sym)).into_owned(),
        Some(name) => format!("{} {}", name.field, word(&name.text)),
    }
}

/// The ids of one part of a scope, sorted by their text; `None`: any.
pub(super) fn part_ids(ids: &Ids, part: &PartScope) -> Option<Vec<String>> {
    let PartScope::In(members) = part else { return None };
    let mut texts: Vec<String> = members.iter().map(|member| id(ids, *member)).collect();
    texts.sort_unstable();
    Some(texts)
}

pub(super) fn scope(ids: &Ids, capabilities: Option<&Capabilities>, scope: Option<&Scope>) -> String {
    let Some(scope) = scope else { return "the declared keys only".to_owned() };
    let parts = scope.parts.iter().enumerate().filter_map(|(number, part)| {
        let members = part_ids(ids, part)?;
        Some(format!("{} {}", part_name(capabilities, number), listed(&members)))
    });
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "all".to_owned() } else { parts.join("; ") }
}

pub(super) fn part_name(capabilities: Option<&Capabilities>, part: usize) -> String {
    capabilities.map_or_else(|| format!("part {part}"), |capabilities| capabilities.part_names(part))
}

/// Key parts with what they must be.
fn parts<T>(
    capabilities: Option<&Capabilities>,
    parts: &[Option<T>],
    text: impl Fn(&T) -> String,
) -> impl Iterator<Item = String> {
    let named = parts.iter().enumerate().filter_map(|(number, part)| Some((number, text(part.as_ref()?))));
    named.map(|(number, text)| format!("{} {text}", part_name(capabilities, number))).collect::<Vec<_>>().into_iter()
}

pub(super) fn protect(ids: &Ids, capabilities: Option<&Capabilities>, protect: &Protect) -> String {
    let rows = parts(capabilities, &protect.parts, |sym| id(ids, *sym));
    rows.chain(protect.min_holders.map(|count| format!("min_holders {count}"))).collect::<Vec<_>>().join(", ")
}

pub(super) fn ignore(capabilities: Option<&Capabilities>, rule: &Ignore) -> String {
    let fields = (!rule.fields.is_empty()).then(|| format!("fields {}", rule.fields.join(", ")));
    let matched = parts(capabilities, &rule.parts, |pattern: &Pattern| word(pattern.as_str()).into_owned());
    let until = rule.until.map(|(until, _)| format!("until {until}"));
    let reason = Some(format!("reason {}", word(&rule.reason)));
    fields.into_iter().chain(matched).chain(until).chain(reason).collect::<Vec<_>>().join(", ")
}

pub(super) fn expect(expect: &Expect) -> String {
    let removes = expect.removes.map(|count| format!("removes {count}"));
    let updates = expect.updates.map(|count| format!("updates {count}"));
    let until = expect.until.map(|until| format!("until {until}"));
    [removes, updates, until].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

pub(super) fn labels(labels: &[(String, String)]) -> Option<String> {
    let texts: Vec<String> = labels.iter().map(|(key, value)| format!("{}={}", word(key), word(value))).collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

pub(super) fn endpoint(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Vendor => "the vendor's address".to_owned(),
        Endpoint::Sandbox => "sandbox".to_owned(),
        Endpoint::Url(url) => word(url).into_owned(),
    }
}

/// The form of the sign-in and its fields. Secrets are references.
pub(super) fn auth(auth: Option<&Auth>) -> Vec<(&'static str, String)> {
    let reference = |secret: &SecretRef| secret.to_string();
    match auth {
        None => Vec::new(),
        Some(Auth::Bearer(token)) => vec![("auth", "bearer".to_owned()), ("auth.bearer", reference(token))],
        Some(Auth::ApiKey(key)) => vec![("auth", "api_key".to_owned()), ("auth.api_key", reference(key))],
        Some(Auth::ClientCredentials { token_url, client_id, client_secret, scopes }) => {
            let mut fields = vec![
                ("auth", "client_credentials".to_owned()),
                ("auth.client_credentials.token_url", word(token_url).into_owned()),
                ("auth.client_credentials.client_id", reference(client_id)),
                ("auth.client_credentials.client_secret", reference(client_secret)),
            ];
            if !scopes.is_empty() {
                let scopes: Vec<Cow<'_, str>> = scopes.iter().map(|scope| word(scope)).collect();
                fields.push(("auth.client_credentials.scopes", scopes.join(", ")));
            }
            fields
        }
        Some(Auth::ProjectSecret { secret, org_user_id }) => {
            let mut fields = vec![("auth", "project_secret".to_owned()), ("auth.project_secret", reference(secret))];
            fields.extend(org_user_id.as_ref().map(|user| ("auth.org_user_id", word(user).into_owned())));
            fields
        }
    }
}

/// What a target reaches, in one line.
pub(super) fn target(target: &Target) -> String {
    let provider = format!("provider {}", target.provider);
    let reached = format!("endpoint {}", endpoint(&target.endpoint));
    let account = target.account.iter().map(|Account { field, value }| format!("{field} {}", word(value)));
    let sign_in = auth(target.auth.as_ref());
    let sign_in = sign_in
        .into_iter()
        .filter(|(field, _)| *field != "auth")
        .map(|(field, text)| format!("{} {text}", field.rsplit('.').next().unwrap_or_default()));
    [provider, reached].into_iter().chain(account).chain(sign_in).collect::<Vec<_>>().join(", ")
}

/// What a set does, in one line.
pub(super) fn set(mode: Mode, scope: &str, assignments: usize) -> String {
    let plural = if assignments == 1 { "" } else { "s" };
    format!("mode {}, scope {scope}, {assignments} assignment{plural}", mode.as_str())
}

/// A value of an option.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Text(text) => word(text).into_owned(),
        Value::Instant(instant) => instant.to_string(),
        Value::Json(json) => json.shown().to_string(),
        Value::Masked(_) | Value::Secrets(_) | Value::Unusable(_) => "(secret)".to_owned(),
    }
}
