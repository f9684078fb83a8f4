//! The caller's policy (DESIGN section 3, "What a pull request may not decide"): read from one text of the caller's, held against the
//! targets and sets of the run. It only ever narrows; nothing in a manifest can widen it.

use std::collections::BTreeSet;

use super::common::API_VERSION;
use super::document::{Context, check_version, word};
use super::findings::{Findings, did_you_mean, one_of, shown};
use super::kind::{Kind, PathSpec};
use super::policy_shape::{POLICY_DOCUMENT, SECRET, TARGET_RULE};
use super::set::{origin, protection, span};
use super::shape::{Record, Rule, Shape, unique_pairs};
use super::yaml::{self, Node, NodeKind};
use crate::diag::{Diagnostic, Diagnostics, SourceId, Sources, Span};
use crate::model::{
    Auth, Ceilings, DeniedGrant, DesiredSet, Endpoint, Ids, MAX_KEY_PARTS, MaxExpect, Pattern, Protect, SecretRef,
    Target, TargetPolicy, Value,
};

/// A policy, read and checked.
#[derive(Debug, Default)]
pub struct Policy {
    bounds: Bounds,
    /// `None`: any target is fine.
    targets: Option<Vec<TargetRule>>,
}

/// What a run and a target can both be given.
#[derive(Debug, Default)]
struct Bounds {
    ceilings: Ceilings,
    max_expect: MaxExpect,
    deny_names: bool,
    clear_dates: Option<String>,
    allowed_hosts: Vec<String>,
    /// With the place of the system among the kinds: key fields of two systems may share a name.
    protect: Vec<(usize, Protect)>,
    deny_grants: Vec<(usize, DeniedGrant)>,
}

/// What a target may be and use.
#[derive(Debug)]
struct TargetRule {
    name: Pattern,
    provider: Option<String>,
    endpoint: Option<Pattern>,
    account: Vec<(String, Pattern)>,
    surface: Option<String>,
    secrets: Option<Vec<SecretPattern>>,
    paths: Vec<PathRule>,
    bounds: Bounds,
    at: Span,
}

#[derive(Debug)]
enum SecretPattern {
    Env(Pattern),
    File(Pattern),
}

impl SecretPattern {
    fn permits(&self, reference: &SecretRef) -> bool {
        match (self, reference) {
            (SecretPattern::Env(pattern), SecretRef::Env(name)) => pattern.matches(name),
            (SecretPattern::File(pattern), SecretRef::File(path)) => pattern.matches(path),
            _ => false,
        }
    }
}

#[derive(Debug)]
struct PathRule {
    name: String,
    template: String,
    at: Span,
}

impl Policy {
    /// Reads a policy; its text joins the run's sources, so that findings and refusals can show their place in it.
    pub fn read(
        name: &str,
        bytes: Vec<u8>,
        sources: &mut Sources,
        kinds: &[&'static Kind],
        ids: &Ids,
    ) -> (Self, Diagnostics) {
        let mut findings = Findings::default();
        let source = SourceId(u32::try_from(sources.len()).unwrap_or(u32::MAX));
        super::add(sources, name, bytes, &mut findings);
        let policy = match findings.errors() {
            0 => read_text(sources.text(source), source, Context { kinds, ids }, &mut findings),
            _ => None,
        };
        let (diagnostics, redactions) = findings.finish();
        for span in redactions {
            sources.redact(span);
        }
        (policy.unwrap_or_default(), diagnostics)
    }

    /// Holds targets and their sets against the policy: gives what it says about each target, in their order, and what it forbids.
    pub fn judge(
        &self,
        targets: &[Target],
        sets: &[DesiredSet],
        kinds: &[&'static Kind],
    ) -> (Vec<TargetPolicy>, Diagnostics) {
        let mut findings = Findings::default();
        let judged = targets.iter().enumerate().map(|(index, target)| {
            let kind = kinds.iter().position(|kind| kind.provider() == target.provider).unwrap_or(usize::MAX);
            let mut policy = TargetPolicy::default();
            let rule = self.rule(target, &mut findings);
            if let (Some(rule), Some(known)) = (rule, kinds.get(kind)) {
                check_identity(rule, target, known, &mut findings);
                check_surface(rule, target, known, &mut findings);
                check_secrets(rule, target, sets.iter().filter(|set| set.target == index), &mut findings);
                policy.paths = paths(rule, known, &mut findings);
                rule.bounds.add_to(&mut policy, kind);
            }
            self.bounds.add_to(&mut policy, kind);
            if policy.deny_names {
                check_names(target, sets.iter().filter(|set| set.target == index), &mut findings);
            }
            policy
        });
        let judged = judged.collect();
        (judged, findings.finish().0)
    }

    /// The entry that decides about a target; `None` where none does.
    fn rule(&self, target: &Target, findings: &mut Findings) -> Option<&TargetRule> {
        let rules = self.targets.as_ref()?;
        let found = rules.iter().find(|rule| rule.name.matches(&target.name));
        if found.is_none() {
            let message = format!("the policy knows no target {}", shown(&target.name));
            let diagnostic = Diagnostic::error("policy-target", message, span(target.origin));
            findings.push(diagnostic.help("only a change of the policy's `targets` lets it be used"));
        }
        found
    }
}

impl Bounds {
    /// What was said before stays; this says the rest.
    fn add_to(&self, policy: &mut TargetPolicy, kind: usize) {
        policy.ceilings = policy.ceilings.or(self.ceilings);
        policy.max_expect = policy.max_expect.or(self.max_expect);
        policy.deny_names |= self.deny_names;
        policy.clear_dates = policy.clear_dates.take().or_else(|| self.clear_dates.clone());
        policy.allowed_hosts.extend_from_slice(&self.allowed_hosts);
        policy.protect.extend(self.protect.iter().filter(|(of, _)| *of == kind).map(|(_, protect)| protect.clone()));
        let denied = self.deny_grants.iter().filter(|(of, _)| *of == kind);
        policy.deny_grants.extend(denied.map(|(_, denied)| denied.clone()));
    }
}

fn refused(code: &'static str, message: String, at: Span, rule: &TargetRule) -> Diagnostic {
    let diagnostic = Diagnostic::error(code, message, at).also(rule.at, "the policy's entry for it");
    diagnostic.help("write what the policy permits; only a change of the policy permits anything else")
}

fn check_identity(rule: &TargetRule, target: &Target, kind: &Kind, findings: &mut Findings) {
    let at = span(target.origin);
    let name = shown(&target.name);
    if let Some(provider) = rule.provider.as_ref().filter(|provider| **provider != target.provider) {
        let message = format!("the target {name} is of {}; the policy says {provider}", target.provider);
        findings.push(refused("policy-account", message, at, rule));
    }
    let endpoint = match &target.endpoint {
        Endpoint::Vendor => kind.vendor,
        Endpoint::Sandbox => "sandbox",
        Endpoint::Url(url) => url,
    };
    if let Some(pattern) = rule.endpoint.as_ref().filter(|pattern| !pattern.matches(endpoint)) {
        let message = format!(
            "the target {name} has the endpoint {}; the policy says {}",
            shown(endpoint),
            shown(pattern.as_str())
        );
        findings.push(refused("policy-endpoint", message, at, rule));
    }
    for (field, pattern) in &rule.account {
        let value = target.account.iter().find(|account| account.field == *field).map(|account| account.value.as_str());
        if value.is_some_and(|value| pattern.matches(value)) {
            continue;
        }
        let is = value.map_or("no value".to_owned(), shown);
        let message = format!("`{field}` of the target {name} is {is}; the policy says {}", shown(pattern.as_str()));
        findings.push(refused("policy-account", message, at, rule));
    }
}

/// Another surface may reach another account by its key, whatever the manifest says of the account.
fn check_surface(rule: &TargetRule, target: &Target, kind: &Kind, findings: &mut Findings) {
    let default = kind.target.rules.iter().find_map(|shape_rule| match shape_rule {
        Rule::Case { field: "surface", default, .. } => *default,
        _ => None,
    });
    let used = match target.options.get("surface") {
        Some(Value::Text(surface)) => Some(&**surface),
        _ => default,
    };
    let name = shown(&target.name);
    let due = rule.surface.as_deref().or(default.filter(|_| !rule.account.is_empty()));
    if let Some(due) = due.filter(|due| used != Some(*due)) {
        let message = format!(
            "the target {name} uses the surface {}; the policy's entry {} {due}",
            used.unwrap_or("of its system"),
            if rule.surface.is_some() { "says" } else { "pins the account, which holds for the surface" },
        );
        findings.push(refused("policy-account", message, span(target.origin), rule));
    } else if used != default && !rule.account.is_empty() && rule.secrets.is_none() {
        let message = format!("with this surface the key alone decides which account the target {name} is");
        let diagnostic = Diagnostic::error("policy-account", message, rule.at);
        findings.push(diagnostic.help("add `secrets: [{ env: NAME }]` to the policy's entry, or take `account` out"));
    }
}

/// Sign-in is one way for a secret to leave; a secret parameter of an assignment is another.
fn check_secrets<'s>(
    rule: &TargetRule,
    target: &Target,
    sets: impl Iterator<Item = &'s DesiredSet>,
    findings: &mut Findings,
) {
    let Some(permitted) = &rule.secrets else { return };
    let denied = |reference: &SecretRef| !permitted.iter().any(|pattern| pattern.permits(reference));
    let message = |reference: &SecretRef| {
        format!("the policy does not let the target {} use the secret {reference}", shown(&target.name))
    };
    for reference in target.auth.iter().flat_map(sign_in_secrets).filter(|reference| denied(reference)) {
        findings.push(refused("policy-secret", message(reference), span(target.origin), rule));
    }
    for set in sets {
        let mut told: BTreeSet<&SecretRef> = BTreeSet::new();
        for row in &set.rows {
            let maps = row.fields.iter().filter_map(|(_, value)| match value {
                Value::Secrets(map) => Some(map),
                _ => None,
            });
            for reference in maps.flat_map(|map| map.values()).filter(|reference| denied(reference)) {
                if told.insert(reference) {
                    findings.push(refused("policy-secret", message(reference), span(row.origin), rule));
                }
            }
        }
    }
}

/// One finding a set: its first name.
fn check_names<'s>(target: &Target, sets: impl Iterator<Item = &'s DesiredSet>, findings: &mut Findings) {
    for (set, used) in sets.filter_map(|set| Some((set, set.names.iter().min_by_key(|used| used.origin)?))) {
        let message = format!(
            "the policy takes ids only for the target {}, and {} has names",
            shown(&target.name),
            shown(&set.name)
        );
        let help = "write the ids: `assignctl import` shows them beside the names";
        findings.push(Diagnostic::error("policy-names", message, span(used.origin)).help(help));
    }
}

fn sign_in_secrets(auth: &Auth) -> Vec<&SecretRef> {
    match auth {
        Auth::Bearer(secret) | Auth::ApiKey(secret) | Auth::ProjectSecret { secret, .. } => vec![secret],
        Auth::ClientCredentials { client_id, client_secret, .. } => vec![client_id, client_secret],
    }
}

/// The paths of an entry as options of the target's system.
fn paths(rule: &TargetRule, kind: &Kind, findings: &mut Findings) -> Vec<(&'static str, String)> {
    let mut paths = Vec::new();
    for path in &rule.paths {
        match kind.paths.iter().find(|spec| spec.name == path.name) {
            Some(spec) if check_path(path, spec, findings) => paths.push((spec.option, path.template.clone())),
            Some(_) => {}
            None => {
                let names: Vec<&str> = kind.paths.iter().map(|spec| spec.name).collect();
                let message = format!("{} has no path {}", kind.provider(), shown(&path.name));
                findings
                    .push(Diagnostic::error("unknown-path", message, path.at).help(did_you_mean(&path.name, &names)));
            }
        }
    }
    paths
}

/// A path may stand elsewhere, but must say as much as the contract's: one without its service would read and write another's rows.
fn check_path(path: &PathRule, spec: &PathSpec, findings: &mut Findings) -> bool {
    let placeholders = |template: &str| -> Vec<String> {
        let mut names: Vec<String> =
            template.split('/').filter(|segment| segment.starts_with('{')).map(str::to_owned).collect();
        names.sort_unstable();
        names
    };
    let literal = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
    };
    let segments = path.template.strip_prefix('/').into_iter().flat_map(|rest| rest.split('/'));
    let sound = path.template.len() > 1 && segments.clone().all(|segment| segment.starts_with('{') || literal(segment));
    if sound && path.template.starts_with('/') && placeholders(&path.template) == placeholders(spec.template) {
        return true;
    }
    let message = format!("{} is no path for `{}`", shown(&path.template), spec.name);
    let help = format!("segments of letters, digits, `-`, `.`, `_`, `~`, with the same `{{…}}` as {}", spec.template);
    findings.push(Diagnostic::error("invalid-path", message, path.at).help(help));
    false
}

fn read_text(text: &str, source: SourceId, context: Context<'_>, findings: &mut Findings) -> Option<Policy> {
    let mut diagnostics = Diagnostics::default();
    let tree = yaml::parse(text, source, &mut diagnostics);
    let broken = diagnostics.errors() > 0;
    findings.extend(diagnostics);
    if broken {
        return None;
    }
    let is_empty = |node: &Node<'_>| node.scalar().is_some_and(|scalar| scalar.plain && yaml::is_null(scalar.text));
    let mut documents = tree.documents().filter(|node| !is_empty(node));
    let (first, second) = (documents.next(), documents.next());
    let is_policy = |node: Node<'_>| {
        word(node, "kind").is_some_and(|kind| kind.scalar().is_some_and(|scalar| scalar.text == "Policy"))
    };
    let at = first.map_or(Span { source, start: 0, end: 0 }, |node| node.head());
    let Some(document) = first.filter(|node| second.is_none() && is_policy(*node)) else {
        let message = "the policy file must hold one document of kind Policy, and nothing else";
        let help = format!("begin it with `apiVersion: {API_VERSION}` and `kind: Policy`");
        findings.push(Diagnostic::error("not-a-policy", message, second.map_or(at, |node| node.head())).help(help));
        return None;
    };
    let record = POLICY_DOCUMENT.read(document, findings)?;
    check_version(&record, findings);
    let _ = record.object("metadata", findings);
    let spec = record.object("spec", findings)?;
    let targets = spec.get("targets").map(|list| {
        let rules = list.items().filter_map(|item| TARGET_RULE.read(item, findings).map(|record| (item, record)));
        let rules: Vec<_> = rules.collect();
        rules.into_iter().map(|(item, record)| target_rule(item, &record, context, findings)).collect()
    });
    Some(Policy { bounds: bounds(&spec, context, findings), targets })
}

fn target_rule(item: Node<'_>, record: &Record<'_>, context: Context<'_>, findings: &mut Findings) -> TargetRule {
    let pattern = |name| record.text(name).map(|(text, _)| Pattern::new(text));
    let provider = record.text("provider").map(|(name, at)| {
        let names: Vec<&str> = context.kinds.iter().map(|kind| kind.provider()).collect();
        if !names.contains(&name) {
            let message = format!("there is no provider {}", shown(name));
            findings.push(Diagnostic::error("unknown-provider", message, at).help(did_you_mean(name, &names)));
        }
        name.to_owned()
    });
    let account_fields: Vec<&str> = context.kinds.iter().flat_map(|kind| kind.account.iter().copied()).collect();
    let mut account = Vec::new();
    for (at, name, text) in texts(record, "account") {
        if !account_fields.contains(&name) {
            let message = format!("no system has the account field {}", shown(name));
            findings.push(Diagnostic::error("unknown-field", message, at).help(did_you_mean(name, &account_fields)));
        }
        account.push((name.to_owned(), Pattern::new(text)));
    }
    let secrets = record.get("secrets").map(|list| {
        let secrets = list.items().filter_map(|item| SECRET.read(item, findings));
        let pattern = |record: Record<'_>| match (record.text("env"), record.text("file")) {
            (Some((name, _)), _) => Some(SecretPattern::Env(Pattern::new(name))),
            (_, Some((path, _))) => Some(SecretPattern::File(Pattern::new(path))),
            _ => None,
        };
        secrets.filter_map(pattern).collect()
    });
    let paths = texts(record, "paths").into_iter();
    TargetRule {
        // A missing name is reported; nothing fits the empty pattern.
        name: pattern("name").unwrap_or_else(|| Pattern::new("")),
        provider,
        endpoint: pattern("endpoint"),
        account,
        surface: record.text("surface").map(|(surface, _)| surface.to_owned()),
        secrets,
        paths: paths
            .map(|(at, name, text)| PathRule { name: name.to_owned(), template: text.to_owned(), at })
            .collect(),
        bounds: bounds(record, context, findings),
        at: item.head(),
    }
}

/// A mapping of names to texts. It was checked when it was read.
fn texts<'t>(record: &Record<'t>, name: &str) -> Vec<(Span, &'t str, &'t str)> {
    let Some(node) = record.get(name) else { return Vec::new() };
    let pairs = unique_pairs(node, &mut Findings::default()).into_iter();
    pairs.filter_map(|(_, at, name, value)| Some((at, name, value.scalar()?.text))).collect()
}

fn bounds(record: &Record<'_>, context: Context<'_>, findings: &mut Findings) -> Bounds {
    let number = |record: &Option<Record<'_>>, name| {
        record.as_ref().and_then(|record| record.text(name)).and_then(|(text, _)| text.parse().ok())
    };
    let thresholds = record.object("thresholds", findings);
    let expect = record.object("max_expect", findings);
    let hosts = record.get("allowed_hosts").into_iter().flat_map(|list| list.items());
    Bounds {
        ceilings: Ceilings {
            loss_percent: number(&thresholds, "max_loss_percent"),
            loss_count: number(&thresholds, "max_loss_count"),
            update_percent: number(&thresholds, "max_update_percent"),
            update_count: number(&thresholds, "max_update_count"),
        },
        max_expect: MaxExpect { removes: number(&expect, "removes"), updates: number(&expect, "updates") },
        deny_names: record.text("names").is_some_and(|(word, _)| word == "deny"),
        clear_dates: record.text("clear_dates").map(|(how, _)| how.to_owned()),
        allowed_hosts: hosts.filter_map(|item| item.scalar()).map(|scalar| scalar.text.to_owned()).collect(),
        protect: protects(record, context, findings),
        deny_grants: denied_grants(record, context, findings),
    }
}

fn protects(record: &Record<'_>, context: Context<'_>, findings: &mut Findings) -> Vec<(usize, Protect)> {
    let mut protects = Vec::new();
    for (kind, pattern) in patterns(record, "protect", context, findings) {
        let ids = pattern.fields().filter(|(field, _)| field.part.is_some());
        for (field, node) in ids.filter(|(_, node)| node.scalar().is_some_and(|scalar| scalar.text.contains('*'))) {
            let message = format!("`{}` holds a `*`: `protect` takes ids as they are", field.name);
            findings.push(
                Diagnostic::error("invalid-id", message, node.span()).help("name each id in an entry of its own"),
            );
        }
        protects.push((kind, protection(&pattern, context.ids)));
    }
    protects
}

fn denied_grants(record: &Record<'_>, context: Context<'_>, findings: &mut Findings) -> Vec<(usize, DeniedGrant)> {
    let mut denied = Vec::new();
    for (kind, pattern) in patterns(record, "deny_grants", context, findings) {
        if let Some(at) = pattern.key("min_holders") {
            let message = "`deny_grants` takes no `min_holders`: what is denied is given to nobody";
            findings.push(Diagnostic::error("unknown-field", message, at).help("remove it"));
        }
        let mut parts = [const { None }; MAX_KEY_PARTS];
        for (field, node) in pattern.fields() {
            if let (Some(slot), Some(scalar)) = (field.part.and_then(|part| parts.get_mut(part)), node.scalar()) {
                *slot = Some(Pattern::new(scalar.text));
            }
        }
        denied.push((kind, DeniedGrant { parts, origin: origin(pattern.node.span()) }));
    }
    denied
}

/// Key patterns, each with the systems whose key fields it names. DESIGN section 3 writes them without a provider
/// (`{role_id: role_owner}`), and the field names tell.
fn patterns<'t>(
    record: &Record<'t>,
    name: &str,
    context: Context<'_>,
    findings: &mut Findings,
) -> Vec<(usize, Record<'t>)> {
    let mut found = Vec::new();
    for item in record.get(name).into_iter().flat_map(|list| list.items()) {
        if item.kind() != NodeKind::Mapping {
            let message = format!("an entry of `{name}` must be a mapping of key fields to ids");
            findings
                .push(Diagnostic::error("wrong-type", message, item.head()).help("such as `{ role_id: role_owner }`"));
            continue;
        }
        let (fitting, best) = fitting(item, context);
        let Some(best) = best else {
            let all = context.kinds.iter().flat_map(|kind| kind.capabilities.written_key_names());
            let all: Vec<&str> = all.collect();
            let message = format!("an entry of `{name}` names no key field of any system");
            findings.push(Diagnostic::error("unknown-field", message, item.head()).help(one_of(&all)));
            continue;
        };
        // Where several systems share the names, the first one's table reports what is wrong.
        let before = findings.errors();
        found.extend(best.1.read(item, findings).map(|record| (best.0, record)));
        if findings.errors() > before {
            continue;
        }
        for (kind, shape) in fitting.into_iter().filter(|(kind, _)| *kind != best.0) {
            let mut silent = Findings::default();
            let other = shape.read(item, &mut silent).filter(|_| silent.errors() == 0);
            found.extend(other.map(|record| (kind, record)));
        }
    }
    found
}

type Fit = (usize, &'static Shape);

/// The systems whose patterns have all fields of a mapping, and the one that has the most.
fn fitting(item: Node<'_>, context: Context<'_>) -> (Vec<Fit>, Option<Fit>) {
    let names: Vec<&str> = item.pairs().filter_map(|(key, _)| key.scalar()).map(|scalar| scalar.text).collect();
    let known = |shape: &Shape| {
        let has = |name: &&&str| shape.field(name).is_some_and(|(_, field)| field.part.is_some());
        names.iter().filter(has).count()
    };
    let all = |shape: &Shape| !names.is_empty() && names.iter().all(|name| shape.field(name).is_some());
    let mut fitting = Vec::new();
    let mut best: Option<(usize, Fit)> = None;
    for (kind, shape) in context.kinds.iter().map(|kind| kind.pattern).enumerate() {
        let count = known(shape);
        if count > best.map_or(0, |(most, _)| most) {
            best = Some((count, (kind, shape)));
        }
        if count > 0 && all(shape) {
            fitting.push((kind, shape));
        }
    }
    (fitting, best.map(|(_, fit)| fit))
}
