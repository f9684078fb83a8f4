//! Reading Partium: chains of cursors. One unfiltered chain for everything, chains side by side by filter where scopes name ids.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::value::RawValue;

use crate::http::{Answer, Request, Safety};
use crate::model::{Coverage, Fields, Key, Live, PartScope, ReadRequest, Scope, Snapshot, Sym};

use super::super::odd::{self, OddRows};
use super::super::part::{self, Share};
use super::super::refusal::{clean, unread};
use super::super::{ReadError, Reader, scan};
use super::spec::{ASS, ORG};
use super::wire::{self, Paging, Query, Row};
use super::{Api, refusal};

/// How the list is called in messages.
const REQUEST: &str = "POST /1/catalog/assignments/organizations/list";

/// The longest chain: a hundred million rows at the usual page size. Whatever is longer never ends.
const MAX_PAGES: usize = 100_000;

/// The most characters of a row that a message shows.
const ROW_CHARS: usize = 120;

/// How often a chain that moved is begun anew. Pairs that change within each of three readings are being worked on: what was read is
/// then incomplete, and nothing is removed because of it.
const MAX_LISTINGS: usize = 3;

/// The most pages in a row that may be empty although more is promised: filtered lists may have some, endless ones have only those.
pub(super) const MAX_EMPTY_PAGES: usize = 100;

/// After this many pages a filtered chain is known to be long, and is read as several chains side by side instead: what was read
/// is read again, which costs these few requests and gains the target's whole concurrency. Where so much is declared already, it is
/// several chains from the start.
const PAGES_BEFORE_SPLIT: usize = 4;

/// The reading side of a target.
pub(super) struct PartiumReader(pub(super) Arc<Api>);

#[async_trait]
impl Reader for PartiumReader {
    async fn read(&self, request: &ReadRequest<'_>) -> Result<Snapshot, ReadError> {
        let api = &self.0;
        let before = api.client.requests();
        let sections = sections(request, api.max_filter_ids);
        let mut chains: Vec<(usize, Filter)> = Vec::new();
        for (index, section) in sections.iter().enumerate() {
            chains.extend(api.filters(section).into_iter().map(|filter| (index, filter)));
        }
        // Most of what is declared is live, as a rule.
        let expected = request.declared() / chains.len().max(1);
        let read: Vec<(usize, Chain)> = stream::iter(chains)
            .map(|(index, filter)| async move { Ok::<_, ReadError>((index, api.at_rest(filter, expected).await?)) })
            .buffer_unordered(api.concurrency)
            .try_collect()
            .await?;
        let coverage = coverage(sections, &read);
        let mut keys: Vec<Key> = Vec::with_capacity(read.iter().map(|(_, chain)| chain.count()).sum());
        let mut odd = OddRows::default();
        for (_, chain) in read {
            chain.rows.into_iter().for_each(|rows| keys.extend(rows));
            odd.extend(chain.odd);
        }
        // A pair is its whole row, so the same pair from two chains is one row.
        keys.sort_unstable();
        keys.dedup();
        let rows = live_rows(keys);
        let requests = api.client.requests().saturating_sub(before);
        let mut snapshot = Snapshot { rows, coverage, requests, ..Snapshot::default() };
        odd.tell(&mut snapshot);
        Ok(snapshot)
    }
}

/// Ids that a part of the key may have; `None`: any. Never an empty set.
type Part = Option<BTreeSet<Sym>>;

/// A box of keys that is listed whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Section {
    ass: Part,
    org: Part,
}

/// One chain's filters, each in the order of the texts; empty: no filter.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Filter {
    ass: Vec<Box<str>>,
    org: Vec<Box<str>>,
}

/// What one chain gave, or several side by side: keys alone, for there may be a million, and all else of a row is the same.
#[derive(Default)]
struct Chain {
    /// Chain by chain.
    rows: Vec<Vec<Key>>,
    pages: usize,
    chains: usize,
    /// Rows that cannot be used.
    odd: OddRows,
    /// What showed that rows changed while they were read.
    moved: Option<String>,
    /// Why more rows may be there.
    gap: Option<String>,
}

impl Chain {
    fn count(&self) -> usize {
        self.rows.iter().map(Vec::len).sum()
    }

    /// Adds what another chain gave.
    fn add(&mut self, other: Chain) {
        self.rows.extend(other.rows);
        self.pages += other.pages;
        self.chains += other.chains;
        self.odd.extend(other.odd);
        self.moved = self.moved.take().or(other.moved);
        self.gap = self.gap.take().or(other.gap);
    }
}

/// The boxes to list: one for all scopes that limit the same part alone, one for each that limits both, and what the remaining
/// declared keys need.
fn sections(request: &ReadRequest<'_>, max_filter_ids: usize) -> Vec<Section> {
    let (mut by_ass, mut by_org) = (BTreeSet::new(), BTreeSet::new());
    let mut by_both = BTreeSet::new();
    for scope in &request.scopes {
        match (&scope.parts[ASS], &scope.parts[ORG]) {
            (PartScope::Any, PartScope::Any) => return vec![Section { ass: None, org: None }],
            (PartScope::In(ids), PartScope::Any) => by_ass.extend(ids.iter().copied()),
            (PartScope::Any, PartScope::In(ids)) => by_org.extend(ids.iter().copied()),
            // An empty set holds no key, and an empty filter list must not be sent.
            (PartScope::In(ass), PartScope::In(org)) if ass.is_empty() || org.is_empty() => {}
            (PartScope::In(ass), PartScope::In(org)) => {
                by_both.insert(Section { ass: Some(ass.clone()), org: Some(org.clone()) });
            }
        }
    }
    let inside = |part: &Part, whole: &BTreeSet<Sym>| part.as_ref().is_some_and(|part| part.is_subset(whole));
    by_both.retain(|section| !inside(&section.ass, &by_ass) && !inside(&section.org, &by_org));
    let covered = |key: &Key| {
        by_ass.contains(&key.part(ASS)) || by_org.contains(&key.part(ORG)) || by_both.iter().any(|b| b.contains(key))
    };
    let rest = keyed(request.keys().filter(|key| !covered(key)), max_filter_ids);
    let mut sections = Vec::new();
    if !by_ass.is_empty() {
        sections.push(Section { ass: Some(by_ass), org: None });
    }
    if !by_org.is_empty() {
        sections.push(Section { ass: None, org: Some(by_org) });
    }
    sections.extend(by_both);
    sections.extend(rest);
    sections
}

/// Boxes around single keys: as many ids as a filter holds of the part that has fewer, with all ids that go with them. A box may hold
/// more than the keys; what else is live in it is read too.
fn keyed(keys: impl Iterator<Item = Key>, max_filter_ids: usize) -> Vec<Section> {
    let keys: Vec<Key> = keys.collect();
    let distinct = |part: usize| keys.iter().map(|key| key.part(part)).collect::<HashSet<_>>().len();
    let (few, many) = if distinct(ORG) <= distinct(ASS) { (ORG, ASS) } else { (ASS, ORG) };
    let mut partners: BTreeMap<Sym, BTreeSet<Sym>> = BTreeMap::new();
    for key in &keys {
        partners.entry(key.part(few)).or_default().insert(key.part(many));
    }
    let partners: Vec<(Sym, BTreeSet<Sym>)> = partners.into_iter().collect();
    let section = |chunk: &[(Sym, BTreeSet<Sym>)]| {
        let ids = Some(chunk.iter().map(|(id, _)| *id).collect());
        let others = Some(chunk.iter().flat_map(|(_, others)| others.iter().copied()).collect());
        if few == ORG { Section { ass: others, org: ids } } else { Section { ass: ids, org: others } }
    };
    partners.chunks(max_filter_ids).map(section).collect()
}

impl Section {
    fn contains(&self, key: &Key) -> bool {
        let inside = |part: &Part, id| part.as_ref().is_none_or(|ids| ids.contains(&id));
        inside(&self.ass, key.part(ASS)) && inside(&self.org, key.part(ORG))
    }

    fn scope(self) -> Scope {
        let mut scope = Scope::default();
        for (index, part) in [(ASS, self.ass), (ORG, self.org)] {
            if let Some(ids) = part {
                scope.parts[index] = PartScope::In(ids);
            }
        }
        scope
    }
}

/// The rows of sorted keys. The keys give way piece by piece, so that a million of them are not held twice.
fn live_rows(mut keys: Vec<Key>) -> Vec<Live> {
    const PIECE: usize = 1 << 16;
    let mut rows = Vec::with_capacity(keys.len());
    while !keys.is_empty() {
        let piece = keys.drain(keys.len().saturating_sub(PIECE)..).rev();
        rows.extend(piece.map(|key| Live { key, id: None, fields: Fields::default(), info: None }));
        keys.shrink_to_fit();
    }
    rows
}

/// A chain is only given when its last page said that there is no more. So a section was read whole, unless a chain of it moved or shows
/// a sign of more.
fn coverage(sections: Vec<Section>, read: &[(usize, Chain)]) -> Vec<Coverage> {
    let mut seen = vec![(0, 0, 0, None); sections.len()];
    for (index, chain) in read {
        let (chains, pages, rows, gap) = &mut seen[*index];
        *chains += chain.chains;
        *pages += chain.pages;
        *rows += chain.count();
        let moved = || {
            Some(format!(
                "{}, in each of {MAX_LISTINGS} readings; plan again when it is at rest",
                chain.moved.as_ref()?
            ))
        };
        *gap = gap.take().or_else(|| chain.gap.clone()).or_else(moved);
    }
    let entry = |(section, (chains, pages, rows, gap)): (Section, (usize, usize, usize, Option<String>))| Coverage {
        scope: section.scope(),
        gap,
        evidence: format!(
            "chains {chains}, pages {pages}, rows {rows}, every chain to its last page (more_data: false)"
        ),
    };
    sections.into_iter().zip(seen).map(entry).collect()
}

impl Api {
    /// The chains that list a section: each filter holds at most `max_filter_ids` ids.
    fn filters(&self, section: &Section) -> Vec<Filter> {
        let (ass, org) = (self.chunks(&section.ass), self.chunks(&section.org));
        ass.iter().flat_map(|ass| org.iter().map(|org| Filter { ass: ass.clone(), org: org.clone() })).collect()
    }

    /// One empty chunk for a part that is not limited. In the order of the texts, so that the same manifests ask in the same way.
    fn chunks(&self, part: &Part) -> Vec<Vec<Box<str>>> {
        let Some(ids) = part else { return vec![Vec::new()] };
        let mut texts: Vec<Box<str>> = ids.iter().map(|id| Box::from(self.ids.text(*id))).collect();
        texts.sort_unstable();
        texts.chunks(self.max_filter_ids).map(<[_]>::to_vec).collect()
    }

    /// A filter's rows, read anew while they move.
    async fn at_rest(&self, filter: Filter, expected: usize) -> Result<Chain, ReadError> {
        let mut chain = self.filtered(filter.clone(), expected).await?;
        for _ in 1..MAX_LISTINGS {
            if chain.moved.is_none() {
                break;
            }
            chain = self.filtered(filter.clone(), expected).await?;
        }
        Ok(chain)
    }

    /// A filter's rows: as one chain if it is short, else as several side by side. `expected`: how many there may be.
    async fn filtered(&self, filter: Filter, expected: usize) -> Result<Chain, ReadError> {
        let parts = filter.split(self.concurrency);
        let most = match parts.len() {
            1 => MAX_PAGES,
            _ if expected > PAGES_BEFORE_SPLIT * self.page_size => 0,
            _ => PAGES_BEFORE_SPLIT,
        };
        if let Some(chain) = self.chain(&filter, most).await? {
            return Ok(chain);
        }
        if parts.len() == 1 {
            return Err(endless(format!("{MAX_PAGES} pages did not reach the end")));
        }
        let whole = |part: Filter| async move {
            let chain = self.chain(&part, MAX_PAGES).await?;
            chain.ok_or_else(|| endless(format!("{MAX_PAGES} pages did not reach the end")))
        };
        let chains: Vec<Chain> =
            stream::iter(parts).map(whole).buffer_unordered(self.concurrency).try_collect().await?;
        let mut all = Chain { pages: most, ..Chain::default() };
        chains.into_iter().for_each(|chain| all.add(chain));
        Ok(all)
    }

    /// One chain to its end; `None` if that takes more than `most` pages.
    async fn chain(&self, filter: &Filter, most: usize) -> Result<Option<Chain>, ReadError> {
        let allowed = Allowed::of(filter);
        let mut cursors: HashSet<Box<str>> = HashSet::new();
        let mut cursor: Option<String> = None;
        let mut chain = Chain { chains: 1, ..Chain::default() };
        let (mut rows, mut empty, mut total) = (Vec::new(), 0, None);
        for page_number in 1..=most {
            let answer = self.page(filter, cursor.as_deref()).await?;
            let mut index = 0;
            let beside = answer.read_json(|body| {
                scan::list(body, &[wire::ROWS], |raw| {
                    index += 1;
                    self.add(raw, (page_number, index), &allowed, &mut rows, &mut chain);
                })
            });
            let beside = beside.map_err(|error| unread(&error))?;
            let Some(end) = wire::end(&beside) else {
                let problem = "it is JSON of an unexpected shape: a page has an array `result` and says `more_data`";
                return Err(bad_answer(&answer, problem));
            };
            let counted = part::total(&beside, &wire::KNOWN);
            if page_number > 1 && counted != total {
                chain.moved.get_or_insert_with(|| format!("the number of all rows changed on page {page_number}"));
            }
            total = counted;
            empty = if beside.rows == 0 { empty + 1 } else { 0 };
            if !end.more_data {
                let gap = part::gap(&answer, &beside, rows.len() as u64, &wire::KNOWN, Share::LastPage);
                chain.gap = chain.gap.or(gap);
                chain.pages = page_number;
                rows.sort_unstable();
                if let Some(twice) = rows.windows(2).find(|pair| pair[0] == pair[1]) {
                    chain.moved.get_or_insert_with(|| format!("the pair {} came twice", self.pair_text(&twice[0])));
                }
                chain.rows = vec![rows];
                return Ok(Some(chain));
            }
            let next = end.last_object_id;
            let next = next.ok_or_else(|| endless("more_data is true without a last_object_id".to_owned()))?;
            if !cursors.insert(next.as_str().into()) {
                let next = clean(&answer.clean(&next));
                return Err(endless(format!("more_data is true and last_object_id `{next}` came a second time")));
            }
            if empty > MAX_EMPTY_PAGES {
                return Err(endless(format!("more than {MAX_EMPTY_PAGES} empty pages promise more data")));
            }
            cursor = Some(next);
        }
        Ok(None)
    }

    async fn page(&self, filter: &Filter, cursor: Option<&str>) -> Result<Answer, ReadError> {
        let body = wire::List {
            query: Query { ass_ids: &filter.ass, org_ids: &filter.org },
            paging: Paging { limit: self.page_size, last_object_id: cursor },
        };
        let request = Request::post(self.list.clone()).json(&body).safety(Safety::Read);
        let answer = self.client.send(request).await.map_err(|error| unread(&error))?;
        if answer.status != 200 {
            return Err(refusal(REQUEST, &answer).into());
        }
        Ok(answer)
    }

    /// Adds one row of a page, or leaves it out. `place` is its page and its position there.
    fn add(&self, raw: &RawValue, place: (usize, u64), allowed: &Allowed<'_>, rows: &mut Vec<Key>, chain: &mut Chain) {
        let (page, index) = place;
        let row = match odd::too_large(raw) {
            Some(why) => Err(why),
            None => serde_json::from_str::<Row<'_>>(raw.get())
                .map_err(|error| format!("cannot be understood ({error})"))
                .and_then(|row| {
                    if row.ass_id.is_empty() || row.org_id.is_empty() {
                        Err("has an empty id".to_owned())
                    } else {
                        Ok(row)
                    }
                }),
        };
        match row {
            Ok(row) if allowed.pair(&row) => {
                rows.push(Key::new(&[self.ids.sym(&row.ass_id), self.ids.sym(&row.org_id)]));
            }
            Ok(row) => {
                let pair = clean(&format!("{} / {}", &*row.ass_id, &*row.org_id));
                chain.gap.get_or_insert_with(|| {
                    format!(
                        "the pair {pair} does not match the filter that was sent, so the filter cannot be relied on"
                    )
                });
            }
            Err(why) => {
                let seen = odd::glance(raw);
                let id = |name: &str| seen.as_ref()?.get(name)?.as_str().filter(|id| !id.is_empty());
                let area = id("org_id").map(|org| (ORG, org)).or_else(|| id("ass_id").map(|ass| (ASS, ass)));
                let start: String = raw.get().chars().take(ROW_CHARS).collect();
                let why = format!("row {index} of page {page}, {start}, {why}");
                match area {
                    Some((part, id)) => chain.odd.add(vec![(part, self.ids.sym(id))], None, &why),
                    None => {
                        chain.gap.get_or_insert_with(|| clean(&why));
                    }
                }
            }
        }
    }

    fn pair_text(&self, key: &Key) -> String {
        clean(&format!("{} / {}", self.ids.text(key.part(ASS)), self.ids.text(key.part(ORG))))
    }
}

impl Filter {
    /// Up to `count` filters that together list the same: the longer list is divided.
    fn split(&self, count: usize) -> Vec<Filter> {
        let by_ass = self.ass.len() >= self.org.len();
        let ids = if by_ass { &self.ass } else { &self.org };
        if ids.len() < 2 || count < 2 {
            return vec![self.clone()];
        }
        let part = |ids: &[Box<str>]| {
            let mut part = self.clone();
            *(if by_ass { &mut part.ass } else { &mut part.org }) = ids.to_vec();
            part
        };
        ids.chunks(ids.len().div_ceil(count)).map(part).collect()
    }
}

/// The pairs that a filter lets through.
struct Allowed<'a> {
    ass: HashSet<&'a str>,
    org: HashSet<&'a str>,
}

impl<'a> Allowed<'a> {
    fn of(filter: &'a Filter) -> Self {
        let set = |ids: &'a [Box<str>]| ids.iter().map(AsRef::as_ref).collect();
        Self { ass: set(&filter.ass), org: set(&filter.org) }
    }

    fn pair(&self, pair: &Row<'_>) -> bool {
        (self.ass.is_empty() || self.ass.contains(&*pair.ass_id))
            && (self.org.is_empty() || self.org.contains(&*pair.org_id))
    }
}

/// A list that does not end: an error, not a loop (apis/partium.md: List).
fn endless(problem: String) -> ReadError {
    ReadError::Api(format!(
        "{REQUEST} does not come to an end: {problem}; nothing was planned from it, report it to the vendor or change limits.page_size"
    ))
}

fn bad_answer(answer: &Answer, problem: &str) -> ReadError {
    ReadError::Api(format!(
        "{REQUEST} gave an answer that cannot be used: {}; check the target's endpoint",
        clean(&answer.clean(problem))
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Desired;

    fn sym(ids: &crate::model::Ids, texts: &[&str]) -> BTreeSet<Sym> {
        texts.iter().map(|text| ids.sym(text)).collect()
    }

    fn scope(ass: Option<BTreeSet<Sym>>, org: Option<BTreeSet<Sym>>) -> Scope {
        Section { ass, org }.scope()
    }

    fn request(scopes: Vec<Scope>, rows: &[Desired]) -> ReadRequest<'_> {
        ReadRequest { scopes, rows: vec![rows], names: false }
    }

    #[test]
    fn scopes_become_the_fewest_sections() {
        let ids = crate::model::Ids::default();
        let (a, b, c) = (sym(&ids, &["a"]), sym(&ids, &["b"]), sym(&ids, &["c"]));
        let ab = sym(&ids, &["a", "b"]);
        let got = sections(&request(vec![scope(None, Some(a.clone())), scope(None, Some(b.clone()))], &[]), 9);
        assert_eq!(got, [Section { ass: None, org: Some(ab.clone()) }], "scopes of one part are one list");
        let got = sections(&request(vec![scope(None, Some(a.clone())), Scope::default()], &[]), 9);
        assert_eq!(got, [Section { ass: None, org: None }], "everything is one chain");
        let both = scope(Some(c.clone()), Some(a.clone()));
        let got = sections(&request(vec![both.clone(), both.clone()], &[]), 9);
        assert_eq!(got, [Section { ass: Some(c), org: Some(a.clone()) }], "both filters intersect");
        let got = sections(&request(vec![both, scope(None, Some(ab.clone()))], &[]), 9);
        assert_eq!(got, [Section { ass: None, org: Some(ab) }], "a scope inside another is not listed again");
        let empty = scope(Some(BTreeSet::new()), Some(a));
        assert_eq!(sections(&request(vec![empty], &[]), 9), [], "an empty filter is never sent");
        assert_eq!(sections(&ReadRequest::default(), 9), []);
    }

    #[test]
    fn keys_outside_the_scopes_are_boxed_by_the_part_with_fewer_ids() {
        let ids = crate::model::Ids::default();
        let key = |ass: &str, org: &str| Key::new(&[ids.sym(ass), ids.sym(org)]);
        let keys = [key("a1", "o1"), key("a2", "o1"), key("a3", "o2"), key("a4", "covered")].map(Desired::from);
        let scopes = vec![scope(None, Some(sym(&ids, &["covered"])))];
        let got = sections(&request(scopes, &keys), 1);
        let box_of = |ass: &[&str], org: &[&str]| Section { ass: Some(sym(&ids, ass)), org: Some(sym(&ids, org)) };
        assert_eq!(got[1..], [box_of(&["a1", "a2"], &["o1"]), box_of(&["a3"], &["o2"])]);
        for row in &keys {
            assert!(got.iter().any(|section| section.contains(&row.key)));
        }
        assert_eq!(sections(&request(vec![], &keys), 9).len(), 1);
    }

    #[test]
    fn a_filter_splits_its_longer_list_and_loses_nothing() {
        let texts = |n: usize| (0..n).map(|i| i.to_string().into()).collect::<Vec<Box<str>>>();
        let filter = Filter { ass: texts(2), org: texts(5) };
        let parts = filter.split(2);
        assert_eq!(parts.len(), 2);
        assert!(parts.iter().all(|part| part.ass == filter.ass && !part.org.is_empty()));
        let joined: Vec<Box<str>> = parts.into_iter().flat_map(|part| part.org).collect();
        assert_eq!(joined, filter.org);
        assert_eq!(filter.split(1), std::slice::from_ref(&filter));
        let all = Filter { ass: vec![], org: vec![] };
        assert_eq!(all.split(8), std::slice::from_ref(&all), "the unfiltered chain is one chain");
        let single = Filter { ass: texts(1), org: texts(1) };
        assert_eq!(single.split(8), std::slice::from_ref(&single));
    }
}
