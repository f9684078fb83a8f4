//! Every object that a manifest may hold, as tables. One table is the checker (unknown fields, types, missing fields), the JSON
//! Schema and the field reference, so that the three cannot disagree.
//!
//! This module knows no provider: providers write their own tables with these types.

use std::sync::OnceLock;

mod check;
mod json;
mod read;
mod reference;
mod schema;

pub use check::{Record, check_id};
pub use json::{json_map, json_value, unique_pairs};
pub use read::{Typed, parse_duration, parse_glob, parse_integer, secret_ref, typed_value as typed};
pub use reference::{reference, shape_reference};
pub use schema::{object_schema, schema_of};

/// The most fields one object may have.
pub const MAX_FIELDS: usize = 32;

/// Where a field comes from, as in the API contracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// assignctl's own.
    Own,
    /// Stated in the vendor page that the contract was made from.
    Seed,
    /// Stated on another public page of the vendor.
    Doc,
    /// Stated nowhere: the conventional reading. The field is there so that a user can change it.
    Assumed,
}

impl Mark {
    /// The mark as the contracts write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Mark::Own => "",
            Mark::Seed => "[seed]",
            Mark::Doc => "[doc]",
            Mark::Assumed => "[assumed]",
        }
    }
}

/// One value of a closed list.
#[derive(Debug)]
pub struct Choice {
    /// The word.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub enum Type {
    /// An id: text as written, one path segment when sent.
    Id,
    /// A list of ids: the cross product with the other fields.
    Ids,
    /// A name as the system shows it, to the letter.
    LiveName,
    /// A list of such names: the cross product with the other fields.
    LiveNames,
    /// The name of a document or of a label.
    Name,
    /// Text as written.
    Text,
    /// Text that is compared with other texts: nothing in it is invisible.
    Word,
    /// A version: text as written, so that `2.10` stays `2.10`.
    Version,
    /// `true` or `false`.
    Bool,
    /// A whole number between two bounds.
    Integer(u64, u64),
    /// A number between two bounds.
    Number(f64, f64),
    /// A duration such as `30s`, between two bounds in milliseconds.
    Duration(u64, u64),
    /// An RFC 3339 date-time with an offset.
    Instant,
    /// A date (counts to its end, in UTC) or an RFC 3339 date-time.
    Until,
    /// One of a closed list of words.
    Choice(&'static [Choice]),
    /// A list of texts.
    Texts,
    /// Names to texts.
    Labels,
    /// A mapping of any JSON values.
    JsonMap,
    /// A reference to a secret.
    Secret,
    /// Names to references to secrets.
    SecretMap,
    /// `https://…`, or `http://…` to loopback.
    Url,
    /// `sandbox` or a URL.
    Endpoint,
    /// A path inside the root.
    Path,
    /// A list of globs.
    Globs,
    /// Names of fields to patterns for their values: `*` stands for any run of characters.
    PatternMap,
    /// An object.
    Object(&'static Shape),
    /// A list of objects.
    Objects(&'static Shape),
    /// `all` or an object of id lists.
    Scope(&'static Shape),
    /// An id, or an object of key fields and ids.
    Holder,
}

impl Type {
    /// The type in words, for messages and the reference.
    pub fn words(&self) -> &'static str {
        match self {
            Type::Id => "an id",
            Type::Ids => "a list of ids",
            Type::LiveName => "a name, to the letter",
            Type::LiveNames => "a list of names, to the letter",
            Type::Name => "a name",
            Type::Text | Type::Word => "text",
            Type::Version => "a version, taken as written",
            Type::Bool => "`true` or `false`",
            Type::Integer(..) => "a whole number",
            Type::Number(..) => "a number",
            Type::Duration(..) => "a duration such as `30s`",
            Type::Instant => "a date-time with an offset, such as `2026-12-31T23:59:59Z`",
            Type::Until => "a date such as `2026-12-24`, or a date-time with an offset",
            Type::Choice(_) => "one of a list of words",
            Type::Texts => "a list of texts",
            Type::Labels => "a mapping of names to texts",
            Type::JsonMap => "a mapping",
            Type::Secret => "a reference to a secret: `{env: NAME}` or `{file: PATH}`",
            Type::SecretMap => "a mapping of names to references to secrets",
            Type::Url => "an `https://` address",
            Type::Endpoint => "`sandbox` or an `https://` address",
            Type::Path => "a path inside the root",
            Type::Globs => "a list of globs",
            Type::PatternMap => "a mapping of field names to patterns",
            Type::Object(_) => "a mapping",
            Type::Objects(_) => "a list of mappings",
            Type::Scope(_) => "`all` or a mapping",
            Type::Holder => "an id, or a mapping of key fields to ids",
        }
    }
}

/// One field of an object.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name; inside assignments, the API's own.
    pub name: &'static str,
    /// What it holds.
    pub ty: Type,
    /// What it is for, in a sentence.
    pub doc: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// Whether an explicit `null` clears it.
    pub nullable: bool,
    /// The key part that it gives, singular or plural.
    pub part: Option<usize>,
    /// Where it comes from.
    pub mark: Mark,
    /// Which names it holds in place of ids.
    pub named: Option<Named>,
}

/// The names that a field holds in place of ids.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// The field's singular form: what the provider calls these names in [`crate::model::Handles`].
    pub field: &'static str,
    /// The field beside it that says what the name is unique in.
    pub within: Option<&'static str>,
}

impl Field {
    /// A name in place of a key part's id.
    pub const fn name(name: &'static str, part: usize, doc: &'static str) -> Self {
        let named = Some(Named { field: name, within: None });
        Self { part: Some(part), named, ..Self::new(name, Type::LiveName, doc) }
    }

    /// Several names in place of a key part's ids; `singular` is the field for one of them.
    pub const fn names(name: &'static str, singular: &'static str, part: usize, doc: &'static str) -> Self {
        let named = Some(Named { field: singular, within: None });
        Self { part: Some(part), named, ..Self::new(name, Type::LiveNames, doc) }
    }

    /// The names are unique only within what another field says.
    #[must_use]
    pub const fn within(mut self, field: &'static str) -> Self {
        if let Some(named) = self.named {
            self.named = Some(Named { within: Some(field), ..named });
        }
        self
    }

    /// An optional field of assignctl's own.
    pub const fn new(name: &'static str, ty: Type, doc: &'static str) -> Self {
        Self { name, ty, doc, required: false, nullable: false, part: None, mark: Mark::Own, named: None }
    }

    /// It must be there.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// `null` clears it.
    #[must_use]
    pub const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// It gives this part of the key.
    #[must_use]
    pub const fn part(mut self, part: usize) -> Self {
        self.part = Some(part);
        self
    }

    /// Whether it holds ids of this key part (and not names in their place).
    pub fn gives(&self, part: usize) -> bool {
        self.part == Some(part) && self.named.is_none()
    }

    /// Where it comes from.
    #[must_use]
    pub const fn mark(mut self, mark: Mark) -> Self {
        self.mark = mark;
        self
    }
}

/// What the fields of an object owe each other.
#[derive(Debug)]
pub enum Rule {
    /// Exactly one of these (a singular and its plural).
    ExactlyOne(&'static [&'static str]),
    /// Not two of these.
    AtMostOne(&'static [&'static str]),
    /// At least one of these.
    AtLeastOne(&'static [&'static str]),
    /// The first only beside one of the others.
    Needs(&'static str, &'static [&'static str]),
    /// The value of `field` decides which others must stand there.
    Case {
        /// The field that decides.
        field: &'static str,
        /// Its value when it is left out.
        default: Option<&'static str>,
        /// What each value asks for.
        cases: &'static [Case],
    },
}

/// What one value of a deciding field asks for.
#[derive(Debug)]
pub struct Case {
    /// The value.
    pub value: &'static str,
    /// Of each group, exactly one must be there; fields of other values' groups must not, unless they are `optional`.
    pub groups: &'static [&'static [&'static str]],
    /// Fields of other values' groups that may be there all the same.
    pub optional: &'static [&'static str],
}

/// One kind of object.
#[derive(Debug)]
pub struct Shape {
    /// Its name in messages and in the reference, such as `assignment`.
    pub title: &'static str,
    /// What it is, in a sentence.
    pub doc: &'static str,
    /// Its fields, in groups so that tables can be shared.
    pub groups: &'static [&'static [Field]],
    /// What the fields owe each other.
    pub rules: &'static [Rule],
    /// Whether any value in here may be a secret written by mistake: excerpts black it out where it is wrong.
    pub secret: bool,
    /// The rules' fields as bits, found when first asked for.
    pub masks: Masks,
}

/// The fields that each rule of a table names, a bit a field: with hundreds of thousands of objects, comparing names each time
/// would cost as much as all other checks.
#[derive(Debug, Default)]
pub struct Masks(OnceLock<Box<[u32]>>);

impl Masks {
    /// Not asked for yet.
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    fn of(&self, shape: &Shape) -> &[u32] {
        let bits = |names: &[&str]| {
            names.iter().filter_map(|name| shape.field(name)).fold(0, |bits, (index, _)| bits | 1 << index)
        };
        let mask = |rule: &Rule| match rule {
            Rule::ExactlyOne(names) | Rule::AtMostOne(names) | Rule::AtLeastOne(names) => bits(names),
            Rule::Needs(..) | Rule::Case { .. } => 0,
        };
        self.0.get_or_init(|| shape.rules.iter().map(mask).collect())
    }
}

impl Shape {
    /// All fields in the order of the tables.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.groups.iter().flat_map(|group| group.iter())
    }

    /// A field and its place by name.
    pub fn field(&self, name: &str) -> Option<(usize, &'static Field)> {
        let mut index = 0;
        for group in self.groups {
            for field in *group {
                if field.name == name {
                    return Some((index, field));
                }
                index += 1;
            }
        }
        None
    }

    /// A field by place.
    fn at(&self, mut index: usize) -> Option<&'static Field> {
        for group in self.groups {
            match group.get(index) {
                Some(field) => return Some(field),
                None => index -= group.len(),
            }
        }
        None
    }

    /// The field names.
    pub fn names(&self) -> Vec<&'static str> {
        self.fields().map(|field| field.name).collect()
    }
}
