//! Ctrl-C and SIGTERM with the real program: in every command, between any two requests, as process 1.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use assignctl::sandbox::{Options, Running, Seed};

use super::{LIVE, Place, target};
use crate::support::{self, Run};

/// The longest that a loaded machine may take for what takes some milliseconds.
const SOON: Duration = Duration::from_secs(60);

fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn send(pid: u32, signal: &str) {
    assert!(Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).status().unwrap().success());
}

fn until(what: &str, done: impl Fn() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < SOON, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn ended(child: Child) -> Run {
    child.wait_with_output().unwrap().into()
}

/// An address that takes connections and never answers, with the count of them.
struct Silent {
    url: String,
    taken: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl Silent {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let taken = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = taken.clone();
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                open.push(stream);
                count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
        });
        Self { url, taken }
    }

    fn is_asked(&self) -> bool {
        self.taken.load(std::sync::atomic::Ordering::SeqCst) > 0
    }
}

/// A place whose server takes some time for every answer.
fn slow_place(latency: Duration) -> Place {
    let seed = Some(Seed::parse(LIVE).unwrap());
    let server: Running = support::sandbox::serve(Options { seed, latency, ..Options::default() });
    Place { server, ..Place::new() }
}

const APPLY: [&str; 3] = ["apply", "--auto-approve", "-q"];

#[test]
fn a_stop_is_honoured_inside_a_divided_batch() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let place = slow_place(Duration::from_millis(30));
        place.write("target.yaml", &target(&place.server.url()).replace("retry_budget: 0s", "concurrency: 1"));
        let many: Vec<String> = (0..100).map(|n| format!("x{n}")).collect();
        place.write("sets/austria.yaml", &super::set("austria", "at", &format!("a, b, c, d, {}", many.join(", "))));
        place.fault("POST /1/catalog/assignments/organizations=422:*");
        let child = start(&mut place.command(&["apply", "--auto-approve", "--report", "json=report.json"]));
        until("it divides the batch", || place.writes() >= 3);
        let before = place.writes();
        send(child.id(), signal);
        let run = ended(child);
        assert_eq!(run.code, code, "{}", run.text());
        assert!(place.writes() <= before + 3, "{} writes after the signal", place.writes() - before);
        let report: serde_json::Value =
            serde_json::from_slice(&std::fs::read(place.path().join("report.json")).unwrap()).unwrap();
        assert_eq!(report["exit"]["code"], code);
        assert_eq!(report["totals"]["unknown"], 0, "what was not sent is not unknown: {}", report["totals"]);
        assert!(report["totals"]["skipped"].as_u64().unwrap() > 0, "{}", report["totals"]);
    }
}

#[test]
fn every_command_ends_while_it_waits_for_an_answer() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        for args in [
            &["plan", "--report", "json=report.json"][..],
            &["drift"],
            &["apply", "--auto-approve"],
            &["import", "--target", "parts"],
            &["comment", "--forge", "gitea", "--repository", "o/r", "--number", "7", "--file", "text.md"],
        ] {
            let silent = Silent::start();
            let place = Place::new();
            place.write("target.yaml", &target(&silent.url).replace("timeout: 20s", "timeout: 10m"));
            place.write("text.md", "hello\n");
            let mut command = place.command(args);
            command.env("ASSIGNCTL_API_URL", &silent.url).env("GITEA_TOKEN", "x");
            let child = start(&mut command);
            until("it asks", || silent.is_asked());
            send(child.id(), signal);
            let started = Instant::now();
            let run = ended(child);
            assert_eq!(run.code, code, "{args:?}: {}", run.text());
            assert!(started.elapsed() < SOON, "{args:?}");
            if args[0] == "plan" {
                let report = std::fs::read_to_string(place.path().join("report.json")).unwrap();
                assert!(report.contains(&format!("stopped by SIG{signal}")), "{report}");
            }
        }
    }
}

#[test]
fn a_command_that_waits_for_its_input_ends_at_once() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        for args in [&["validate", "-"][..], &["plan", "-"], &["comment", "--file", "-"]] {
            let place = Place::new();
            let mut command = place.command(args);
            command.env("ASSIGNCTL_API_URL", "http://127.0.0.1:1").env("GITEA_TOKEN", "x");
            command.envs([("ASSIGNCTL_FORGE", "gitea"), ("ASSIGNCTL_REPOSITORY", "o/r"), ("ASSIGNCTL_NUMBER", "7")]);
            let mut child = start(command.stdin(Stdio::piped()));
            child.stdin.as_mut().unwrap().write_all(b"---\n").unwrap();
            until("its handlers are there", || handles_signals(child.id()));
            send(child.id(), signal);
            let run = ended_keeping_input(child);
            assert_eq!(run.code, code, "{args:?}: {}", run.text());
        }
    }
}

/// Unlike `ended`, leaves the input open until the end.
fn ended_keeping_input(mut child: Child) -> Run {
    let input = child.stdin.take();
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(started.elapsed() < SOON, "it waits for its input");
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(input);
    ended(child)
}

/// Whether SIGTERM is caught, by the process's own account.
#[cfg(target_os = "linux")]
fn handles_signals(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
    u64::from_str_radix(caught.trim(), 16).unwrap_or(0) & (1 << 14) != 0
}

#[cfg(not(target_os = "linux"))]
fn handles_signals(_: u32) -> bool {
    std::thread::sleep(Duration::from_secs(2));
    true
}

#[test]
fn after_a_ctrl_c_a_sigterm_changes_nothing_and_a_second_ctrl_c_ends_the_process() {
    let place = Place::new();
    place.fault("POST /1/catalog/assignments/organizations=slow=10m:*");
    place.write("target.yaml", &target(&place.server.url()).replace("timeout: 20s", "timeout: 10m"));
    let mut child = start(&mut place.command(&APPLY));
    until("it writes", || place.writes() > 0 || child_waits_for_a_write(&place));
    send(child.id(), "INT");
    send(child.id(), "TERM");
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none(), "the answer is still waited for");
    let started = Instant::now();
    send(child.id(), "INT");
    let run = ended(child);
    assert_eq!(run.code, 130, "{}", run.text());
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

/// The sandbox lists a request when it was answered: a slow one is not listed while it is waited for.
fn child_waits_for_a_write(place: &Place) -> bool {
    let listed = place.server.requests().iter().any(|request| request.path.ends_with("/list"));
    if listed {
        std::thread::sleep(Duration::from_millis(1500));
    }
    listed
}

#[test]
fn what_is_not_answered_seven_seconds_after_a_sigterm_is_unknown() {
    let place = Place::new();
    place.fault("POST /1/catalog/assignments/organizations=slow=10m:*");
    place.write("target.yaml", &target(&place.server.url()).replace("timeout: 20s", "timeout: 10m"));
    let child = start(&mut place.command(&["apply", "--auto-approve", "--journal", "journal.ndjson"]));
    until("it writes", || place.writes() > 0 || child_waits_for_a_write(&place));
    send(child.id(), "TERM");
    let started = Instant::now();
    let run = ended(child);
    assert!(started.elapsed() >= Duration::from_secs(6) && started.elapsed() < SOON, "{:?}", started.elapsed());
    assert_eq!(run.code, 143, "{}", run.text());
    assert!(run.stdout.contains("unknown"), "{}", run.text());
    let journal = std::fs::read_to_string(place.path().join("journal.ndjson")).unwrap();
    let last: serde_json::Value = serde_json::from_str(journal.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"]["exit"]["code"], 143, "the journal is closed: {last}");
}

#[test]
fn the_question_at_the_terminal_ends_with_a_signal_and_nothing_is_applied() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let place = Place::new();
        let run = super::asked::stopped_at_the_question(&place, signal);
        assert_eq!((run.code, place.writes()), (code, 0), "{}", run.text());
    }
}

/// As in a container: process 1 of a namespace has no default effect of signals.
#[cfg(target_os = "linux")]
#[test]
fn signals_are_honoured_as_process_1() {
    let unshare = ["--pid", "--fork", "--mount-proc"];
    let can = Command::new("unshare").args(unshare).arg("true").stderr(Stdio::null()).status();
    if !can.is_ok_and(|status| status.success()) {
        return;
    }
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        for args in [&["plan"][..], &APPLY, &["validate", "-"]] {
            let silent = Silent::start();
            let place = Place::new();
            place.write("target.yaml", &target(&silent.url).replace("timeout: 20s", "timeout: 10m"));
            let mut command = Command::new("unshare");
            command.args(unshare).arg(env!("CARGO_BIN_EXE_assignctl")).args(args);
            command.current_dir(place.path()).env("TOKEN", "sandbox");
            let child = start(command.stdin(Stdio::piped()));
            let children = format!("/proc/{0}/task/{0}/children", child.id());
            let first = || std::fs::read_to_string(&children).unwrap_or_default().trim().parse().ok();
            until("process 1 is there", || first().is_some_and(handles_signals));
            if args[0] != "validate" {
                until("it asks", || silent.is_asked());
            }
            send(first().unwrap(), signal);
            let run = ended_keeping_input(child);
            assert_eq!(run.code, code, "{args:?}: {}", run.text());
        }
    }
}
