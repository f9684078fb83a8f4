//! Metrics in the OpenMetrics text format, for a collector that reads files. Names carry their unit, as the format asks.

use std::fmt::Write as _;

use crate::apply::Exit;
use crate::model::Instant;
use crate::plan::drift::{Drift, Kind, SetDrift, TargetDrift};
use crate::plan::{Claim, TargetPlan};

/// One metric family: its samples follow its head without a gap, as the format asks.
fn family(text: &mut String, name: &str, unit: Option<&str>, help: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# TYPE {name} gauge");
    if let Some(unit) = unit {
        let _ = writeln!(text, "# UNIT {name} {unit}");
    }
    let _ = writeln!(text, "# HELP {name} {help}");
}

/// A label's value: backslash, quote and line break are escaped.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// What a run of `drift` found. A zero is written only where everything that a set claims was proven: what was not read is not zero.
pub fn drift(drift: &Drift<'_>, exit: Exit) -> String {
    let mut text = String::new();
    let sets = || drift.targets.iter().flat_map(|found| found.sets.iter().map(move |set| (found.target, set)));
    let sample = |text: &mut String, name: &str, of: (&TargetPlan, &SetDrift<'_>), kind: Option<Kind>, count: u64| {
        let (target, found) = of;
        if count == 0 && found.set.claim() == Claim::Incomplete {
            return;
        }
        let kind = kind.map(|kind| format!(",kind=\"{}\"", kind.name())).unwrap_or_default();
        let (target, set) = (label(&target.name), label(&found.set.name));
        let _ = writeln!(text, "{name}{{target=\"{target}\",set=\"{set}\"{kind}}} {count}");
    };
    let name = "assignctl_drift_assignments";
    family(&mut text, name, None, "Assignments that differ from the manifests, by how they differ.");
    for (target, set) in sets() {
        Kind::ALL.into_iter().for_each(|kind| sample(&mut text, name, (target, set), Some(kind), set.counts.of(kind)));
    }
    let name = "assignctl_drift_found_assignments";
    family(&mut text, name, None, "Assignments that count as drift.");
    sets().for_each(|(target, set)| sample(&mut text, name, (target, set), None, set.counts.drift));
    let name = "assignctl_drift_unchanged_assignments";
    family(&mut text, name, None, "Declared assignments that are live as declared.");
    sets().for_each(|(target, set)| sample(&mut text, name, (target, set), None, set.counts.unchanged));
    let mut flags = |name: &str, help: &str, holds: fn(&TargetDrift<'_>) -> bool| {
        family(&mut text, name, None, help);
        for found in &drift.targets {
            let _ = writeln!(text, "{name}{{target=\"{}\"}} {}", label(&found.target.name), u8::from(holds(found)));
        }
    };
    flags("assignctl_drift_target_readable", "Whether a target could be read (1) or not (0).", |found| {
        found.target.unreadable.is_none()
    });
    flags(
        "assignctl_drift_target_complete",
        "Whether everything that the sets of a target claim was proven (1) or not (0).",
        |found| found.is_complete(),
    );
    end(text, drift.plan.now, exit)
}

/// A run of `drift` that ended before it compared anything. It replaces the values of the run before.
pub fn stopped(now: Instant, exit: Exit) -> String {
    end(String::new(), now, exit)
}

fn end(mut text: String, now: Instant, exit: Exit) -> String {
    let name = "assignctl_drift_exit_code";
    family(&mut text, name, None, "The exit code of the last run.");
    let _ = writeln!(text, "{name} {}", exit.code());
    let name = "assignctl_drift_last_run_timestamp_seconds";
    family(&mut text, name, Some("seconds"), "When the last run looked, in seconds since the epoch.");
    let _ = writeln!(text, "{name} {}.{:03}", now.0.div_euclid(1000), now.0.rem_euclid(1000));
    text.push_str("# EOF\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_end_its_quotes() {
        assert_eq!(label("a\"} 1\nb\\"), "a\\\"} 1\\nb\\\\");
    }
}
