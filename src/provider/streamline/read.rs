//! Reading Streamline: one collection a service (or domain), all side by side; key by key where there is no collection.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::value::RawValue;

use crate::http::{Answer, Request, Safety};
use crate::model::{Coverage, Key, Live, LiveInfo, PartScope, ReadRequest, Scope, Snapshot, Sym};

use super::super::part;
use super::super::refusal::{Refusal, clean, unread};
use super::super::{ReadError, Reader};
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
        let rows = listings.into_iter().flat_map(|listing| listing.rows).collect();
        let requests = api.client.requests().saturating_sub(before);
        Ok(Snapshot { rows, coverage, requests, ..Snapshot::default() })
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
            Ok(listing) if listing.gap.is_some() => self.with_unseen(listing, keys).await,
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
        listing.rows.extend(self.each(listing.place, keys).await?);
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
        let body: &RawValue = answer.json().map_err(|error| unread(&error))?;
        let bad = |problem: String| bad_answer(text, answer, &problem);
        let list = wire::list(body, self.options.list_pointer.as_deref()).map_err(bad)?;
        let mut active: HashMap<Sym, Box<str>> = HashMap::new();
        let mut listing =
            Listing { place, rows: Vec::new(), archived: 0, gap: list.gap.or_else(|| part::by_link(answer)) };
        for row in list.rows {
            let row = wire::assignment(row).map_err(bad)?;
            if row.status == Status::Archived {
                listing.archived += 1;
                continue;
            }
            let key = match row.key.as_deref() {
                Some(key) if !key.is_empty() => self.ids.sym(key),
                _ => {
                    return Err(bad(format!(
                        "the assignment with assignment_id `{}` has no assignment_key",
                        row.revision
                    )));
                }
            };
            if let Some(other) = active.insert(key, row.revision.clone()) {
                return Err(bad(two_active(self.ids.text(key), &other, &row.revision)));
            }
            listing.rows.push(live(place, key, row));
        }
        Ok(listing)
    }

    /// The declared keys one by one: nothing undeclared can be seen (apis/streamline.md: Reading).
    async fn declared(&self, place: Place, keys: BTreeSet<Sym>, gap: String) -> Result<Listing, ReadError> {
        Ok(Listing { place, rows: self.each(place, keys).await?, archived: 0, gap: Some(gap) })
    }

    /// The active revisions of some keys, read one by one.
    async fn each(&self, place: Place, keys: BTreeSet<Sym>) -> Result<Vec<Live>, ReadError> {
        let rows: Vec<Option<Live>> =
            stream::iter(keys)
                .map(|key| async move {
                    Ok::<_, ReadError>(self.active(place, key).await?.map(|row| live(place, key, row)))
                })
                .buffer_unordered(self.concurrency)
                .try_collect()
                .await?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// The active revision of a key; 404 and `archived` mean that there is none.
    pub(super) async fn active(&self, place: Place, key: Sym) -> Result<Option<Assignment>, ReadError> {
        let (answer, text) = self.get(self.keyed(place, key)).await?;
        match answer.status {
            200 => {}
            404 => return Ok(None),
            _ => return Err(refusal(text, &answer).into()),
        }
        let body: &RawValue = answer.json().map_err(|error| unread(&error))?;
        let row = wire::assignment(body).map_err(|problem| bad_answer(&text, &answer, &problem))?;
        match row.key.as_deref() {
            Some(other) if other != self.ids.text(key) => {
                Err(bad_answer(&text, &answer, &format!("it names another assignment_key, `{other}`")))
            }
            _ => Ok((row.status == Status::Active).then_some(row)),
        }
    }

    /// One active revision of a key out of the collection: for the domain's own keys, whose keyed path is only assumed.
    pub(super) async fn active_in_collection(&self, place: Place, key: Sym) -> Result<Option<Live>, ReadError> {
        if let Ok(listing) = self.listed(place).await? {
            let whole = listing.gap.is_none();
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
    ReadError::Api(format!(
        "{request} gave an answer that cannot be used: {}; check the target's endpoint and options",
        clean(&answer.clean(problem))
    ))
}

/// Two active revisions of a key are reported, never chosen from (apis/streamline.md: Retiring).
fn two_active(key: &str, one: &str, other: &str) -> String {
    format!("the key `{key}` has two active revisions, `{one}` and `{other}`: archive one of them in Streamline first")
}

/// A row of the model. The revision is information, not the row's id: the key stays when the revision changes.
fn live(place: Place, key: Sym, row: Assignment) -> Live {
    let info = LiveInfo { revision: Some(row.revision), ..LiveInfo::default() };
    Live {
        key: Key::new(&[place.domain, place.service, key]),
        id: None,
        fields: row.fields,
        info: Some(Box::new(info)),
    }
}
