//! The environment's direct assignments, with the evidence that they are all of them.
//!
//! The listing is always of the whole environment: guards count holders on the whole target. Three things are proven
//! before a listing counts as complete (apis/canopy.md: List): it held still while its pages were read, its rows are as many
//! as it says, and every status is in it.

use std::collections::HashMap;

use async_trait::async_trait;
use futures::future::try_join_all;
use futures::try_join;

use crate::model::{Coverage, Handles, Key, Live, Names, ReadRequest, Scope, Snapshot};
use crate::provider::refusal::clean;
use crate::provider::{ReadError, Reader};

use super::api::Api;
use super::listing::{Listing, Status, count, list, nonsense};

/// How often a listing that moved is begun anew. An environment that changes within each of three readings is being worked on:
/// what was read is then told as incomplete, and nothing is removed on its word.
const MAX_LISTINGS: usize = 3;

/// Reads one environment.
pub(super) struct CanopyReader(pub Api);

#[async_trait]
impl Reader for CanopyReader {
    async fn read(&self, request: &ReadRequest<'_>) -> Result<Snapshot, ReadError> {
        let Self(api) = self;
        let before = api.client.requests();
        let mut pass = Pass::read(api, request.names).await?;
        for _ in 1..MAX_LISTINGS {
            if pass.trouble.is_none() {
                break;
            }
            pass = Pass::read(api, request.names).await?;
        }
        pass.snapshot(api.client.requests().saturating_sub(before))
    }
}

/// What is wrong with a pass.
enum Trouble {
    /// Rows changed meanwhile, or are not all there: what was read is true and may be too little.
    Incomplete(String),
    /// Two rows of one key, which only a change in the middle could explain: no basis for any plan.
    TwoRows(String),
}

/// One reading of the environment.
struct Pass {
    rows: Vec<Live>,
    names: Names,
    /// `None`: nobody asked.
    handles: Option<Handles>,
    evidence: String,
    trouble: Option<Trouble>,
}

impl Pass {
    async fn read(api: &Api, names: bool) -> Result<Self, ReadError> {
        let [active, scheduled, expired] = Status::ALL;
        let (main, active, scheduled, expired) =
            try_join!(list(api, None, names), count(api, active), count(api, scheduled), count(api, expired))?;
        let counts = [active, scheduled, expired];
        let missing = missing(&main, counts);
        let extra = try_join_all(missing.iter().map(|status| list(api, Some(*status), names))).await?;
        let trouble = trouble(&main, counts, &missing, &extra);
        let evidence = evidence(&main, counts, &missing, &extra);
        let handles = names.then(Handles::default);
        Ok(Self::collect(std::iter::once(main).chain(extra), handles, trouble, evidence))
    }

    /// Rows of all listings, each id once. A row may be in two of them: listings of different filters overlap when a status
    /// changes with the clock.
    fn collect(
        listings: impl Iterator<Item = Listing>,
        handles: Option<Handles>,
        trouble: Option<String>,
        evidence: String,
    ) -> Self {
        let mut pass = Self {
            rows: Vec::new(),
            names: Names::default(),
            handles,
            evidence,
            trouble: trouble.map(Trouble::Incomplete),
        };
        let mut by_key: HashMap<Key, usize> = HashMap::new();
        for listing in listings {
            pass.names.extend(listing.names);
            if let (Some(all), Some(seen)) = (&mut pass.handles, listing.handles) {
                all.extend(seen);
            }
            for live in listing.rows {
                let Some(first) = by_key.get(&live.key).map(|index| &pass.rows[*index]) else {
                    by_key.insert(live.key, pass.rows.len());
                    pass.rows.push(live);
                    continue;
                };
                if first.id != live.id {
                    pass.trouble = Some(Trouble::TwoRows(two_rows(first, &live)));
                }
            }
        }
        pass
    }

    fn snapshot(self, requests: u64) -> Result<Snapshot, ReadError> {
        let gap = match self.trouble {
            None => None,
            Some(Trouble::TwoRows(what)) => return Err(nonsense(&what)),
            Some(Trouble::Incomplete(why)) => {
                Some(format!("{why}, in each of {MAX_LISTINGS} listings; plan again when the environment is at rest"))
            }
        };
        let coverage = vec![Coverage { scope: Scope::default(), gap, evidence: self.evidence }];
        let handles = self.handles.unwrap_or_default();
        Ok(Snapshot { rows: self.rows, names: self.names, handles, coverage, requests, ..Snapshot::default() })
    }
}

fn two_rows(first: &Live, second: &Live) -> String {
    let id = |live: &Live| clean(live.id.as_deref().unwrap_or(""));
    format!(
        "the rows {} and {} give one identity the same role at the same node; remove one of them",
        id(first),
        id(second)
    )
}

/// The statuses that the list without `status` leaves out, wholly or in part; whether it does is not stated
/// (apis/canopy.md: List). None, where it is as long as the three filters together.
fn missing(main: &Listing, counts: [u64; 3]) -> Vec<Status> {
    if main.item_count >= sum(counts) {
        return Vec::new();
    }
    Status::ALL.into_iter().filter(|status| counts[*status as usize] > main.of_status(*status)).collect()
}

/// Why the listings are not proven complete; `None`: they are.
fn trouble(main: &Listing, counts: [u64; 3], missing: &[Status], extra: &[Listing]) -> Option<String> {
    if let Some(moved) = std::iter::once(main).chain(extra).find_map(|listing| listing.moved.clone()) {
        return Some(moved);
    }
    if missing.is_empty() {
        return (main.item_count != sum(counts)).then(|| {
            let total = sum(counts);
            format!("the list holds {} rows, and its three statuses together {total}", main.item_count)
        });
    }
    Status::ALL.into_iter().find_map(|status| {
        let read = missing.iter().position(|m| *m == status).and_then(|index| extra.get(index));
        let found = read.map_or(main.of_status(status), |listing| listing.item_count);
        let due = counts[status as usize];
        (found != due).then(|| format!("{found} rows are {}, and the filter counted {due}", status.as_str()))
    })
}

fn evidence(main: &Listing, counts: [u64; 3], missing: &[Status], extra: &[Listing]) -> String {
    let pages = |pages: u64| if pages == 1 { "1 page".to_owned() } else { format!("{pages} pages") };
    let [active, scheduled, expired] = counts;
    let mut text = format!(
        "{}, {} rows of which {} inherited, item_count {}; filters: {active} active, {scheduled} scheduled, {expired} expired",
        pages(main.pages),
        main.count(),
        main.inherited,
        main.item_count,
    );
    for (status, listing) in missing.iter().zip(extra) {
        let rows = listing.count();
        text.push_str(&format!("; {} read apart: {}, {rows} rows", status.as_str(), pages(listing.pages)));
    }
    text
}

/// Counts come from the API and may be anything.
fn sum(counts: [u64; 3]) -> u64 {
    counts.into_iter().fold(0, u64::saturating_add)
}
