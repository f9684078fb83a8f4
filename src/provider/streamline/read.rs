//! Reading Streamline: one collection a service (or domain), all side by side; key by key where there is no collection.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::value::RawValue;

use crate::http::{Answer, Request, Safety};
use crate::model::{Coverage, Live, LiveInfo, PartScope, ReadRequest, Scope, Snapshot, Sym};

use super::super::odd::OddRows;
use super::super::part::{self, Share};
use super::super::refusal::{Refusal, clean, unread};
use super::super::{ReadError, Reader, scan};
use super::spec::{DOMAIN, KEY, SERVICE};
use super::wire::{self, Assignment, Status};
use super::{Api, Place, Route, next_step};

/// The reading side of a target.
pub(super) struct StreamlineReader(pub(super) Arc<Api>);

/// What one collection gave.
pub(super) struct Listing {
    place: Place,
    rows: Vec<Live>,
    archived: usize,
    /// Why other keys may be there, unseen.
    gap: Option<String>,
    /// Rows that cannot be used.
    odd: OddRows,
}

impl Listing {
    fn new(place: Place) -> Self {
        Self { place, rows: Vec::new(), archived: 0, gap: None, odd: OddRows::default() }
    }

    /// Leaves a row of the collection out.
    fn leave_out(&mut self, key: Option<Sym>, why: &str) {
        let area = vec![(DOMAIN, self.place.domain), (SERVICE, self.place.service)];
        self.odd.add(area, key.map(|key| self.place.key(key)), why);
    }
}

/// What the keyed route answered.
enum Keyed {
    Active(Assignment),
    /// There is no active revision.
    None,
    /// An answer that proves nothing about the key: why, and the request.
    Odd(String, String),
}

#[async_trait]
impl Reader for StreamlineReader {
    async fn read(&self, request: &ReadRequest<'_>) -> Result<Snapshot, ReadError> {
        let api = &self.0;
        let before = api.client.requests();
        let (places, open) = places(request);
        let listings: Vec<Listing> = stream::iter(places)
            .map(|(place, keys)| api.place(place, keys))
            .buffer_unordered(api.concurrency)
            .try_collect()
            .await?;
        let mut coverage = coverage(&listings);
        coverage.extend(open.into_iter().map(unlistable));
        let requests = api.client.requests().saturating_sub(before);
        let (mut rows, mut odd) = (Vec::new(), OddRows::default());
        for listing in listings {
            rows.extend(listing.rows);
            odd.extend(listing.odd);
        }
        let mut snapshot = Snapshot { rows, coverage, requests, ..Snapshot::default() };
        odd.tell(&mut snapshot);
        Ok(snapshot)
    }
}

/// The collections to read, each with its declared keys, and the scopes that name no collections.
fn places(request: &ReadRequest<'_>) -> (BTreeMap<Place, BTreeSet<Sym>>, Vec<Scope>) {
    let mut places: BTreeMap<Place, BTreeSet<Sym>> = BTreeMap::new();
    let mut open = Vec::new();
    for scope in &request.scopes {
        match (&scope.parts[DOMAIN], &scope.parts[SERVICE]) {
            (PartScope::In(domains), PartScope::In(services)) => {
                for &domain in domains {
                    for &service in services {
                        places.entry(Place { domain, service }).or_default();
                    }
                }
            }
            _ => open.push(scope.clone()),
        }
    }
    for key in request.keys() {
        let place = Place { domain: key.part(DOMAIN), service: key.part(SERVICE) };
        places.entry(place).or_default().insert(key.part(KEY));
    }
    (places, open)
}

/// No documented route lists domains or services (apis/streamline.md: Reading), so such a scope is never read whole.
fn unlistable(scope: Scope) -> Coverage {
    Coverage {
        scope,
        gap: Some(
            "Streamline has no documented route that lists domains and services: name them by domain_id and service_id"
                .to_owned(),
        ),
        evidence: "only collections that are named elsewhere were read".to_owned(),
    }
}

/// Collections of one domain that were read in the same way share an entry: what is proven is asked once a key.
fn coverage(listings: &[Listing]) -> Vec<Coverage> {
    #[derive(Default)]
    struct Group {
        services: BTreeSet<Sym>,
        active: usize,
        archived: usize,
    }
    let mut groups: BTreeMap<(Sym, Option<&str>), Group> = BTreeMap::new();
    for listing in listings {
        let group = groups.entry((listing.place.domain, listing.gap.as_deref())).or_default();
        group.services.insert(listing.place.service);
        group.active += listing.rows.len();
        group.archived += listing.archived;
    }
    let entry = |((domain, gap), group): ((Sym, Option<&str>), Group)| {
        let evidence =
            format!("collections {}, active {}, archived {}", group.services.len(), group.active, group.archived);
        let mut scope = Scope::default();
        scope.parts[DOMAIN] = PartScope::In(BTreeSet::from([domain]));
        scope.parts[SERVICE] = PartScope::In(group.services);
        Coverage { scope, gap: gap.map(str::to_owned), evidence }
    };
    groups.into_iter().map(entry).collect()
}

impl Api {
    async fn place(&self, place: Place, keys: BTreeSet<Sym>) -> Result<Listing, ReadError> {
        if self.options.by_key {
            let gap = "the target says `read: keyed`, so only declared keys were read".to_owned();
            return self.declared(place, keys, gap).await;
        }
        match self.listed(place).await? {
            Ok(listing) if listing.gap.is_some() || !listing.odd.is_empty() => self.with_unseen(listing, keys).await,
            Ok(listing) => Ok(listing),
            Err(gap) => self.declared(place, keys, gap).await,
        }
    }

    /// A list that may be a part, with the declared keys that it does not show: one that passed for absent would be put over its live
    /// revision unseen.
    async fn with_unseen(&self, mut listing: Listing, mut keys: BTreeSet<Sym>) -> Result<Listing, ReadError> {
        for row in &listing.rows {
            keys.remove(&row.key.part(KEY));
        }
        let place = listing.place;
        keys.retain(|key| !listing.odd.holds(&place.key(*key)));
        self.add_each(&mut listing, keys).await?;
        Ok(listing)
    }

    /// The collection; the inner error says why there is none.
    pub(super) async fn listed(&self, place: Place) -> Result<Result<Listing, String>, ReadError> {
        let route = self.listing_of(place);
        let (answer, text) = self.get(route).await?;
        match answer.status {
            200 => self.listing(place, &answer, &text).map(Ok),
            404 | 405 => Ok(Err(format!(
                "collections answer {} ({}), so only declared keys were read",
                answer.status,
                said(&answer)
            ))),
            _ => Err(refusal(text, &answer).into()),
        }
    }

    fn listing(&self, place: Place, answer: &Answer, text: &str) -> Result<Listing, ReadError> {
        let pointer = self.options.list_pointer.as_deref();
        let paths = wire::list_paths(pointer);
        let paths: Vec<Vec<&str>> = paths.iter().map(|path| path.iter().map(String::as_str).collect()).collect();
        let paths: Vec<&[&str]> = paths.iter().map(Vec::as_slice).collect();
        let mut listing = Listing::new(place);
        let mut doubles: BTreeMap<Sym, String> = BTreeMap::new();
        let mut active: HashMap<Sym, usize> = HashMap::new();
        let beside = answer.read_json(|body| {
            scan::list(body, &paths, |raw| {
                let row = wire::assignment(raw).and_then(|row| match row.key.as_deref() {
                    _ if row.status == Status::Archived => Ok(None),
                    Some(key) if !key.is_empty() => Ok(Some((self.ids.sym(key), row))),
                    _ => Err(format!("the assignment with assignment_id `{}` has no assignment_key", row.revision)),
                });
                match row {
                    Ok(None) => listing.archived += 1,
                    Ok(Some((key, row))) => match active.entry(key) {
                        Entry::Vacant(vacant) => {
                            vacant.insert(listing.rows.len());
                            listing.rows.push(live(place, key, row));
                        }
                        Entry::Occupied(first) => {
                            let first =
                                listing.rows[*first.get()].info.as_ref().and_then(|info| info.revision.as_deref());
                            doubles.insert(key, two_active(self.ids.text(key), first.unwrap_or(""), &row.revision));
                        }
                    },
                    Err(why) => match wire::glimpse(raw) {
                        // History that is not understood changes nothing.
                        (_, true) => listing.archived += 1,
                        (key, false) => listing.leave_out(key.map(|key| self.ids.sym(&key)), &why),
                    },
                }
            })
        });
        let beside = beside.map_err(|error| unread(&error))?;
        wire::one_list(&beside, pointer).map_err(|problem| bad_answer(text, answer, &problem))?;
        listing.gap = part::gap(answer, &beside, beside.rows, &[], Share::Whole);
        listing.rows.retain(|row| !doubles.contains_key(&row.key.part(KEY)));
        for (key, why) in doubles {
            listing.leave_out(Some(key), &why);
        }
        Ok(listing)
    }

    /// The declared keys one by one: nothing undeclared can be seen (apis/streamline.md: Reading).
    async fn declared(&self, place: Place, keys: BTreeSet<Sym>, gap: String) -> Result<Listing, ReadError> {
        let mut listing = Listing { gap: Some(gap), ..Listing::new(place) };
        self.add_each(&mut listing, keys).await?;
        Ok(listing)
    }

    /// Adds the active revisions of some keys, read one by one.
    async fn add_each(&self, listing: &mut Listing, keys: BTreeSet<Sym>) -> Result<(), ReadError> {
        let place = listing.place;
        let read: Vec<(Sym, Keyed)> = stream::iter(keys)
            .map(|key| async move { Ok::<_, ReadError>((key, self.keyed_answer(place, key).await?)) })
            .buffer_unordered(self.concurrency)
            .try_collect()
            .await?;
        for (key, answer) in read {
            match answer {
                Keyed::Active(row) => listing.rows.push(live(place, key, row)),
                Keyed::None => {}
                Keyed::Odd(why, request) => listing.leave_out(Some(key), &format!("{request} answered: {why}")),
            }
        }
        Ok(())
    }

    /// The active revision of a key; 404 and `archived` mean that there is none.
    pub(super) async fn active(&self, place: Place, key: Sym) -> Result<Option<Assignment>, ReadError> {
        match self.keyed_answer(place, key).await? {
            Keyed::Active(row) => Ok(Some(row)),
            Keyed::None => Ok(None),
            Keyed::Odd(why, request) => Err(unusable(&request, &why)),
        }
    }

    async fn keyed_answer(&self, place: Place, key: Sym) -> Result<Keyed, ReadError> {
        let (answer, text) = self.get(self.keyed(place, key)).await?;
        match answer.status {
            200 => {}
            404 => return Ok(Keyed::None),
            _ => return Err(refusal(text, &answer).into()),
        }
        let body: &RawValue = answer.json().map_err(|error| unread(&error))?;
        let odd = |why: String| Ok(Keyed::Odd(clean(&answer.clean(&why)), text.clone()));
        let mut asked = vec![("assignment_key", self.ids.text(key)), ("domain_id", self.ids.text(place.domain))];
        if !place.service.is_none() {
            asked.push(("service_id", self.ids.text(place.service)));
        }
        if let Some(other) = wire::another(body, &asked) {
            return odd(other);
        }
        match wire::assignment(body) {
            Ok(row) if row.status == Status::Active => Ok(Keyed::Active(row)),
            Ok(_) => Ok(Keyed::None),
            Err(why) => odd(why),
        }
    }

    /// One active revision of a key out of the collection: for the domain's own keys, whose keyed path is only assumed.
    pub(super) async fn active_in_collection(&self, place: Place, key: Sym) -> Result<Option<Live>, ReadError> {
        if let Ok(listing) = self.listed(place).await? {
            let whole = listing.gap.is_none() && listing.odd.is_empty();
            let found = listing.rows.into_iter().find(|row| row.key.part(KEY) == key);
            if whole || found.is_some() {
                return Ok(found);
            }
        }
        Ok(self.active(place, key).await?.map(|row| live(place, key, row)))
    }

    async fn get(&self, route: Route) -> Result<(Answer, String), ReadError> {
        let request = Request::get(route.path).safety(Safety::Read);
        let answer = self.client.send(request).await.map_err(|error| unread(&error))?;
        Ok((answer, format!("GET {}", route.text)))
    }
}

/// What an answer that is no success says, or how it begins.
pub(super) fn said(answer: &Answer) -> String {
    wire::says(&answer.body, |text| clean(&answer.clean(text)), |text| answer.clean(text))
        .unwrap_or_else(|| answer.excerpt())
}

/// An answer that is no success, with what helps.
pub(super) fn refusal(request: String, answer: &Answer) -> Refusal<String> {
    Refusal {
        request,
        status: answer.status,
        code: None,
        said: said(answer),
        note: answer.request_note(),
        hint: next_step(answer.status),
    }
}

fn bad_answer(request: &str, answer: &Answer, problem: &str) -> ReadError {
    unusable(request, &clean(&answer.clean(problem)))
}

fn unusable(request: &str, problem: &str) -> ReadError {
    ReadError::Api(format!(
        "{request} gave an answer that cannot be used: {problem}; check the target's endpoint and options"
    ))
}

/// Two active revisions of a key are reported, never chosen from (apis/streamline.md: Retiring).
fn two_active(key: &str, one: &str, other: &str) -> String {
    format!("the key `{key}` has two active revisions, `{one}` and `{other}`: archive one of them in Streamline first")
}

/// A row of the model. The revision is information, not the row's id: the key stays when the revision changes.
fn live(place: Place, key: Sym, row: Assignment) -> Live {
    let info = LiveInfo { revision: Some(row.revision), ..LiveInfo::default() };
    Live { key: place.key(key), id: None, fields: row.fields, info: Some(Box::new(info)) }
}
