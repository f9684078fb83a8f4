//! Canopy's role assignments, on both surfaces (apis/canopy.md).
//!
//! This file finds the environment that a request means and keeps the environments' rows; `environment` creates and changes,
//! `list` pages, `bulk` does the bulk routes. Knows no HTTP beyond a request and its answer.

mod bulk;
mod environment;
mod list;

use std::collections::{BTreeMap, HashMap};

use axum::http::Method;
use serde::{Deserialize, Serialize};

use self::environment::{Environment, Row};
use super::{
    seed::{CanopyAssignment, CanopyEnvironment, CanopySeed},
    store::Op,
    time::Instant,
    wire::{Answer, Failure, Reply, Request},
};

/// Account, application and environment: the address of one environment.
type Address = (String, String, String);

/// Canopy's state.
#[derive(Clone)]
pub(super) struct Canopy {
    environments: BTreeMap<Address, Environment>,
    /// The listed environments in the seed's order; nothing where any environment goes.
    listed: Option<Vec<Address>>,
    by_key: HashMap<String, Address>,
    pub(super) next: u64,
}

/// A row as the file keeps it.
#[derive(Serialize, Deserialize)]
struct Stored {
    address: Address,
    row: Row,
}

/// What a handler needs besides the environment: the hour, the next number, and where writes go.
struct Context<'a> {
    now: Instant,
    next: &'a mut u64,
    address: Address,
    ops: &'a mut Vec<Op>,
}

impl Context<'_> {
    fn number(&mut self) -> u64 {
        let number = *self.next;
        *self.next += 1;
        number
    }

    fn keep(&mut self, number: u64, row: &Row) {
        let stored = Stored { address: self.address.clone(), row: row.clone() };
        // A struct of texts and dates always serializes.
        let row = serde_json::to_vec(&stored).unwrap_or_default();
        self.ops.push(Op::Put { api: "canopy", number, row });
    }

    fn forget(&mut self, number: u64) {
        self.ops.push(Op::Delete { api: "canopy", number });
    }
}

impl Canopy {
    pub(super) fn new(seed: &CanopySeed) -> Self {
        let mut canopy = Self { environments: BTreeMap::new(), listed: None, by_key: HashMap::new(), next: 1 };
        canopy.bind_keys(seed);
        for entry in seed.environments.iter().flatten() {
            let address = (entry.account.clone(), entry.application.clone(), entry.environment.clone());
            canopy.environments.insert(address, Environment::new(entry));
        }
        canopy.listed = seed.environments.as_ref().map(|entries| {
            let address = |entry: &CanopyEnvironment| {
                (entry.account.clone(), entry.application.clone(), entry.environment.clone())
            };
            entries.iter().map(address).collect()
        });
        canopy
    }

    /// Binds the seed's API keys to their environments; a restored state holds none.
    pub(super) fn bind_keys(&mut self, seed: &CanopySeed) {
        for entry in seed.environments.iter().flatten() {
            let address = (entry.account.clone(), entry.application.clone(), entry.environment.clone());
            self.by_key.extend(entry.api_key.clone().map(|key| (key, address)));
        }
    }

    /// Whether an environment takes this key as its own.
    pub(super) fn has_key(&self, key: &str) -> bool {
        self.by_key.contains_key(key)
    }

    pub(super) fn is_read(request: &Request) -> bool {
        request.method == Method::GET
    }

    pub(super) fn read(&self, request: &Request, key: Option<&str>, now: Instant) -> Answer {
        let segments = request.segments();
        let (address, rest) = self.route(&segments, key)?;
        let open;
        let environment = match self.environments.get(&address) {
            Some(environment) => environment,
            None => {
                open = Environment::new(&CanopyEnvironment::open(&address.0, &address.1, &address.2));
                &open
            }
        };
        match rest {
            ["app-wide"] => environment.list(&request.query(), now),
            ["app-wide", "summary"] => environment.summary(&request.query(), now),
            [] | [_] => Err(Failure::wrong_method()),
            _ => Err(Failure::no_route()),
        }
    }

    pub(super) fn write(&mut self, request: &Request, key: Option<&str>, now: Instant, ops: &mut Vec<Op>) -> Answer {
        let segments = request.segments();
        let (address, rest) = self.route(&segments, key)?;
        let environment = self.environments.entry(address.clone()).or_insert_with_key(|address| {
            Environment::new(&CanopyEnvironment::open(&address.0, &address.1, &address.2))
        });
        let mut context = Context { now, next: &mut self.next, address, ops };
        match (rest, request.method.as_str()) {
            ([], "POST") => environment.create(request, &mut context),
            (["bulk-create"], "POST") => environment.bulk_create(request, &mut context),
            (["bulk-change-role"], "POST") => environment.bulk_change_role(request, &mut context),
            (["bulk-remove"], "POST") => environment.bulk_remove(request, &mut context),
            ([] | ["app-wide" | "bulk-create" | "bulk-change-role" | "bulk-remove"] | ["app-wide", "summary"], _) => {
                Err(Failure::wrong_method())
            }
            ([id], "PATCH") => environment.patch(id, request, &mut context),
            ([id], "DELETE") => environment.delete(id, &mut context),
            ([_], _) => Err(Failure::wrong_method()),
            _ => Err(Failure::no_route()),
        }
    }

    /// The environment that a path means, and what follows `assignments` in it.
    fn route<'s>(&self, segments: &'s [&'s str], key: Option<&str>) -> Result<(Address, &'s [&'s str]), Failure> {
        match segments {
            [
                "portal",
                "v1",
                "accounts",
                account,
                "applications",
                application,
                "environments",
                environment,
                "assignments",
                rest @ ..,
            ] => {
                let address = ((*account).to_owned(), (*application).to_owned(), (*environment).to_owned());
                if self.listed.as_ref().is_some_and(|listed| !listed.contains(&address)) {
                    let message = format!("there is no environment {account}/{application}/{environment}");
                    return Err(Failure::new(404, "environment.not_found", message));
                }
                Ok((address, rest))
            }
            ["api", "v1", "assignments", rest @ ..] => Ok((self.environment_of(key)?, rest)),
            _ => Err(Failure::no_route()),
        }
    }

    fn environment_of(&self, key: Option<&str>) -> Result<Address, Failure> {
        let own = key.and_then(|key| self.by_key.get(key));
        match (own, &self.listed) {
            (Some(address), _) => Ok(address.clone()),
            (None, None) => Ok(("default".to_owned(), "default".to_owned(), "default".to_owned())),
            (None, Some(listed)) => listed
                .first()
                .cloned()
                .ok_or_else(|| Failure::new(404, "environment.not_found", "no environment is bound to this key")),
        }
    }

    pub(super) fn seed(&mut self, seed: &CanopySeed, now: Instant, ops: &mut Vec<Op>) -> Result<(), String> {
        for entry in seed.environments.iter().flatten() {
            let address = (entry.account.clone(), entry.application.clone(), entry.environment.clone());
            self.seed_rows(address, &entry.assignments, now, ops)?;
        }
        for (path, assignments) in &seed.assignments {
            let [account, application, environment] = path.split('/').collect::<Vec<_>>()[..] else {
                return Err(format!("canopy.assignments: `{path}` is not account/application/environment"));
            };
            if self.listed.is_some() {
                return Err(format!(
                    "canopy.assignments: `{path}` belongs under canopy.environments, since that list is given"
                ));
            }
            let address = (account.to_owned(), application.to_owned(), environment.to_owned());
            self.seed_rows(address, assignments, now, ops)?;
        }
        Ok(())
    }

    fn seed_rows(
        &mut self,
        address: Address,
        assignments: &[CanopyAssignment],
        now: Instant,
        ops: &mut Vec<Op>,
    ) -> Result<(), String> {
        let place = format!("canopy {}/{}/{}", address.0, address.1, address.2);
        let environment = self.environments.entry(address.clone()).or_insert_with_key(|address| {
            Environment::new(&CanopyEnvironment::open(&address.0, &address.1, &address.2))
        });
        let mut context = Context { now, next: &mut self.next, address, ops };
        for (index, entry) in assignments.iter().enumerate() {
            environment
                .seed(entry, &mut context)
                .map_err(|why| format!("{place}, assignments[{index}]: {}", why.message))?;
        }
        Ok(())
    }

    pub(super) fn restore(&mut self, number: u64, row: &[u8]) -> Result<(), serde_json::Error> {
        let Stored { address, row } = serde_json::from_slice(row)?;
        self.next = self.next.max(number + 1);
        let environment = self.environments.entry(address).or_insert_with_key(|address| {
            Environment::new(&CanopyEnvironment::open(&address.0, &address.1, &address.2))
        });
        environment.place(number, row);
        Ok(())
    }

    /// The state as a seed; rows sorted by identity, node and role.
    pub(super) fn dump(&self) -> CanopySeed {
        let listed = self.listed.as_ref();
        let environments = listed.map(|listed| {
            listed.iter().filter_map(|address| self.environments.get(address)).map(Environment::dump).collect()
        });
        let mut assignments = BTreeMap::new();
        if listed.is_none() {
            for ((account, application, name), environment) in &self.environments {
                let rows = environment.dump().assignments;
                if !rows.is_empty() {
                    assignments.insert(format!("{account}/{application}/{name}"), rows);
                }
            }
        }
        CanopySeed { environments, assignments }
    }
}

/// 204: done, and nothing to tell.
fn no_content() -> Answer {
    Ok(Reply::empty(204))
}
