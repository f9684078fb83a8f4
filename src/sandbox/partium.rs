//! Partium's catalog API: assemblies made visible to organizations (apis/partium.md).
//!
//! Pairs are kept by a growing object id, which is the order and the cursor of the list; a filtered page merges the ids of what
//! it asks for, so that a page costs what it holds and not what there is. Knows no HTTP beyond a request and its answer.

use std::{
    borrow::Cow,
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashSet},
    sync::Arc,
};

use axum::http::Method;
use foldhash::{HashMap, HashMapExt as _};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    seed::{CatalogStatus, PartiumAssignment, PartiumSeed},
    store::Op,
    wire::{Answer, Failure, Object, Reply, Request},
};

/// The documented payload limit, 5.5 MiB (apis/partium.md: Maintenance).
pub(super) const MAX_PAYLOAD: usize = 5_767_168;
/// The page where the request names none, and the largest (apis/partium.md: List, assumed).
const DEFAULT_LIMIT: usize = 1_000;

/// Partium's state.
#[derive(Clone)]
pub(super) struct Partium {
    /// The seed without its rows.
    catalogue: PartiumSeed,
    /// Whether each listed assembly is a root.
    assemblies: HashMap<String, bool>,
    organizations: HashSet<String>,
    names: Names,
    rows: BTreeMap<u64, Pair>,
    ids: HashMap<Pair, u64>,
    by_assembly: HashMap<Name, BTreeSet<u64>>,
    by_organization: HashMap<Name, BTreeSet<u64>>,
    status: CatalogStatus,
    pub(super) next: u64,
}

/// Ids as small numbers: a million pairs repeat few of them.
#[derive(Clone, Default)]
struct Names {
    numbers: HashMap<Arc<str>, Name>,
    texts: Vec<Arc<str>>,
}

type Name = u32;
type Pair = (Name, Name);

impl Names {
    fn intern(&mut self, text: &str) -> Name {
        if let Some(name) = self.numbers.get(text) {
            return *name;
        }
        let text: Arc<str> = Arc::from(text);
        // Four thousand million different ids do not fit into memory.
        let name = Name::try_from(self.texts.len()).unwrap_or(Name::MAX);
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, name);
        name
    }

    fn find(&self, text: &str) -> Option<Name> {
        self.numbers.get(text).copied()
    }

    fn text(&self, name: Name) -> &str {
        &self.texts[name as usize]
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PairBody {
    ass_id: String,
    org_id: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ListBody {
    query: Object<Query>,
    paging: Object<Paging>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Query {
    ass_ids: Option<Vec<String>>,
    org_ids: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Paging {
    limit: Option<i64>,
    last_object_id: Option<String>,
}

#[derive(Serialize)]
struct Page<'a> {
    result: Vec<PairRow<'a>>,
    last_object_id: Option<String>,
    more_data: bool,
}

#[derive(Serialize)]
struct PairRow<'a> {
    ass_id: &'a str,
    org_id: &'a str,
}

impl Partium {
    pub(super) fn new(seed: &PartiumSeed) -> Self {
        let catalogue = PartiumSeed { assignments: Vec::new(), ..seed.clone() };
        let assemblies = seed.assemblies.iter().flatten().map(|entry| (entry.ass_id.clone(), entry.root)).collect();
        let organizations = seed.organizations.iter().flatten().map(|entry| entry.org_id.clone()).collect();
        Self {
            status: seed.status.unwrap_or_default(),
            catalogue,
            assemblies,
            organizations,
            names: Names::default(),
            rows: BTreeMap::new(),
            ids: HashMap::new(),
            by_assembly: HashMap::new(),
            by_organization: HashMap::new(),
            next: 1,
        }
    }

    /// Whether a request only reads.
    pub(super) fn is_read(request: &Request) -> bool {
        request.method == Method::GET || request.path.ends_with("/list")
    }

    pub(super) fn read(&self, request: &Request) -> Answer {
        match (request.segments().as_slice(), &request.method) {
            (["1", "catalog", "status"], &Method::GET) => Ok(Reply::json(200, &json!({ "status": self.status }))),
            (["1", "catalog", "assignments", "organizations", "list"], &Method::POST) => self.list(request),
            (["1", "catalog", "status" | "assignments", ..], _) => Err(refuse(request)),
            _ => Err(Failure::no_route()),
        }
    }

    pub(super) fn write(&mut self, request: &Request, ops: &mut Vec<Op>) -> Answer {
        match (request.segments().as_slice(), &request.method) {
            (["1", "catalog", "assignments", "organizations"], &Method::POST) => self.create(request, ops),
            (["1", "catalog", "assignments", "organizations"], &Method::DELETE) => self.delete(request, ops),
            _ => Err(refuse(request)),
        }
    }

    fn create(&mut self, request: &Request, ops: &mut Vec<Op>) -> Answer {
        self.accepts_writes()?;
        let pairs = request.json_array::<PairBody>()?;
        let mut created = Vec::new();
        let mut errors = BTreeMap::new();
        for (index, Object(pair)) in pairs.iter().enumerate() {
            match self.check(&pair.ass_id, &pair.org_id) {
                Err(reason) => drop(errors.insert(index.to_string(), reason)),
                Ok(()) if self.insert(&pair.ass_id, &pair.org_id, ops) => created.push(index),
                Ok(()) => {} // in neither list: it already existed
            }
        }
        self.changed(!created.is_empty(), ops);
        Ok(Reply::json(200, &json!({ "created": created, "errors": errors })))
    }

    fn delete(&mut self, request: &Request, ops: &mut Vec<Op>) -> Answer {
        self.accepts_writes()?;
        let pairs = request.json_array::<PairBody>()?;
        let before = self.rows.len();
        for Object(pair) in &pairs {
            self.remove(&pair.ass_id, &pair.org_id, ops);
        }
        self.changed(self.rows.len() != before, ops);
        Ok(Reply::json(200, &json!({})))
    }

    fn list(&self, request: &Request) -> Answer {
        let ListBody { query: Object(query), paging: Object(paging) } = request.json()?;
        let largest = self.catalogue.max_limit.unwrap_or(DEFAULT_LIMIT);
        let limit = match paging.limit {
            None => DEFAULT_LIMIT.min(largest),
            Some(limit) => match usize::try_from(limit) {
                Ok(limit) if (1..=largest).contains(&limit) => limit,
                _ => {
                    return Err(Failure::bad_request(format!("paging.limit must be from 1 to {largest}, not {limit}")));
                }
            },
        };
        let after = match &paging.last_object_id {
            None => 0,
            Some(cursor) => parse_cursor(cursor)?,
        };
        let mut page = self.ids_after(after, limit + 1, &query)?;
        let more_data = page.len() > limit;
        page.truncate(limit);
        let last_object_id = page.last().map(|id| cursor(*id)).or(paging.last_object_id);
        let result = page.iter().map(|id| self.row(*id)).collect();
        Ok(Reply::json(200, &Page { result, last_object_id, more_data }))
    }

    fn row(&self, id: u64) -> PairRow<'_> {
        let (assembly, organization) = self.rows[&id];
        PairRow { ass_id: self.names.text(assembly), org_id: self.names.text(organization) }
    }

    /// The first `count` matching ids after the cursor, in order.
    fn ids_after(&self, after: u64, count: usize, query: &Query) -> Result<Vec<u64>, Failure> {
        let assemblies = self.filter("ass_ids", query.ass_ids.as_deref())?;
        let organizations = self.filter("org_ids", query.org_ids.as_deref())?;
        Ok(match (assemblies, organizations) {
            (None, None) => self.rows.range(after + 1..).map(|(id, _)| *id).take(count).collect(),
            (Some(names), None) => merged(&self.by_assembly, &names, after).take(count).collect(),
            (None, Some(names)) => merged(&self.by_organization, &names, after).take(count).collect(),
            (Some(assemblies), Some(organizations)) => self.intersection(after, count, &assemblies, &organizations),
        })
    }

    fn intersection(&self, after: u64, count: usize, left: &BTreeSet<Name>, right: &BTreeSet<Name>) -> Vec<u64> {
        let rows_of = |index: &HashMap<Name, BTreeSet<u64>>, names: &BTreeSet<Name>| -> usize {
            names.iter().filter_map(|name| index.get(name)).map(BTreeSet::len).sum()
        };
        let (left_rows, right_rows) = (rows_of(&self.by_assembly, left), rows_of(&self.by_organization, right));
        if left.len() * right.len() <= left_rows.min(right_rows) {
            let pairs = left.iter().flat_map(|one| right.iter().map(move |two| (*one, *two)));
            let mut ids: Vec<u64> =
                pairs.filter_map(|pair| self.ids.get(&pair).copied()).filter(|id| *id > after).collect();
            ids.sort_unstable();
            ids.truncate(count);
            ids
        } else if left_rows <= right_rows {
            merged(&self.by_assembly, left, after).filter(|id| right.contains(&self.rows[id].1)).take(count).collect()
        } else {
            merged(&self.by_organization, right, after)
                .filter(|id| left.contains(&self.rows[id].0))
                .take(count)
                .collect()
        }
    }

    /// The known ones of a filter's ids. An empty filter is refused: what it means is not stated (apis/partium.md: List).
    fn filter(&self, name: &str, ids: Option<&[String]>) -> Result<Option<BTreeSet<Name>>, Failure> {
        match ids {
            None => Ok(None),
            Some([]) => Err(Failure::bad_request(format!("query.{name} must not be empty"))),
            Some(ids) => Ok(Some(ids.iter().filter_map(|id| self.names.find(id)).collect())),
        }
    }

    /// Why a pair cannot be assigned, if so.
    fn check(&self, ass_id: &str, org_id: &str) -> Result<(), String> {
        let known = |listed: bool, given: bool| listed || self.catalogue.lenient.unwrap_or(!given);
        if ass_id.is_empty() || org_id.is_empty() {
            return Err("ass_id and org_id must not be empty".to_owned());
        }
        match self.assemblies.get(ass_id) {
            Some(false) => return Err(format!("Assembly {ass_id} is not a root assembly")),
            None if !known(false, self.catalogue.assemblies.is_some()) => {
                return Err(format!("Assembly {ass_id} does not exist"));
            }
            _ => {}
        }
        if self.catalogue.main_org.as_deref() == Some(org_id) {
            return Err(format!("Organization {org_id} is the main organization"));
        }
        if !known(self.organizations.contains(org_id), self.catalogue.organizations.is_some()) {
            return Err(format!("Organization {org_id} does not exist"));
        }
        Ok(())
    }

    /// Adds a pair; false where it is there already.
    fn insert(&mut self, ass_id: &str, org_id: &str, ops: &mut Vec<Op>) -> bool {
        let pair = (self.names.intern(ass_id), self.names.intern(org_id));
        if self.ids.contains_key(&pair) {
            return false;
        }
        let id = self.next;
        self.place(id, pair);
        ops.push(Op::Put {
            api: "partium",
            number: id,
            row: serde_json::to_vec(&(ass_id, org_id)).unwrap_or_default(),
        });
        true
    }

    fn place(&mut self, id: u64, pair: Pair) {
        self.next = self.next.max(id + 1);
        self.rows.insert(id, pair);
        self.ids.insert(pair, id);
        self.by_assembly.entry(pair.0).or_default().insert(id);
        self.by_organization.entry(pair.1).or_default().insert(id);
    }

    fn remove(&mut self, ass_id: &str, org_id: &str, ops: &mut Vec<Op>) {
        let (Some(assembly), Some(organization)) = (self.names.find(ass_id), self.names.find(org_id)) else { return };
        let Some(id) = self.ids.remove(&(assembly, organization)) else { return };
        self.rows.remove(&id);
        if let Some(ids) = self.by_assembly.get_mut(&assembly) {
            ids.remove(&id);
        }
        if let Some(ids) = self.by_organization.get_mut(&organization) {
            ids.remove(&id);
        }
        ops.push(Op::Delete { api: "partium", number: id });
    }

    /// A change waits for an import before it reaches search (apis/partium.md: After a change).
    fn changed(&mut self, changed: bool, ops: &mut Vec<Op>) {
        if changed && self.status != CatalogStatus::DataToImport {
            self.status = CatalogStatus::DataToImport;
            ops.push(Op::Meta { name: "partium/status", value: serde_json::to_vec(&self.status).unwrap_or_default() });
        }
    }

    fn accepts_writes(&self) -> Result<(), Failure> {
        if self.catalogue.maintenance {
            let message = "Catalog manager is in maintenance mode - changes are not accepted";
            return Err(Failure::new(503, "maintenance", message));
        }
        Ok(())
    }

    pub(super) fn seed(&mut self, seed: &PartiumSeed, ops: &mut Vec<Op>) -> Result<(), String> {
        for (index, entry) in seed.assignments.iter().enumerate() {
            let (assemblies, organizations) = sides(entry);
            if assemblies.is_empty() || organizations.is_empty() {
                return Err(format!("partium.assignments[{index}] needs ass_id or ass_ids, and org_id or org_ids"));
            }
            for ass_id in &assemblies {
                for org_id in &organizations {
                    self.check(ass_id, org_id).map_err(|why| format!("partium.assignments[{index}]: {why}"))?;
                    self.insert(ass_id, org_id, ops);
                }
            }
        }
        Ok(())
    }

    pub(super) fn restore(&mut self, id: u64, row: &[u8]) -> Result<(), serde_json::Error> {
        let (ass_id, org_id): (Cow<'_, str>, Cow<'_, str>) = serde_json::from_slice(row)?;
        let pair = (self.names.intern(&ass_id), self.names.intern(&org_id));
        self.place(id, pair);
        Ok(())
    }

    pub(super) fn restore_status(&mut self, status: &[u8]) -> Result<(), serde_json::Error> {
        self.status = serde_json::from_slice(status)?;
        Ok(())
    }

    /// The state as a seed, sorted by assembly and organization.
    pub(super) fn dump(&self) -> PartiumSeed {
        let mut pairs: Vec<(&str, &str)> =
            self.rows.values().map(|pair| (self.names.text(pair.0), self.names.text(pair.1))).collect();
        pairs.sort_unstable();
        let assignment = |(ass_id, org_id): (&str, &str)| PartiumAssignment {
            ass_id: Some(ass_id.to_owned()),
            org_id: Some(org_id.to_owned()),
            ..PartiumAssignment::default()
        };
        PartiumSeed {
            assignments: pairs.into_iter().map(assignment).collect(),
            status: (self.status != CatalogStatus::Clean).then_some(self.status),
            ..self.catalogue.clone()
        }
    }
}

fn sides(entry: &PartiumAssignment) -> (Vec<&str>, Vec<&str>) {
    (
        entry.ass_id.iter().chain(&entry.ass_ids).map(String::as_str).collect(),
        entry.org_id.iter().chain(&entry.org_ids).map(String::as_str).collect(),
    )
}

/// The ids of several index entries in ascending order, each once: an id is in one entry of an index only.
fn merged<'a>(
    index: &'a HashMap<Name, BTreeSet<u64>>,
    names: &BTreeSet<Name>,
    after: u64,
) -> impl Iterator<Item = u64> + use<'a> {
    let mut chains: Vec<_> =
        names.iter().filter_map(|name| index.get(name)).map(|ids| ids.range(after + 1..).copied()).collect();
    let mut heads: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::with_capacity(chains.len());
    for (chain, ids) in chains.iter_mut().enumerate() {
        heads.extend(ids.next().map(|id| Reverse((id, chain))));
    }
    std::iter::from_fn(move || {
        let Reverse((id, chain)) = heads.pop()?;
        heads.extend(chains[chain].next().map(|next| Reverse((next, chain))));
        Some(id)
    })
}

fn cursor(id: u64) -> String {
    format!("obj_{id:012}")
}

fn parse_cursor(text: &str) -> Result<u64, Failure> {
    text.strip_prefix("obj_")
        .and_then(|digits| digits.parse().ok())
        .filter(|id| *id < u64::MAX)
        .ok_or_else(|| Failure::bad_request(format!("paging.last_object_id `{text}` is not one that this API gave")))
}

fn refuse(request: &Request) -> Failure {
    match request.segments().as_slice() {
        ["1", "catalog", "status"] | ["1", "catalog", "assignments", "organizations"] => Failure::wrong_method(),
        ["1", "catalog", "assignments", "organizations", "list"] => Failure::wrong_method(),
        _ => Failure::no_route(),
    }
}
