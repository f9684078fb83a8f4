//! Every code that the program says, in one table. A test holds it against the sources.

/// Where a code is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A finding in a manifest or policy.
    Manifest,
    /// A guard that refused a plan.
    Guard,
    /// A warning beside a plan.
    Plan,
    /// A run that ended before there was a plan.
    Stopped,
}

impl Source {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Source::Manifest => "in manifests and policies",
            Source::Guard => "a guard that refuses a plan",
            Source::Plan => "a warning beside a plan",
            Source::Stopped => "a run that ended before there was a plan",
        }
    }
}

/// One code.
#[derive(Debug)]
pub struct Code {
    /// As outputs show it.
    pub name: &'static str,
    /// Where it is said.
    pub source: Source,
    /// What it means, and why the program is strict there.
    pub what: &'static str,
    /// What to do.
    pub fix: &'static str,
}

const fn code(source: Source, name: &'static str, what: &'static str, fix: &'static str) -> Code {
    Code { name, source, what, fix }
}

/// All codes: by source, then by name.
pub static CODES: &[Code] = &[
    code(
        Source::Manifest,
        "alias-budget",
        "Aliases (`*name`) of this file expand to more values than any real manifest needs. A few lines of nested aliases can stand for billions of values, so there is a limit.",
        "write the values out, or split the file.",
    ),
    code(
        Source::Manifest,
        "ambiguous-name",
        "A reference by name that two or more ids of the target share. Choosing one could give or take somebody else's access.",
        "write the id that is meant; the message lists the candidates.",
    ),
    code(
        Source::Manifest,
        "ambiguous-value",
        "A value without quotes that YAML 1.1 and YAML 1.2 read differently: `no`, `012`, `1_000`, `12:30`, or a number that JSON cannot carry exactly. The program never guesses which one you mean.",
        "quote it if it is text; write it in its plain form if it is a number or a boolean.",
    ),
    code(
        Source::Manifest,
        "auth-not-accepted",
        "This system, or the chosen surface of it, does not take this way to sign in.",
        "use one of the ways that the message names.",
    ),
    code(
        Source::Manifest,
        "byte-order-mark",
        "A byte-order mark stands inside the file. It may only be the first thing in it; concatenated files often carry one in the middle.",
        "remove it.",
    ),
    code(
        Source::Manifest,
        "conflicting-fields",
        "Two fields stand together that exclude each other, or a field lacks the one that gives it a meaning. Choosing one of them silently could declare another assignment than you meant.",
        "keep one of the two, or add the missing one.",
    ),
    code(
        Source::Manifest,
        "contradictory-assignment",
        "One assignment is declared twice, with different values. Which one should hold cannot be known.",
        "keep the one that is meant.",
    ),
    code(
        Source::Manifest,
        "control-character",
        "A control character stands where it cannot be sent or shown. Some readers stop at it and see half a file.",
        "remove it, or write it as an escape inside double quotes where a text really needs it.",
    ),
    code(
        Source::Manifest,
        "date-order",
        "An assignment ends before it begins, so it would never be in effect.",
        "make `effective_to` later than `effective_from`.",
    ),
    code(
        Source::Manifest,
        "duplicate-assignment",
        "The same assignment is declared twice, in one set or in two. Every live row has at most one owner, so that one change in git is one change live.",
        "remove one of the two.",
    ),
    code(
        Source::Manifest,
        "duplicate-field",
        "A key stands twice in one mapping. YAML readers disagree about which one counts.",
        "remove one of the two.",
    ),
    code(
        Source::Manifest,
        "duplicate-name",
        "Two targets, or two sets, have the same `metadata.name`. Names choose targets and sets in commands and in saved plans.",
        "rename one of the two.",
    ),
    code(
        Source::Manifest,
        "empty-id",
        "An id is empty. An id is one segment of a request's path.",
        "write the id as the system shows it.",
    ),
    code(
        Source::Manifest,
        "empty-input",
        "Files or standard input were given, and hold no target and no set. A check of nothing finds nothing, so it is told.",
        "look whether the file is the right one, and whether the command before the pipe printed anything.",
    ),
    code(
        Source::Manifest,
        "empty-list",
        "A list of ids is empty, which selects nothing: almost always a mistake of whatever wrote the file.",
        "list at least one id, or leave the field out.",
    ),
    code(Source::Manifest, "empty-text", "A text is empty where one is due.", "write a value, or leave the field out."),
    code(
        Source::Manifest,
        "foreign-scope",
        "An assignment lies in the scope of another set that is authoritative. That set would remove what this one declares.",
        "declare it in that set, or narrow that set's scope.",
    ),
    code(
        Source::Manifest,
        "ignore-ended",
        "A rule of `ignore` is past its `until`. A silence that nobody renewed must not last.",
        "delete the rule, or move `until` after a new review of its reason.",
    ),
    code(
        Source::Manifest,
        "incomplete-input",
        "An authoritative set was given as a loose file. What it does not declare may be declared elsewhere, and would be removed.",
        "put `assignctl.yaml` (`kind: Root`) beside the manifests, or say with --complete that these files are all there is.",
    ),
    code(
        Source::Manifest,
        "insecure-address",
        "An address would send credentials in the clear.",
        "use `https://`; `http://` is for this machine only.",
    ),
    code(
        Source::Manifest,
        "invalid-address",
        "A text is no address, or one with parts that an address of an API cannot have.",
        "write scheme, host, port and path, such as `https://api.example.com`.",
    ),
    code(
        Source::Manifest,
        "invalid-date",
        "A text is no date, or no date-time with an offset. A date without a time or an offset would be a guess about somebody's midnight.",
        "write it whole, such as `2026-12-31T23:59:59Z`.",
    ),
    code(
        Source::Manifest,
        "invalid-duration",
        "A text is no duration.",
        "write a number and a unit: `500ms`, `30s`, `5m`, `1h30m`.",
    ),
    code(
        Source::Manifest,
        "invalid-glob",
        "A pattern under `ignore` cannot be read.",
        "mend the glob; `*` matches inside a name, `**` across directories.",
    ),
    code(
        Source::Manifest,
        "invalid-id",
        "An id cannot be sent: `.`, `..`, a line break, another control character, or far too long. An id is exactly one segment of a request's path.",
        "write the id as the system shows it.",
    ),
    code(
        Source::Manifest,
        "invalid-name",
        "A name holds other characters than letters, digits, `.`, `_` and `-`, or starts with none of the first two. Names stand in flags and file names.",
        "rename it.",
    ),
    code(
        Source::Manifest,
        "invalid-path",
        "A path that replaces one of an API's routes is not what the route needs.",
        "write it as the message says, with the same placeholders as the route that it replaces.",
    ),
    code(
        Source::Manifest,
        "masked-value",
        "In a manifest: `***` stands as a value; it is what the API shows in place of a secret. In a plan: an update would have to send a masked value that nobody declares, which would destroy the secret.",
        "declare the parameter in `secret_params` with a reference, such as `{env: NAME}`.",
    ),
    code(
        Source::Manifest,
        "merge-key",
        "`<<` merges mappings, and something else stands there.",
        "write `<<: *anchor`, or quote the key if it is meant as text.",
    ),
    code(
        Source::Manifest,
        "misplaced-policy",
        "A document of kind Policy stands among the manifests. A policy bounds manifests, so it must not come from the place that a pull request changes.",
        "keep it elsewhere and pass it with --policy FILE.",
    ),
    code(
        Source::Manifest,
        "misplaced-root",
        "A document of kind Root stands elsewhere than in `assignctl.yaml`, or twice.",
        "keep one, in `assignctl.yaml` of the directory that is the root.",
    ),
    code(
        Source::Manifest,
        "missing-auth",
        "A target that is no sandbox says nothing about how to sign in.",
        "add `auth`, with references to secrets and never values.",
    ),
    code(
        Source::Manifest,
        "missing-field",
        "A required field is not there.",
        "add it; the message says what belongs there.",
    ),
    code(
        Source::Manifest,
        "missing-root",
        "`assignctl.yaml` holds no document of kind Root.",
        "begin it with `apiVersion: assignctl/v1` and `kind: Root`.",
    ),
    code(
        Source::Manifest,
        "missing-scope",
        "An authoritative set does not say what it has authority over, so nobody can tell what it would remove.",
        "add `scope`, with ids or `all`.",
    ),
    code(
        Source::Manifest,
        "nested-root",
        "A directory below the root is a root of its own. Loading it with the outer one would give its rows two owners.",
        "give its path alone, or list it under `ignore` in the outer `assignctl.yaml`.",
    ),
    code(
        Source::Manifest,
        "no-manifests",
        "There is no manifest where one was looked for.",
        "check the path and the root's `ignore`; manifests are `*.yaml` and `*.yml` files that are not hidden.",
    ),
    code(
        Source::Manifest,
        "not-a-file",
        "What a path names is no regular file: a pipe, a socket or a device.",
        "give a file or a directory, or `-` for standard input.",
    ),
    code(
        Source::Manifest,
        "not-a-manifest",
        "A document has neither `apiVersion` nor `kind`, or has another program's `apiVersion`.",
        "if the file belongs to another program, list it under `ignore` in `assignctl.yaml`.",
    ),
    code(
        Source::Manifest,
        "not-a-policy",
        "The file of --policy holds something else than one document of kind Policy.",
        "give the policy file; manifests are given as paths.",
    ),
    code(
        Source::Manifest,
        "not-utf8",
        "A file is not UTF-8, so its text cannot be read with certainty.",
        "save it as UTF-8.",
    ),
    code(
        Source::Manifest,
        "null-value",
        "A field has no value, or `null` where nothing can be cleared. An empty value after a colon is most often an unfinished line.",
        "write the value, leave the field out, or quote the word if it is text.",
    ),
    code(
        Source::Manifest,
        "out-of-range",
        "A number or a duration is outside what makes sense for its field.",
        "write one inside the range that the message names.",
    ),
    code(
        Source::Manifest,
        "outside-link",
        "A link points nowhere, or out of the directory of manifests. A pull request must not be able to pull in files from elsewhere.",
        "copy what it points at, or ignore the link.",
    ),
    code(
        Source::Manifest,
        "outside-scope",
        "A set declares an assignment outside its own scope. The scope says what the set answers for.",
        "add the id to the scope, or declare it in another set.",
    ),
    code(
        Source::Manifest,
        "overlapping-scopes",
        "Two sets of a target have scopes that can meet, and at least one is authoritative. It could remove what the other one answers for.",
        "narrow one scope; limiting both by the same field keeps them apart.",
    ),
    code(
        Source::Manifest,
        "path-outside",
        "A path leaves the directory that it is relative to.",
        "write a relative path without `..`.",
    ),
    code(
        Source::Manifest,
        "policy-only",
        "A manifest sets a field that only the caller's policy may set, for it decides what may be taken away.",
        "remove the field, and set it in the file of `--policy`.",
    ),
    code(
        Source::Manifest,
        "policy-account",
        "The policy does not let this target use this account.",
        "use an allowed account, or have the policy changed where it is kept.",
    ),
    code(
        Source::Manifest,
        "policy-endpoint",
        "The policy does not let this target send requests to this address.",
        "use an allowed address, or have the policy changed where it is kept.",
    ),
    code(
        Source::Manifest,
        "policy-names",
        "The policy says `names: deny`, and a set refers to ids by name: whoever can rename something in the system could change what the set means.",
        "write the ids; `assignctl import` shows them beside the names.",
    ),
    code(
        Source::Manifest,
        "policy-secret",
        "The policy does not let this target use this secret. A pull request must not be able to send a secret elsewhere.",
        "use an allowed reference, or have the policy changed where it is kept.",
    ),
    code(
        Source::Manifest,
        "policy-target",
        "The policy does not know this target.",
        "use a target that the policy names, or have the policy changed where it is kept.",
    ),
    code(
        Source::Manifest,
        "recursive-alias",
        "An alias contains itself, so its value has no end.",
        "write the value out.",
    ),
    code(
        Source::Manifest,
        "same-account",
        "Two targets are one account. Every live row of it would have two owners.",
        "keep one of the two targets.",
    ),
    code(
        Source::Manifest,
        "secret-literal",
        "A value stands where a reference to a secret belongs. Excerpts never show it.",
        "write `{env: NAME}` or `{file: PATH}`; a value that was committed is no secret any more: change it.",
    ),
    code(
        Source::Manifest,
        "several-roots",
        "The given paths belong to different roots. A run looks at one whole repository of manifests.",
        "call once for each root.",
    ),
    code(Source::Manifest, "tab-indentation", "A tab stands where YAML takes spaces only.", "replace it with spaces."),
    code(Source::Manifest, "too-deep", "Values are nested deeper than any manifest needs.", "flatten the value."),
    code(
        Source::Manifest,
        "too-large",
        "A file, or all files together, are larger than the program reads.",
        "split it, or use plural fields.",
    ),
    code(
        Source::Manifest,
        "too-many-findings",
        "There are more findings than are listed.",
        "mend the first ones: the rest often goes with them.",
    ),
    code(
        Source::Manifest,
        "too-many-rows",
        "The plural fields of a set multiply to more assignments than one set may declare.",
        "list fewer ids, or split the set.",
    ),
    code(
        Source::Manifest,
        "unknown-alias",
        "An alias (`*name`) has no anchor (`&name`) before it.",
        "define the anchor, or quote the text if it starts with a `*` by chance.",
    ),
    code(
        Source::Manifest,
        "unknown-field",
        "A field is not known in this place. An unknown field that is ignored would be a wish that nobody carries out.",
        "correct the name; the message offers the nearest.",
    ),
    code(Source::Manifest, "unknown-kind", "There is no kind of document of this name.", "correct `kind`."),
    code(
        Source::Manifest,
        "unknown-name",
        "A reference by name that no live assignment of the target shows, to the letter: other case, other spaces, or something that has no assignment yet. Only names that the listing carries can be found.",
        "correct the name if the message shows a near one; else write the id.",
    ),
    code(
        Source::Manifest,
        "unknown-path",
        "The policy replaces a route that this system does not have.",
        "name one of the routes that the message lists.",
    ),
    code(Source::Manifest, "unknown-provider", "There is no provider of this name.", "correct `provider`."),
    code(
        Source::Manifest,
        "unknown-target",
        "A set names a target that no document declares.",
        "correct the name, or declare the target.",
    ),
    code(
        Source::Manifest,
        "unknown-value",
        "A value is none of the words that the field takes.",
        "use one of the words that the message lists.",
    ),
    code(
        Source::Manifest,
        "unknown-version",
        "This program does not read this `apiVersion`.",
        "write `apiVersion: assignctl/v1`, or use a program that knows the version.",
    ),
    code(
        Source::Manifest,
        "unproven-name",
        "A reference by name was looked for in a listing that is not proven complete: an id of this name, or another one, may not have been seen.",
        "plan again when the listing is whole, or write the id.",
    ),
    code(Source::Manifest, "unreadable", "A file or directory cannot be read.", "check the path and its permissions."),
    code(
        Source::Manifest,
        "unsupported-key",
        "A key is no text. JSON, and so every API here, has text keys only.",
        "write the key as text.",
    ),
    code(
        Source::Manifest,
        "unsupported-tag",
        "A YAML tag stands before a value. Fields decide by themselves how a value is read.",
        "leave the tag out; quote what must stay text.",
    ),
    code(
        Source::Manifest,
        "wrong-field",
        "A field does not go with the word chosen in another field, such as an actor that the scope type does not take.",
        "use the field that the message names.",
    ),
    code(
        Source::Manifest,
        "wrong-provider",
        "A set and its target belong to different systems.",
        "name a target of the set's system, or correct `kind`.",
    ),
    code(
        Source::Manifest,
        "wrong-type",
        "A value is of another type than its field takes.",
        "write what the message asks for.",
    ),
    code(
        Source::Manifest,
        "yaml-syntax",
        "The file is not YAML.",
        "mend the place that the message points at: indentation, a missing bracket or quote, text that needs quotes.",
    ),
    code(
        Source::Guard,
        "denied-grant",
        "The plan would give somebody what the policy gives to nobody.",
        "take the grant out of the manifests, or have the policy's `deny_grants` changed where it is kept.",
    ),
    code(
        Source::Guard,
        "empty-scope",
        "Every live assignment in an authoritative scope would go, and none would come. That is what a wrong path, a wrong account or an emptied file looks like.",
        "if it is meant, say so in the set: `expect: { removes: N, until: DATE }`.",
    ),
    code(
        Source::Guard,
        "expect-too-high",
        "An `expect` allows more than the policy lets it.",
        "lower it, or have the policy changed where it is kept.",
    ),
    code(
        Source::Guard,
        "losses",
        "The plan takes away more than the threshold: over a share of what is live in scope, and over a number. It counts removals, replaced roles and access that ends earlier or starts later.",
        "read the list; if it is meant, put the line that the message names into the set: `expect: { removes: N, until: DATE }`.",
    ),
    code(
        Source::Guard,
        "masked-value",
        "An update would have to send a masked value that nobody declares, which would destroy the secret.",
        "declare the parameter in `secret_params` with a reference, such as `{env: NAME}`.",
    ),
    code(
        Source::Guard,
        "min-holders",
        "Fewer identities than `min_holders` would hold the protected rows. Only direct rows that are in effect now count, on the whole target.",
        "keep more holders, or lower `min_holders` in the `protect` that the message names.",
    ),
    code(
        Source::Guard,
        "own-access",
        "The credential that does the work would lose rows that it lives by. Half of the plan would be left undone, with nobody able to go on.",
        "keep these rows, or apply with another credential.",
    ),
    code(
        Source::Guard,
        "protect",
        "A protected row would be lost. `protect` holds against every loss, expected or not.",
        "keep the row, or take the protection out in a review of its own.",
    ),
    code(
        Source::Guard,
        "recreate",
        "An additive set would have to remove an assignment and create it again, which the policy's `clear_dates: recreate` asks for. Additive sets never remove.",
        "declare an end, leave the date undeclared, or make the set authoritative.",
    ),
    code(
        Source::Guard,
        "updates",
        "The plan changes more live assignments than the threshold.",
        "read the list; if it is meant, put the line that the message names into the set: `expect: { updates: N, until: DATE }`.",
    ),
    code(
        Source::Plan,
        "already-ended",
        "A declared assignment has ended already. It is not created: it would open a door for no time at all.",
        "delete the entry, or move `effective_to`.",
    ),
    code(
        Source::Plan,
        "authority-narrowed",
        "Compared with the base, the manifests let the program do less: a lower mode, a narrower scope, a rule of `ignore`, a deleted set or target. What it no longer manages stays live.",
        "check that nothing leaves management by mistake; the report lists the assignments by name.",
    ),
    code(
        Source::Plan,
        "authority-widened",
        "Compared with the base, the manifests let the program do, reach or send more, or something else: a higher mode, a wider scope, a removed protection, another account, address, sign-in or secret.",
        "review it as carefully as the changes that it allows.",
    ),
    code(
        Source::Plan,
        "base-not-used",
        "The base of `--base` cannot be used: its commit is not here, its manifests have errors, or a name in them has no id. The changes are planned, but nothing shows which of them are the pull request's.",
        "read the reason beside it; fetch the commit, or give another base.",
    ),
    code(
        Source::Plan,
        "base-unread",
        "Live state that only the base looks at could not be read, or not whole. The plan of these manifests does not depend on it.",
        "check whether the pull request takes out on purpose what cannot be read.",
    ),
    code(
        Source::Plan,
        "expect-ended",
        "An `expect` has ended and is ignored, so the ordinary thresholds hold.",
        "delete it, or move `until` after a new review.",
    ),
    code(
        Source::Plan,
        "expect-unused",
        "Less happened than an `expect` allows: harmless, for instance after a partial apply.",
        "delete the `expect` once the change is done, so that it cannot wave a later one through.",
    ),
    code(
        Source::Plan,
        "ignore-unused",
        "A rule of `ignore` leaves nothing alone: nothing that it speaks of differs.",
        "delete the rule, unless the difference comes and goes.",
    ),
    code(
        Source::Plan,
        "incomplete-listing",
        "A listing is not proven complete, so nothing is removed in its scope: what looks undeclared may only be unseen.",
        "read what the message says about the listing, and plan again.",
    ),
    code(
        Source::Plan,
        "leaving-management",
        "The base manages live assignments that these manifests do not. They stay live, and nobody removes or corrects them any more.",
        "declare them, or remove them by a change of their own before the set, scope or target goes.",
    ),
    code(
        Source::Plan,
        "moved-away",
        "A role change takes a live assignment from this set to another one: one update replaces the role, and counts as a loss of the set that loses it.",
        "check that both sets mean it; the guards judge it in the set that loses the assignment.",
    ),
    code(
        Source::Stopped,
        "apply-stopped",
        "The apply ended before there was a plan that it could carry out, so nothing was sent. Its reports are written all the same, so that nobody reads those of an earlier run in their place.",
        "read the reason beside it; the exit code tells whether a repeat can help (6: temporarily unavailable).",
    ),
    code(
        Source::Stopped,
        "drift-stopped",
        "The look for drift ended before there was something to tell: a policy, or a file that it needs cannot be used. Its reports are written all the same, so that nobody reads those of an earlier run in their place.",
        "read the reason beside it, mend that, and look again.",
    ),
    code(
        Source::Stopped,
        "plan-stopped",
        "The plan ended before there was one: a base, a policy, or a file that it needs cannot be used. Its reports are written all the same, so that nobody reads those of an earlier run in their place.",
        "read the reason beside it, mend that, and plan again.",
    ),
];
