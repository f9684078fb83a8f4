//! `assignctl sandbox`: the same four APIs on a port, with a state that survives a kill.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use super::{LIVE, Place, target};
use crate::support;

/// A sandbox in a process of its own; it ends with the test.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(place: &Place, args: &[&str]) -> Self {
        let mut command = place.command(&["sandbox", "--listen", "127.0.0.1:0", "--quiet"]);
        let mut child = command.args(args).stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("http://127.0.0.1:"), "the address is data: {url:?}");
        Self { child, url: url.trim().to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_was_answered_survives_a_kill() {
    let place = Place::new();
    place.write("live.json", LIVE);
    let args = ["--seed", "live.json", "--state", "state.db"];
    place.write("assignctl.yaml", "apiVersion: assignctl/v1\nkind: Root\nspec: { ignore: [live.json] }\n");
    let first = Server::start(&place, &args);
    place.write("target.yaml", &target(&first.url));
    let applied = place.run(&["apply", "--auto-approve"]);
    assert_eq!(applied.code, 0, "{}", applied.text());
    drop(first);
    let second = Server::start(&place, &args);
    place.write("target.yaml", &target(&second.url));
    let again = place.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(again.code, 0, "the seed is not applied a second time: {}", again.text());
}

#[test]
fn faults_are_given_on_the_command_line() {
    let place = Place::new();
    place.write("live.json", LIVE);
    let server = Server::start(&place, &["--seed", "live.json", "--fail", "POST /1/**=403:*"]);
    place.write("target.yaml", &target(&server.url));
    let run = place.run(&["plan"]);
    assert_eq!(run.code, 1, "{}", run.text());
    assert!(run.text().contains("403"), "{}", run.text());
}

#[test]
fn it_listens_on_loopback_only_and_says_what_is_wrong_with_its_arguments() {
    let place = Place::new();
    for args in [["--listen", "0.0.0.0:0"], ["--fail", "POST"], ["--seed", "nowhere.yaml"], ["--latency", "soon"]] {
        let run = place.run(&[&["sandbox"], &args[..]].concat());
        assert_eq!(run.code, 1, "{args:?}: {}", run.text());
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{args:?}: {}", run.text());
    }
}

#[test]
fn two_processes_do_not_share_a_state_file() {
    let place = Place::new();
    let _first = Server::start(&place, &["--state", "state.db"]);
    let second = support::run(&mut place.command(&["sandbox", "--listen", "127.0.0.1:0", "--state", "state.db"]));
    assert_eq!(second.code, 1, "{}", second.text());
    assert!(second.stderr.contains("in use"), "{}", second.text());
}
