//! From targets to open connections: addresses, the embedded server, sign-in, HTTP clients.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};

use super::args::CredentialArgs;
use super::hidden::SecretKeys;
use super::secrets::Secrets;
use crate::http::{Client, Config, HostPolicy, SignIn};
use crate::model::{Endpoint, Ids, SecretResolver, SecretString, Stop, Target};
use crate::provider::{self, Connection};
use crate::sandbox::{self, Seed};

/// What the root says about its embedded server, with paths made absolute.
#[derive(Debug, Clone)]
pub(super) struct SandboxHome {
    /// The state file.
    pub state: PathBuf,
    /// The live state to start with.
    pub seed: Option<PathBuf>,
}

/// Opens connections to targets, and keeps the embedded server alive while they are in use.
pub(super) struct Connector {
    ids: Arc<Ids>,
    secrets: Arc<dyn SecretResolver>,
    allowed: Vec<String>,
    extra_roots: Vec<Vec<u8>>,
    /// The state file that the caller named.
    sandbox_state: Option<PathBuf>,
    sandbox: Option<sandbox::Running>,
    /// Once it is requested, no client starts a request.
    stop: Stop,
}

impl Connector {
    pub(super) fn new(args: &CredentialArgs, ids: Arc<Ids>, stop: &Stop) -> anyhow::Result<Self> {
        let read_ca = |path: &PathBuf| {
            std::fs::read(path).with_context(|| format!("--ca-file {} cannot be read", path.display()))
        };
        Ok(Self {
            ids,
            secrets: Arc::new(Secrets::new(args.secrets_dir.as_deref())?),
            allowed: args.allow_host.clone(),
            extra_roots: args.ca_file.iter().map(read_ca).collect::<anyhow::Result<_>>()?,
            sandbox_state: args.sandbox_state.clone(),
            sandbox: None,
            stop: stop.clone(),
        })
    }

    /// Starts the embedded server, if it is not running.
    pub(super) async fn start_sandbox(&mut self, home: &SandboxHome) -> anyhow::Result<()> {
        if self.sandbox.is_some() {
            return Ok(());
        }
        let home = match &self.sandbox_state {
            None => home.clone(),
            Some(state) if state.is_file() => SandboxHome { state: state.clone(), seed: None },
            // A new one would be empty, and whoever names a state means that one.
            Some(state) => bail!("--sandbox-state {}: there is no such file; check the path", state.display()),
        };
        if let Some(dir) = home.state.parent() {
            std::fs::create_dir_all(dir).with_context(|| format!("the directory {} cannot be made", dir.display()))?;
        }
        let seed = home.seed.as_deref().map(read_seed).transpose()?;
        let options = sandbox::Options { state: sandbox::State::File(home.state), seed, ..Default::default() };
        let running = sandbox::start(options).await.context("the embedded sandbox did not start")?;
        self.sandbox = Some(running);
        Ok(())
    }

    /// Opens one target; `hosts` are those that the policy lets get its credentials, `secrets` the keys whose live values are hidden.
    pub(super) fn open(&self, target: &Target, hosts: &[String], secrets: SecretKeys) -> anyhow::Result<Connection> {
        let provider = provider::find(target.provider)
            .with_context(|| format!("target {}: there is no provider {}", target.name, target.provider))?;
        let auth = match target.endpoint {
            Endpoint::Sandbox => SignIn::Fixed(SecretString::from(provider::SANDBOX_TOKEN)),
            Endpoint::Vendor | Endpoint::Url(_) => (provider.sign_in)(target),
        };
        let vendor: url::Url = provider.kind.vendor.parse().context("the vendor's address is no URL")?;
        let base_url = match &target.endpoint {
            Endpoint::Vendor => vendor.clone(),
            Endpoint::Url(url) => {
                url.parse().with_context(|| format!("target {}: the endpoint is no URL", target.name))?
            }
            Endpoint::Sandbox => match &self.sandbox {
                Some(running) => running.url().parse().context("the sandbox's address is no URL")?,
                None => bail!("target {}: the embedded sandbox is not running", target.name),
            },
        };
        let client = Client::new(Config {
            base_url,
            auth,
            limits: &target.limits,
            secrets: Arc::clone(&self.secrets),
            allowed: HostPolicy::new(vendor.host_str().unwrap_or_default(), self.allowed.iter().chain(hosts)),
            extra_roots: self.extra_roots.clone(),
            stop: self.stop.clone(),
        })?;
        let Connection { reader, writer } =
            (provider.connect)(target, client.clone(), Arc::clone(&self.ids), Arc::clone(&self.secrets));
        Ok(Connection { reader: secrets.hide_in(reader, provider.kind.capabilities, client), writer })
    }

    /// Stops the embedded server and waits until its state is on disk.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        if let Some(sandbox) = self.sandbox {
            sandbox.shutdown().await.context("the embedded sandbox did not stop cleanly")?;
        }
        Ok(())
    }
}

/// Reads a seed file.
pub(super) fn read_seed(path: &Path) -> anyhow::Result<Seed> {
    let text = std::fs::read_to_string(path).with_context(|| format!("the seed {} cannot be read", path.display()))?;
    Seed::parse(&text).with_context(|| format!("the seed {} is not usable", path.display()))
}

/// The address of a target as shown to people.
pub(super) fn endpoint_text(target: &Target) -> String {
    match &target.endpoint {
        Endpoint::Vendor => provider::find(target.provider).map_or("", |provider| provider.kind.vendor).to_owned(),
        Endpoint::Sandbox => "sandbox".to_owned(),
        Endpoint::Url(url) => url.clone(),
    }
}
