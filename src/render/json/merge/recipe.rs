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
    /// What the parts have in common, in a joined report.
    Merged,
    /// Refusals: every one, once; those of the sum over all sets are judged anew.
    Refusals,
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
    Any, ByName, BySet, BySetOnce, Common, Counts, Drop, Earliest, Exit, First, FirstOf, Object, Refusals, Same, Sets,
    SortedUnion, Sum, Union, Unnarrowed,
};

/// What the thresholds judge.
pub(super) const JUDGED: &[Field] = &[
    ("effective", Sum),
    ("losses", Sum),
    ("updates", Sum),
    ("thresholds", Same),
    ("ceilings", Same),
    ("max_expect", Same),
];

/// `assignctl plan`.
pub(super) const PLAN: &[Field] = &[
    ("format_version", Same),
    ("tool", Same),
    ("planned_at", Earliest),
    ("policy", Same),
    ("verdict", FirstOf(&["unreadable", "refused", "changes", "authority_changes", "no_changes"])),
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
    ("merged", Rule::Merged),
    ("missing_shards", Rule::Missing),
    (
        "targets",
        ByName(&[
            ("name", Same),
            ("provider", Same),
            ("endpoint", Same),
            ("account", Same),
            ("unreadable", First),
            ("refusals", Refusals),
            ("judged", Object(JUDGED)),
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
                    ("result", FirstOf(&["unreadable", "not_verified", "remaining", "clean", "untouched"])),
                    ("message", First),
                    ("temporary", First),
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
    ("policy", Same),
    ("verdict", FirstOf(&["unreadable", "drift", "no_drift"])),
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
            ("counts", Counts),
            ("would_be_refused", Refusals),
            ("judged", Object(JUDGED)),
            ("sets", Sets),
            ("not_selected", Common),
            ("evidence", Union),
        ]),
    ),
];
