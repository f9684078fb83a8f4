//! The tables of the matrix: the faults, when they strike, and the cases that follow.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::super::routes::{Class, ROUTES, Route};
use super::super::worlds::{CANOPY, PARTIUM, SEMAPHOR, SEMAPHOR_TOKEN, STREAMLINE, STREAMLINE_KEYED, World};
use super::trial::Reference;

/// What a fault means to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Not carried out, and the status says so.
    Refused(u16),
    /// Not now, and the answer says when; 503 is a refusal only where the API documents it as one.
    Busy(u16),
    /// A 503 that says nothing more: the API's, or that of a gateway that has no answer of the API. Not carried out.
    Unavailable,
    /// A gateway has no answer of the API. Not carried out.
    Gateway,
    /// A gateway has no answer of the API, which carries the request out later: in good time, or after all waiting.
    Late { in_time: bool },
    /// A success by its status, an error by its body. Not carried out.
    Denied,
    /// A success that did nothing.
    Pretended,
    /// A success that shows other values than were sent. Carried out.
    Contradicted,
    /// A batch was taken back because of its first entry; the others are told as taken back, or as successes.
    TakenBack { optimistic: bool },
    /// A status that does not say whether it was carried out. It was not.
    Failed,
    /// The same, and it was.
    FailedAfter,
    /// No answer. Not carried out.
    Dropped,
    /// No whole answer. Carried out.
    Lost,
    /// An answer that no API of ours gives. Not carried out.
    Foreign,
    /// A list that does not end.
    Endless,
}

impl Effect {
    pub(super) fn carried_out(self) -> bool {
        matches!(self, Effect::FailedAfter | Effect::Lost | Effect::Contradicted | Effect::Late { .. })
    }
}

pub(super) struct Fault {
    pub(super) text: &'static str,
    pub(super) effect: Effect,
}

pub(super) const fn fault(text: &'static str, effect: Effect) -> Fault {
    Fault { text, effect }
}

pub(super) const FAULTS: &[Fault] = &[
    fault("400", Effect::Refused(400)),
    fault("401", Effect::Refused(401)),
    fault("403", Effect::Refused(403)),
    fault("404", Effect::Refused(404)),
    fault("409", Effect::Refused(409)),
    fault("413", Effect::Refused(413)),
    fault("422", Effect::Refused(422)),
    fault("429", Effect::Busy(429)),
    fault("429;retry-after=1", Effect::Busy(429)),
    fault("503", Effect::Unavailable),
    fault("503;retry-after=1", Effect::Busy(503)),
    fault("500", Effect::Failed),
    fault("502", Effect::Gateway),
    fault("504", Effect::Gateway),
    fault("late=150ms", Effect::Late { in_time: true }),
    fault("late=900ms", Effect::Late { in_time: false }),
    fault("status-after=500", Effect::FailedAfter),
    fault("drop-before", Effect::Dropped),
    fault("drop-after", Effect::Lost),
    fault("truncate", Effect::Lost),
    fault(SLOW, Effect::Lost),
    fault(DRIP, Effect::Lost),
    fault("garbage", Effect::Foreign),
    fault("huge", Effect::Foreign),
    fault("redirect=http://127.0.0.1:9/", Effect::Refused(307)),
    fault("envelope=403", Effect::Denied),
    fault("pretend", Effect::Pretended),
    fault("contradict", Effect::Contradicted),
    fault("rolled-back", Effect::TakenBack { optimistic: false }),
    fault("optimistic", Effect::TakenBack { optimistic: true }),
    fault("stuck-cursor", Effect::Endless),
];

/// Longer than [`TIMEOUT`].
pub(super) const SLOW: &str = "slow=1500ms";
/// Two bytes take longer than [`TIMEOUT`], and none of them is late by itself.
pub(super) const DRIP: &str = "drip=300ms";
pub(super) const TIMEOUT: Duration = Duration::from_millis(500);
/// How long the effect of a write is looked for: longer than the shorter `late` of [`FAULTS`], and shorter than the longer one.
pub(super) const SETTLE_TIMEOUT: Duration = Duration::from_millis(400);
/// After so long, all that is late has been carried out.
pub(super) const ALL_LANDED: Duration = Duration::from_millis(950);

/// When a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Once,
    Always,
    /// From the first reading after the planning on: the one that verifies.
    OnceAfterPlanning,
    AlwaysAfterPlanning,
}

impl When {
    pub(super) fn is_once(self) -> bool {
        matches!(self, When::Once | When::OnceAfterPlanning)
    }

    pub(super) fn is_after_planning(self) -> bool {
        matches!(self, When::OnceAfterPlanning | When::AlwaysAfterPlanning)
    }
}

/// What goes wrong.
#[derive(Clone, Copy)]
pub(super) enum Trouble {
    Wire {
        route: &'static Route,
        fault: &'static Fault,
        when: When,
    },
    /// Reads show writes so much later.
    Lag {
        by: Duration,
    },
    /// The same, and a write that is carried out is not answered: the reading that has to tell shows the state from before.
    LagAndLost {
        by: Duration,
        route: &'static Route,
    },
    /// The token expires after so many requests.
    Expired {
        after: usize,
    },
    /// Somebody else writes while this page is on its way.
    Shifted {
        page: usize,
        write: &'static str,
        /// The one key that the write is about.
        key: &'static str,
    },
}

pub(super) struct Case {
    pub(super) world: &'static World,
    pub(super) trouble: Trouble,
    pub(super) repeated: bool,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.world.name)?;
        match self.trouble {
            Trouble::Wire { route, fault, when } => {
                write!(f, "{} {}={} {when:?}", route.method, route.path, fault.text)?
            }
            Trouble::Lag { by } => write!(f, "reads lag by {by:?}")?,
            Trouble::LagAndLost { by, route } => {
                write!(f, "{} {}=drop-after, and reads lag by {by:?}", route.method, route.path)?
            }
            Trouble::Expired { after } => write!(f, "the token expires after {after} requests")?,
            Trouble::Shifted { page, write, .. } => {
                write!(f, "page {page} shifts by {}", write.lines().next().unwrap_or(""))?
            }
        }
        f.write_str(if self.repeated { ", repeated" } else { ", single" })
    }
}

/// Shorter than the patience of a verification, and longer than its first wait.
pub(super) const SHORT_LAG: Duration = Duration::from_millis(30);
/// Longer than the patience of a verification.
pub(super) const LONG_LAG: Duration = Duration::from_secs(3);

/// What somebody else writes, and the key that it is about.
pub(super) const SHIFTS: &[(&World, &str, &str)] = &[
    (&PARTIUM, "DELETE /1/catalog/assignments/organizations\n[{\"ass_id\":\"a\",\"org_id\":\"at\"}]", "partium at a"),
    (&PARTIUM, "POST /1/catalog/assignments/organizations\n[{\"ass_id\":\"0\",\"org_id\":\"at\"}]", "partium at 0"),
    (
        &CANOPY,
        "DELETE /portal/v1/accounts/acme/applications/crm/environments/prod/assignments/keep1",
        "canopy emea keep",
    ),
    (
        &CANOPY,
        "POST /portal/v1/accounts/acme/applications/crm/environments/prod/assignments\n{\"identity_id\":\"aaron\",\"node_id\":\"emea\",\"role_id\":\"agent\"}",
        "canopy emea aaron",
    ),
];

pub(super) fn cases(references: &BTreeMap<&'static str, Reference>) -> Vec<Case> {
    let mut cases = Vec::new();
    for route in ROUTES {
        for fault in FAULTS {
            let stuck = fault.effect == Effect::Endless;
            let writes = matches!(route.class, Class::Once | Class::Idempotent);
            let applies = match fault.effect {
                Effect::Endless => route.path.ends_with("/list"),
                Effect::Pretended | Effect::Contradicted => writes,
                Effect::TakenBack { .. } => writes && route.halved,
                // Where a repeat takes effect twice, an outcome that cannot be known is left unknown.
                Effect::Late { in_time: false } => writes && route.world.name.starts_with("streamline"),
                _ => true,
            };
            if !applies {
                continue;
            }
            let whens: &[When] = match route.class {
                Class::Read if stuck => &[When::Always, When::AlwaysAfterPlanning],
                Class::Read => &[When::Once, When::Always, When::OnceAfterPlanning, When::AlwaysAfterPlanning],
                _ => &[When::Once, When::Always],
            };
            for &when in whens {
                let trouble = Trouble::Wire { route, fault, when };
                // What strikes once has passed when the apply is repeated, and without a reading there is nothing to repeat.
                let passes = when.is_once() || route.class == Class::Read;
                let repeats: &[bool] = if passes { &[false] } else { &[false, true] };
                cases.extend(repeats.iter().map(|&repeated| Case { world: route.world, trouble, repeated }));
            }
        }
    }
    for world in [&STREAMLINE, &PARTIUM, &SEMAPHOR, &CANOPY] {
        for by in [SHORT_LAG, LONG_LAG] {
            cases.push(Case { world, trouble: Trouble::Lag { by }, repeated: false });
        }
    }
    for route in ROUTES.iter().filter(|route| matches!(route.class, Class::Once | Class::Idempotent)) {
        // A lag past all patience and a lost answer at once are a limit that docs/safety.md tells.
        let trouble = Trouble::LagAndLost { by: SHORT_LAG, route };
        cases.push(Case { world: route.world, trouble, repeated: false });
    }
    for world in [&STREAMLINE_KEYED, &SEMAPHOR_TOKEN] {
        for after in 1..=references[world.name].all {
            cases.push(Case { world, trouble: Trouble::Expired { after }, repeated: false });
        }
    }
    for &(world, write, key) in SHIFTS {
        for page in 0..2 {
            cases.push(Case { world, trouble: Trouble::Shifted { page, write, key }, repeated: false });
        }
    }
    let chosen = std::env::var("FAULT").unwrap_or_default();
    cases.retain(|case| case.to_string().contains(&chosen));
    cases
}
