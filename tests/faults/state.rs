//! The live state as a map from what an assignment is about to what it says, without ids and moments that differ from run to run.

use std::collections::BTreeMap;

use assignctl::sandbox::Running;
use serde_json::{Map, Value, json};

/// What is live, and how much history there is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// By place and natural key. A place where an identity holds several roles is one entry, so that a role that goes while none comes
    /// is seen.
    pub rows: BTreeMap<String, Value>,
    /// Streamline's revisions, archived ones too, by key.
    pub revisions: BTreeMap<String, usize>,
}

impl State {
    pub fn of(server: &Running) -> Self {
        let dump = server.dump().unwrap_or_else(|error| panic!("the server tells its state: {error}"));
        let mut state = Self::default();
        for pair in list(&dump["partium"], "assignments") {
            state.add(format!("partium {} {}", text(pair, "org_id"), text(pair, "ass_id")), json!("there"));
        }
        for client in list(&dump["streamline"], "clients") {
            for domain in list(client, "domains") {
                let name = text(domain, "domain_id");
                state.add_revisions(&name, domain);
                for service in list(domain, "services") {
                    state.add_revisions(&format!("{name}/{}", text(service, "service_id")), service);
                }
            }
        }
        for project in list(&dump["semaphor"], "projects") {
            for row in list(project, "assignments") {
                let actor = ["tenantId", "tenantUserId", "orgUserId"].map(|name| text(row, name)).concat();
                let key = format!("semaphor {} {} {actor}", text(row, "definitionId"), text(row, "scopeType"));
                state.add(key, row.get("params").cloned().unwrap_or_else(|| json!({})));
            }
        }
        for environment in list(&dump["canopy"], "environments") {
            for row in list(environment, "assignments") {
                let key = format!("canopy {} {}", text(row, "node_id"), text(row, "identity_id"));
                state.add(key, json!([text(row, "role_id"), moment(&row["effective_from"]), row["effective_to"]]));
            }
        }
        state
    }

    fn add(&mut self, key: String, value: Value) {
        match self.rows.entry(key).or_insert_with(|| json!([])) {
            Value::Array(values) => values.push(value),
            _ => unreachable!("rows are lists"),
        }
    }

    fn add_revisions(&mut self, place: &str, holder: &Value) {
        for row in list(holder, "assignments") {
            let key = format!("streamline {place} {}", text(row, "assignment_key"));
            *self.revisions.entry(key.clone()).or_default() += 1;
            if row["status"] == "active" {
                let fields = ["model_id", "model_version", "role", "settings", "metadata"];
                let said: Map<String, Value> =
                    fields.map(|name| (name.to_owned(), row[name].clone())).into_iter().collect();
                self.add(key, Value::Object(said));
            }
        }
    }

    /// What a key holds; nothing is `[]`.
    pub fn row(&self, key: &str) -> Value {
        self.rows.get(key).cloned().unwrap_or_else(|| json!([]))
    }

    /// The keys of which this state holds neither what one state nor what another holds.
    pub fn strange<'a>(&'a self, before: &'a State, after: &'a State) -> Vec<&'a String> {
        let mut keys: Vec<&String> = self.rows.keys().chain(before.rows.keys()).chain(after.rows.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.retain(|key| {
            let now = self.row(key);
            now != before.row(key) && now != after.row(key)
        });
        keys
    }

    /// The keys with more revisions than another state has.
    pub fn grown(&self, beside: &State) -> Vec<&String> {
        let most = |key: &String| beside.revisions.get(key).copied().unwrap_or(0);
        self.revisions.iter().filter(|(key, count)| **count > most(key)).map(|(key, _)| key).collect()
    }
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value[name].as_array().into_iter().flatten()
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

/// A moment of these minutes is one that the server took from its clock.
fn moment(value: &Value) -> Value {
    let at: Option<jiff::Timestamp> = value.as_str().and_then(|text| text.parse().ok());
    let recent =
        |at: jiff::Timestamp| jiff::Timestamp::now().duration_since(at).abs() < jiff::SignedDuration::from_mins(30);
    if at.is_some_and(recent) { json!("now") } else { value.clone() }
}
