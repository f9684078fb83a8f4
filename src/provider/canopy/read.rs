//! The environment's direct assignments, with the evidence that they are all of them.
//!
//! The listing is always of the whole environment: guards count holders on the whole target. Three things are proven
//! before a listing counts as complete (apis/canopy.md: List): it held still while its pages were read, its rows are as many
//! as it says, and every status is in it.

use std::collections::HashMap;

use async_trait::async_trait;
use futures::future::try_join_all;
use futures::try_join;

use crate::model::{Coverage, Fields, Handles, Key, Live, LiveInfo, Names, ReadRequest, Scope, Snapshot, Value};
use crate::provider::refusal::clean;
use crate::provider::{ReadError, Reader};

use super::api::{Api, FROM, IDENTITY, NODE, ROLE, TO};
use super::listing::{Direct, Listing, Status, count, list, nonsense};
use super::spec::{IDENTITY_EMAIL, NODE_NAME, ROLE_NAME};

/// How often a listing that moved is begun anew. An environment that changes within each of three readings is being worked on:
/// what was read is then told as incomplete, and nothing is removed on its word.
const MAX_LISTINGS: usize = 3;

/// Reads one environment.
pub(super) struct CanopyReader(pub Api);

#[async_trait]
impl Reader for CanopyReader {
    async fn read(&self, request: &ReadRequest) -> Result<Snapshot, ReadError> {
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
            try_join!(list(api, None), count(api, active), count(api, scheduled), count(api, expired))?;
        let counts = [active, scheduled, expired];
        let missing = missing(&main, counts);
        let extra = try_join_all(missing.iter().map(|status| list(api, Some(*status)))).await?;
        let trouble = trouble(&main, counts, &missing, &extra);
        let evidence = evidence(&main, counts, &missing, &extra);
        let mut pass = Self {
            rows: Vec::new(),
            names: Names::default(),
            handles: names.then(Handles::default),
            evidence,
            trouble: trouble.map(Trouble::Incomplete),
        };
        pass.collect(api, std::iter::once(main).chain(extra));
        Ok(pass)
    }

    /// Rows of all listings, each id once. A row may be in two of them: listings of different filters overlap when a status
    /// changes with the clock.
    fn collect(&mut self, api: &Api, listings: impl Iterator<Item = Listing>) {
        let mut by_key: HashMap<Key, usize> = HashMap::new();
        for direct in listings.flat_map(|listing| listing.rows) {
            let live = self.live(api, direct);
            let Some(first) = by_key.get(&live.key).map(|index| &self.rows[*index]) else {
                by_key.insert(live.key, self.rows.len());
                self.rows.push(live);
                continue;
            };
            if first.id != live.id {
                let id = |live: &Live| clean(live.id.as_deref().unwrap_or(""));
                self.trouble = Some(Trouble::TwoRows(format!(
                    "the rows {} and {} give one identity the same role at the same node; remove one of them",
                    id(first),
                    id(&live)
                )));
            }
        }
    }

    fn live(&mut self, api: &Api, direct: Direct) -> Live {
        let ids = &api.ids;
        let key = Key::new(&[ids.sym(&direct.identity.id), ids.sym(&direct.node), ids.sym(&direct.role.id)]);
        self.names.add(IDENTITY, key.part(IDENTITY), &direct.identity.display());
        self.names.add(NODE, key.part(NODE), &direct.node_name);
        self.names.add(ROLE, key.part(ROLE), direct.role.name.as_deref().unwrap_or(""));
        if let Some(handles) = &mut self.handles {
            let email = direct.identity.email.as_deref().unwrap_or("");
            handles.add(IDENTITY_EMAIL, None, email, key.part(IDENTITY));
            handles.add(NODE_NAME, None, &direct.node_name, key.part(NODE));
            handles.add(ROLE_NAME, None, direct.role.name.as_deref().unwrap_or(""), key.part(ROLE));
        }
        let date = |instant: Option<_>| instant.map_or(Value::Null, Value::Instant);
        let info = LiveInfo { revision: None, created: direct.created, updated: None };
        Live {
            key,
            id: Some(direct.id.into_boxed_str()),
            fields: Fields::new(vec![(FROM, date(direct.from)), (TO, date(direct.to))]),
            info: direct.created.map(|_| Box::new(info)),
        }
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
        Ok(Snapshot { rows: self.rows, names: self.names, handles, coverage, requests })
    }
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
