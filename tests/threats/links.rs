//! Links that a repository commits: no output and no input that decides follows one out of the working directory.

use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::path::Path;

use crate::support::{self, Run};

/// The quickstart beside a directory that is none of its business.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        support::copy(Path::new("examples/quickstart"), &dir.path().join("checkout"));
        support::write(dir.path(), "home/profile", "mine\n");
        Self { dir }
    }

    fn checkout(&self) -> std::path::PathBuf {
        self.dir.path().join("checkout")
    }

    fn link(&self, target: &str, name: &str) {
        symlink(target, self.checkout().join(name)).unwrap();
    }

    fn run(&self, args: &[&str]) -> Run {
        support::run(support::program(&self.checkout()).args(args))
    }

    fn is_untouched(&self, run: &Run) {
        let names: Vec<_> =
            std::fs::read_dir(self.dir.path().join("home")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["profile"], "{}", run.text());
        assert_eq!(std::fs::read_to_string(self.dir.path().join("home/profile")).unwrap(), "mine\n", "{}", run.text());
    }
}

#[test]
fn no_output_follows_a_link_out_of_the_checkout() {
    for target in ["../home/profile", "../home/new"] {
        for args in [
            &["plan", "parts", "--report", "markdown=out"][..],
            &["plan", "parts", "--report", "json=out"],
            &["plan", "parts", "--out", "out"],
            &["apply", "parts", "--auto-approve", "--journal", "out"],
            &["apply", "parts", "--auto-approve", "--undo-out", "out"],
            &["apply", "parts", "--auto-approve", "--report", "ndjson=out"],
            &["drift", "parts", "--history", "out"],
            &["drift", "parts", "--metrics", "out"],
        ] {
            let place = Place::new();
            place.link(target, "out");
            let run = place.run(args);
            // Drift that was found stays the exit where a history or metrics file is refused.
            let refused = run.code == 1 || (args[0] == "drift" && run.code == 2);
            assert!(refused && run.stderr.contains("leads out of"), "{args:?}: {}", run.text());
            place.is_untouched(&run);
        }
    }
    for args in [
        &["plan", "parts", "--report", "html=out/new"][..],
        &["import", "--target", "parts-prod", "--single", "--out", "out"],
        &["init", "out", "--provider", "partium", "--ci", "none", "--force"],
        &["schema", "--out", "out"],
    ] {
        let place = Place::new();
        place.link("../home", "out");
        let run = place.run(args);
        assert!(run.code == 1 && run.stderr.contains("leads out of"), "{args:?}: {}", run.text());
        place.is_untouched(&run);
    }
}

#[test]
fn the_sandbox_keeps_its_files_in_the_checkout() {
    let place = Place::new();
    place.link("../home", ".assignctl");
    let run = place.run(&["plan", "parts"]);
    assert!(run.code == 1 && run.stderr.contains("leads out of"), "{}", run.text());
    place.is_untouched(&run);

    let place = Place::new();
    std::fs::rename(place.checkout().join("live/seed.yaml"), place.dir.path().join("home/profile")).unwrap();
    for (target, name) in [("../../home/profile", "live/seed.yaml"), ("../home", "other")] {
        place.link(target, name);
    }
    let run = place.run(&["plan", "parts"]);
    assert!(run.code == 1 && run.stderr.contains("leads out of"), "{}", run.text());
}

#[test]
fn a_saved_plan_is_not_read_through_a_link() {
    let place = Place::new();
    place.link("../home/profile", "plan.json");
    let run = place.run(&["apply", "parts", "--plan", "plan.json", "--auto-approve"]);
    assert!(run.code == 1 && run.stderr.contains("leads out of"), "{}", run.text());
}

#[test]
fn a_link_that_stays_and_a_path_outside_that_the_caller_gives_are_written() {
    let place = Place::new();
    std::fs::create_dir(place.checkout().join("reports")).unwrap();
    place.link("reports/plan.md", "plan.md");
    let outside = place.dir.path().join("home/plan.json").display().to_string();
    let run = place.run(&[
        "plan",
        "parts",
        "--report",
        "markdown=plan.md",
        "--out",
        &outside,
        "--report",
        "json=../home/r.json",
    ]);
    assert_eq!(run.code, 0, "{}", run.text());
    for path in ["checkout/reports/plan.md", "home/plan.json", "home/r.json"] {
        assert!(place.dir.path().join(path).is_file(), "{path}");
    }
}

#[test]
fn a_link_into_the_git_directory_is_not_followed() {
    let place = Place::new();
    support::write(&place.checkout(), ".git/HEAD", "ref: refs/heads/main\n");
    place.link(".git/config", "plan.md");
    let run = place.run(&["plan", "parts", "--report", "markdown=plan.md"]);
    assert!(run.code == 1 && run.stderr.contains("leads out of"), "{}", run.text());
    assert!(!place.checkout().join(".git/config").exists());
}

#[test]
fn pipes_and_devices_are_written_into() {
    let place = Place::new();
    for (number, args) in [
        &["plan", "parts", "-q", "--out"][..],
        &["apply", "parts", "--auto-approve", "-q", "--journal"],
        &["plan", "crm", "-q", "--report"],
    ]
    .into_iter()
    .enumerate()
    {
        let pipe = place.dir.path().join(format!("pipe{number}"));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read_to_string(pipe).unwrap()
        });
        let path = pipe.display().to_string();
        let path = if args.contains(&"--report") { format!("json={path}") } else { path };
        let run = place.run(&[args, &[path.as_str()]].concat());
        assert_eq!(run.code, 0, "{}", run.text());
        assert!(reader.join().unwrap().starts_with('{'), "{args:?}");
        assert!(std::fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
    }
    let run = place.run(&["plan", "crm", "-q", "--out", "/dev/stdout"]);
    assert!(run.code == 0 && run.stdout.starts_with('{') && run.stdout.contains("Plan:"), "{}", run.text());
    let run = place.run(&["plan", "crm", "-q", "--out", "/dev/null"]);
    assert_eq!(run.code, 0, "{}", run.text());
    assert!(std::fs::symlink_metadata("/dev/null").unwrap().file_type().is_char_device());
}
