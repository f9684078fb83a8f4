//! One object against its table: unknown, doubled, missing and mistyped fields, all reported, then readable by name.

use super::{Case, Field, MAX_FIELDS, Rule, Shape, Type, read};
use crate::diag::{Diagnostic, Span};
use crate::manifest::findings::{Findings, did_you_mean, shown};
use crate::manifest::yaml::{Node, NodeKind};
use crate::model::is_invisible;

/// The longest id: longer ones fit no request line.
const MAX_ID: usize = 1024;

/// No such field in this object.
const ABSENT: u32 = u32::MAX;

/// One object, checked: its fields' nodes by place in the table. Values of fields that were wrong read as absent.
#[derive(Debug, Clone, Copy)]
pub struct Record<'t> {
    /// The mapping.
    pub node: Node<'t>,
    /// Its table.
    pub shape: &'static Shape,
    slots: [u32; MAX_FIELDS],
    /// A bit a field: there.
    present: u32,
    /// A bit a field: there, but wrong and reported.
    bad: u32,
}

/// The places of the bits that are set, from the first.
fn places(mut bits: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
        (place < u32::BITS).then_some(place as usize)
    })
}

impl Shape {
    /// Checks a mapping and makes it readable. Objects inside are not entered: whoever reads them checks them.
    ///
    /// `None` where it is no mapping at all; that is reported here.
    pub fn read<'t>(&'static self, node: Node<'t>, findings: &mut Findings) -> Option<Record<'t>> {
        if node.kind() != NodeKind::Mapping {
            if node.kind() != NodeKind::Bad {
                if self.secret {
                    findings.redact(node.span());
                }
                let message = format!("{} must be a mapping, not {}", self.title, kind_words(node));
                findings.push(Diagnostic::error("wrong-type", message, node.head()).help(self.fields_help()));
            }
            return None;
        }
        let mut record = Record { node, shape: self, slots: [ABSENT; MAX_FIELDS], present: 0, bad: 0 };
        record.fill(node, false, findings);
        record.check_values(findings);
        record.check_required(findings);
        for (rule, mask) in self.rules.iter().zip(self.masks.of(self)) {
            let given = (record.present & mask).count_ones();
            let is_kept = match rule {
                Rule::ExactlyOne(_) => given == 1,
                Rule::AtMostOne(_) => given <= 1,
                Rule::AtLeastOne(_) => given >= 1,
                Rule::Needs(..) | Rule::Case { .. } => false, // not known from the bits
            };
            if !is_kept {
                record.check_rule(rule, findings);
            }
        }
        Some(record)
    }

    /// What may stand in the object, for messages.
    pub(super) fn fields_help(&self) -> String {
        let names: Vec<String> = self.fields().map(|field| format!("`{}`", field.name)).collect();
        format!("its fields are {}", names.join(", "))
    }
}

/// What stands there, in words.
pub(super) fn kind_words(node: Node<'_>) -> &'static str {
    match node.kind() {
        NodeKind::Sequence => "a list",
        NodeKind::Mapping => "a mapping",
        NodeKind::Bad => "something unreadable",
        NodeKind::Scalar => match node.scalar() {
            Some(scalar) if scalar.plain && scalar.text.is_empty() => "nothing",
            Some(scalar) if scalar.plain && crate::manifest::yaml::is_null(scalar.text) => "null",
            _ => "a single value",
        },
    }
}

/// Checks an id's text: empty, `.` and `..` are no path segments, and control characters fit no request.
pub fn check_id(text: &str, span: Span, field: &str, findings: &mut Findings) -> bool {
    let refuse = |findings: &mut Findings, code, message: String, help: &str| {
        findings.push(Diagnostic::error(code, message, span).help(help));
        false
    };
    match text {
        "" => refuse(findings, "empty-id", format!("`{field}` is empty"), "write the id"),
        "." | ".." => {
            let message = format!("`{field}` cannot be `{text}`: an id is one path segment of a request");
            refuse(findings, "invalid-id", message, "write the id as the system shows it")
        }
        _ if text.len() > MAX_ID => {
            let message = format!("`{field}` is longer than {MAX_ID} bytes");
            refuse(findings, "invalid-id", message, "write the id as the system shows it")
        }
        _ if text.chars().any(char::is_control) => {
            let message = format!("`{field}` holds a line break or another control character");
            refuse(findings, "invalid-id", message, "write the id as the system shows it, on one line")
        }
        _ => match unseen(text) {
            None => true,
            Some(problem) => {
                let help = "write the id as the system shows it: one that nobody can tell from another is a mistake";
                refuse(findings, "invalid-id", format!("`{field}` {problem}"), help)
            }
        },
    }
}

/// What nobody sees in a text: an invisible character, or a space at its start or end.
pub(super) fn unseen(text: &str) -> Option<String> {
    let invisible = text.chars().find(|c| is_invisible(*c));
    let invisible = invisible.map(|c| format!("holds the invisible character U+{:04X}", u32::from(c)));
    invisible.or_else(|| (text.trim() != text).then(|| "begins or ends with a space".to_owned()))
}

impl<'t> Record<'t> {
    fn fill(&mut self, node: Node<'t>, merged: bool, findings: &mut Findings) {
        for (key, value) in node.pairs() {
            let Some(scalar) = key.scalar() else {
                if key.kind() != NodeKind::Bad {
                    let message = format!("a field name is text, not {}", kind_words(key));
                    findings.push(Diagnostic::error("unsupported-key", message, key.head()));
                }
                continue;
            };
            if scalar.plain && scalar.text == "<<" {
                continue; // after the own fields: they count before merged ones
            }
            match self.shape.field(scalar.text) {
                Some((index, field)) => self.set(index, field, key, value, merged, findings),
                None => self.unknown(scalar.text, key, value, findings),
            }
        }
        for (key, value) in node.pairs() {
            if key.scalar().is_some_and(|s| s.plain && s.text == "<<") {
                self.merge(value, findings);
            }
        }
    }

    fn merge(&mut self, value: Node<'t>, findings: &mut Findings) {
        match value.kind() {
            NodeKind::Mapping => self.fill(value, true, findings),
            NodeKind::Sequence => {
                for item in value.items() {
                    self.merge(item, findings);
                }
            }
            NodeKind::Bad => {}
            NodeKind::Scalar => {
                let message = "`<<` merges mappings, and this is a single value";
                findings.push(Diagnostic::error("merge-key", message, value.span()).help("write `<<: *anchor`"));
            }
        }
    }

    fn set(
        &mut self,
        index: usize,
        field: &Field,
        key: Node<'t>,
        value: Node<'t>,
        merged: bool,
        findings: &mut Findings,
    ) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        if *slot == ABSENT {
            *slot = value.place();
            self.present |= 1 << index;
            return;
        }
        if merged {
            return;
        }
        let first = self.key_span(index);
        if self.shape.secret {
            findings.redact(value.span());
        }
        let message = format!("`{}` is given twice", field.name);
        let diagnostic = Diagnostic::error("duplicate-field", message, key.span()).label("given again here");
        findings.push(diagnostic.also(first, "first given here").help("remove one of the two"));
    }

    fn unknown(&self, name: &str, key: Node<'t>, value: Node<'t>, findings: &mut Findings) {
        if self.shape.secret {
            findings.redact(value.span());
        }
        let message = format!("{} has no field {}", self.shape.title, shown(name));
        let help = did_you_mean(name, &self.shape.names());
        findings.push(Diagnostic::error("unknown-field", message, key.span()).help(help));
    }

    fn check_values(&mut self, findings: &mut Findings) {
        for index in places(self.present) {
            let (Some(field), Some(value)) = (self.shape.at(index), self.raw(index)) else { continue };
            if !read::check_value(field, value, findings) {
                self.bad |= 1 << index;
            }
        }
    }

    fn check_required(&self, findings: &mut Findings) {
        for (index, field) in self.shape.fields().enumerate() {
            if field.required && self.raw(index).is_none() {
                let message = format!("{} needs `{}`", self.shape.title, field.name);
                let help = format!("add `{}: …`, {}. {}", field.name, field.ty.words(), field.doc);
                findings.push(Diagnostic::error("missing-field", message, self.node.head()).help(help));
            }
        }
    }

    fn given(&self, names: &[&'static str]) -> Vec<(&'static str, Span)> {
        let named = names.iter().filter_map(|name| self.shape.field(name));
        named
            .filter(|(index, _)| self.raw(*index).is_some())
            .map(|(index, field)| (field.name, self.key_span(index)))
            .collect()
    }

    fn check_rule(&self, rule: &Rule, findings: &mut Findings) {
        match rule {
            Rule::ExactlyOne(names) => {
                self.at_most_one(names, findings);
                self.at_least_one(names, findings);
            }
            Rule::AtMostOne(names) => self.at_most_one(names, findings),
            Rule::AtLeastOne(names) => self.at_least_one(names, findings),
            Rule::Needs(name, others) => {
                if let (Some(span), true) = (self.key(name), self.given(others).is_empty()) {
                    let others = alternatives(others);
                    let message = format!("`{name}` has a meaning only beside {others}");
                    let help = format!("add {others}, or remove `{name}`");
                    findings.push(Diagnostic::error("conflicting-fields", message, span).help(help));
                }
            }
            Rule::Case { field, default, cases } => self.check_case(field, *default, cases, findings),
        }
    }

    fn at_least_one(&self, names: &[&'static str], findings: &mut Findings) {
        let present = |name: &&str| self.shape.field(name).is_some_and(|(index, _)| self.raw(index).is_some());
        if names.iter().any(present) {
            return;
        }
        let message = format!("{} needs {}", self.shape.title, alternatives(names));
        let doc = names.first().and_then(|name| self.shape.field(name)).map_or("", |(_, field)| field.doc);
        let help = format!("add `{}: …`. {doc}", names.first().copied().unwrap_or_default());
        findings.push(Diagnostic::error("missing-field", message, self.node.head()).help(help));
    }

    fn at_most_one(&self, names: &[&'static str], findings: &mut Findings) {
        let mut first = None;
        for name in names {
            let Some(span) = self.key(name) else { continue };
            let Some((other, other_span)) = first else {
                first = Some((*name, span));
                continue;
            };
            let message = format!("`{name}` and `{other}` cannot stand together");
            let diagnostic = Diagnostic::error("conflicting-fields", message, span).also(other_span, "the other one");
            findings.push(diagnostic.help("keep one of the two"));
        }
    }

    fn check_case(&self, field: &'static str, default: Option<&'static str>, cases: &[Case], findings: &mut Findings) {
        let Some((index, _)) = self.shape.field(field) else { return };
        let value = match self.raw(index) {
            Some(_) => self.text(field).map(|(text, _)| text),
            None => default,
        };
        let Some(case) = value.and_then(|value| cases.iter().find(|case| case.value == value)) else { return };
        let at = self.raw(index).map(|node| node.span());
        for group in case.groups {
            if self.given(group).is_empty() {
                let message = format!("`{field}: {}` needs {}", case.value, alternatives(group));
                let mut diagnostic = Diagnostic::error("missing-field", message, self.node.head());
                if let Some(at) = at {
                    diagnostic = diagnostic.also(at, "asked for by this");
                }
                let name = group.first().copied().unwrap_or_default();
                findings.push(diagnostic.help(format!("add `{name}: …`")));
            }
            self.at_most_one(group, findings);
        }
        let own: Vec<&str> = case.groups.iter().flat_map(|group| group.iter().copied()).collect();
        let all = cases.iter().flat_map(|case| case.groups.iter()).flat_map(|group| group.iter().copied());
        let mut told: Vec<&str> = Vec::new();
        for name in all.filter(|name| !own.contains(name) && !case.optional.contains(name)) {
            let Some(span) = self.key(name) else { continue };
            if told.contains(&name) {
                continue;
            }
            told.push(name);
            let message = format!("`{name}` does not go with `{field}: {}`", case.value);
            let mut diagnostic = Diagnostic::error("wrong-field", message, span);
            if let Some(at) = at {
                diagnostic = diagnostic.also(at, "this decides which fields go");
            }
            let help = match own.first() {
                Some(right) => format!("`{field}: {}` takes `{right}`", case.value),
                None => format!("`{field}: {}` takes no such field: remove it", case.value),
            };
            findings.push(diagnostic.help(help));
        }
    }

    fn raw(&self, index: usize) -> Option<Node<'t>> {
        let place = self.slots.get(index).copied().unwrap_or(ABSENT);
        (place != ABSENT).then(|| self.node.sibling(place))
    }

    /// The key of a field that is there. A key is one node, right before its value.
    fn key_span(&self, index: usize) -> Span {
        let place = self.slots.get(index).copied().unwrap_or(ABSENT);
        self.node.sibling(place.wrapping_sub(1)).span()
    }

    /// Where a field's name stands, if the field is there at all, right or wrong.
    pub fn key(&self, name: &str) -> Option<Span> {
        let (index, _) = self.shape.field(name)?;
        self.raw(index).map(|_| self.key_span(index))
    }

    /// A field's value, unless it is absent or wrong.
    pub fn get(&self, name: &str) -> Option<Node<'t>> {
        let (index, _) = self.shape.field(name)?;
        self.good(index)
    }

    fn good(&self, index: usize) -> Option<Node<'t>> {
        if self.bad & (1 << index) != 0 { None } else { self.raw(index) }
    }

    /// Whether a field is there and wrong: reported already.
    pub fn is_bad(&self, name: &str) -> bool {
        self.shape.field(name).is_some_and(|(index, _)| self.bad & (1 << index) != 0)
    }

    /// Whether any field is there and wrong.
    pub fn any_bad(&self) -> bool {
        self.bad != 0
    }

    /// The fields that are there and right, in the order of the table.
    pub fn fields(&self) -> impl Iterator<Item = (&'static Field, Node<'t>)> + '_ {
        places(self.present & !self.bad).filter_map(|index| Some((self.shape.at(index)?, self.raw(index)?)))
    }

    /// A scalar field's text and place, unless it is absent, wrong or null.
    pub fn text(&self, name: &str) -> Option<(&'t str, Span)> {
        let node = self.get(name)?;
        let scalar = node.scalar()?;
        let is_null = scalar.plain && crate::manifest::yaml::is_null(scalar.text);
        (!is_null).then(|| (scalar.text, node.span()))
    }

    /// A scalar field's value as its type reads it, with its place, unless it is absent, wrong or null.
    fn typed(&self, name: &str) -> Option<(read::Typed<'t>, Span)> {
        let (index, field) = self.shape.field(name)?;
        let node = self.good(index)?;
        let scalar = node.scalar().filter(|s| !(s.plain && crate::manifest::yaml::is_null(s.text)))?;
        Some((read::typed(&field.ty, scalar).ok()?, node.span()))
    }

    /// A whole number, unless it is absent, wrong or null.
    pub fn integer(&self, name: &str) -> Option<u64> {
        match self.typed(name)? {
            (read::Typed::Integer(number), _) => Some(number),
            _ => None,
        }
    }

    /// A whole number that counts something in memory; one that no machine word holds is as large as any.
    pub fn size(&self, name: &str) -> Option<usize> {
        self.integer(name).map(|number| usize::try_from(number).unwrap_or(usize::MAX))
    }

    /// A number, unless it is absent, wrong or null.
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.typed(name)? {
            (read::Typed::Number(number), _) => Some(number),
            _ => None,
        }
    }

    /// A duration, unless it is absent, wrong or null.
    pub fn duration(&self, name: &str) -> Option<std::time::Duration> {
        match self.typed(name)? {
            (read::Typed::Duration(duration), _) => Some(duration),
            _ => None,
        }
    }

    /// A date or date-time and its place, unless it is absent, wrong or null.
    pub fn instant(&self, name: &str) -> Option<(crate::model::Instant, Span)> {
        match self.typed(name)? {
            (read::Typed::Instant(instant), at) => Some((instant, at)),
            _ => None,
        }
    }

    /// The objects of a list of objects, or the object itself.
    pub fn object(&self, name: &str, findings: &mut Findings) -> Option<Record<'t>> {
        let (index, field) = self.shape.field(name)?;
        let node = self.good(index)?;
        match field.ty {
            Type::Object(shape) | Type::Scope(shape) => shape.read(node, findings),
            _ => None,
        }
    }
}

/// "`a`, `b` or `c`".
fn alternatives(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}
