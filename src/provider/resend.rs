//! What an ambiguous answer means, as one table: a time-out, a connection that broke after the request was sent, a 5xx, a truncated
//! or foreign body. For each route that writes, whether it may be sent again at once or the live state must be read first.
//!
//! Each provider's part of the table stands beside its routes, and its requests are built from it, so that table and behaviour
//! cannot disagree. It knows no request's content.

use std::fmt::Write as _;

use super::ALL;
use crate::http::{Request, Safety};

/// What follows when nobody knows whether a write was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// Sent again at once, a few times: twice has the effect of once.
    Resend,
    /// Nothing is sent before the live state was read; then only what is certainly not there, on an unmoved object.
    ReadFirst,
}

impl Doubt {
    fn text(self) -> &'static str {
        match self {
            Doubt::Resend => "sent again",
            Doubt::ReadFirst => "read first",
        }
    }
}

/// What a 503 says of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// Taken as not done: the vendor says so, or a repeat after all would be answered as a conflict and settled by listing. Sent again
    /// after the wait.
    NotDone,
    /// Nothing is said about it: as any other ambiguous answer.
    Doubtful,
}

impl Unavailable {
    fn text(self) -> &'static str {
        match self {
            Unavailable::NotDone => "sent again after the wait",
            Unavailable::Doubtful => "as above",
        }
    }
}

/// One route that writes.
#[derive(Debug)]
pub struct Rule {
    /// Method and path with placeholders, as in plans.
    pub route: &'static str,
    /// After an answer that does not say whether it was carried out.
    pub doubt: Doubt,
    /// After a 503.
    pub unavailable: Unavailable,
    /// What settles the doubt.
    pub settled_by: &'static str,
    /// What in an answer proves that the change was carried out. Where nothing does, a listing has to show it.
    pub proven_by: &'static str,
    /// Where that is known from.
    pub source: &'static str,
}

impl Rule {
    /// A request that is sent, and sent again, as the table says.
    pub(super) fn request(&self, request: Request) -> Request {
        let request = request.safety(match self.doubt {
            Doubt::Resend => Safety::Idempotent,
            Doubt::ReadFirst => Safety::Once,
        });
        match self.unavailable {
            Unavailable::NotDone => request.refused_by_503(),
            Unavailable::Doubtful => request,
        }
    }
}

/// The whole table, as (provider, rule).
pub fn rules() -> impl Iterator<Item = (&'static str, &'static Rule)> {
    ALL.iter().flat_map(|provider| provider.writes.iter().map(|rule| (provider.kind.provider(), *rule)))
}

/// The table as Markdown, for the documentation.
pub fn table() -> String {
    let mut text =
        String::from("| system | route | ambiguous answer | 503 | settled by | source |\n|---|---|---|---|---|---|\n");
    for (provider, rule) in rules() {
        let Rule { route, doubt, unavailable, settled_by, source, .. } = rule;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {provider} | `{route}` | {} | {} | {settled_by} | {source} |",
            doubt.text(),
            unavailable.text()
        );
    }
    text
}

/// What proves a change, route by route, as Markdown for the documentation.
pub fn proof_table() -> String {
    let mut text = String::from("| system | route | proven by |\n|---|---|---|\n");
    for (provider, Rule { route, proven_by, .. }) in rules() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {provider} | `{route}` | {proven_by} |");
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_route_that_a_plan_can_name_has_one_rule() {
        let mut routes: Vec<_> = rules().map(|(provider, rule)| (provider, rule.route)).collect();
        routes.sort_unstable();
        let all = routes.len();
        routes.dedup();
        assert_eq!(routes.len(), all, "no route twice");
        for (provider, route) in [
            ("streamline", super::super::streamline::route::SERVICE_PUT),
            ("streamline", super::super::streamline::route::DOMAIN_POST),
            ("streamline", super::super::streamline::route::DOMAIN_PUT),
            ("partium", super::super::partium::route::CREATE),
            ("partium", super::super::partium::route::DELETE),
            ("semaphor", super::super::semaphor::route::CREATE),
            ("semaphor", super::super::semaphor::route::UPDATE),
            ("semaphor", super::super::semaphor::route::DELETE),
            ("canopy", super::super::canopy::route::CREATE),
            ("canopy", super::super::canopy::route::BULK_CREATE),
            ("canopy", super::super::canopy::route::PATCH),
            ("canopy", super::super::canopy::route::BULK_CHANGE_ROLE),
            ("canopy", super::super::canopy::route::DELETE),
            ("canopy", super::super::canopy::route::BULK_REMOVE),
        ] {
            assert!(routes.contains(&(provider, route)), "{provider} {route}");
        }
        assert_eq!(all, 14, "every rule is of a route in the list above");
    }

    #[test]
    fn what_makes_something_new_is_never_resent_blindly() {
        // Partium alone ignores pairs that exist (apis/partium.md: Create).
        for (provider, rule) in
            rules().filter(|(_, rule)| rule.route.starts_with("POST") || rule.route.starts_with("PUT"))
        {
            let ignores = provider == "partium" || rule.route.ends_with("bulk-remove");
            assert_eq!(rule.doubt == Doubt::Resend, ignores, "{provider} {}", rule.route);
        }
    }

    #[test]
    fn the_documentation_has_the_tables() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ambiguous-answers.md");
        let page = std::fs::read_to_string(path).unwrap();
        for table in [table(), proof_table()] {
            assert!(page.contains(&table), "docs/ambiguous-answers.md should hold:\n{table}");
        }
    }
}
