//! Canopy's app-wide list (apis/canopy.md: List).
//!
//! A listing is sorted once and kept until a row changes or a row's window opens or closes, so that a thousand pages of the
//! same listing cost one sort. Inherited rows stand at each descendant of the node that the direct row is at.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;
use serde_json::json;

use super::{
    super::{
        seed::InheritedIds,
        time::Instant,
        wire::{Answer, Failure, Reply},
    },
    environment::{Environment, Row},
};

/// How many listings are kept at once: the three statuses and the unfiltered one, in two sort orders.
const KEPT_VIEWS: usize = 8;

/// Listings that were sorted before.
#[derive(Default)]
pub(super) struct Views(Mutex<Vec<Arc<View>>>);

impl Clone for Views {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Views {
    pub(super) fn forget(&mut self) {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn get(&self, filter: &Filter, now: Instant) -> Option<Arc<View>> {
        let views = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        views
            .iter()
            .find(|view| view.filter == *filter && view.from <= now && view.until.is_none_or(|at| now < at))
            .cloned()
    }

    fn keep(&self, view: &Arc<View>) {
        let mut views = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        views.retain(|kept| kept.filter != view.filter);
        if views.len() == KEPT_VIEWS {
            views.remove(0);
        }
        views.push(Arc::clone(view));
    }
}

/// A sorted listing: each line is a row's number and, where it is inherited, the node that inherits.
struct View {
    filter: Filter,
    lines: Vec<(u64, Option<Arc<str>>)>,
    from: Instant,
    /// When a row's status changes next.
    until: Option<Instant>,
}

/// What a listing was asked for, besides the page.
#[derive(Debug, Clone, Default, PartialEq)]
struct Filter {
    sort_by: SortBy,
    descending: bool,
    role_id: Option<String>,
    status: Option<Status>,
    source_node_id: Option<String>,
    q: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum SortBy {
    Name,
    Role,
    #[default]
    CreatedAt,
}

/// The three states of a row (apis/canopy.md: Dates and lifecycle).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Active,
    Scheduled,
    Expired,
}

impl Row {
    fn status(&self, now: Instant) -> Status {
        if now < self.effective_from {
            Status::Scheduled
        } else if self.effective_to.is_some_and(|to| to <= now) {
            Status::Expired
        } else {
            Status::Active
        }
    }

    fn next_change(&self, now: Instant) -> Option<Instant> {
        [Some(self.effective_from), self.effective_to].into_iter().flatten().filter(|at| *at > now).min()
    }
}

#[derive(Serialize)]
struct Item<'a> {
    identity: Identity<'a>,
    role: Role<'a>,
    assignment: Assignment<'a>,
}

#[derive(Serialize)]
struct Identity<'a> {
    id: &'a str,
    name: &'a str,
    email: Option<&'a str>,
}

#[derive(Serialize)]
struct Role<'a> {
    id: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct Assignment<'a> {
    id: String,
    source_node_id: &'a str,
    source_node_name: &'a str,
    access_type: &'static str,
    effective_from: Instant,
    effective_to: Option<Instant>,
    status: Status,
    created_at: Instant,
}

#[derive(Serialize)]
struct Listing<'a> {
    items: Vec<Item<'a>>,
    pagination: Pagination,
}

#[derive(Serialize)]
struct Pagination {
    page: usize,
    take: usize,
    item_count: usize,
    page_count: usize,
    has_previous_page: bool,
    has_next_page: bool,
}

impl Environment {
    pub(super) fn list(&self, query: &[(String, String)], now: Instant) -> Answer {
        let (filter, page, take) = parse_query(query)?;
        let view = self.view(&filter, now);
        let item_count = view.lines.len();
        let page_count = item_count.div_ceil(take);
        let start = (page - 1).saturating_mul(take);
        let lines = view.lines.iter().skip(start).take(take);
        let items = lines.map(|(number, node)| self.item(*number, node.as_deref(), now)).collect();
        let pagination = Pagination {
            page,
            take,
            item_count,
            page_count,
            has_previous_page: page > 1,
            has_next_page: page < page_count,
        };
        Ok(Reply::json(200, &Listing { items, pagination }))
    }

    /// Counts of the rows as the list shows them, inherited ones included.
    pub(super) fn summary(&self, query: &[(String, String)], now: Instant) -> Answer {
        if let Some((name, _)) = query.first() {
            return Err(unknown_parameter(name));
        }
        let count = |status| self.view(&Filter { status: Some(status), ..Filter::default() }, now).lines.len();
        let (active, scheduled, expired) = (count(Status::Active), count(Status::Scheduled), count(Status::Expired));
        Ok(Reply::json(
            200,
            &json!({
                "total_count": active + scheduled + expired,
                "active_count": active,
                "scheduled_count": scheduled,
                "expired_count": expired,
            }),
        ))
    }

    fn view(&self, filter: &Filter, now: Instant) -> Arc<View> {
        if let Some(view) = self.views.get(filter, now) {
            return view;
        }
        let mut lines = Vec::new();
        for (number, row) in &self.rows {
            if self.matches(row, filter, now) {
                let here = filter.source_node_id.as_ref().is_none_or(|node| *node == row.node_id);
                lines.extend(here.then_some((*number, None)));
                self.inherit(*number, row, filter, &mut lines);
            }
        }
        self.sort(&mut lines, filter);
        let until = self.rows.values().filter_map(|row| row.next_change(now)).min();
        let view = Arc::new(View { filter: filter.clone(), lines, from: now, until });
        self.views.keep(&view);
        view
    }

    fn matches(&self, row: &Row, filter: &Filter, now: Instant) -> bool {
        let status = row.status(now);
        let shown = match filter.status {
            Some(wanted) => status == wanted,
            None => self.catalogue.list_default_includes_expired || status == Status::Active,
        };
        shown
            && filter.role_id.as_ref().is_none_or(|role| *role == row.role_id)
            && filter.q.as_ref().is_none_or(|text| self.identity_contains(row, text))
    }

    fn identity_contains(&self, row: &Row, text: &str) -> bool {
        let identity = self.identity(&row.identity_id);
        identity.name.to_lowercase().contains(text)
            || identity.email.is_some_and(|email| email.to_lowercase().contains(text))
    }

    /// The lines that a row makes at the nodes below its own.
    fn inherit(&self, number: u64, row: &Row, filter: &Filter, lines: &mut Vec<(u64, Option<Arc<str>>)>) {
        let mut seen: HashSet<&str> = HashSet::from([row.node_id.as_str()]);
        let mut below: Vec<&String> = self.children.get(&row.node_id).into_iter().flatten().collect();
        while let Some(node) = below.pop() {
            if seen.insert(node) {
                if filter.source_node_id.as_ref().is_none_or(|wanted| wanted == node) {
                    lines.push((number, Some(Arc::from(node.as_str()))));
                }
                below.extend(self.children.get(node).into_iter().flatten());
            }
        }
    }

    /// Sorts by what was asked for; ties, and the default, in the order of creation.
    fn sort(&self, lines: &mut [(u64, Option<Arc<str>>)], filter: &Filter) {
        match filter.sort_by {
            SortBy::Name => lines.sort_by_cached_key(|(number, _)| self.identity(&self.rows[number].identity_id).name),
            SortBy::Role => lines.sort_by_cached_key(|(number, _)| self.role(&self.rows[number].role_id).name),
            SortBy::CreatedAt => lines.sort_by_cached_key(|(number, _)| self.rows[number].created_at),
        }
        if filter.descending {
            lines.reverse();
        }
    }

    fn item(&self, number: u64, inherited_by: Option<&str>, now: Instant) -> Item<'_> {
        let row = &self.rows[&number];
        let node = inherited_by.and_then(|id| self.nodes.get(id).map(|node| node.id.as_str())).unwrap_or(&row.node_id);
        let own_id = inherited_by.is_some() && self.catalogue.inherited_ids == InheritedIds::Own;
        Item {
            identity: self.identity(&row.identity_id),
            role: self.role(&row.role_id),
            assignment: Assignment {
                id: if own_id { format!("{}_at_{node}", row.id) } else { row.id.clone() },
                source_node_id: node,
                source_node_name: self.nodes.get(node).and_then(|node| node.name.as_deref()).unwrap_or(node),
                access_type: if inherited_by.is_some() { "inherited" } else { "direct" },
                effective_from: row.effective_from,
                effective_to: row.effective_to,
                status: row.status(now),
                created_at: row.created_at,
            },
        }
    }

    /// An identity as the list shows it. One that is not listed has its id for a name.
    fn identity<'a>(&'a self, id: &'a str) -> Identity<'a> {
        let listed = self.identities.get(id);
        Identity {
            id,
            name: listed.and_then(|identity| identity.name.as_deref()).unwrap_or(id),
            email: listed.and_then(|identity| identity.email.as_deref()),
        }
    }

    fn role<'a>(&'a self, id: &'a str) -> Role<'a> {
        Role { id, name: self.roles.get(id).and_then(|role| role.name.as_deref()).unwrap_or(id) }
    }
}

fn parse_query(query: &[(String, String)]) -> Result<(Filter, usize, usize), Failure> {
    let mut filter = Filter::default();
    let (mut page, mut take) = (1, 20);
    let mut seen = HashSet::new();
    for (name, value) in query {
        if !seen.insert(name) {
            return Err(Failure::bad_request(format!("the query parameter {name} occurs twice")));
        }
        match name.as_str() {
            "page" => page = parse_number(name, value, usize::MAX)?,
            "take" => take = parse_number(name, value, 100)?,
            "sort_by" => filter.sort_by = parse_sort(value)?,
            "order" => filter.descending = parse_order(value)?,
            "role_id" => filter.role_id = Some(value.clone()),
            "status" => filter.status = Some(parse_status(value)?),
            "source_node_id" => filter.source_node_id = Some(value.clone()),
            "q" => filter.q = Some(value.to_lowercase()),
            _ => return Err(unknown_parameter(name)),
        }
    }
    Ok((filter, page, take))
}

fn parse_number(name: &str, value: &str, largest: usize) -> Result<usize, Failure> {
    match value.parse() {
        Ok(number) if (1..=largest).contains(&number) => Ok(number),
        _ => Err(Failure::bad_request(format!("{name} must be a number from 1 to {largest}, not `{value}`"))),
    }
}

fn parse_sort(value: &str) -> Result<SortBy, Failure> {
    match value {
        "name" => Ok(SortBy::Name),
        "role" => Ok(SortBy::Role),
        "created_at" => Ok(SortBy::CreatedAt),
        _ => Err(Failure::bad_request(format!("sort_by must be name, role or created_at, not `{value}`"))),
    }
}

fn parse_order(value: &str) -> Result<bool, Failure> {
    match value.to_ascii_lowercase().as_str() {
        "asc" => Ok(false),
        "desc" => Ok(true),
        _ => Err(Failure::bad_request(format!("order must be asc or desc, not `{value}`"))),
    }
}

fn parse_status(value: &str) -> Result<Status, Failure> {
    match value {
        "active" => Ok(Status::Active),
        "scheduled" => Ok(Status::Scheduled),
        "expired" => Ok(Status::Expired),
        _ => Err(Failure::bad_request(format!("status must be active, scheduled or expired, not `{value}`"))),
    }
}

fn unknown_parameter(name: &str) -> Failure {
    Failure::bad_request(format!("the query parameter {name} is not known"))
}
