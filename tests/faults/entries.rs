//! What hostile bytes are given to: manifests, saved plans, and the answers of each system. Used by the fuzz targets and by the bounded
//! test beside this file. A failure is a panic.

use assignctl::diag::Sources;
use assignctl::manifest::{self, Inputs, Policy};
use assignctl::model::Ids;
use assignctl::plan::saved::SavedPlan;
use assignctl::sandbox::{Options, Seed};
use assignctl::{apply, provider, render};

use super::drive::Stage;
use super::worlds::World;

/// Loads a text as a manifest, and shows what is wrong with it.
pub fn manifest(bytes: &[u8]) {
    let inputs = Inputs { stdin: Some(bytes.to_vec()), ..Inputs::default() };
    let loaded = manifest::load(&inputs, &provider::kinds(), &Ids::default());
    let shown = render::diagnostics::human(&loaded.diagnostics, &loaded.sources, false);
    assert_eq!(shown.is_empty(), loaded.diagnostics.is_empty());
}

/// Reads a text as a policy, and shows what is wrong with it.
pub fn policy(bytes: &[u8]) {
    let mut sources = Sources::default();
    let (_, findings) = Policy::read("policy", bytes.to_vec(), &mut sources, &provider::kinds(), &Ids::default());
    let shown = render::diagnostics::human(&findings, &sources, false);
    assert_eq!(shown.is_empty(), findings.is_empty());
}

/// Reads a text as a saved plan. What is taken for whole says the same when it is written and read again.
pub fn plan_file(bytes: &[u8]) {
    if let Ok(plan) = SavedPlan::parse(bytes) {
        let text = plan.to_text().expect("a plan can be written");
        let again = SavedPlan::parse(text.as_bytes()).expect("what was written can be read");
        assert_eq!(again.to_text().expect("a plan can be written"), text);
    }
}

/// One system whose answers are bytes of somebody else's choice.
pub struct Answers {
    runtime: tokio::runtime::Runtime,
    stages: Vec<Stage>,
}

impl Answers {
    /// In each of several worlds of the system, which differ in routes and sign-in.
    pub fn of(worlds: &[&World]) -> Self {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        let limits = "timeout: 10s, retry_budget: 10ms, settle_timeout: 60ms";
        let stage = |world: &&World| {
            let seed = Some(Seed::parse(world.seed).expect("the seed is good"));
            let manifests = world.manifests.replace("{{limits}}", limits);
            runtime.block_on(Stage::new(&manifests, Options { seed, ..Options::default() }))
        };
        let stages = worlds.iter().map(stage).collect();
        Self { runtime, stages }
    }

    /// Every answer is these bytes; then only every token; then only every answer to a write.
    pub fn are(&self, bytes: &[u8]) {
        self.stages.iter().for_each(|stage| self.are_at(stage, bytes));
    }

    fn are_at(&self, stage: &Stage, bytes: &[u8]) {
        let body = String::from_utf8_lossy(bytes);
        for requests in [
            &["* /**"][..],
            &["POST /oauth2/token", "POST /api/v1/token"],
            &[
                "PUT /**",
                "PATCH /**",
                "DELETE /**",
                "POST /v2/**",
                "POST /portal/**",
                "POST /api/**",
                "POST /1/catalog/assignments/organizations",
            ],
        ] {
            stage.server.clear_faults();
            for request in requests {
                let fault = format!("{request}=200;body={body}:*");
                stage.server.add_fault(fault.parse().expect("a fault is written like this"));
            }
            let hasty = apply::Options { read_attempts: 1, resend_rounds: 0, ..apply::Options::default() };
            let ran = self.runtime.block_on(stage.apply_with(&hasty));
            assert_eq!(ran.miscounted(), None, "{}", ran.told());
        }
    }
}
