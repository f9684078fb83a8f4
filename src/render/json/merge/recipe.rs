//! How each field of each report is merged, as tables: the fields in the order in which the documents have them. A field that is in no
//! table is one that this version does not know, and is refused.

/// How the values of one field become one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rule {
    /// Equal in all parts that have it, and in all or none.
    Same,
    /// The one that is there.
    First,
    /// Said of a part only.
    Drop,
    /// Not in a part: the parts that are not there.
    Missing,
    /// Numbers: their sum.
    Sum,
    /// Objects of numbers: the sum of each.
    Counts,
    /// Instants: the earliest.
    Earliest,
    /// True where one is.
    Any,
    /// The first of these words that occurs.
    FirstOf(&'static [&'static str]),
    /// The exit that a run over all parts would have.
    Exit,
    /// A command that narrows itself to its part, without that.
    Unnarrowed,
    /// Lists: every item, once.
    Union,
    /// The same, sorted by the texts of these fields.
    SortedUnion(&'static [&'static str]),
    /// Lists: what is in all of them.
    Common,
    /// Objects, in all parts or none: field by field.
    Object(&'static [Field]),
    /// Lists of objects with a `name`: those of one name become one, sorted by name.
    ByName(&'static [Field]),
    /// Lists of objects with a `name` that no two parts may share; sorted by name.
    Sets,
    /// Lists of objects that name their `set`; sorted by it, in order inside it.
    BySet,
    /// The same, where no two parts may speak of one set.
    BySetOnce,
}

/// A field and its rule.
pub(super) type Field = (&'static str, Rule);

use Rule::{
    Any, ByName, BySet, BySetOnce, Common, Counts, Drop, Earliest, Exit, First, FirstOf, Object, Same, Sets,
    SortedUnion, Sum, Union, Unnarrowed,
};

/// `assignctl plan`.
pub(super) const PLAN: &[Field] = &[
    ("format_version", Same),
    ("tool", Same),
    ("planned_at", Earliest),
    ("commit", Same),
    ("policy", Same),
    ("verdict", FirstOf(&["unreadable", "refused", "changes", "authority_changes", "incomplete", "no_changes"])),
    ("exit", Exit),
    ("counts", Counts),
    ("role_changes", Sum),
    ("write_requests", Sum),
    (
        "base",
        Object(&[
            ("name", Same),
            ("commit", Same),
            ("causes", Counts),
            ("not_used", Same),
            ("gaps", Union),
            ("authority", Union),
            ("leaving", SortedUnion(&["target", "set"])),
        ]),
    ),
    ("shard", Drop),
    ("missing_shards", Rule::Missing),
    (
        "targets",
        ByName(&[
            ("name", Same),
            ("provider", Same),
            ("endpoint", Same),
            ("account", Same),
            ("unreadable", First),
            ("refusals", Union),
            ("sets", Sets),
            ("not_selected", Common),
            ("evidence", Union),
            ("read_requests", Sum),
            ("write_requests", Sum),
        ]),
    ),
];

/// `assignctl apply`.
pub(super) const APPLY: &[Field] = &[
    ("format_version", Same),
    ("tool", Same),
    ("commit", Same),
    ("policy", Same),
    ("exit", Exit),
    ("interrupted", Any),
    ("totals", Counts),
    ("shard", Drop),
    ("missing_shards", Rule::Missing),
    (
        "targets",
        ByName(&[
            ("name", Same),
            ("provider", Same),
            ("endpoint", Same),
            ("account", Same),
            ("not_run", First),
            ("totals", Counts),
            (
                "verification",
                Object(&[
                    (
                        "result",
                        FirstOf(&["unreadable", "not_verified", "remaining", "clean_in_part", "clean", "untouched"]),
                    ),
                    ("message", First),
                    ("temporary", First),
                    ("not_looked_at", Union),
                    ("other_sets", Common),
                    ("remaining", BySet),
                ]),
            ),
            ("changes", BySetOnce),
            ("held", BySet),
        ]),
    ),
];

/// `assignctl drift`.
pub(super) const DRIFT: &[Field] = &[
    ("format_version", Same),
    ("tool", Same),
    ("checked_at", Earliest),
    ("commit", Same),
    ("policy", Same),
    ("verdict", FirstOf(&["unreadable", "drift", "incomplete", "no_drift_declared", "no_drift"])),
    ("exit", Exit),
    ("counts", Counts),
    ("remediation", Unnarrowed),
    ("shard", Drop),
    ("missing_shards", Rule::Missing),
    (
        "targets",
        ByName(&[
            ("name", Same),
            ("provider", Same),
            ("endpoint", Same),
            ("account", Same),
            ("unreadable", First),
            ("claim", FirstOf(&["incomplete", "declared_only", "proven"])),
            ("counts", Counts),
            ("would_be_refused", Union),
            ("sets", Sets),
            ("not_selected", Common),
            ("evidence", Union),
        ]),
    ),
];
