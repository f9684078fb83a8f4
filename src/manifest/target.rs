//! `Target` documents: one account of a provider, with its address and sign-in.

use super::document::{Context, Meta, word};
use super::findings::{Findings, closest, did_you_mean, one_of, shown};
use super::kind::{AuthForm, Kind};
use super::set::{origin, protection, value};
use super::shape::{Field, Record, parse_duration, secret_ref};
use super::yaml::Node;
use crate::diag::{Diagnostic, Span};
use crate::model::{Account, Auth, Endpoint, Fields, Limits, MAX_KEY_PARTS, Protect, SecretRef, Target};

/// A target before it is held against the others.
#[derive(Debug)]
pub(super) struct DraftTarget {
    pub(super) name: Option<String>,
    pub(super) name_span: Span,
    /// The provider's place among the kinds; `None` where it is unknown: reported.
    pub(super) kind: Option<usize>,
    /// `None` where something in it is wrong: reported.
    pub(super) target: Option<Target>,
}

pub(super) fn lower(meta: Meta, spec: Node<'_>, context: Context<'_>, findings: &mut Findings) -> DraftTarget {
    let before = findings.errors();
    let kind = provider(spec, context, findings);
    let mut draft = DraftTarget { name: meta.name.clone(), name_span: meta.span, kind, target: None };
    let Some(kind) = kind.and_then(|index| context.kinds.get(index)) else { return draft };
    let Some(record) = kind.target.read(spec, findings) else { return draft };
    (kind.check_target)(&record, findings);
    let endpoint = endpoint(&record, kind);
    let auth = auth(&record, kind, &endpoint, findings);
    let limits = limits(&record, kind, findings);
    let own = own(&record, kind, context, findings);
    let mut options = Vec::new();
    let mut account = Vec::new();
    for (field, node) in own_fields(&record) {
        if let Some(value) = value(field, node, findings) {
            options.push((field.name, value));
        }
        if let (true, Some(scalar)) = (kind.account.contains(&field.name), node.scalar()) {
            account.push(Account { field: field.name.to_owned(), value: scalar.text.to_owned() });
        }
    }
    if findings.errors() > before {
        return draft;
    }
    draft.target = meta.name.map(|name| Target {
        name,
        labels: meta.labels,
        provider: kind.provider(),
        endpoint,
        auth,
        limits,
        account,
        options: Fields::new(options),
        own,
        origin: origin(meta.span),
    });
    draft
}

/// The fields that are the provider's own.
fn own_fields<'r>(record: &'r Record<'_>) -> impl Iterator<Item = (&'static Field, Node<'r>)> {
    let common = super::common::TARGET;
    record.fields().filter(move |(field, _)| !common.iter().any(|c| c.name == field.name))
}

fn provider(spec: Node<'_>, context: Context<'_>, findings: &mut Findings) -> Option<usize> {
    let names: Vec<&str> = context.kinds.iter().map(|kind| kind.provider()).collect();
    let Some(node) = word(spec, "provider") else {
        let message = "a target's spec needs `provider`";
        findings.push(Diagnostic::error("missing-field", message, spec.head()).help(one_of(&names)));
        return None;
    };
    let name = node.scalar().map_or("", |scalar| scalar.text);
    let found = names.iter().position(|known| *known == name);
    if found.is_none() {
        let message = format!("there is no provider {}", shown(name));
        let mut diagnostic =
            Diagnostic::error("unknown-provider", message, node.head()).help(did_you_mean(name, &names));
        if closest(name, names.iter().copied()).is_some() {
            diagnostic = diagnostic.help(one_of(&names));
        }
        findings.push(diagnostic);
    }
    found
}

/// The vendor's own address is the vendor, however it is written.
fn endpoint(record: &Record<'_>, kind: &Kind) -> Endpoint {
    match record.text("endpoint").map(|(text, _)| text) {
        None => Endpoint::Vendor,
        Some("sandbox") => Endpoint::Sandbox,
        Some(text) => {
            let normal = url::Url::parse(text).map_or_else(|_| text.to_owned(), String::from);
            let normal = normal.trim_end_matches('/');
            if normal == kind.vendor { Endpoint::Vendor } else { Endpoint::Url(normal.to_owned()) }
        }
    }
}

fn auth(record: &Record<'_>, kind: &Kind, endpoint: &Endpoint, findings: &mut Findings) -> Option<Auth> {
    if record.key("auth").is_none() {
        if *endpoint != Endpoint::Sandbox {
            let form = kind.auth.first().map_or("bearer", |form| form.field());
            let message = "a target that is no sandbox needs `auth`";
            let help = format!("add `auth: {{ {form}: {{ env: NAME }} }}`, or `endpoint: sandbox` to try it out");
            findings.push(Diagnostic::error("missing-auth", message, record.node.head()).help(help));
        }
        return None;
    }
    let auth = record.object("auth", findings)?;
    refuse_foreign_forms(&auth, kind, findings);
    let secret = |record: &Record<'_>, name, findings: &mut Findings| -> Option<SecretRef> {
        secret_ref(record.get(name)?, findings)
    };
    if let Some(token) = secret(&auth, "bearer", findings) {
        return Some(Auth::Bearer(token));
    }
    if let Some(key) = secret(&auth, "api_key", findings) {
        return Some(Auth::ApiKey(key));
    }
    if let Some(secret) = secret(&auth, "project_secret", findings) {
        let org_user_id = auth.text("org_user_id").map(|(text, _)| text.to_owned());
        return Some(Auth::ProjectSecret { secret, org_user_id });
    }
    let client = auth.object("client_credentials", findings)?;
    let scopes = client.get("scopes").into_iter().flat_map(|list| list.items());
    Some(Auth::ClientCredentials {
        token_url: client.text("token_url")?.0.to_owned(),
        client_id: secret(&client, "client_id", findings)?,
        client_secret: secret(&client, "client_secret", findings)?,
        scopes: scopes.filter_map(|item| item.scalar()).map(|scalar| scalar.text.to_owned()).collect(),
    })
}

fn refuse_foreign_forms(auth: &Record<'_>, kind: &Kind, findings: &mut Findings) {
    let accepted: Vec<&str> = kind.auth.iter().map(|form| form.field()).collect();
    for form in [AuthForm::Bearer, AuthForm::ApiKey, AuthForm::ClientCredentials, AuthForm::ProjectSecret] {
        let Some(span) = auth.key(form.field()).filter(|_| !accepted.contains(&form.field())) else { continue };
        let message = format!("{} does not take `{}`", kind.provider(), form.field());
        findings.push(Diagnostic::error("auth-not-accepted", message, span).help(one_of(&accepted)));
    }
}

/// `self`: a plain id is the holder's, where the system has holders.
fn own(record: &Record<'_>, kind: &Kind, context: Context<'_>, findings: &mut Findings) -> Option<Protect> {
    let node = record.get("self")?;
    if let Some(scalar) = node.scalar() {
        let mut parts = [None; MAX_KEY_PARTS];
        let slot = kind.capabilities.holder.and_then(|holder| parts.get_mut(holder));
        let Some(slot) = slot else {
            let message =
                format!("an assignment of {} has no holder, so `self` must say which rows are meant", kind.provider());
            let names = kind.capabilities.key_fields.first().copied().unwrap_or_default();
            let help = format!("write it as a mapping, such as `self: {{ {names}: … }}`");
            findings.push(Diagnostic::error("wrong-type", message, node.span()).help(help));
            return None;
        };
        *slot = Some(context.ids.sym(scalar.text));
        return Some(Protect { parts, min_holders: None, origin: Some(origin(node.span())) });
    }
    let pattern = kind.pattern.read(node, findings)?;
    if let Some(span) = pattern.key("min_holders") {
        let message = "`self` takes no `min_holders`: none of its rows may be lost";
        findings.push(Diagnostic::error("unknown-field", message, span).help("remove it"));
    }
    Some(protection(&pattern, context.ids))
}

fn limits(record: &Record<'_>, kind: &Kind, findings: &mut Findings) -> Limits {
    let mut limits = kind.limits.clone();
    let Some(given) = record.object("limits", findings) else { return limits };
    let whole = |name| given.text(name).and_then(|(text, _)| text.trim_start_matches('+').parse::<usize>().ok());
    let duration = |name| given.text(name).and_then(|(text, _)| parse_duration(text));
    limits.concurrency = whole("concurrency").unwrap_or(limits.concurrency);
    limits.batch_size = whole("batch_size").unwrap_or(limits.batch_size);
    limits.page_size = whole("page_size").unwrap_or(limits.page_size);
    limits.timeout = duration("timeout").unwrap_or(limits.timeout);
    limits.retry_budget = duration("retry_budget").unwrap_or(limits.retry_budget);
    limits.settle_timeout = duration("settle_timeout").unwrap_or(limits.settle_timeout);
    let rate = given.text("requests_per_second").and_then(|(text, _)| text.parse().ok());
    limits.requests_per_second = rate.or(limits.requests_per_second);
    if let (true, Some(node)) = (limits.page_size > kind.max_page_size, given.get("page_size")) {
        let message = format!("{} gives at most {} rows a page", kind.provider(), kind.max_page_size);
        let help = format!("write {} or less", kind.max_page_size);
        findings.push(Diagnostic::error("out-of-range", message, node.span()).help(help));
    }
    limits
}
