//! The caller's policy (DESIGN section 3, "What a pull request may not decide"): read from one text of the caller's, held against the
//! targets and sets of the run. It only ever narrows; nothing in a manifest can widen it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};

use super::common::API_VERSION;
use super::document::{Context, check_version, word};
use super::findings::{Findings, closest, did_you_mean, one_of, shown};
use super::kind::{Kind, PathSpec};
use super::policy_shape::{POLICY_DOCUMENT, SECRET, TARGET_RULE};
use super::set::{origin, protection, span};
use super::shape::{Record, Shape, unique_pairs};
use super::yaml::{self, Node, NodeKind};
use crate::diag::{Diagnostic, Diagnostics, SourceId, Sources, Span};
use crate::model::{
    self, Address, AddressPattern, AllowedHost, Auth, Ceilings, DeniedGrant, DesiredSet, Endpoint, Ids, MAX_KEY_PARTS,
    MaxExpect, Pattern, Protect, SANDBOX, SecretRef, Target, TargetPolicy, folded,
};

/// A policy, read and checked.
#[derive(Debug, Default)]
pub struct Policy {
    bounds: Bounds,
    /// `None`: any target is fine.
    targets: Option<Vec<TargetRule>>,
}

/// The entries that decided about a target, by their places, with the secrets that their targets use.
type Used<'t> = HashMap<Span, BTreeSet<&'t SecretRef>>;

/// What a run and a target can both be given.
#[derive(Debug, Default)]
struct Bounds {
    ceilings: Ceilings,
    max_expect: MaxExpect,
    deny_names: bool,
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
    endpoint: Option<AddressPattern>,
    account: Vec<(String, Pattern)>,
    /// With the place of each.
    secrets: Option<Vec<(SecretPattern, Span)>>,
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
    fn text(&self) -> (&'static str, &str) {
        match self {
            SecretPattern::Env(pattern) => ("env", pattern.as_str()),
            SecretPattern::File(pattern) => ("file", pattern.as_str()),
        }
    }

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
        let mut used = Used::default();
        let judged = targets.iter().enumerate().map(|(index, target)| {
            let kind = kinds.iter().position(|kind| kind.provider() == target.provider).unwrap_or(usize::MAX);
            let mut policy = TargetPolicy::default();
            let rule = self.rule(target, &mut findings);
            if let (Some(rule), Some(known)) = (rule, kinds.get(kind)) {
                self.check_identity(rule, target, known, &mut findings);
                let secrets = check_secrets(rule, target, sets.iter().filter(|set| set.target == index), &mut findings);
                used.entry(rule.at).or_default().extend(secrets);
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
        self.check_use(&used, targets, &mut findings);
        (judged, findings.finish().0)
    }

    /// Warns of what decides about nothing: an entry that no target comes to, and a secret that none of its targets uses. Both are
    /// misspelt more often than meant.
    fn check_use(&self, used: &Used<'_>, targets: &[Target], findings: &mut Findings) {
        for rule in self.targets.iter().flatten() {
            let Some(secrets) = used.get(&rule.at) else {
                findings.push(unused_entry(rule, targets));
                continue;
            };
            for (pattern, at) in rule.secrets.iter().flatten() {
                if secrets.iter().any(|reference| pattern.permits(reference)) {
                    continue;
                }
                let (form, text) = pattern.text();
                let names: BTreeSet<&str> = secrets
                    .iter()
                    .filter_map(|reference| match (form, reference) {
                        ("env", SecretRef::Env(name)) | ("file", SecretRef::File(name)) => Some(&**name),
                        _ => None,
                    })
                    .collect();
                let message = format!("no target of this entry uses a secret that fits `{form}: {text}`");
                let warning = Diagnostic::warning("policy-unused", message, *at);
                findings.push(match closest(text, names) {
                    Some(near) => warning.help(format!("did you mean `{near}`?")),
                    None => warning.help("check its spelling, or remove it"),
                });
            }
        }
    }

    /// Everything that the policy means as one text: neither comments nor the order of rules nor the style of writing changes it, and
    /// every bound does. Only the entries of `targets` keep their order, for the first that fits decides.
    pub fn meaning(&self, kinds: &[&'static Kind], ids: &Ids) -> String {
        let rule = |rule: &TargetRule| {
            let secrets =
                rule.secrets.as_ref().map(|secrets| sorted(secrets.iter().map(|(secret, _)| json!(secret.text()))));
            let account: BTreeMap<&str, &str> =
                rule.account.iter().map(|(name, value)| (&**name, value.as_str())).collect();
            let paths: BTreeMap<&str, &str> = rule.paths.iter().map(|path| (&*path.name, &*path.template)).collect();
            json!({
                "name": rule.name.as_str(),
                "provider": rule.provider,
                "endpoint": rule.endpoint.as_ref().map(AddressPattern::canonical),
                "account": account,
                "secrets": secrets,
                "paths": paths,
                "bounds": rule.bounds.meaning(kinds, ids),
            })
        };
        let targets = self.targets.as_ref().map(|targets| targets.iter().map(rule).collect::<Vec<_>>());
        json!({ "bounds": self.bounds.meaning(kinds, ids), "targets": targets }).to_string()
    }

    /// The entry that decides about a target; `None` where none does.
    fn rule(&self, target: &Target, findings: &mut Findings) -> Option<&TargetRule> {
        let rules = self.targets.as_ref()?;
        // Which entry decides is no matter of capital letters: another entry may be weaker.
        let name = folded(&target.name);
        let found = rules.iter().find(|rule| rule.name.loose().matches(&name));
        if found.is_none() {
            let message = format!("the policy knows no target {}", shown(&target.name));
            let diagnostic = Diagnostic::error("policy-target", message, span(target.origin));
            findings.push(diagnostic.help("only a change of the policy's `targets` lets it be used"));
        }
        found
    }

    /// Whether a target is what its entry says. An entry without `endpoint` means the vendor's own address, and hosts that the policy
    /// allows: a manifest alone can turn no target into a sandbox.
    fn check_identity(&self, rule: &TargetRule, target: &Target, kind: &Kind, findings: &mut Findings) {
        let at = span(target.origin);
        let name = shown(&target.name);
        if let Some(provider) = rule.provider.as_ref().filter(|provider| **provider != target.provider) {
            let message = format!("the target {name} is of {}; the policy says {provider}", target.provider);
            findings.push(refused("policy-account", message, at, rule));
        }
        let endpoint = match &target.endpoint {
            Endpoint::Vendor => kind.vendor,
            Endpoint::Sandbox => SANDBOX,
            Endpoint::Url(url) => url,
        };
        let is_permitted = match &rule.endpoint {
            Some(pattern) => pattern.matches(endpoint),
            None => target.endpoint == Endpoint::Vendor || self.allows_host(rule, endpoint),
        };
        if !is_permitted {
            let permitted = match &rule.endpoint {
                Some(pattern) => format!("the policy says {}", shown(pattern.as_str())),
                None => format!("the policy's entry names none, so it must be {}", shown(kind.vendor)),
            };
            let message = format!("the target {name} has the endpoint {}; {permitted}", shown(endpoint));
            findings.push(refused("policy-endpoint", message, at, rule));
        }
        for (field, pattern) in &rule.account {
            let value =
                target.account.iter().find(|account| account.field == *field).map(|account| account.value.as_str());
            if value.is_some_and(|value| pattern.matches(value)) {
                continue;
            }
            let is = value.map_or("no value".to_owned(), shown);
            let message =
                format!("`{field}` of the target {name} is {is}; the policy says {}", shown(pattern.as_str()));
            findings.push(refused("policy-account", message, at, rule));
        }
    }

    fn allows_host(&self, rule: &TargetRule, endpoint: &str) -> bool {
        let Some(address) = Address::parse(endpoint) else { return false };
        let allowed = self.bounds.allowed_hosts.iter().chain(&rule.bounds.allowed_hosts);
        allowed.filter_map(|host| AllowedHost::parse(host)).any(|host| host.holds(&address))
    }
}

impl Bounds {
    fn meaning(&self, kinds: &[&'static Kind], ids: &Ids) -> Value {
        let provider = |kind: &usize| kinds.get(*kind).map(|kind| kind.provider());
        let protect = self.protect.iter().map(|(kind, protect)| {
            let parts = protect.parts.map(|part| part.map(|part| ids.text(part).to_owned()));
            json!([provider(kind), parts, protect.min_holders])
        });
        let denied = self.deny_grants.iter().map(|(kind, denied)| {
            let parts: Vec<_> = denied.parts().iter().map(|part| part.as_ref().map(Pattern::as_str)).collect();
            json!([provider(kind), parts])
        });
        let hosts = self.allowed_hosts.iter().map(|host| match AllowedHost::parse(host) {
            Some(AllowedHost { host, port }) => json!([host, port]),
            None => json!(host),
        });
        let Ceilings { loss_percent, loss_count, update_percent, update_count } = self.ceilings.completed();
        json!({
            "thresholds": [loss_percent, loss_count, update_percent, update_count],
            "max_expect": [self.max_expect.removes, self.max_expect.updates],
            "deny_names": self.deny_names,
            "allowed_hosts": sorted(hosts),
            "protect": sorted(protect),
            "deny_grants": sorted(denied),
        })
    }

    /// What was said before stays; this says the rest.
    fn add_to(&self, policy: &mut TargetPolicy, kind: usize) {
        policy.ceilings = policy.ceilings.or(self.ceilings);
        policy.max_expect = policy.max_expect.or(self.max_expect);
        policy.deny_names |= self.deny_names;
        policy.allowed_hosts.extend_from_slice(&self.allowed_hosts);
        policy.protect.extend(self.protect.iter().filter(|(of, _)| *of == kind).map(|(_, protect)| protect.clone()));
        let denied = self.deny_grants.iter().filter(|(of, _)| *of == kind);
        policy.deny_grants.extend(denied.map(|(_, denied)| denied.clone()));
    }
}

/// Values in one order, each once.
fn sorted(values: impl Iterator<Item = Value>) -> Vec<Value> {
    let texts: BTreeMap<String, Value> = values.map(|value| (value.to_string(), value)).collect();
    texts.into_values().collect()
}

/// An entry that decides about no target of the run.
fn unused_entry(rule: &TargetRule, targets: &[Target]) -> Diagnostic {
    let name = rule.name.as_str();
    if targets.iter().any(|target| rule.name.loose().matches(&folded(&target.name))) {
        let message = format!("an earlier entry decides about every target that {} fits", shown(name));
        let help = "the first entry that fits decides: put the more exact one first";
        return Diagnostic::warning("policy-unused", message, rule.at).help(help);
    }
    let message = format!("there is no target that the policy's entry {} fits", shown(name));
    let warning = Diagnostic::warning("policy-unused", message, rule.at);
    match closest(name, targets.iter().map(|target| target.name.as_str())) {
        Some(near) => warning.help(format!("did you mean `{near}`?")),
        None => warning.help("check its spelling, or remove it"),
    }
}

fn refused(code: &'static str, message: String, at: Span, rule: &TargetRule) -> Diagnostic {
    let diagnostic = Diagnostic::error(code, message, at).also(rule.at, "the policy's entry for it");
    diagnostic.help("write what the policy permits; only a change of the policy permits anything else")
}

/// Sign-in is one way for a secret to leave; a secret parameter of an assignment is another. Gives all that are used.
fn check_secrets<'s>(
    rule: &TargetRule,
    target: &'s Target,
    sets: impl Iterator<Item = &'s DesiredSet>,
    findings: &mut Findings,
) -> BTreeSet<&'s SecretRef> {
    let mut used = BTreeSet::new();
    let Some(permitted) = &rule.secrets else { return used };
    let denied = |reference: &SecretRef| !permitted.iter().any(|(pattern, _)| pattern.permits(reference));
    let message = |reference: &SecretRef| {
        format!("the policy does not let the target {} use the secret {reference}", shown(&target.name))
    };
    for reference in target.auth.iter().flat_map(sign_in_secrets) {
        used.insert(reference);
        if denied(reference) {
            findings.push(refused("policy-secret", message(reference), span(target.origin), rule));
        }
    }
    for set in sets {
        let mut told: BTreeSet<&SecretRef> = BTreeSet::new();
        for row in &set.rows {
            let maps = row.fields.iter().filter_map(|(_, value)| match value {
                model::Value::Secrets(map) => Some(map),
                _ => None,
            });
            for reference in maps.flat_map(|map| map.values()) {
                used.insert(reference);
                if denied(reference) && told.insert(reference) {
                    findings.push(refused("policy-secret", message(reference), span(row.origin), rule));
                }
            }
        }
    }
    used
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
    let endpoint = record.text("endpoint").and_then(|(text, at)| {
        let pattern = AddressPattern::parse(text);
        if pattern.is_none() {
            let message = format!("{} is no address that a target could have", shown(text));
            let help = "write it whole, such as `https://api.example.com` or `https://*.example.com`, or `sandbox`";
            findings.push(Diagnostic::error("invalid-address", message, at).help(help));
        }
        pattern
    });
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
            (Some((name, at)), _) => Some((SecretPattern::Env(Pattern::new(name)), at)),
            (_, Some((path, at))) => Some((SecretPattern::File(Pattern::new(path)), at)),
            _ => None,
        };
        secrets.filter_map(pattern).collect()
    });
    let paths = texts(record, "paths").into_iter();
    TargetRule {
        // A missing name is reported; nothing fits the empty pattern.
        name: Pattern::new(record.text("name").map_or("", |(name, _)| name)),
        provider,
        endpoint,
        account,
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
    let number = |record: &Option<Record<'_>>, name| record.as_ref().and_then(|record| record.integer(name));
    let thresholds = record.object("thresholds", findings);
    let expect = record.object("max_expect", findings);
    let hosts = record.get("allowed_hosts").into_iter().flat_map(|list| list.items());
    let mut allowed_hosts = Vec::new();
    for (item, text) in hosts.filter_map(|item| Some((item, item.scalar()?.text))) {
        match AllowedHost::parse(text) {
            Some(_) => allowed_hosts.push(text.to_owned()),
            None => {
                let message = format!("{} is no host", shown(text));
                let help = "write `HOST` or `HOST:PORT`, such as `gateway.example.com:8443`";
                findings.push(Diagnostic::error("invalid-host", message, item.span()).help(help));
            }
        }
    }
    Bounds {
        ceilings: Ceilings {
            loss_percent: number(&thresholds, "max_loss_percent"),
            loss_count: number(&thresholds, "max_loss_count"),
            update_percent: number(&thresholds, "max_update_percent"),
            update_count: number(&thresholds, "max_update_count"),
        },
        max_expect: MaxExpect { removes: number(&expect, "removes"), updates: number(&expect, "updates") },
        deny_names: record.text("names").is_some_and(|(word, _)| word == "deny"),
        allowed_hosts,
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
        denied.push((kind, DeniedGrant::new(parts, origin(pattern.node.span()))));
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
