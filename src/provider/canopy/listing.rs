//! One listing, first page to last: what was read, and whether it moved meanwhile.
//!
//! It does not know what a complete environment is; `read` puts listings together.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use futures::{StreamExt, TryStreamExt, stream};

use crate::http::{Answer, Request};
use crate::model::{Fields, Handles, Ids, Instant, Key, Live, LiveInfo, Names, Value, WindowState};
use crate::provider::ReadError;
use crate::provider::refusal::{clean, unread};

use super::api::{Api, FROM, IDENTITY, NODE, ROLE, TO, refusal};
use super::spec::{IDENTITY_EMAIL, NODE_NAME, ROLE_NAME};
use super::wire::{Page, Pagination, Row, Text, bare_or_wrapped, id_of};

/// How the listing's route is called in messages.
pub(super) const LIST: &str = "GET …/assignments/app-wide";

/// What to do about a refused listing: of what it sends, only the page size is the user's. 20 is the API's default for `take`, and so
/// always accepted (apis/canopy.md: List).
const PAGE_SIZE_HINT: &str = "if the API refuses the page size (`take`), lower `limits.page_size` in the Target: write `limits: { page_size: 20 }`";

/// The most pages that one listing may have: ten million rows of a hundred a page. More is a server gone wrong, not an environment.
const MAX_PAGES: u64 = 100_000;

/// `access_type` of a row that is an assignment; all others are inherited (apis/canopy.md: List).
const DIRECT: &str = "direct";

/// The states of an assignment (apis/canopy.md: Dates and lifecycle), which are also the list's filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Active,
    Scheduled,
    Expired,
}

impl Status {
    /// All of them.
    pub(super) const ALL: [Status; 3] = [Status::Active, Status::Scheduled, Status::Expired];

    /// As the API writes it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Status::Active => "active",
            Status::Scheduled => "scheduled",
            Status::Expired => "expired",
        }
    }

    fn state(self) -> WindowState {
        match self {
            Status::Active => WindowState::Active,
            Status::Scheduled => WindowState::Scheduled,
            Status::Expired => WindowState::Expired,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// All rows of one filter.
pub(super) struct Listing {
    /// Direct rows.
    pub rows: Vec<Live>,
    pub names: Names,
    /// What manifests may call ids by; `None`: nobody asked.
    pub handles: Option<Handles>,
    /// Rows of other access types.
    pub inherited: u64,
    /// Direct rows by status, in the order of [`Status::ALL`].
    direct_by_status: [u64; 3],
    /// The same for all other rows.
    inherited_by_status: [u64; 3],
    /// What the API says it holds.
    pub item_count: u64,
    pub pages: u64,
    /// What showed that rows changed during the listing; `None`: nothing did.
    pub moved: Option<String>,
    /// An inherited row came on two pages, and stands in the count for a row that came on none.
    inherited_twice: bool,
}

/// What came so far, to notice what comes twice.
#[derive(Default)]
struct Seen {
    /// The ids of direct rows.
    direct: HashSet<Box<str>>,
    /// Inherited rows, told by a hash of their whole text, with the page of each: whether their ids are their own is not stated.
    inherited: HashMap<u64, u64>,
    hasher: RandomState,
}

impl Seen {
    /// Notes an inherited row; whether it came on another page before.
    fn on_another_page(&mut self, raw: &str, page: u64) -> bool {
        *self.inherited.entry(self.hasher.hash_one(raw)).or_insert(page) != page
    }
}

impl Listing {
    fn new(item_count: u64, pages: u64, handles: Option<Handles>) -> Self {
        let none = [0; 3];
        Self {
            rows: Vec::new(),
            names: Names::default(),
            handles,
            inherited: 0,
            direct_by_status: none,
            inherited_by_status: none,
            item_count,
            pages,
            moved: None,
            inherited_twice: false,
        }
    }

    /// Rows as they came.
    pub(super) fn count(&self) -> u64 {
        self.rows.len() as u64 + self.inherited
    }

    /// Whether as many rows came as `item_count` says. Whether it counts inherited rows is not stated, so either count will do: all
    /// direct rows are there in both (apis/canopy.md: List).
    fn is_whole(&self) -> bool {
        self.counts_direct() || self.counts_all()
    }

    fn counts_direct(&self) -> bool {
        self.rows.len() as u64 == self.item_count
    }

    fn counts_all(&self) -> bool {
        self.count() == self.item_count
    }

    /// Rows of a status, counted as `item_count` counts them: like with like.
    pub(super) fn of_status(&self, status: Status) -> u64 {
        let inherited = if self.counts_all() { self.inherited_by_status[status as usize] } else { 0 };
        self.direct_by_status[status as usize] + inherited
    }

    fn note(&mut self, moved: Option<String>) {
        if self.moved.is_none() {
            self.moved = moved;
        }
    }
}

/// Reads all pages of a filter: the first, then the others side by side, for their number is known then.
pub(super) async fn list(api: &Api, status: Option<Status>, names: bool) -> Result<Listing, ReadError> {
    let take = api.options.take as u64;
    let first = fetch(api, status, 1, take).await?;
    let first = first.page()?;
    let pagination = first.pagination;
    let pages = page_count(&pagination)?;
    let mut listing = Listing::new(pagination.item_count, pages, names.then(Handles::default));
    let mut seen = Seen::default();
    add(&mut listing, &mut seen, &first, &api.ids)?;
    drop(first);
    // The page size that the server really uses: it may give less than it is asked for.
    let rest = stream::iter(2..=pages).map(|number| fetch(api, status, number, pagination.take));
    let mut rest = rest.buffered(api.options.concurrency);
    while let Some(next) = rest.try_next().await? {
        let page = next.page()?;
        listing.note(shifted(next.number, &pagination, &page.pagination));
        add(&mut listing, &mut seen, &page, &api.ids)?;
    }
    if !listing.is_whole() {
        let why = format!("{} rows came where item_count is {}", listing.count(), listing.item_count);
        listing.note(Some(why));
    } else if listing.inherited_twice && !listing.counts_direct() {
        listing.note(Some("an inherited row came on two pages".to_owned()));
    }
    Ok(listing)
}

/// How many rows a status has, with one request for one row.
pub(super) async fn count(api: &Api, status: Status) -> Result<u64, ReadError> {
    Ok(fetch(api, Some(status), 1, 1).await?.page()?.pagination.item_count)
}

/// A page as it came.
struct Fetched {
    number: u64,
    answer: Answer,
}

async fn fetch(api: &Api, status: Option<Status>, number: u64, take: u64) -> Result<Fetched, ReadError> {
    let path = api.assignments().lit("app-wide");
    // Sorted by creation, so that what comes to be during the listing is at one end and shifts the fewest pages.
    let mut request = Request::get(path).query("page", number).query("take", take).query("sort_by", "created_at");
    if let Some(status) = status {
        request = request.query("status", status.as_str());
    }
    let answer = api.client.send(request).await.map_err(|error| unread(&error))?;
    if answer.status != 200 {
        let mut refused = refusal(LIST, &answer);
        if matches!(answer.status, 400 | 422) {
            refused.hint = PAGE_SIZE_HINT;
        }
        return Err(refused.into());
    }
    Ok(Fetched { number, answer })
}

impl Fetched {
    fn page(&self) -> Result<Page<'_>, ReadError> {
        let number = self.number;
        let page: Page<'_> = bare_or_wrapped(&self.answer).map_err(|error| unread(&error))?;
        if page.pagination.page != number {
            return Err(nonsense(&format!("page {number} was asked for and page {} came", page.pagination.page)));
        }
        if page.pagination.take == 0 {
            return Err(nonsense(&format!("page {number} is said to hold 0 rows a page")));
        }
        Ok(page)
    }
}

/// The number of pages to read, if it fits the number of rows.
fn page_count(pagination: &Pagination) -> Result<u64, ReadError> {
    let Pagination { take, item_count, page_count, .. } = *pagination;
    let needed = item_count.div_ceil(take.max(1));
    if page_count != needed && !(item_count == 0 && page_count <= 1) {
        return Err(nonsense(&format!("{item_count} rows of {take} a page are said to be {page_count} pages")));
    }
    if page_count > MAX_PAGES {
        return Err(nonsense(&format!("it has {page_count} pages, and {MAX_PAGES} are the most that are read")));
    }
    Ok(page_count)
}

/// What a later page's numbers say about changes since the first one.
fn shifted(number: u64, first: &Pagination, later: &Pagination) -> Option<String> {
    if later.item_count != first.item_count {
        return Some(format!("item_count was {} and is {} on page {number}", first.item_count, later.item_count));
    }
    (later.take != first.take || later.page_count != first.page_count)
        .then(|| format!("page {number} counts pages in another way than page 1"))
}

fn add(listing: &mut Listing, seen: &mut Seen, page: &Page<'_>, ids: &Ids) -> Result<(), ReadError> {
    let (before, Pagination { page: number, take, .. }) = (listing.rows.len(), page.pagination);
    for (index, raw) in page.items.iter().enumerate() {
        let fail = |why: String| match id_of(raw) {
            Some(id) => nonsense(&format!("the row {} {why}", clean(&id))),
            None => nonsense(&format!("row {} of page {} {why}", index + 1, number)),
        };
        let row: Row<'_> = serde_json::from_str(raw.get())
            .map_err(|error| fail(format!("cannot be understood: {}", clean(&error.to_string()))))?;
        let is_direct = &*row.assignment.access_type == DIRECT;
        let by_status = if is_direct { &mut listing.direct_by_status } else { &mut listing.inherited_by_status };
        if let Some(status) = row.assignment.status.as_deref().and_then(Status::parse) {
            by_status[status as usize] += 1;
        }
        if !is_direct {
            listing.inherited += 1;
            listing.inherited_twice |= seen.on_another_page(raw.get(), number);
            continue;
        }
        let live = direct(&row, &mut listing.names, listing.handles.as_mut(), ids).map_err(fail)?;
        // By their ids: whether an inherited row repeats the id of the row that it comes from is not stated.
        if !live.id.iter().all(|id| seen.direct.insert(id.clone())) {
            let id = clean(live.id.as_deref().unwrap_or(""));
            listing.note(Some(format!("the row {id} came twice")));
        }
        listing.rows.push(live);
    }
    let directs = (listing.rows.len() - before) as u64;
    if directs > take {
        return Err(nonsense(&format!("page {number} holds {directs} direct rows where `take` is {take}")));
    }
    Ok(())
}

/// A direct row, with all that an assignment must have. Its names are kept beside its ids.
fn direct(row: &Row<'_>, names: &mut Names, handles: Option<&mut Handles>, ids: &Ids) -> Result<Live, String> {
    let Row { identity, role, assignment } = row;
    let full = |text: &Option<Text<'_>>, name: &str| match text.as_deref() {
        Some(text) if !text.is_empty() => Ok(ids.sym(text)),
        _ => Err(format!("has no `{name}`")),
    };
    let id = assignment.id.as_deref().filter(|id| !id.is_empty()).ok_or("has no `assignment.id`")?;
    let node = full(&assignment.source_node_id, "assignment.source_node_id")?;
    let identity = identity.as_ref().filter(|identity| !identity.id.is_empty()).ok_or("has no `identity.id`")?;
    let role = role.as_ref().filter(|role| !role.id.is_empty()).ok_or("has no `role.id`")?;
    let dates = [
        (FROM, date(&assignment.effective_from, "effective_from")?),
        (TO, date(&assignment.effective_to, "effective_to")?),
    ];
    // Shown beside the row at most, so an odd form costs nothing but itself.
    let created = assignment.created_at.as_deref().and_then(Instant::parse);
    // A status of another name says nothing; the dates then decide (apis/canopy.md: Dates and lifecycle).
    let state = assignment.status.as_deref().and_then(Status::parse).map(Status::state);
    let key = Key::new(&[ids.sym(&identity.id), node, ids.sym(&role.id)]);
    let node_name = assignment.source_node_name.as_deref().unwrap_or_default();
    names.add_with(IDENTITY, key.part(IDENTITY), || identity.display());
    names.add_with(NODE, node, || node_name.to_owned());
    names.add_with(ROLE, key.part(ROLE), || role.name.as_deref().unwrap_or_default().to_owned());
    if let Some(handles) = handles {
        handles.add(IDENTITY_EMAIL, None, identity.email.as_deref().unwrap_or_default(), key.part(IDENTITY));
        handles.add(NODE_NAME, None, node_name, node);
        handles.add(ROLE_NAME, None, role.name.as_deref().unwrap_or_default(), key.part(ROLE));
    }
    Ok(Live {
        key,
        id: Some(id.into()),
        fields: Fields::new(dates.into()),
        info: (created.is_some() || state.is_some())
            .then(|| Box::new(LiveInfo { created, state, ..LiveInfo::default() })),
    })
}

/// A date that decides about access: one that cannot be read is an error, never "no date".
fn date(text: &Option<Text<'_>>, name: &str) -> Result<Value, String> {
    let Some(text) = text.as_deref() else { return Ok(Value::Null) };
    let instant = Instant::parse(text).map(Value::Instant);
    instant.ok_or_else(|| format!("has the {name} {}, which is no instant", clean(text)))
}

/// An answer that makes no sense is no listing: planning on a part of it could take access away.
pub(super) fn nonsense(what: &str) -> ReadError {
    ReadError::Api(format!("{LIST}: {what}; nothing was planned on this listing: look at it in Canopy"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::model;
    use serde_json::{Value, json};

    fn pagination(take: u64, item_count: u64, page_count: u64) -> Pagination {
        Pagination { page: 1, take, item_count, page_count }
    }

    #[test]
    fn the_number_of_pages_must_fit_the_number_of_rows() {
        assert_eq!(page_count(&pagination(20, 0, 0)).unwrap(), 0);
        assert_eq!(page_count(&pagination(20, 0, 1)).unwrap(), 1);
        assert_eq!(page_count(&pagination(20, 41, 3)).unwrap(), 3);
        assert!(page_count(&pagination(20, 41, 2)).is_err());
        assert!(page_count(&pagination(20, 41, 4)).is_err());
        assert!(page_count(&pagination(1, MAX_PAGES + 1, MAX_PAGES + 1)).is_err());
        assert!(page_count(&pagination(1, u64::MAX, u64::MAX)).is_err());
    }

    #[test]
    fn a_moved_count_is_noticed() {
        let first = pagination(20, 40, 2);
        assert_eq!(shifted(2, &first, &Pagination { page: 2, ..first }), None);
        assert!(shifted(2, &first, &pagination(20, 41, 3)).unwrap().contains("41"));
        assert!(shifted(2, &first, &pagination(40, 40, 1)).is_some());
    }

    fn row(change: impl Fn(&mut Value)) -> Value {
        let mut row = json!({
            "identity": {"id": "i", "name": "Ann", "email": "a@x.example", "type": "user"},
            "role": {"id": "r", "name": "Support"},
            "assignment": {"id": "a", "source_node_id": "n", "source_node_name": "EMEA", "access_type": "direct",
                "effective_from": "2026-01-01T00:00:00.000Z", "effective_to": null, "status": "active",
                "created_at": "2026-01-01T00:00:00.000Z"},
        });
        change(&mut row);
        row
    }

    fn added(rows: &[Value]) -> Result<Listing, ReadError> {
        added_with(rows, &Ids::default())
    }

    fn added_with(rows: &[Value], ids: &Ids) -> Result<Listing, ReadError> {
        let pagination = json!({"page": 1, "take": 100, "item_count": rows.len(), "page_count": 1});
        let text = json!({"items": rows, "pagination": pagination}).to_string();
        let mut listing = Listing::new(rows.len() as u64, 1, None);
        add(&mut listing, &mut Seen::default(), &serde_json::from_str(&text).unwrap(), ids)?;
        Ok(listing)
    }

    fn error(change: impl Fn(&mut Value)) -> String {
        match added(&[row(change)]) {
            Ok(_) => panic!("the row must be refused"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_row_gives_key_parts_dates_and_names() {
        let ids = Ids::default();
        let listing = added_with(&[row(|row| row["identity"]["name"] = json!("An\"n"))], &ids).unwrap();
        let live = &listing.rows[0];
        assert_eq!(live.id.as_deref(), Some("a"));
        assert_eq!(live.key, Key::new(&[ids.sym("i"), ids.sym("n"), ids.sym("r")]));
        let date = |text| model::Value::Instant(Instant::parse(text).unwrap());
        assert!(live.fields.get(FROM).unwrap().same(&date("2026-01-01T00:00:00Z")));
        assert!(live.fields.get(TO).unwrap().is_null());
        let name = |part| listing.names.get(part, live.key.part(part));
        assert_eq!(
            [name(IDENTITY), name(NODE), name(ROLE)],
            [Some("An\"n <a@x.example>"), Some("EMEA"), Some("Support")]
        );
        assert_eq!(Status::ALL.map(|status| listing.of_status(status)), [1, 0, 0]);
    }

    #[test]
    fn inherited_rows_are_counted_and_never_assignments() {
        let listing = added(&[
            row(|_| ()),
            row(|row| row["assignment"]["access_type"] = json!("inherited")),
            row(|row| {
                row["assignment"] = json!({"access_type": "something new", "status": "expired"});
                row["identity"] = json!(null);
            }),
        ])
        .unwrap();
        assert_eq!((listing.rows.len(), listing.inherited), (1, 2));
        assert_eq!(Status::ALL.map(|status| listing.of_status(status)), [2, 0, 1]);
        assert_eq!(listing.moved, None, "an inherited row may repeat the id of its direct row");
    }

    #[test]
    fn a_direct_row_seen_twice_shows_that_pages_shifted() {
        let listing = added(&[row(|_| ()), row(|_| ())]).unwrap();
        assert_eq!(listing.moved.as_deref(), Some("the row a came twice"));
    }

    #[test]
    fn a_row_that_cannot_be_understood_is_named_by_its_id() {
        for text in [
            error(|row| row["assignment"]["effective_to"] = json!("tomorrow")),
            error(|row| row["assignment"]["effective_to"] = json!(5)),
            error(|row| row["assignment"]["source_node_id"] = json!("")),
            error(|row| row["identity"]["id"] = json!("")),
            error(|row| row["role"] = json!(null)),
            error(|row| row["assignment"]["access_type"] = json!(null)),
        ] {
            assert!(text.contains("the row a "), "{text}");
        }
        assert!(error(|row| row["assignment"]["id"] = json!(7)).contains("row 1 of page 1"));
    }
}
