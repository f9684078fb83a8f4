//! The exit codes that are due: one table for all routes and faults.

use super::super::routes::{Class, Route};
use super::super::worlds::{CANOPY, CANOPY_RECREATE, PARTIUM, SEMAPHOR_TOKEN, STREAMLINE, STREAMLINE_KEYED};
use super::cases::{Effect, When};

/// The exit codes that a fault may lead to (DESIGN section 6). One code where the fault alone decides.
pub(super) fn expected(route: &Route, effect: Effect, when: When) -> &'static [u8] {
    pub(super) const DONE: &[u8] = &[0];
    pub(super) const ERROR: &[u8] = &[1];
    pub(super) const PARTIAL: &[u8] = &[5];
    pub(super) const TEMPORARY: &[u8] = &[6];
    let renewable = route.world.name == STREAMLINE_KEYED.name || route.world.name == SEMAPHOR_TOKEN.name;
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
            Effect::Busy(_) if !when.is_once() => TEMPORARY,
            Effect::Dropped | Effect::Lost if !when.is_once() => TEMPORARY,
            Effect::Refused(_) | Effect::Foreign => ERROR,
            Effect::Failed | Effect::FailedAfter if !when.is_once() => ERROR,
            _ => DONE,
        },
        Class::Once | Class::Idempotent => match (effect, when) {
            (Effect::Refused(400 | 413 | 422), When::Once) if route.halved => DONE,
            (Effect::Refused(403 | 404 | 409), When::Once) if route.halved && route.world.name == CANOPY.name => DONE,
            (Effect::Refused(_), _) => PARTIAL,
            // The create of a removed row is not the update that was planned, so only the next run may send it again.
            (Effect::Failed | Effect::Dropped | Effect::Foreign, When::Once)
                if recreates && route.class == Class::Once =>
            {
                PARTIAL
            }
            (_, When::Once) => DONE,
            // An API that is busy for good: nothing is wrong with the input, and the re-read shows that nothing was done.
            (Effect::Busy(_), _) => TEMPORARY,
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
        Effect::Refused(_) | Effect::Foreign => &[1],
        _ if when.is_once() => &[0],
        Effect::Busy(_) | Effect::Dropped | Effect::Lost => &[6],
        Effect::Failed | Effect::FailedAfter | Effect::Endless => &[1],
    }
}
