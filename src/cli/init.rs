//! `init`: a starter repository of manifests, made from the providers' own tables. It reads and writes no target.

use std::io::{self, BufRead, Read as _};
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::{Map, json};

use super::args::{InitArgs, PipelineHost};
use super::files;
use super::schemas;
use super::terminal::Terminal;
use crate::apply::Exit;
use crate::manifest::Kind;
use crate::manifest::common::API_VERSION;
use crate::provider;
use crate::render::shell;

/// Where a repository keeps the schemas for its editors: hidden, so that nothing in it is taken for a manifest.
pub(super) const SCHEMAS: &str = ".schemas";

/// What stands where only its owner knows the account.
const TO_FILL_IN: &str = "change-me";

/// What git must not keep: the embedded server's state, and saved plans.
const IGNORED: [&str; 2] = [".assignctl/", "plan.json"];

/// Pipelines, the same files as the examples.
const GITHUB: &str = include_str!("../../examples/ci/github/assignctl.yml");
const GITLAB: &str = include_str!("../../examples/ci/gitlab/gitlab-ci.yml");

/// Writes all files, or none.
pub(super) fn run(args: &InitArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let kinds = chosen(args, terminal)?;
    let pipeline = pipeline(args, terminal)?;
    let files = starter_files(&kinds, pipeline);
    let path = |name: &str| args.dir.join(name);
    let there: Vec<String> = files
        .iter()
        .filter(|(name, _)| path(name).exists())
        .map(|(name, _)| path(name).display().to_string())
        .collect();
    if !there.is_empty() && !args.force {
        bail!(
            "nothing was written, for these files are there already: {}; choose another directory, or pass --force",
            there.join(", ")
        );
    }
    for (name, text) in &files {
        files::save(&path(name), text)?;
        if !name.starts_with(SCHEMAS) {
            terminal.data(&format!("{}\n", path(name).display()))?;
        }
    }
    ignore(&path(".gitignore"))?;
    terminal.hint(&next(&args.dir, &kinds));
    Ok(Exit::Success)
}

/// Adds to what git ignores; what is there stays.
fn ignore(path: &Path) -> anyhow::Result<()> {
    let mut text = String::new();
    match files::open_input(path).and_then(|mut file| file.read_to_string(&mut text)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for line in IGNORED {
        if !text.lines().any(|known| known.trim() == line) {
            text.push_str(&format!("{line}\n"));
        }
    }
    files::save(path, &text)
}

/// The systems to begin with, in the order in which people are shown them.
fn chosen(args: &InitArgs, terminal: &Terminal) -> anyhow::Result<Vec<&'static Kind>> {
    let all = provider::kinds();
    let names: Vec<&str> = all.iter().map(|kind| kind.provider()).collect();
    let mut wanted = args.provider.clone();
    if wanted.is_empty() {
        let question = format!("Which systems? {}, separated by commas: ", names.join(", "));
        let answer = ask(terminal, &question, "--provider NAME")?;
        wanted = answer.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    }
    if wanted.is_empty() {
        bail!("nothing was written: no system was named; there are: {}", names.join(", "));
    }
    if let Some(unknown) = wanted.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("there is no provider {unknown}; there are: {}", names.join(", "));
    }
    Ok(all.into_iter().filter(|kind| wanted.iter().any(|name| name == kind.provider())).collect())
}

fn pipeline(args: &InitArgs, terminal: &Terminal) -> anyhow::Result<PipelineHost> {
    if let Some(host) = args.ci {
        return Ok(host);
    }
    match ask(terminal, "Which pipeline? github, gitlab or none: ", "--ci github|gitlab|none")?.as_str() {
        "github" => Ok(PipelineHost::Github),
        "gitlab" => Ok(PipelineHost::Gitlab),
        "none" | "" => Ok(PipelineHost::None),
        other => bail!("there is no pipeline for {other}; there are: github, gitlab, none"),
    }
}

fn ask(terminal: &Terminal, question: &str, flag: &str) -> anyhow::Result<String> {
    if !terminal.can_ask() {
        bail!("nothing was written: there is no terminal to ask at; say it with {flag}");
    }
    terminal.say(question);
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).context("the answer could not be read")?;
    Ok(answer.trim().to_owned())
}

/// All files but `.gitignore`, by their names below the directory.
fn starter_files(kinds: &[&'static Kind], pipeline: PipelineHost) -> Vec<(String, String)> {
    let targets: Vec<String> = kinds.iter().map(|kind| target(kind)).collect();
    let mut files = vec![
        (crate::manifest::ROOT_FILE.to_owned(), root()),
        ("targets.yaml".to_owned(), format!("{}{}", targets_heading(), targets.join("---\n"))),
        (".vscode/settings.json".to_owned(), settings(kinds)),
    ];
    files.extend(kinds.iter().map(|kind| (format!("sets/{}/start.yaml", kind.provider()), set(kind))));
    match pipeline {
        PipelineHost::Github => files.push((".github/workflows/assignctl.yml".to_owned(), GITHUB.to_owned())),
        PipelineHost::Gitlab => files.push((".gitlab-ci.yml".to_owned(), GITLAB.to_owned())),
        PipelineHost::None => {}
    }
    let schema = |name: &str| Some((format!("{SCHEMAS}/{}", schemas::file_name(name)), schemas::text(name)?));
    files.extend(schemas::names().into_iter().filter_map(schema));
    files
}

fn root() -> String {
    format!(
        "# yaml-language-server: $schema={SCHEMAS}/root.json\n#\n\
         # Marks the root of this repository of manifests: everything below it is always loaded together.\n\
         apiVersion: {API_VERSION}\nkind: Root\n"
    )
}

fn targets_heading() -> String {
    format!(
        "# yaml-language-server: $schema={SCHEMAS}/target.json\n#\n\
         # The accounts. Secrets are references to environment variables, never values. To try things out without an account, put\n\
         # `endpoint: sandbox` in the place of `auth`.\n"
    )
}

/// One account, as far as the tables know it.
fn target(kind: &Kind) -> String {
    let provider = kind.provider();
    let mut text = format!(
        "apiVersion: {API_VERSION}\nkind: Target\nmetadata: {{ name: {provider}-prod }}\nspec:\n  provider: {provider}\n"
    );
    for field in kind.account {
        text.push_str(&format!("  {field}: {TO_FILL_IN}\n"));
    }
    let form = kind.auth.first().map_or("bearer", |form| form.field());
    text.push_str(&format!("  auth: {{ {form}: {{ env: {}_TOKEN }} }}\n", provider.to_ascii_uppercase()));
    text
}

/// A set that changes nothing and shows everything.
fn set(kind: &Kind) -> String {
    let provider = kind.provider();
    let mut text = format!(
        "# yaml-language-server: $schema=../../{SCHEMAS}/{}\n#\n\
         # Observes only: a plan lists what is live and not declared here. Replace it by what is live with\n\
         #   assignctl import --target {provider}-prod --out sets/{provider}\n\
         apiVersion: {API_VERSION}\nkind: {}\nmetadata: {{ name: {provider}-start }}\nspec:\n  target: {provider}-prod\n",
        schemas::file_name(kind.name),
        kind.name,
    );
    if kind.address_is_scope {
        let required = kind.set.fields().filter(|field| field.required && field.part.is_some());
        required.for_each(|field| text.push_str(&format!("  {}: {TO_FILL_IN}\n", field.name)));
        text.push_str("  mode: observe\n  assignments: []\n");
    } else {
        text.push_str("  mode: observe\n  scope: all\n  assignments: []\n");
    }
    text
}

/// Which schema an editor uses for which files.
fn settings(kinds: &[&'static Kind]) -> String {
    let mut map = Map::new();
    let mut add = |name: &str, glob: String| {
        map.insert(format!("./{SCHEMAS}/{}", schemas::file_name(name)), json!(glob));
    };
    add("Root", crate::manifest::ROOT_FILE.to_owned());
    add("Target", "targets.yaml".to_owned());
    for kind in kinds {
        add(kind.name, format!("sets/{}/**/*.yaml", kind.provider()));
    }
    format!("{:#}\n", json!({ "yaml.schemas": map }))
}

fn next(dir: &Path, kinds: &[&'static Kind]) -> String {
    let provider = kinds.first().map_or("", |kind| kind.provider());
    let prefix = match shell::path(dir) {
        _ if dir == Path::new(".") => String::new(),
        Some(dir) => format!("cd {dir} && "),
        None => String::new(),
    };
    format!(
        "\nNext: write your account's ids in targets.yaml (`{TO_FILL_IN}`), export the tokens that it names, then\n  \
         {prefix}assignctl import --target {provider}-prod --out sets/{provider}\n"
    )
}
