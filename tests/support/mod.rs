//! What several test modules share: running the built program in a directory of its own, with an environment of its own.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// One finished run of the program.
pub struct Run {
    /// The exit code; a signal is a failure of the test.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Run {
    /// Everything that a person would see, for snapshots and for the message of a failed assertion.
    pub fn text(&self) -> String {
        format!("exit {}\n--- stdout\n{}--- stderr\n{}", self.code, ended(&self.stdout), ended(&self.stderr))
    }

    /// Standard output as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("standard output is not JSON: {error}\n{}", self.text()))
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or_else(|| panic!("the program was killed: {}", output.status)),
            stdout: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        }
    }
}

fn ended(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

/// The program in `dir`, with nothing in its environment and nothing on its standard input.
pub fn program(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assignctl"));
    command.current_dir(dir).env_clear().stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub fn run(command: &mut Command) -> Run {
    command.output().expect("the program starts").into()
}

/// Runs the program to its end, with a text on its standard input.
pub fn run_with_input(command: &mut Command, input: &str) -> Run {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("standard input is piped");
    stdin.write_all(input.as_bytes()).expect("the program reads its standard input");
    drop(stdin);
    child.wait_with_output().expect("the program ends").into()
}

/// Writes a file below a directory, with the directories on its way.
pub fn write(dir: &Path, path: &str, text: &str) {
    let path = dir.join(path);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).expect("a directory can be made");
    }
    std::fs::write(&path, text).unwrap_or_else(|error| panic!("{} cannot be written: {error}", path.display()));
}

/// Copies a directory with all that is in it, except hidden directories (an example may have been run in place).
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory can be made");
    for entry in std::fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.expect("a directory can be listed");
        let target = to.join(entry.file_name());
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type().expect("a file has a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).expect("a file can be copied");
        }
    }
}

/// A text without ` (request id …)`: the sandbox numbers its answers as they come.
fn without_request_ids(text: &str) -> String {
    let mut parts = text.split(" (request id ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |whole, part| whole + part.split_once(')').map_or("", |(_, rest)| rest))
}

/// A text with `… s` for measured times such as `0.2 s`, and without request ids.
pub fn without_seconds(text: &str) -> String {
    let is_number = |word: &str| word.contains('.') && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    let text = without_request_ids(text);
    let words: Vec<&str> = text.split(' ').collect();
    let measured = |at: usize| {
        is_number(words[at]) && words.get(at + 1).is_some_and(|next| next.trim_end_matches([',', ';']) == "s")
    };
    (0..words.len()).map(|at| if measured(at) { "…" } else { words[at] }).collect::<Vec<_>>().join(" ")
}

/// The embedded server, for tests that are not asynchronous themselves.
pub mod sandbox {
    use std::sync::LazyLock;

    use assignctl::sandbox::{Options, Running, Seed, start};

    static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("threads can be started")
    });

    /// A server in memory that ends when it is dropped.
    pub fn serve(options: Options) -> Running {
        RUNTIME.block_on(start(options)).unwrap_or_else(|error| panic!("the sandbox starts: {error}"))
    }

    /// A server with a seed.
    pub fn seeded(seed: &str) -> Running {
        let seed = Seed::parse(seed).unwrap_or_else(|error| panic!("the seed is good: {error}"));
        serve(Options { seed: Some(seed), ..Options::default() })
    }
}

/// A day that an `expect` may end on, whenever the test runs: in a month.
pub fn soon() -> String {
    date_in(30)
}

/// The day that hints propose for the end of an `expect`: in a week.
pub fn proposed() -> String {
    date_in(7)
}

fn date_in(days: i64) -> String {
    let then = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
    then.to_string().split('T').next().unwrap_or_default().to_owned()
}

/// Manifests with the address of their server in place of `{{sandbox}}`, and a day soon in place of `{{soon}}`.
pub fn fill(manifests: &str, address: &str) -> String {
    manifests.replace("{{sandbox}}", address).replace("{{soon}}", &soon())
}
