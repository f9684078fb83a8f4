//! The exit codes that are due: one table for all routes and faults.

use super::super::routes::{Class, Route};
use super::super::worlds::{CANOPY_RECREATE, PARTIUM, SEMAPHOR_TOKEN, STREAMLINE, STREAMLINE_KEYED};
use super::cases::{Effect, When};

/// The exit codes that a fault may lead to (DESIGN section 6). One code where the fault alone decides.
pub(super) fn expected(route: &Route, effect: Effect, when: When) -> &'static [u8] {
    pub(super) const DONE: &[u8] = &[0];
    pub(super) const ERROR: &[u8] = &[1];
    pub(super) const PARTIAL: &[u8] = &[5];
    pub(super) const TEMPORARY: &[u8] = &[6];
    let renewable = route.world.name == STREAMLINE_KEYED.name || route.world.name == SEMAPHOR_TOKEN.name;
    let streamline = route.world.name.starts_with(STREAMLINE.name);
    let recreates = route.world.name == CANOPY_RECREATE.name;
    if when.is_once() && renewable && route.class != Class::Token && effect == Effect::Refused(401) {
        return DONE; // a fresh token helps
    }
    match route.class {
        Class::Read => {
            let unread = expected_of_reading(route, effect, when);
            // A delete that only a listing proves stays unknown without one (apis/partium.md: Delete).
            if when.is_after_planning() && route.world.name == PARTIUM.name && unread != DONE {
                PARTIAL
            } else {
                unread
            }
        }
        // Asking for a token twice only makes a second token. Without one nothing is planned.
        Class::Token => match effect {
            Effect::Busy(_) | Effect::Unavailable if !when.is_once() => TEMPORARY,
            Effect::Dropped | Effect::Lost if !when.is_once() => TEMPORARY,
            Effect::Refused(_) | Effect::Foreign | Effect::Denied => ERROR,
            Effect::Failed | Effect::FailedAfter | Effect::Gateway | Effect::Late { .. } if !when.is_once() => ERROR,
            _ => DONE,
        },
        Class::Once | Class::Idempotent => match (effect, when) {
            (Effect::Refused(400 | 403 | 404 | 409 | 413 | 422) | Effect::Denied, When::Once) if route.halved => DONE,
            (Effect::Refused(_) | Effect::Denied | Effect::TakenBack { .. }, _) => PARTIAL,
            // Whether it is done is for the state to say: exit 0 is checked against it.
            (Effect::Pretended, _) => &[0, 5],
            // A repeat could make a second revision: what the key does not show in time stays unknown.
            (Effect::Late { in_time }, _) if streamline => if in_time { DONE } else { PARTIAL },
            (Effect::Gateway | Effect::Unavailable | Effect::Foreign, _) if streamline => PARTIAL,
            (Effect::Late { .. }, When::Always) => &[0, 5],
            (Effect::Late { .. }, _) if recreates => &[0, 5],
            // The create of a removed row is not the update that was planned, so only the next run may send it again.
            (Effect::Failed | Effect::Gateway | Effect::Dropped | Effect::Foreign, When::Once)
                if recreates && route.class == Class::Once =>
            {
                PARTIAL
            }
            (_, When::Once) => DONE,
            // An API that is busy for good: nothing is wrong with the input, and the re-read shows that nothing was done.
            (Effect::Busy(_) | Effect::Unavailable, _) => TEMPORARY,
            // Whether the removal was carried out is not known, so nothing is created. Half of an answer without a body is all of it.
            (Effect::Lost, _) if recreates && route.class == Class::Idempotent => &[0, 5],
            _ if recreates && route.class == Class::Idempotent => PARTIAL,
            (effect, _) if effect.carried_out() => DONE,
            _ => PARTIAL,
        },
    }
}

pub(super) fn expected_of_reading(route: &Route, effect: Effect, when: When) -> &'static [u8] {
    let collection = route.world.name == STREAMLINE.name;
    let keyed = route.world.name == STREAMLINE_KEYED.name;
    match effect {
        // No collection: the keys are read one by one. No key: there is none.
        Effect::Refused(404) if collection || keyed => &[0],
        Effect::Refused(_) | Effect::Foreign | Effect::Denied => &[1],
        _ if when.is_once() => &[0],
        Effect::Busy(_) | Effect::Unavailable | Effect::Dropped | Effect::Lost => &[6],
        _ => &[1],
    }
}
