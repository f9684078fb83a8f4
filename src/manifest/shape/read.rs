//! Single values: checked once, read afterwards without a second report.

use std::time::Duration;

use super::check::{kind_words, unseen};
use super::{Choice, Field, Type, check_id, json};
use crate::diag::{Diagnostic, Span};
use crate::manifest::findings::{Findings, closest, did_you_mean, one_of, shown};
use crate::manifest::yaml::{Node, NodeKind, Resolved, Scalar, is_null, resolve};
use crate::model::{Instant, SecretRef};

/// The longest name of a document or label.
const MAX_NAME: usize = 128;

/// Checks one field's value; false: it is wrong, and reported. Objects are left to whoever enters them.
pub(super) fn check_value(field: &Field, node: Node<'_>, findings: &mut Findings) -> bool {
    if node.kind() == NodeKind::Bad {
        return false;
    }
    if let Some(scalar) = node.scalar().filter(|s| s.plain && is_null(s.text)) {
        return field.nullable || refuse_null(field, node, scalar, findings);
    }
    match field.ty {
        Type::Object(_) | Type::JsonMap => is_kind(field, node, NodeKind::Mapping, findings),
        Type::Objects(_) => is_kind(field, node, NodeKind::Sequence, findings),
        Type::Scope(_) => node.kind() == NodeKind::Mapping || is_all(field, node, findings),
        Type::Holder if node.kind() == NodeKind::Mapping => true,
        Type::Secret => secret_ref(node, findings).is_some(),
        Type::SecretMap => check_secret_map(field, node, findings),
        Type::Labels => check_labels(field, node, findings),
        Type::PatternMap => check_pattern_map(field, node, findings),
        Type::Ids => {
            check_list(field, node, true, findings, |text, span, findings| check_id(text, span, field.name, findings))
        }
        Type::LiveNames => check_list(field, node, true, findings, |text, span, findings| {
            check_live_name(field.name, text, span, findings)
        }),
        Type::Texts => check_list(field, node, false, findings, |text, span, findings| {
            check_word(field.name, text, span, findings)
        }),
        Type::Globs => check_list(field, node, false, findings, check_glob),
        _ => check_scalar(field, node, findings),
    }
}

fn refuse_null(field: &Field, node: Node<'_>, scalar: Scalar<'_>, findings: &mut Findings) -> bool {
    let message = match scalar.text {
        "" => format!("`{}` has no value", field.name),
        text => format!("`{}` cannot be `{text}`", field.name),
    };
    let help = match field.ty {
        Type::Objects(_) => format!("write `{}: []` for none at all", field.name),
        Type::Id | Type::Text | Type::Version | Type::Name | Type::LiveName if !scalar.text.is_empty() => {
            format!("quote it if it is text (`\"{}\"`), else write {}", scalar.text, field.ty.words())
        }
        _ => format!("write {}", field.ty.words()),
    };
    findings.push(Diagnostic::error("null-value", message, at_value(node)).help(help));
    false
}

/// The value, or its key where the value is nothing that could be underlined.
fn at_value(node: Node<'_>) -> Span {
    let span = node.head();
    if span.start < span.end { span } else { node.sibling(node.place().wrapping_sub(1)).span() }
}

fn wrong_type(field: &Field, node: Node<'_>, findings: &mut Findings) -> bool {
    let message = format!("`{}` must be {}, not {}", field.name, field.ty.words(), kind_words(node));
    let mut diagnostic = Diagnostic::error("wrong-type", message, at_value(node));
    if let (Type::Id | Type::Text | Type::Version | Type::LiveName, NodeKind::Sequence) = (field.ty, node.kind()) {
        diagnostic = diagnostic.help(format!("for several, use the plural field `{}s` where there is one", field.name));
    } else if let (
        Type::Ids | Type::LiveNames | Type::Texts | Type::Globs | Type::Objects(_),
        NodeKind::Scalar | NodeKind::Mapping,
    ) = (field.ty, node.kind())
    {
        diagnostic = diagnostic.help(format!("write a list: `{}: [ … ]`", field.name));
    }
    if let Type::Object(shape) | Type::Scope(shape) = field.ty {
        diagnostic = diagnostic.help(shape.fields_help());
    }
    findings.push(diagnostic);
    false
}

fn is_kind(field: &Field, node: Node<'_>, kind: NodeKind, findings: &mut Findings) -> bool {
    if node.kind() == kind {
        return true;
    }
    if matches!(field.ty, Type::Object(shape) if shape.secret) {
        findings.redact(node.span());
    }
    wrong_type(field, node, findings)
}

fn is_all(field: &Field, node: Node<'_>, findings: &mut Findings) -> bool {
    node.scalar().is_some_and(|scalar| scalar.text == "all") || wrong_type(field, node, findings)
}

fn check_list(
    field: &Field,
    node: Node<'_>,
    filled: bool,
    findings: &mut Findings,
    check: impl Fn(&str, Span, &mut Findings) -> bool,
) -> bool {
    if node.kind() != NodeKind::Sequence {
        return wrong_type(field, node, findings);
    }
    if filled && node.is_empty() {
        let message = format!("`{}` is an empty list, which selects nothing", field.name);
        let help = format!("list at least one, or remove `{}`", field.name);
        findings.push(Diagnostic::error("empty-list", message, node.span()).help(help));
        return false;
    }
    let mut good = true;
    for item in node.items() {
        good &= match item.scalar() {
            Some(scalar) if scalar.plain && is_null(scalar.text) => {
                let message = format!("an item of `{}` has no value", field.name);
                findings
                    .push(Diagnostic::error("null-value", message, item.span()).help("write it, or quote the text"));
                false
            }
            Some(scalar) => check(scalar.text, item.span(), findings),
            None if item.kind() == NodeKind::Bad => false,
            None => {
                let message = format!("an item of `{}` must be a single value, not {}", field.name, kind_words(item));
                findings.push(Diagnostic::error("wrong-type", message, item.head()));
                false
            }
        };
    }
    good
}

fn check_scalar(field: &Field, node: Node<'_>, findings: &mut Findings) -> bool {
    let Some(scalar) = node.scalar() else { return wrong_type(field, node, findings) };
    let (text, span) = (scalar.text, node.span());
    match field.ty {
        Type::Id | Type::Holder => check_id(text, span, field.name, findings),
        Type::Name => check_name(field.name, text, span, findings),
        Type::Word => check_word(field.name, text, span, findings),
        Type::Text | Type::Version => check_text(field.name, text, span, findings),
        Type::LiveName => check_live_name(field.name, text, span, findings),
        Type::Bool => check_bool(field, scalar, span, findings),
        Type::Integer(..) | Type::Number(..) => check_number(field, scalar, span, findings),
        Type::Duration(min, max) => check_duration(field, scalar, span, min, max, findings),
        Type::Instant => check_instant(field, scalar, span, findings),
        Type::Until => check_until(field, scalar, span, findings),
        Type::Choice(choices) => check_choice(field, text, span, choices, findings),
        Type::Url => check_url(field, text, span, findings).is_some(),
        Type::Endpoint => text == "sandbox" || check_url(field, text, span, findings).is_some(),
        Type::Path => check_path(field.name, text, span, findings),
        _ => wrong_type(field, node, findings),
    }
}

fn check_text(name: &str, text: &str, span: Span, findings: &mut Findings) -> bool {
    if text.is_empty() {
        let message = format!("`{name}` is empty");
        findings.push(Diagnostic::error("empty-text", message, span).help("write a value, or leave the field out"));
        return false;
    }
    if text.contains('\0') {
        findings.push(Diagnostic::error("control-character", format!("`{name}` holds a NUL"), span).help("remove it"));
        return false;
    }
    true
}

/// Text that is compared as it is written: nothing in it may be invisible.
fn check_word(name: &str, text: &str, span: Span, findings: &mut Findings) -> bool {
    if !check_text(name, text, span, findings) {
        return false;
    }
    let Some(problem) = unseen(text) else { return true };
    let message = format!("`{name}` {problem}");
    findings.push(Diagnostic::error("invisible-character", message, span).help("remove it"));
    false
}

/// A name is compared to the letter with what the system shows; a character that nobody can see would never be found again.
fn check_live_name(name: &str, text: &str, span: Span, findings: &mut Findings) -> bool {
    if text.chars().any(char::is_control) {
        let message = format!("`{name}` holds a line break or another control character");
        let help = "write the name as the system shows it, on one line, or use the id";
        findings.push(Diagnostic::error("control-character", message, span).help(help));
        return false;
    }
    check_text(name, text, span, findings)
}

/// Names of documents and labels stand in flags, file names and reports: letters, digits and `. _ -` only; a label may have a prefix
/// such as `example.com/team`.
fn check_name(what: &str, text: &str, span: Span, findings: &mut Findings) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') || (what == "labels" && c == '/');
    let starts = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if starts && text.len() <= MAX_NAME && text.chars().all(fits) {
        return true;
    }
    let message = format!("{} is no name for `{what}`", shown(text));
    let help = format!("use letters, digits, `.`, `_`, `-`, starting with a letter or digit, up to {MAX_NAME}");
    findings.push(Diagnostic::error("invalid-name", message, span).help(help));
    false
}

/// A scalar as its field's type reads it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Typed<'t> {
    /// Text as written.
    Text(&'t str),
    /// `true` or `false`.
    Bool(bool),
    /// A whole number within its bounds.
    Integer(u64),
    /// A number within its bounds.
    Number(f64),
    /// A duration within its bounds.
    Duration(Duration),
    /// An instant.
    Instant(Instant),
}

/// Why a scalar is not of its field's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misread {
    /// The form is wrong.
    Form,
    /// The form is right and the value is outside the field's bounds.
    Range,
}

/// The one reading of a scalar. The check reports its error; everything that uses the value calls it again, so that no value can pass the
/// check and mean something else, or nothing, afterwards.
pub(super) fn typed<'t>(ty: &Type, scalar: Scalar<'t>) -> Result<Typed<'t>, Misread> {
    let text = scalar.text;
    let within = |is_inside: bool, value: Typed<'t>| if is_inside { Ok(value) } else { Err(Misread::Range) };
    match *ty {
        Type::Bool => match resolve(text) {
            Ok(Resolved::Bool(value)) if scalar.plain => Ok(Typed::Bool(value)),
            _ => Err(Misread::Form),
        },
        Type::Integer(min, max) if scalar.plain && is_plain_digits(text) => {
            // Digits that do not fit are a number all the same: too large.
            let number = text.parse().map_err(|_| Misread::Range)?;
            within((min..=max).contains(&number), Typed::Integer(number))
        }
        Type::Number(min, max) if scalar.plain && is_plain_decimal(text) => {
            let number: f64 = text.parse().map_err(|_| Misread::Form)?;
            within((min..=max).contains(&number), Typed::Number(number))
        }
        Type::Integer(..) | Type::Number(..) => Err(Misread::Form),
        Type::Duration(min, max) => {
            let duration = parse_duration(text).ok_or(Misread::Form)?;
            let bounds = Duration::from_millis(min)..=Duration::from_millis(max);
            within(bounds.contains(&duration), Typed::Duration(duration))
        }
        Type::Instant => Instant::parse(text).map(Typed::Instant).ok_or(Misread::Form),
        Type::Until => parse_until(text).map(Typed::Instant).ok_or(Misread::Form),
        _ => Ok(Typed::Text(text)),
    }
}

/// A field's scalar as its type reads it; `None` where it is no scalar or wrong, which the check of its object has reported.
pub fn typed_value<'t>(field: &Field, node: Node<'t>) -> Option<Typed<'t>> {
    typed(&field.ty, node.scalar()?).ok()
}

/// Plain digits: no sign, no leading zero, no other base, no underscore, no exponent.
fn is_plain_digits(text: &str) -> bool {
    text == "0" || (!text.is_empty() && !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()))
}

/// Plain digits, with or without a fraction after them.
fn is_plain_decimal(text: &str) -> bool {
    match text.split_once('.') {
        None => is_plain_digits(text),
        Some((whole, fraction)) => {
            is_plain_digits(whole) && !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit())
        }
    }
}

/// A whole number in plain digits, as manifests, flags and environment variables take it.
pub fn parse_integer(text: &str) -> Option<u64> {
    is_plain_digits(text).then(|| text.parse().ok())?
}

fn check_bool(field: &Field, scalar: Scalar<'_>, span: Span, findings: &mut Findings) -> bool {
    if typed(&field.ty, scalar).is_ok() {
        return true;
    }
    let message = format!("`{}` must be `true` or `false`, not {}", field.name, shown(scalar.text));
    let help = match scalar.text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "y" | "true" => "write `true`, without quotes",
        "no" | "off" | "n" | "false" => "write `false`, without quotes",
        _ => "write `true` or `false`",
    };
    findings.push(Diagnostic::error("wrong-type", message, span).help(help));
    false
}

fn check_number(field: &Field, scalar: Scalar<'_>, span: Span, findings: &mut Findings) -> bool {
    let Err(why) = typed(&field.ty, scalar) else { return true };
    let (what, bounds) = match field.ty {
        Type::Number(min, max) => ("a number", format!("{min} to {max}")),
        Type::Integer(min, max) => ("a whole number", format!("{min} to {max}")),
        _ => return true,
    };
    let (code, message) = match why {
        Misread::Range => ("out-of-range", format!("`{}` is {}, outside {bounds}", field.name, shown(scalar.text))),
        Misread::Form => ("wrong-type", format!("`{}` must be {what}, not {}", field.name, shown(scalar.text))),
    };
    let help = format!("write {what} from {bounds}, in plain digits and without quotes");
    findings.push(Diagnostic::error(code, message, span).help(help));
    false
}

/// A duration: whole numbers with units, largest first, such as `1h30m`, `30s`, `250ms`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at_checked(digits)?;
        let number = parse_integer(number)?;
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at_checked(letters)?;
        let millis: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        if millis >= last {
            return None;
        }
        last = millis;
        total = total.checked_add(Duration::from_millis(number.checked_mul(millis)?))?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

fn check_duration(field: &Field, scalar: Scalar<'_>, span: Span, min: u64, max: u64, findings: &mut Findings) -> bool {
    let words = |millis: u64| match millis {
        n if n.is_multiple_of(3_600_000) && n > 0 => format!("{}h", n / 3_600_000),
        n if n.is_multiple_of(1_000) => format!("{}s", n / 1_000),
        n => format!("{n}ms"),
    };
    let text = shown(scalar.text);
    let (code, message) = match typed(&field.ty, scalar) {
        Ok(_) => return true,
        Err(Misread::Range) => {
            ("out-of-range", format!("`{}` is {text}, outside {} to {}", field.name, words(min), words(max)))
        }
        Err(Misread::Form) => ("invalid-duration", format!("`{}` is no duration: {text}", field.name)),
    };
    findings
        .push(Diagnostic::error(code, message, span).help("write a number and a unit: `500ms`, `30s`, `5m`, `1h30m`"));
    false
}

fn check_instant(field: &Field, scalar: Scalar<'_>, span: Span, findings: &mut Findings) -> bool {
    if typed(&field.ty, scalar).is_ok() {
        return true;
    }
    let text = scalar.text;
    let message = format!("`{}` is no date-time with an offset: {}", field.name, shown(text));
    let help = match text.parse::<jiff::civil::DateTime>() {
        Ok(_) => format!("say the time and the offset, such as `{}T23:59:59Z`", text.get(..10).unwrap_or("2026-12-31")),
        Err(_) => "write date, time and offset, such as `2026-12-31T23:59:59Z`".to_owned(),
    };
    findings.push(Diagnostic::error("invalid-date", message, span).help(help));
    false
}

/// A day of UTC, in milliseconds.
const DAY_MILLISECONDS: i64 = 86_400_000;

/// The first instant at which an `until` no longer counts: a date counts to its end, in UTC.
fn parse_until(text: &str) -> Option<Instant> {
    if let Some(instant) = Instant::parse(text) {
        return Some(instant);
    }
    if text.len() != "2026-12-24".len() {
        return None;
    }
    let date: jiff::civil::Date = text.parse().ok()?;
    // Not by the next date: the last date of the range has none.
    Instant::parse(&format!("{date}T00:00:00Z")).map(|start| Instant(start.0 + DAY_MILLISECONDS))
}

fn check_until(field: &Field, scalar: Scalar<'_>, span: Span, findings: &mut Findings) -> bool {
    if typed(&field.ty, scalar).is_ok() {
        return true;
    }
    let message = format!("`{}` is no date: {}", field.name, shown(scalar.text));
    let help = "write a date such as `2026-12-24`, or a date-time with an offset";
    findings.push(Diagnostic::error("invalid-date", message, span).help(help));
    false
}

fn check_choice(field: &Field, text: &str, span: Span, choices: &[Choice], findings: &mut Findings) -> bool {
    if choices.iter().any(|choice| choice.name == text) {
        return true;
    }
    let names: Vec<&str> = choices.iter().map(|choice| choice.name).collect();
    let message = format!("`{}` cannot be {}", field.name, shown(text));
    let hint = did_you_mean(text, &names);
    let mut diagnostic = Diagnostic::error("unknown-value", message, span).help(hint.clone());
    if hint != one_of(&names) {
        diagnostic = diagnostic.help(one_of(&names));
    }
    findings.push(diagnostic);
    false
}

/// An address that credentials may go to: `https`, or `http` to this machine. Nothing hidden in it.
fn check_url(field: &Field, text: &str, span: Span, findings: &mut Findings) -> Option<url::Url> {
    let refuse = |findings: &mut Findings, code, message: String, help: &str| {
        findings.push(Diagnostic::error(code, message, span).help(help));
        None
    };
    let parsed = match url::Url::parse(text) {
        Ok(url) if url.host_str().is_some_and(|host| !host.is_empty()) => url,
        _ => {
            let message = format!("`{}` is no address", field.name);
            if matches!(field.ty, Type::Endpoint) && closest(text, ["sandbox"]).is_some() {
                return refuse(findings, "invalid-address", message, "did you mean `sandbox`?");
            }
            findings.redact(span); // whatever it is, it may be a secret in the wrong place
            return refuse(findings, "invalid-address", message, "write it whole, such as `https://api.example.com`");
        }
    };
    if !parsed.username().is_empty() || parsed.password().is_some() {
        findings.redact(span);
        let message = format!("`{}` holds a user name or a password", field.name);
        return refuse(findings, "secret-literal", message, "sign-in belongs in `auth`, as a reference");
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        let message = format!("`{}` holds a query or a fragment", field.name);
        return refuse(findings, "invalid-address", message, "write scheme, host, port and path only");
    }
    let loopback = match parsed.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name.trim_end_matches('.') == "localhost",
        None => false,
    };
    match parsed.scheme() {
        "https" => Some(parsed),
        "http" if loopback => Some(parsed),
        "http" => {
            let message = format!("`{}` would send credentials in the clear", field.name);
            refuse(findings, "insecure-address", message, "use `https://`; `http://` is for this machine only")
        }
        scheme => {
            let message = format!("`{}` uses {}", field.name, shown(scheme));
            refuse(findings, "invalid-address", message, "use `https://`")
        }
    }
}

/// Paths of manifests stay inside the root: relative, without `..`.
fn check_path(name: &str, text: &str, span: Span, findings: &mut Findings) -> bool {
    let parts = || std::path::Path::new(text).components();
    let inside = parts().all(|part| matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir));
    if inside && parts().any(|part| matches!(part, std::path::Component::Normal(_))) && !text.contains(['\0', '\\']) {
        return true;
    }
    let message = format!("`{name}` leaves its directory: {}", shown(text));
    findings.push(Diagnostic::error("path-outside", message, span).help("write a relative path without `..`"));
    false
}

/// A glob relative to the root; without a slash it matches at any depth.
pub fn parse_glob(text: &str) -> Option<globset::Glob> {
    let pattern = text.trim_start_matches("./").trim_matches('/');
    let anywhere = if pattern.contains('/') { pattern.to_owned() } else { format!("**/{pattern}") };
    let glob = globset::GlobBuilder::new(&anywhere).literal_separator(true).build();
    glob.ok().filter(|_| !pattern.is_empty())
}

fn check_glob(text: &str, span: Span, findings: &mut Findings) -> bool {
    match parse_glob(text) {
        Some(_) => true,
        None => {
            let message = format!("{} is no glob", shown(text));
            findings
                .push(Diagnostic::error("invalid-glob", message, span).help("such as `drafts/**` or `*.tmpl.yaml`"));
            false
        }
    }
}

fn check_labels(field: &Field, node: Node<'_>, findings: &mut Findings) -> bool {
    if node.kind() != NodeKind::Mapping {
        return wrong_type(field, node, findings);
    }
    let before = findings.errors();
    let mut good = true;
    for (_, span, name, value) in json::unique_pairs(node, findings) {
        good &= check_name("labels", name, span, findings);
        good &= match value.scalar() {
            Some(scalar) if scalar.plain && is_null(scalar.text) => {
                let message = format!("the label {} has no value", shown(name));
                findings.push(Diagnostic::error("null-value", message, at_value(value)).help("write one, or quote it"));
                false
            }
            Some(scalar) => check_word("labels", scalar.text, value.span(), findings),
            None => {
                let message = format!("the label {} must be text, not {}", shown(name), kind_words(value));
                findings.push(Diagnostic::error("wrong-type", message, value.head()));
                false
            }
        };
    }
    good && findings.errors() == before // doubled labels count too
}

/// Which names may stand here is the kind's to say: whoever lowers the mapping checks them.
fn check_pattern_map(field: &Field, node: Node<'_>, findings: &mut Findings) -> bool {
    if node.kind() != NodeKind::Mapping {
        return wrong_type(field, node, findings);
    }
    if node.is_empty() {
        let message = format!("`{}` is an empty mapping, which says nothing", field.name);
        let help = format!("name at least one field, or remove `{}`", field.name);
        findings.push(Diagnostic::error("empty-list", message, node.span()).help(help));
        return false;
    }
    let before = findings.errors();
    for (_, _, name, value) in json::unique_pairs(node, findings) {
        match value.scalar() {
            Some(scalar) if scalar.plain && is_null(scalar.text) => {
                let message = format!("the pattern for {} has no value", shown(name));
                findings.push(Diagnostic::error("null-value", message, at_value(value)).help("write one, or quote it"));
            }
            Some(scalar) => {
                check_word(field.name, scalar.text, value.span(), findings);
            }
            None => {
                let message = format!("the pattern for {} must be text, not {}", shown(name), kind_words(value));
                findings.push(Diagnostic::error("wrong-type", message, value.head()));
            }
        }
    }
    findings.errors() == before
}

fn check_secret_map(field: &Field, node: Node<'_>, findings: &mut Findings) -> bool {
    if node.kind() != NodeKind::Mapping {
        findings.redact(node.span());
        return wrong_type(field, node, findings);
    }
    let before = findings.errors();
    for (_, span, name, value) in json::unique_pairs(node, findings) {
        check_id(name, span, field.name, findings);
        secret_ref(value, findings);
    }
    findings.errors() == before
}

/// Reads a reference to a secret. Anything else in its place may be the secret itself: it is reported and blacked out.
pub fn secret_ref(node: Node<'_>, findings: &mut Findings) -> Option<SecretRef> {
    if node.kind() == NodeKind::Bad {
        return None;
    }
    let mut pairs = node.pairs();
    let single = match (pairs.next(), pairs.next()) {
        (Some((key, value)), None) => key.scalar().zip(value.scalar()).map(|(k, v)| (k.text, v.text, value)),
        _ => None,
    };
    match single {
        Some(("env", name, value)) => env_ref(name, value, findings),
        Some(("file", path, value)) => {
            check_path("file", path, value.span(), findings).then(|| SecretRef::File(path.into()))
        }
        _ => {
            findings.redact(node.span());
            let message = "a reference to a secret belongs here, never a value";
            let help = "write `{env: NAME}`, or `{file: PATH}` below --secrets-dir; a value that was committed is no secret any more: change it";
            findings.push(Diagnostic::error("secret-literal", message, node.head()).help(help));
            None
        }
    }
}

fn env_ref(name: &str, value: Node<'_>, findings: &mut Findings) -> Option<SecretRef> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let starts = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if starts && name.bytes().all(fits) {
        return Some(SecretRef::Env(name.into()));
    }
    findings.redact(value.span());
    let message = "this is no name of an environment variable";
    let help = "letters, digits and `_`, such as `PARTIUM_TOKEN`: the variable's name, not its value";
    findings.push(Diagnostic::error("secret-literal", message, value.head()).help(help));
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Scalar<'_> {
        Scalar { text, plain: true }
    }

    #[test]
    fn a_number_is_plain_digits_and_is_read_as_it_is_checked() {
        let integer = |text| typed(&Type::Integer(1, 100), plain(text));
        assert_eq!((integer("1"), integer("100")), (Ok(Typed::Integer(1)), Ok(Typed::Integer(100))));
        for text in [
            "0x1", "0X1", "0o1", "0b1", "01", "00", "1_0", "+1", "-1", "1e0", "1E0", "1.0", "1.", " 1", "1 ", "", "1:0",
        ] {
            assert_eq!(integer(text), Err(Misread::Form), "{text}");
        }
        for text in ["0", "101", "18446744073709551616", "99999999999999999999999999"] {
            assert_eq!(integer(text), Err(Misread::Range), "{text}");
        }
        assert_eq!(typed(&Type::Integer(1, 100), Scalar { text: "1", plain: false }), Err(Misread::Form), "quoted");
        let number = |text| typed(&Type::Number(0.1, 100.0), plain(text));
        assert_eq!((number("0.1"), number("2.50")), (Ok(Typed::Number(0.1)), Ok(Typed::Number(2.5))));
        for text in
            ["1e1", "1e-12", ".5", "1.", "0x1", "00.5", "01", "+1", "-1", "1_0", "1.0_0", ".inf", ".nan", "inf", "nan"]
        {
            assert_eq!(number(text), Err(Misread::Form), "{text}");
        }
        for text in ["0", "0.0", "0.09", "100.1", &"9".repeat(400)] {
            assert_eq!(number(text), Err(Misread::Range), "{text}");
        }
    }

    #[test]
    fn durations_are_numbers_with_units() {
        assert_eq!(parse_duration("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        for text in [
            "",
            "5",
            "s",
            "5 s",
            "5m1h",
            "1s1s",
            "-5s",
            "1.5s",
            "99999999999999999999s",
            "5s ",
            "05s",
            "+5s",
            "0x5s",
            "5_0s",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_date_counts_to_its_end() {
        assert_eq!(parse_until("2026-12-24"), Instant::parse("2026-12-25T00:00:00Z"));
        assert_eq!(parse_until("9999-12-31"), Instant::parse("9999-12-31T23:59:59.999Z").map(|i| Instant(i.0 + 1)));
        assert_eq!(parse_until("2026-12-24T12:00:00Z"), Instant::parse("2026-12-24T12:00:00Z"));
        assert_eq!(parse_until("2026-13-01"), None);
        assert_eq!(parse_until("20261224"), None);
        assert_eq!(parse_until("2026-12-24T12:00:00"), None);
    }
}
