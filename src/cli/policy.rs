//! `--policy FILE`: the bounds that the caller sets, joined with the flags. Flags may lower a bound, never raise it.

use std::io::Read as _;

use anyhow::{Context, bail};

use super::args::{PlanningArgs, PolicyArgs};
use crate::manifest::{self, Loaded, Policy};
use crate::model::{Ceilings, Fields, Ids, Protect, TargetPolicy, Value};
use crate::plan::{Thresholds, digest};
use crate::provider;

/// The policy of a run, or none.
#[derive(Debug, Default)]
pub(super) struct InForce {
    file: Option<(String, digest::Digest)>,
    /// What it says about each target of the run, in their order; empty without a policy.
    targets: Vec<TargetPolicy>,
}

impl InForce {
    /// Reads the policy and holds the manifests against it; what is wrong joins their findings. Where the API's paths differ, the targets
    /// learn it here and nowhere else.
    pub(super) fn load(args: &PolicyArgs, loaded: &mut Loaded, ids: &Ids) -> anyhow::Result<Self> {
        let Some(path) = &args.policy else { return Ok(Self::default()) };
        let name = path.display().to_string();
        let bytes = read(path)?;
        let file = Some((name.clone(), digest::of_bytes(&bytes)));
        let kinds = provider::kinds();
        let (policy, diagnostics) = Policy::read(&name, bytes, &mut loaded.sources, &kinds, ids);
        loaded.diagnostics.extend(diagnostics);
        let (targets, diagnostics) = policy.judge(&loaded.targets, &loaded.sets, &kinds);
        loaded.diagnostics.extend(diagnostics);
        for (target, policy) in loaded.targets.iter_mut().zip(&targets) {
            if !policy.paths.is_empty() {
                let paths = policy.paths.iter().map(|(option, path)| (*option, Value::Text(path.as_str().into())));
                let options = target.options.iter().map(|(name, value)| (name, value.clone()));
                target.options = Fields::new(options.chain(paths).collect());
            }
        }
        for (target, policy) in loaded.targets.iter_mut().zip(&targets) {
            let knows = provider::find(target.provider).is_some_and(|p| p.kind.target.field("clear_dates").is_some());
            if let (Some(how), true) = (&policy.clear_dates, knows) {
                let options = target.options.iter().map(|(name, value)| (name, value.clone()));
                let set = ("clear_dates", Value::Text(how.as_str().into()));
                target.options = Fields::new(options.chain([set]).collect());
            }
        }
        Ok(Self { file, targets })
    }

    /// The policy file, as the caller named it.
    pub(super) fn file(&self) -> Option<&str> {
        self.file.as_ref().map(|(name, _)| name.as_str())
    }

    /// Its digest.
    pub(super) fn digest(&self) -> Option<&digest::Digest> {
        self.file.as_ref().map(|(_, digest)| digest)
    }

    /// What it says about a target.
    pub(super) fn of(&self, target: usize) -> Option<&TargetPolicy> {
        self.targets.get(target)
    }

    /// The hosts that may get a target's credentials, beside those of the flags.
    pub(super) fn hosts(&self, target: usize) -> &[String] {
        self.of(target).map_or(&[], |policy| &policy.allowed_hosts)
    }

    /// The rows of a target that it protects.
    pub(super) fn protects(&self, target: usize) -> impl Iterator<Item = &Protect> {
        self.of(target).into_iter().flat_map(|policy| &policy.protect)
    }

    /// A flag above a bound is a mistake, and not quietly lowered.
    pub(super) fn check_flags(&self, flags: &PlanningArgs) -> anyhow::Result<()> {
        let Some(file) = self.file() else { return Ok(()) };
        for policy in &self.targets {
            let Ceilings { loss_percent, loss_count, update_percent, update_count } = policy.ceilings;
            let pairs = [
                ("--max-loss-percent", flags.max_loss_percent, loss_percent),
                ("--max-loss-count", flags.max_loss_count, loss_count),
                ("--max-update-percent", flags.max_update_percent, update_percent),
                ("--max-update-count", flags.max_update_count, update_count),
            ];
            for (flag, given, most) in pairs {
                if let (Some(given), Some(most)) = (given, most)
                    && given > most
                {
                    bail!(
                        "{flag} {given}: the policy {file} allows at most {most}; lower the flag, or change the policy"
                    );
                }
            }
        }
        Ok(())
    }

    /// A target's thresholds: the flags, else the policy's, else the defaults, and never above the policy's.
    pub(super) fn thresholds(&self, target: usize, flags: &PlanningArgs) -> Thresholds {
        let ceilings = self.of(target).map(|policy| policy.ceilings).unwrap_or_default();
        let default = Thresholds::default();
        let choose = |flag: Option<u64>, most: Option<u64>, default: u64| match (flag, most) {
            (Some(flag), Some(most)) => flag.min(most),
            (flag, most) => flag.or(most).unwrap_or(default),
        };
        Thresholds {
            loss_percent: choose(flags.max_loss_percent, ceilings.loss_percent, default.loss_percent),
            loss_count: choose(flags.max_loss_count, ceilings.loss_count, default.loss_count),
            update_percent: choose(flags.max_update_percent, ceilings.update_percent, default.update_percent),
            update_count: choose(flags.max_update_count, ceilings.update_count, default.update_count),
        }
    }
}

/// The same cap as for manifests: a policy is a file like them.
fn read(path: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    let named = || format!("the policy {} cannot be read", path.display());
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).with_context(named)?;
    file.take(manifest::MAX_FILE.saturating_add(1)).read_to_end(&mut bytes).with_context(named)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > manifest::MAX_FILE {
        bail!("the policy {} is larger than {} bytes", path.display(), manifest::MAX_FILE);
    }
    Ok(bytes)
}
