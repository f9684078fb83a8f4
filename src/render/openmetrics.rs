//! Metrics in the OpenMetrics text format, for a collector that reads files. Names carry their unit, as the format asks.

use std::fmt::Write as _;

use crate::apply::Exit;
use crate::plan::drift::{Drift, Kind};

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

/// What a run of `drift` found.
pub fn drift(drift: &Drift<'_>, exit: Exit) -> String {
    let mut text = String::new();
    let name = "assignctl_drift_assignments";
    family(&mut text, name, None, "Assignments that differ from the manifests, by how they differ.");
    for found in &drift.targets {
        for set in &found.sets {
            let labels = format!("target=\"{}\",set=\"{}\"", label(&found.target.name), label(&set.set.name));
            for kind in Kind::ALL {
                let _ = writeln!(text, "{name}{{{labels},kind=\"{}\"}} {}", kind.name(), set.counts.of(kind));
            }
        }
    }
    let name = "assignctl_drift_found_assignments";
    family(&mut text, name, None, "Assignments that count as drift.");
    for found in &drift.targets {
        for set in &found.sets {
            let labels = format!("target=\"{}\",set=\"{}\"", label(&found.target.name), label(&set.set.name));
            let _ = writeln!(text, "{name}{{{labels}}} {}", set.counts.drift);
        }
    }
    let name = "assignctl_drift_unchanged_assignments";
    family(&mut text, name, None, "Declared assignments that are live as declared.");
    for found in &drift.targets {
        for set in &found.sets {
            let labels = format!("target=\"{}\",set=\"{}\"", label(&found.target.name), label(&set.set.name));
            let _ = writeln!(text, "{name}{{{labels}}} {}", set.counts.unchanged);
        }
    }
    let name = "assignctl_drift_target_readable";
    family(&mut text, name, None, "Whether a target could be read (1) or not (0).");
    for found in &drift.targets {
        let readable = u8::from(found.target.unreadable.is_none());
        let _ = writeln!(text, "{name}{{target=\"{}\"}} {readable}", label(&found.target.name));
    }
    let name = "assignctl_drift_exit_code";
    family(&mut text, name, None, "The exit code of the last run.");
    let _ = writeln!(text, "{name} {}", exit.code());
    let name = "assignctl_drift_last_run_timestamp_seconds";
    family(&mut text, name, Some("seconds"), "When the last run looked, in seconds since the epoch.");
    let millis = drift.plan.now.0;
    let _ = writeln!(text, "{name} {}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000));
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
