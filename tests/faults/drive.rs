//! Runs of the program in this process: load, connect, read, plan, apply, as the command line does it, a hundred times faster than by
//! starting processes. The only place of these tests that knows how the parts are put together.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use assignctl::apply::{self, Report, Silent, TargetRun};
use assignctl::http::{Client, Config, HostPolicy, SignIn};
use assignctl::manifest::{self, Inputs, Loaded};
use assignctl::model::{
    Endpoint, Ids, Instant, ReadRequest, ResolveError, SecretRef, SecretResolver, SecretString, Snapshot, Stop,
};
use assignctl::plan::{Input, Plan, SetInput, TargetPlan, Thresholds, Unreadable, plan_target};
use assignctl::provider::{self, Connection, ReadError};
use assignctl::sandbox::{LoggedRequest, Options, Running, start};

/// The first wait of a verification and of a backoff, short: the server is in this process.
pub const FIRST_WAIT: Duration = Duration::from_millis(10);
/// The largest body that is read. The worlds of these tests are small.
const MAX_BODY: usize = 1 << 20;

/// A server with manifests that point at it.
pub struct Stage {
    pub server: Running,
    loaded: Loaded,
    ids: Arc<Ids>,
}

/// One finished apply.
pub struct Ran {
    pub plan: Plan,
    pub report: Report,
    /// The requests that it sent, in the order of the server's log.
    pub requests: Vec<LoggedRequest>,
}

impl Ran {
    /// The exit code that the command line would end with.
    pub fn code(&self) -> u8 {
        self.report.exit().code()
    }

    /// The writes that it sent.
    pub fn writes(&self) -> impl Iterator<Item = &LoggedRequest> {
        self.requests.iter().filter(|request| is_write(request))
    }

    /// What is wrong with the outcomes: each change of the plan has exactly one, and the totals add up.
    pub fn miscounted(&self) -> Option<String> {
        let planned = self.plan.changes().count() as u64;
        let told: usize = self.report.targets.iter().map(|target| target.changes.len()).sum();
        let distinct: HashSet<_> =
            self.report.targets.iter().flat_map(|t| t.changes.iter().map(|c| (t.name.as_str(), c.id))).collect();
        let totals = self.report.totals().all();
        let right = totals == planned && told as u64 == planned && distinct.len() == told;
        (!right).then(|| {
            format!("{planned} changes planned, {told} outcomes, {} distinct, totals of {totals}", distinct.len())
        })
    }

    /// How every change ended, for a person.
    pub fn told(&self) -> String {
        let outcomes = self.report.targets.iter().flat_map(|target| &target.changes);
        let mut lines: Vec<String> = outcomes.map(|change| format!("  {:?} {:?}", change.id, change.outcome)).collect();
        lines.extend(
            self.report.targets.iter().map(|target| format!("  {:?} {:?}", target.not_run, target.verification)),
        );
        let unread = self.plan.targets.iter().filter_map(|target| target.unreadable.as_ref());
        lines.extend(unread.map(|why| format!("  unreadable: {}", why.message)));
        let refused = self.plan.targets.iter().flat_map(|target| &target.refusals);
        lines.extend(refused.map(|refusal| format!("  refused: {refusal:?}")));
        lines.extend(self.requests.iter().map(|r| format!("  {} {} {}", r.method, r.path, r.status)));
        lines.join("\n")
    }
}

/// Whether a logged request is one that changes something.
pub fn is_write(request: &LoggedRequest) -> bool {
    request.method != "GET" && !request.path.ends_with("/list") && !request.path.ends_with("/token")
}

/// One target with its connection.
struct Open<'a> {
    target: usize,
    connection: Connection,
    request: ReadRequest<'a>,
}

impl Stage {
    /// Starts a server and loads manifests, in which `{{sandbox}}` is its address.
    pub async fn new(manifests: &str, options: Options) -> Self {
        let server = start(options).await.unwrap_or_else(|error| panic!("the sandbox starts: {error}"));
        let ids = Arc::new(Ids::default());
        let text = crate::support::fill(manifests, &server.url());
        let inputs = Inputs { stdin: Some(text.into_bytes()), complete: true, ..Inputs::default() };
        let loaded = manifest::load(&inputs, &provider::kinds(), &ids);
        assert_eq!(loaded.diagnostics.errors(), 0, "{:?}\n{manifests}", loaded.diagnostics);
        Self { server, loaded, ids }
    }

    /// Plans as a new process would.
    pub async fn plan(&self) -> Plan {
        self.plan_at(now()).await
    }

    /// The same, at a moment of the caller's.
    pub async fn plan_at(&self, now: Instant) -> Plan {
        self.planned(&self.open(), now).await
    }

    /// Plans and applies as a new process would.
    pub async fn apply(&self) -> Ran {
        self.apply_with(&apply::Options { first_wait: FIRST_WAIT, ..apply::Options::default() }).await
    }

    /// The same, with more or less patience.
    pub async fn apply_with(&self, options: &apply::Options) -> Ran {
        self.server.clear_requests();
        let (open, now) = (self.open(), now());
        let plan = self.planned(&open, now).await;
        type Replan<'a> = Box<dyn Fn(Snapshot) -> TargetPlan + Send + Sync + 'a>;
        let replan = |open: &Open<'_>| {
            let target = open.target;
            Box::new(move |live| self.plan_target(target, Ok(live), now)) as Replan<'_>
        };
        let replans: Vec<Replan<'_>> = open.iter().map(replan).collect();
        let runs: Vec<TargetRun<'_>> = open
            .iter()
            .zip(&plan.targets)
            .zip(&replans)
            .map(|((open, target), replan)| TargetRun {
                plan: target,
                reader: open.connection.reader.as_ref(),
                writer: open.connection.writer.as_ref(),
                replan: replan.as_ref(),
                read: &open.request,
                concurrency: self.loaded.targets[open.target].limits.concurrency,
            })
            .collect();
        let report = apply::apply(&runs, &Stop::default(), &Silent, options).await;
        Ran { plan, report, requests: self.server.requests() }
    }

    fn open(&self) -> Vec<Open<'_>> {
        let sets = &self.loaded.sets;
        let target = |(index, target): (usize, &assignctl::model::Target)| {
            let provider = provider::find(target.provider).expect("the provider is known");
            let Endpoint::Url(url) = &target.endpoint else { panic!("targets of these tests have an address") };
            let config = Config {
                base_url: url.parse().expect("an address"),
                auth: if target.auth.is_some() { (provider.sign_in)(target) } else { SignIn::None },
                limits: &target.limits,
                secrets: Arc::new(Secrets),
                allowed: HostPolicy::new("", Vec::<String>::new()),
                extra_roots: Vec::new(),
                stop: Default::default(),
            };
            let client = Client::impatient(config, MAX_BODY, FIRST_WAIT);
            let client = client.unwrap_or_else(|error| panic!("the client is made: {error}"));
            let of_target = || sets.iter().filter(move |set| set.target == index);
            let request = ReadRequest {
                scopes: of_target().filter_map(|set| set.scope.clone()).collect(),
                rows: of_target().map(|set| set.rows.as_slice()).collect(),
                names: false,
            };
            let connection = (provider.connect)(target, client, Arc::clone(&self.ids), Arc::new(Secrets));
            Open { target: index, connection, request }
        };
        self.loaded.targets.iter().enumerate().map(target).collect()
    }

    async fn planned(&self, open: &[Open<'_>], now: Instant) -> Plan {
        let unreadable = |error: ReadError| Unreadable {
            temporary: matches!(error, ReadError::Temporary(_)),
            message: error.to_string(),
        };
        let read = open.iter().map(|open| async move {
            let live = open.connection.reader.read(&open.request).await.map_err(unreadable);
            self.plan_target(open.target, live, now)
        });
        let targets = futures::future::join_all(read).await;
        Plan { ids: Arc::clone(&self.ids), now, policy: None, policy_file: None, targets, base: None, part: None }
    }

    fn plan_target(&self, target: usize, live: Result<Snapshot, Unreadable>, now: Instant) -> TargetPlan {
        let sets = self.loaded.sets.iter().filter(|set| set.target == target);
        let sets: Vec<SetInput<'_>> =
            sets.map(|set| SetInput { set, selected: true, in_run: true, mode: set.mode }).collect();
        let target = &self.loaded.targets[target];
        let provider = provider::find(target.provider).expect("the provider is known");
        let input = Input {
            policy: None,
            ids: &self.ids,
            sources: &self.loaded.sources,
            now,
            rotate: false,
            list_unchanged: false,
            thresholds: Thresholds::default(),
            target,
            endpoint: "the sandbox",
            capabilities: provider.kind.capabilities,
            sets: &sets,
        };
        plan_target(&input, live)
    }
}

fn now() -> Instant {
    Instant(jiff::Timestamp::now().as_millisecond())
}

/// The credentials of these tests.
struct Secrets;

impl SecretResolver for Secrets {
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString, ResolveError> {
        let value = match reference {
            SecretRef::Env(name) if &**name == "TOKEN" => "sandbox",
            SecretRef::Env(name) if &**name == "API_KEY" => "cnpy_sandbox",
            SecretRef::Env(name) if &**name == "CLIENT" => "app",
            SecretRef::Env(name) if &**name == "SECRET" => "a-secret-of-these-tests",
            other => return Err(ResolveError::EnvMissing(other.to_string())),
        };
        Ok(SecretString::from(value))
    }
}
