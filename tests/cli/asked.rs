//! The question at a terminal: what a person said yes to is what happens, on objects that are still as they were on the screen.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::Place;
use super::saved::{AS_DECLARED, AS_IT_WAS, BEN, CLEO, canopy, meanwhile, roles, writes};
use crate::support::Run;

/// Runs `apply` at a terminal. When the question stands there, `before` happens, and then the answer is typed.
pub(super) fn asked(place: &Place, args: &[&str], before: impl FnOnce(), answer: &str) -> Run {
    at_the_question(place, args, |_, terminal| {
        before();
        terminal.write_all(format!("{answer}\n").as_bytes()).unwrap();
    })
}

/// Runs `apply` at a terminal, and sends a signal when the question stands there.
pub(super) fn stopped_at_the_question(place: &Place, signal: &str) -> Run {
    at_the_question(place, &[], |child, _| {
        let sent = std::process::Command::new("kill").args([&format!("-{signal}"), &child.to_string()]).status();
        assert!(sent.unwrap().success());
    })
}

/// Runs `apply` at a terminal. `then` happens when the question stands there, with the process and its terminal.
fn at_the_question(place: &Place, args: &[&str], then: impl FnOnce(u32, &mut File)) -> Run {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let terminal = openpt(flags).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let name = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
    let no_tty = i32::try_from(OpenptFlags::NOCTTY.bits()).unwrap();
    let seat = File::options().read(true).write(true).custom_flags(no_tty).open(name).unwrap();
    let mut terminal = File::from(terminal);
    let mut command = place.command(&[&["apply", "-q", "--color", "never"], args].concat());
    command.stdin(seat.try_clone().unwrap()).stderr(seat).stdout(Stdio::piped());
    let child = command.spawn().unwrap();
    // The last hands on the other end, besides the program's own.
    drop(command);
    let mut seen = Vec::new();
    let ends_with = |seen: &[u8], text: &str| String::from_utf8_lossy(seen).ends_with(text);
    while !ends_with(&seen, "taken for yes: ") && read_some(&mut terminal, &mut seen) {}
    let asked = ends_with(&seen, "taken for yes: ");
    if asked {
        then(child.id(), &mut terminal);
        while read_some(&mut terminal, &mut seen) {}
    }
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(seen).unwrap();
    let run = Run { code: output.status.code().unwrap(), stdout: String::from_utf8(output.stdout).unwrap(), stderr };
    assert!(asked, "it did not ask: {}", run.text());
    run
}

/// The end of the program shows as an error on some systems, and as the end of the file on others.
fn read_some(terminal: &mut File, seen: &mut Vec<u8>) -> bool {
    let mut piece = [0; 4096];
    let count = terminal.read(&mut piece).unwrap_or(0);
    seen.extend_from_slice(&piece[..count]);
    count > 0
}

#[test]
fn a_yes_applies_what_was_shown() {
    let place = canopy();
    let run = asked(&place, &[], || (), "yes");
    assert_eq!(run.code, 0, "{}", run.text());
    assert_eq!(roles(&place), ["anna agent 2099-12-31T00:00:00Z", "cleo lead -"]);
    assert_eq!(run.stdout.matches("Plan: 1 to create").count(), 1, "shown once: {}", run.stdout);
}

#[test]
fn anything_but_yes_applies_nothing() {
    let place = canopy();
    let before = roles(&place);
    for answer in ["no", "", "y", "YES"] {
        let run = asked(&place, &[], || place.server.clear_requests(), answer);
        assert_eq!(run.code, 1, "{}", run.text());
        assert!(place.server.requests().is_empty(), "after a no nothing is asked any more");
        assert_eq!(roles(&place), before);
    }
}

#[test]
fn an_object_that_moved_while_the_question_stood_keeps_everything_from_being_applied() {
    let place = canopy();
    let move_it = || meanwhile(&place, AS_DECLARED, "effective_to: 2099-09-09T00:00:00Z");
    // The other hand also does what this run wanted to: Ben goes and Cleo comes.
    let run = asked(&place, &[], move_it, "yes");
    assert_eq!(run.code, 4, "{}", run.text());
    assert_eq!(writes(&place), 0, "{}", run.text());
    assert_eq!(roles(&place), ["anna agent 2099-09-09T00:00:00Z", "cleo lead -"]);
    assert!(
        run.stdout.contains("effective_to was \"2099-06-30T00:00:00Z\", is \"2099-09-09T00:00:00Z\""),
        "{}",
        run.text()
    );
    assert!(run.stderr.contains("Nothing was applied: the approved plan is stale."), "{}", run.text());
}

#[test]
fn a_change_that_nobody_saw_keeps_everything_from_being_applied() {
    let place = canopy();
    // Anna keeps her end and Ben stays; Ben gets a second role, which this run would take away unseen.
    let text = format!("{BEN}\n      - {{ identity_id: ben, node_id: emea, role_id: lead }}");
    let before = || {
        meanwhile(&place, &format!("{AS_DECLARED} }}\n      {CLEO}"), &format!("{AS_IT_WAS} }}\n      {text}"));
    };
    let run = asked(&place, &["--format", "json"], before, "yes");
    assert_eq!((run.code, writes(&place)), (4, 0), "{}", run.text());
    assert_eq!(run.json()["totals"]["done"], 0);
    assert!(run.stdout.contains("not in the approved plan"), "{}", run.text());
}

#[test]
fn partial_applies_the_rest_of_what_was_shown() {
    let place = canopy();
    let before = || {
        let others = format!("effective_to: 2099-09-09T00:00:00Z }}\n      {BEN}");
        meanwhile(&place, &format!("{AS_DECLARED} }}\n      {CLEO}"), &others);
    };
    assert_eq!(place.run(&["plan", "--out", "plan.json"]).code, 0);
    let run = asked(&place, &["--plan", "plan.json", "--partial", "--format", "json"], before, "yes");
    assert_eq!(run.code, 4, "{}", run.text());
    let totals = &run.json()["totals"];
    assert_eq!((&totals["done"], &totals["skipped"]), (&2.into(), &1.into()), "{}", run.text());
    assert_eq!(roles(&place), ["anna agent 2099-09-09T00:00:00Z", "cleo lead -"]);
}

#[test]
fn what_others_did_in_the_meantime_is_already_done() {
    let place = canopy();
    let before = || meanwhile(&place, AS_DECLARED, AS_IT_WAS);
    let run = asked(&place, &["--format", "json"], before, "yes");
    assert_eq!(run.code, 0, "{}", run.text());
    let totals = &run.json()["totals"];
    assert_eq!((&totals["done"], &totals["already"]), (&1.into(), &2.into()), "{}", run.text());
}

#[test]
fn of_a_saved_plan_only_what_is_still_as_reviewed_and_as_shown_is_applied() {
    let place = canopy();
    assert_eq!(place.run(&["plan", "--out", "plan.json"]).code, 0);
    // One hand before the question, one while it stands: both are told, and each change is counted once.
    meanwhile(
        &place,
        &format!("{AS_DECLARED} }}\n      {CLEO}"),
        &format!("{AS_IT_WAS} }}\n      {CLEO}\n      {BEN}"),
    );
    let before = || meanwhile(&place, &format!("{AS_DECLARED} }}"), "effective_to: 2099-09-09T00:00:00Z }");
    let run = asked(&place, &["--plan", "plan.json", "--format", "json"], before, "yes");
    assert_eq!((run.code, writes(&place)), (4, 0), "{}", run.text());
    let totals = &run.json()["totals"];
    assert_eq!((&totals["already"], &totals["skipped"]), (&2.into(), &1.into()), "{}", run.text());
}

#[test]
fn auto_approve_shows_and_applies_without_reading_again() {
    let place = canopy();
    assert_eq!(place.run(&["plan"]).code, 0);
    let reads = place.server.requests().len();
    place.server.clear_requests();
    let run = place.run(&["apply", "--auto-approve", "--no-verify"]);
    assert_eq!(run.code, 0, "{}", run.text());
    let requests = place.server.requests();
    let first_write = requests.iter().position(|request| request.method != "GET").unwrap();
    assert_eq!(first_write, reads, "{requests:#?}");
}
