//! Carries a scenario out: plan, apply, plan again, apply again; and makes of what came what a scenario file expects.

use std::process::Command;

use assignctl::sandbox::{LoggedRequest, Options, Running, Seed};
use serde_json::{Map, Value, json};

use super::compare::Parts;
use super::scenario::Scenario;
use crate::support::{Run, fill, program, proposed, run, sandbox, without_seconds, write};

/// The smallest root.
const ROOT: &str = "apiVersion: assignctl/v1\nkind: Root\n";

/// Runs the whole scenario; an error is one that no expectation can describe.
pub fn carry_out(scenario: &Scenario, provider: &str) -> Result<Parts, String> {
    let stage = Stage::set_up(scenario)?;
    let mut parts: Parts = Vec::new();

    stage.faults(&scenario.plan_faults)?;
    let plan = stage.plan(scenario, &scenario.first_args)?;
    let planned = stage.shown_plan(&plan);
    let reads = stage.requests(scenario.ordered, |request| !is_write(request));
    parts.push(("plan", planned.clone()));
    if scenario.show_reads {
        parts.push(("reads", reads));
    }
    let writes = stage.requests(true, is_write);
    same("a plan writes nothing", &writes, &json!([]))?;

    stage.faults(&scenario.apply_faults)?;
    let apply = stage.apply(scenario, &scenario.first_args)?;
    let requests = stage.requests(scenario.ordered, is_write);
    // "Retries aside" (DESIGN section 4), and so are batches that the API finds too large.
    let smooth = stage.server.requests().iter().all(|request| (200..300).contains(&request.status));
    if apply.code == 0 && smooth {
        let forecast = &plan.json()["write_requests"];
        same("the plan's forecast of requests", &json!(requests.as_array().map(Vec::len)), forecast)?;
    }
    parts.push(("apply", stage.shown_apply(&apply)));
    parts.push(("requests", requests));
    parts.push(("after", stage.after(provider)?));

    stage.faults(&[])?;
    let again = stage.plan(scenario, &[])?;
    let shown = stage.shown_plan(&again);
    if again.code == 0 && shown.get("changes").is_none() {
        let repeat = stage.apply(scenario, &[])?;
        same("the exit code of a second apply", &json!(repeat.code), &json!(0))?;
        same("the write requests of a second apply", &stage.requests(true, is_write), &json!([]))?;
    } else {
        parts.push(("again", if shown == planned { json!("as planned before") } else { shown }));
    }
    Ok(parts)
}

fn same(what: &str, seen: &Value, wanted: &Value) -> Result<(), String> {
    if seen == wanted {
        return Ok(());
    }
    Err(format!("{what}\nexpected {wanted:#}\nseen {seen:#}"))
}

/// A server, a directory of manifests, and an environment.
struct Stage {
    server: Running,
    dir: tempfile::TempDir,
    env: Vec<(String, String)>,
}

impl Stage {
    fn set_up(scenario: &Scenario) -> Result<Self, String> {
        let seed = match &scenario.live {
            Value::Null => Seed::default(),
            live => Seed::parse(&live.to_string()).map_err(|error| format!("live: {error}"))?,
        };
        let defaults = Options::default();
        let payload_limit = scenario.payload_limit.unwrap_or(defaults.payload_limit);
        let server = sandbox::serve(Options { seed: Some(seed), payload_limit, ..defaults });
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        write(dir.path(), "assignctl.yaml", scenario.root.as_deref().unwrap_or(ROOT));
        write(dir.path(), "manifests.yaml", &fill(&scenario.manifests, &server.url()));
        let mut env =
            vec![("TOKEN".to_owned(), "sandbox".to_owned()), ("API_KEY".to_owned(), "cnpy_sandbox".to_owned())];
        env.extend(scenario.env.clone());
        Ok(Self { server, dir, env })
    }

    fn faults(&self, faults: &[String]) -> Result<(), String> {
        self.server.clear_faults();
        for fault in faults {
            self.server.add_fault(fault.parse().map_err(|error| format!("{error}"))?);
        }
        Ok(())
    }

    fn command(&self, command: &str, scenario: &Scenario) -> Command {
        let mut program = program(self.dir.path());
        program.arg(command).args(["--format", "json", "--quiet"]).args(&scenario.args);
        program.envs(self.env.iter().map(|(name, value)| (name, value)));
        self.server.clear_requests();
        program
    }

    fn plan(&self, scenario: &Scenario, args: &[String]) -> Result<Run, String> {
        self.no_secrets(run(self.command("plan", scenario).arg("--detailed-exitcode").args(args)))
    }

    fn apply(&self, scenario: &Scenario, args: &[String]) -> Result<Run, String> {
        let mut command = self.command("apply", scenario);
        self.no_secrets(run(command.arg("--auto-approve").args(&scenario.apply_args).args(args)))
    }

    /// No output ever shows a secret's value. Values that are ordinary words are not looked for.
    fn no_secrets(&self, run: Run) -> Result<Run, String> {
        let secrets = self.env.iter().filter(|(_, value)| value.len() > "sandbox".len());
        for (name, value) in secrets {
            if run.stdout.contains(value) || run.stderr.contains(value) {
                return Err(format!("the value of {name} is shown\n{}", run.text()));
            }
        }
        Ok(run)
    }

    /// The requests since the last command began, as `METHOD path → status: body`.
    fn requests(&self, ordered: bool, wanted: impl Fn(&LoggedRequest) -> bool) -> Value {
        let mut requests: Vec<Value> =
            self.server.requests().iter().filter(|request| wanted(request)).map(shown_request).collect();
        if !ordered {
            requests.sort_by_key(Value::to_string);
        }
        Value::Array(requests)
    }

    /// Text without what differs from run to run.
    fn steady(&self, text: &str) -> String {
        let text =
            text.replace(&self.server.url(), "{{sandbox}}").replace(&self.server.addr().to_string(), "{{address}}");
        let text = text.replace(&format!("until: {}", proposed()), "until: {{proposed}}");
        without_seconds(&text.replace(&self.dir.path().display().to_string(), "{{directory}}"))
    }

    fn steady_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) if is_now(text) => json!("(now)"),
            Value::String(text) => json!(self.steady(text)),
            Value::Array(items) => items.iter().map(|item| self.steady_value(item)).collect(),
            Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), self.steady_value(value))).collect(),
            other => other.clone(),
        }
    }

    fn shown_plan(&self, run: &Run) -> Value {
        let mut shown = Map::from_iter([("exit".to_owned(), json!(run.code))]);
        if run.stdout.is_empty() {
            shown.insert("error".to_owned(), json!(self.steady(run.stderr.trim())));
            return Value::Object(shown);
        }
        let plan = run.json();
        let targets = plan["targets"].as_array().cloned().unwrap_or_default();
        let sets: Vec<&Value> = targets.iter().flat_map(|target| list(target, "sets")).collect();
        let several = sets.len() > 1;
        let from_sets = |part: &str, show: &dyn Fn(&Value) -> Value| -> Vec<Value> {
            sets.iter().flat_map(|set| list(set, part).map(|item| in_set(show(item), set, several))).collect()
        };
        let of_targets = |show: &dyn Fn(&Value) -> Vec<Value>| targets.iter().flat_map(show).collect::<Vec<Value>>();
        let sections = [
            ("names", from_sets("names", &shown_name)),
            ("changes", from_sets("changes", &shown_change)),
            ("observed", from_sets("observed", &shown_change)),
            ("unmanaged", from_sets("unmanaged", &shown_unmanaged)),
            ("warnings", from_sets("warnings", &shown_warning)),
            ("refusals", of_targets(&|target| list(target, "refusals").map(shown_refusal).collect())),
            ("unreadable", of_targets(&|target| target.get("unreadable").cloned().into_iter().collect())),
            ("gaps", of_targets(&|target| list(target, "evidence").filter_map(|e| e.get("gap").cloned()).collect())),
        ];
        for (name, items) in sections {
            if !items.is_empty() {
                shown.insert(name.to_owned(), self.steady_value(&Value::Array(items)));
            }
        }
        Value::Object(shown)
    }

    fn shown_apply(&self, run: &Run) -> Value {
        let mut shown = Map::from_iter([("exit".to_owned(), json!(run.code))]);
        if run.stdout.is_empty() {
            shown.insert("error".to_owned(), json!(self.steady(run.stderr.trim())));
            return Value::Object(shown);
        }
        let report = run.json();
        let totals = report["totals"].as_object().into_iter().flatten().filter(|(_, n)| n.as_u64() != Some(0));
        shown.insert("totals".to_owned(), totals.map(|(name, n)| (name.clone(), n.clone())).collect());
        let targets: Vec<&Value> = list(&report, "targets").collect();
        let mut told: Vec<Value> =
            targets.iter().flat_map(|target| list(target, "changes").filter_map(shown_outcome)).collect();
        told.dedup();
        if !told.is_empty() {
            shown.insert("told".to_owned(), Value::Array(told));
        }
        let not_run: Vec<&Value> = targets.iter().filter_map(|target| target.get("not_run")).collect();
        if !not_run.is_empty() {
            shown.insert("not_run".to_owned(), json!(not_run));
        }
        let verified: Vec<Value> = targets.iter().map(|target| shown_verification(&target["verification"])).collect();
        shown.insert("verified".to_owned(), if verified.len() == 1 { verified[0].clone() } else { json!(verified) });
        self.steady_value(&Value::Object(shown))
    }

    /// The live assignments of one provider, by the place where they stand.
    fn after(&self, provider: &str) -> Result<Value, String> {
        let dump = self.server.dump().map_err(|error| error.to_string())?;
        let mut found = Map::new();
        places(&dump[provider], "", &mut found);
        Ok(self.steady_value(&Value::Object(found)))
    }
}

fn is_write(request: &LoggedRequest) -> bool {
    request.method != "GET" && !request.path.ends_with("/list") && !request.path.ends_with("/token")
}

fn shown_request(request: &LoggedRequest) -> Value {
    let query = request.query.as_deref().map(|query| format!("?{query}")).unwrap_or_default();
    let status = match request.status {
        200..300 => String::new(),
        0 => " → no answer".to_owned(),
        status => format!(" → {status}"),
    };
    let line = format!("{} {}{query}{status}", request.method, request.path);
    match &request.body {
        Some(body) => json!({ line: body }),
        None => json!(line),
    }
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

/// A key as words: `ass_id=a org_id=b`.
fn key_words(key: &Value) -> String {
    let parts = key.as_object().into_iter().flatten();
    let word = |(name, id): (&String, &Value)| format!("{name}={}", id.as_str().unwrap_or("(none)"));
    parts.map(word).collect::<Vec<_>>().join(" ")
}

fn in_set(mut item: Value, set: &Value, several: bool) -> Value {
    if let (true, Value::Object(map)) = (several, &mut item) {
        map.insert("set".to_owned(), set["name"].clone());
    }
    item
}

/// A change: what and why, fields as [before, after], display names, losses. How it travels is shown by the requests.
fn shown_change(change: &Value) -> Value {
    let action = change["action"].as_str().unwrap_or_default();
    let mut shown = Map::new();
    shown.insert("change".to_owned(), json!(format!("{action} {}", key_words(&change["key"]))));
    if let Some(from) = change.get("from_key") {
        shown.insert("from".to_owned(), json!(key_words(from)));
    }
    let (before, after) = (change["before"].as_object(), change["after"].as_object());
    let fields: Map<String, Value> = match (before, after) {
        (Some(before), Some(after)) => {
            after.iter().map(|(name, value)| (name.clone(), json!([before.get(name), value]))).collect()
        }
        (Some(only), None) | (None, Some(only)) => only.clone(),
        (None, None) => Map::new(),
    };
    if !fields.is_empty() {
        shown.insert("fields".to_owned(), Value::Object(fields));
    }
    let names: Vec<&str> =
        change["names"].as_object().into_iter().flatten().filter_map(|(_, name)| name.as_str()).collect();
    if !names.is_empty() {
        shown.insert("who".to_owned(), json!(names.join(", ")));
    }
    // What a removal takes away goes without saying.
    if action != "remove" && list(change, "losses").next().is_some() {
        shown.insert("loses".to_owned(), change["losses"].clone());
    }
    shown.insert("why".to_owned(), change["reason"].clone());
    Value::Object(shown)
}

/// An outcome that is more than "done": what was said.
fn shown_outcome(ended: &Value) -> Option<Value> {
    let outcome = &ended["outcome"];
    if outcome["kind"] == "done" && outcome.get("message").is_none() {
        return None;
    }
    let mut shown = Map::new();
    // All that was skipped was skipped for the same reason.
    if outcome["kind"] != "skipped" {
        let change = &ended["change"];
        let action = change["action"].as_str().unwrap_or_default();
        shown.insert("change".to_owned(), json!(format!("{action} {}", key_words(&change["key"]))));
    }
    for name in ["code", "kind", "message", "status"] {
        shown.extend(outcome.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    if outcome["temporary"] == true {
        shown.insert("temporary".to_owned(), json!(true));
    }
    if let Some(by) = outcome.get("blocked_by") {
        let action = by["action"].as_str().unwrap_or_default();
        shown.insert("by".to_owned(), json!(format!("{action} {}", key_words(&by["key"]))));
    }
    Some(Value::Object(shown))
}

fn shown_verification(verification: &Value) -> Value {
    let word = |left: &Value| {
        let action = left["action"].as_str().unwrap_or_default();
        format!("{action} {}: {}", key_words(&left["key"]), left["why"].as_str().unwrap_or_default())
    };
    let remaining: Vec<String> = list(verification, "remaining").map(word).collect();
    match (verification.get("message"), remaining.is_empty()) {
        (None, true) => verification["result"].clone(),
        (Some(message), true) => json!({ "result": verification["result"], "message": message }),
        (_, false) => json!({ "result": verification["result"], "remaining": remaining }),
    }
}

/// A name of the manifests, with the id that it turned out to be.
fn shown_name(name: &Value) -> Value {
    let text = |field: &str| name[field].as_str().unwrap_or_default();
    let within = name["within"].as_str().map(|within| format!(" within {within}")).unwrap_or_default();
    json!(format!("{} {}{within} is {}", text("field"), text("name"), text("id")))
}

fn shown_unmanaged(row: &Value) -> Value {
    json!({ "row": key_words(&row["key"]), "why": row["why"] })
}

fn shown_warning(warning: &Value) -> Value {
    json!({ "code": warning["code"], "message": warning["message"] })
}

fn shown_refusal(refusal: &Value) -> Value {
    let keys: Vec<String> = list(refusal, "keys").map(key_words).collect();
    json!({ "guard": refusal["guard"], "message": refusal["message"], "allow": refusal["allow"], "keys": keys })
}

/// The parts of a place's name, where a seed has them.
const PLACE: [&str; 7] = ["client_id", "domain_id", "service_id", "projectId", "account", "application", "environment"];

/// Collects every list of assignments with the ids of what it stands in.
fn places(value: &Value, place: &str, found: &mut Map<String, Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| places(item, place, found)),
        Value::Object(map) => {
            let ids = PLACE.iter().filter_map(|name| map.get(*name)?.as_str());
            let place =
                ids.fold(
                    place.to_owned(),
                    |place, id| if place.is_empty() { id.to_owned() } else { format!("{place}/{id}") },
                );
            for (name, value) in map {
                match (name.as_str(), value) {
                    ("assignments", Value::Array(rows)) if rows.iter().all(|row| row.get("assignments").is_none()) => {
                        let name = if place.is_empty() { "assignments" } else { &place };
                        found.insert(name.to_owned(), rows.iter().map(steady_row).collect());
                    }
                    _ => places(value, &place, found),
                }
            }
        }
        _ => {}
    }
}

/// A row without the moments of its making, and without ids that the server made up, since requests overtake each other.
fn steady_row(row: &Value) -> Value {
    let made_up =
        |id: &str| id.split_once('_').is_some_and(|(_, n)| n.len() == 6 && n.bytes().all(|b| b.is_ascii_digit()));
    let mut row = row.clone();
    if let Value::Object(map) = &mut row {
        for name in ["created_at", "updated_at", "createdAt", "updatedAt"] {
            map.remove(name);
        }
        for name in ["id", "assignment_id"] {
            if let Some(id) = map.get_mut(name).filter(|id| id.as_str().is_some_and(made_up)) {
                *id = json!("(new)");
            }
        }
    }
    row
}

/// Whether a text is an instant of these minutes: one that the server or the program took from its clock.
fn is_now(text: &str) -> bool {
    let age = |instant: jiff::Timestamp| jiff::Timestamp::now().duration_since(instant).abs();
    text.len() >= "2000-01-01T00:00:00Z".len()
        && text.parse().is_ok_and(|instant| age(instant) < jiff::SignedDuration::from_mins(10))
}
