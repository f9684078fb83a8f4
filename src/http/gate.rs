//! How many requests may be in flight, and how that number gives way: halved when the API says that it is pressed too hard, and
//! raised again step by step while it answers. It knows no request and no clock.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

/// The least share of the allowed pace. Slower than a sixty-fourth is no pace; the pauses that the API asks for come on top.
const LEAST: f64 = 1.0 / 64.0;

/// The largest step back up: with few places, each one is a large share.
const STEP: f64 = 1.0 / 8.0;

/// Places in flight.
pub(super) struct Gate {
    places: Semaphore,
    /// Places at full speed.
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The share of the full pace that is used now, between [`LEAST`] and 1.
    speed: f64,
    /// Places that exist now, taken ones included.
    open: usize,
    /// Places that are closed when they become free.
    closing: usize,
    /// Counts the times the gate gave way.
    round: u64,
    /// Good answers since the last step.
    good: usize,
}

/// A place in flight. It is free again when this is dropped.
pub(super) struct Place<'a> {
    gate: &'a Gate,
    permit: Option<SemaphorePermit<'a>>,
    round: u64,
}

impl Gate {
    pub(super) fn new(concurrency: usize) -> Self {
        let most = concurrency.clamp(1, Semaphore::MAX_PERMITS);
        let state = State { speed: 1.0, open: most, closing: 0, round: 0, good: 0 };
        Self { places: Semaphore::new(most), most, state: Mutex::new(state) }
    }

    /// Waits for a place.
    pub(super) async fn enter(&self) -> Place<'_> {
        // The semaphore is never closed, so there is always a permit.
        let permit = self.places.acquire().await.ok();
        Place { gate: self, permit, round: self.state().round }
    }

    /// How many slots of the rate a request takes: at half the speed, two.
    pub(super) fn cost(&self) -> u32 {
        // Between 1 and 64, as `speed` is.
        (1.0 / self.state().speed).round() as u32
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fit(&self, state: &mut State) {
        let wanted = ((self.most as f64 * state.speed).round() as usize).clamp(1, self.most);
        let now = state.open - state.closing;
        if wanted < now {
            let excess = now - wanted;
            let closed = self.places.forget_permits(excess);
            state.open -= closed;
            state.closing += excess - closed;
        } else {
            let kept = state.closing.min(wanted - now);
            state.closing -= kept;
            let opened = wanted - now - kept;
            state.open += opened;
            self.places.add_permits(opened);
        }
    }

    #[cfg(test)]
    fn open(&self) -> usize {
        let state = self.state();
        state.open - state.closing
    }
}

impl Place<'_> {
    /// The API said that it is pressed too hard. Of the requests that were in flight together only the first one halves the pace: they
    /// all met the same moment.
    pub(super) fn pressed(&self) {
        let mut state = self.gate.state();
        if state.round == self.round {
            state.round += 1;
            state.good = 0;
            state.speed = (state.speed / 2.0).max(LEAST);
            self.gate.fit(&mut state);
        }
    }

    /// The API answered. As many good answers as there are places are a step back up.
    pub(super) fn answered(&self) {
        let mut state = self.gate.state();
        if state.speed >= 1.0 {
            return;
        }
        state.good += 1;
        if state.good >= state.open {
            state.good = 0;
            state.speed = (state.speed + STEP.min(1.0 / self.gate.most as f64).max(LEAST)).min(1.0);
            self.gate.fit(&mut state);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        if state.closing > 0
            && let Some(permit) = self.permit.take()
        {
            state.closing -= 1;
            state.open -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_refusal_halves_the_places_and_its_neighbours_change_nothing() {
        let gate = Gate::new(8);
        let mut places = Vec::new();
        for _ in 0..8 {
            places.push(gate.enter().await);
        }
        places.iter().for_each(Place::pressed);
        assert_eq!((gate.open(), gate.cost()), (4, 2));
        assert_eq!(gate.places.available_permits(), 0, "eight are still out");
        places.truncate(4);
        assert_eq!(gate.places.available_permits(), 0, "four places closed behind their requests");
        places.clear();
        assert_eq!(gate.places.available_permits(), 4);
    }

    #[tokio::test]
    async fn refusals_one_after_the_other_leave_one_place_and_a_sixty_fourth_of_the_rate() {
        let gate = Gate::new(8);
        for _ in 0..20 {
            gate.enter().await.pressed();
        }
        assert_eq!((gate.open(), gate.cost(), gate.places.available_permits()), (1, 64, 1));
    }

    #[tokio::test]
    async fn good_answers_open_it_again_step_by_step_and_never_further() {
        let gate = Gate::new(4);
        gate.enter().await.pressed();
        assert_eq!(gate.open(), 2);
        let mut seen = vec![gate.open()];
        for _ in 0..200 {
            gate.enter().await.answered();
            if seen.last() != Some(&gate.open()) {
                seen.push(gate.open());
            }
        }
        assert_eq!(seen, [2, 3, 4]);
        assert_eq!((gate.cost(), gate.places.available_permits()), (1, 4));
    }

    #[tokio::test]
    async fn a_single_place_still_slows_its_rate_and_recovers() {
        let gate = Gate::new(1);
        gate.enter().await.pressed();
        assert_eq!((gate.open(), gate.cost()), (1, 2));
        for _ in 0..8 {
            gate.enter().await.answered();
        }
        assert_eq!(gate.cost(), 1);
    }

    #[tokio::test]
    async fn places_that_were_to_close_stay_when_it_recovers_first() {
        let gate = Gate::new(2);
        let (one, two) = (gate.enter().await, gate.enter().await);
        one.pressed();
        for _ in 0..20 {
            two.answered();
        }
        drop((one, two));
        assert_eq!((gate.open(), gate.places.available_permits()), (2, 2));
    }
}
