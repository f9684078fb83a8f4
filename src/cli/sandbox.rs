//! `sandbox`: serve the four APIs on a loopback port.

use anyhow::Context;
use tokio::runtime::Builder;

use super::args::SandboxArgs;
use super::connect::{read_seed, state_file};
use super::terminal::Terminal;
use crate::apply::Exit;
use crate::provider::SANDBOX_TOKEN;
use crate::sandbox::{self, LoggedRequest, Options, State};

/// Serves until a signal comes. The address is data; the request log goes to standard error.
pub(super) fn run(args: SandboxArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let faults = args.fail.iter().map(|text| text.parse()).collect::<Result<Vec<_>, _>>().context("--fail")?;
    let quiet = terminal.quiet;
    let options = Options {
        listen: args.listen,
        state: args.state.as_deref().map(state_file).transpose()?.map_or(State::Memory, State::File),
        seed: args.seed.as_deref().map(read_seed).transpose()?,
        latency: args.latency.unwrap_or_default(),
        faults,
        log: (!quiet).then(|| Box::new(log) as Box<dyn Fn(&LoggedRequest) + Send + Sync>),
        ..Options::default()
    };
    // On all processors, unlike the other commands: clients should not wait for it.
    let runtime =
        Builder::new_multi_thread().enable_all().build().context("the sandbox's threads could not be started")?;
    terminal.signals.heed(|| runtime.block_on(async {
        let running = sandbox::start(options).await?;
        terminal.data(&format!("{}\n", running.url()))?;
        terminal.hint(&format!(
            "Serving Streamline, Partium, Semaphor and Canopy. Point a Target at it with `endpoint: {}` and the bearer token `{SANDBOX_TOKEN}`, unless the seed says otherwise. Stop with Ctrl-C.\n",
            running.url(),
        ));
        let signal = terminal.signals.stop().wait().await;
        running.shutdown().await?;
        Ok(Exit::from(signal))
    }))
}

fn log(request: &LoggedRequest) {
    use std::io::Write;
    let query = request.query.as_deref().map(|query| format!("?{query}")).unwrap_or_default();
    let line = format!("{} {}{query} {}", request.method, request.path, request.status);
    let _ = writeln!(std::io::stderr().lock(), "{}", crate::render::clean::terminal(&line));
}
