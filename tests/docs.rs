//! What is written is what happens: README examples, man pages, completions.

use crate::support::tuncat::TUNCAT;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).expect("README.md")
}

/// The contents of the README's code blocks of one language.
fn blocks(language: &str) -> Vec<String> {
    let text = readme();
    let fence = format!("```{language}\n");
    let mut blocks = Vec::new();
    let mut rest = text.as_str();
    while let Some(start) = rest.find(&fence) {
        rest = &rest[start + fence.len()..];
        let end = rest.find("```").expect("a closed code block");
        blocks.push(rest[..end].to_owned());
        rest = &rest[end..];
    }
    assert!(!blocks.is_empty(), "no {language} block in the README");
    blocks
}

/// The README's configuration with `part` in it.
pub fn snippet(part: &str) -> String {
    let found = blocks("text")
        .into_iter()
        .find(|block| block.contains(part));
    found.unwrap_or_else(|| panic!("no {part} in a text block of the README"))
}

/// A folder with `tuncat` in it, for PATH.
fn path_with_tuncat(folder: &Path) -> String {
    std::os::unix::fs::symlink(TUNCAT, folder.join("tuncat")).expect("link the binary");
    let path = std::env::var("PATH").expect("PATH");
    format!("{}:{path}", folder.display())
}

/// Every `console` block is run line by line, and must print what stands below the command.
#[test]
fn the_readme_s_sessions_are_true() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = path_with_tuncat(folder.path());
    let mut commands = 0;
    for block in blocks("console") {
        let mut lines = block.lines().peekable();
        while let Some(line) = lines.next() {
            let command = line.strip_prefix("$ ").expect("a command first");
            let mut expected = String::new();
            while let Some(output) = lines.next_if(|l| !l.starts_with("$ ")) {
                expected += output;
                expected += "\n";
            }
            let output = Command::new("bash")
                .args(["-c", &format!("exec 2>&1; {command}")])
                .current_dir(folder.path())
                .env_clear()
                .env("PATH", &path)
                .output()
                .expect("bash");
            assert_eq!(
                String::from_utf8_lossy(&output.stdout),
                expected,
                "{command}"
            );
            commands += 1;
        }
    }
    assert!(commands >= 4, "{commands} commands");
}

/// Every `tuncat` command line in the README is one that the program takes.
#[test]
fn the_readme_s_commands_are_well_formed() {
    let mut checked = 0;
    let shell = blocks("sh").into_iter().chain(blocks("text"));
    for line in shell.flat_map(|b| b.lines().map(str::to_owned).collect::<Vec<_>>()) {
        let Some(at) = line.find("tuncat ") else {
            continue;
        };
        let mut command = line[at..].trim_end();
        if let Some(quoted) = line[..at].strip_suffix('\'') {
            let _ = quoted;
            command = command.split('\'').next().expect("a part");
        }
        let words = words_of(command.split(" <").next().expect("a part"));
        if let Err(error) = <tuncat::cli::Cli as clap::Parser>::try_parse_from(&words) {
            panic!("{command}: {error}");
        }
        checked += 1;
    }
    assert!(checked >= 9, "{checked} command lines");
}

/// Splits at blanks, with single quotes.
fn words_of(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (n, part) in command.split('\'').enumerate() {
        if n % 2 == 1 {
            *words.last_mut().expect("a word") += part;
            continue;
        }
        let mut pieces = part.split(' ');
        *words.last_mut().expect("a word") += pieces.next().unwrap_or("");
        words.extend(pieces.map(str::to_owned));
    }
    words.retain(|w| !w.is_empty());
    words
}

/// The README promises two commands for a fresh machine, and no more.
#[test]
fn set_up_takes_two_commands() {
    let text = readme();
    let section = text.split("## Set-up").nth(1).expect("a Set-up section");
    let section = section.split("\n## ").next().expect("its text");
    let commands: Vec<&str> = section.split("```sh\n").skip(1).collect();
    assert_eq!(commands.len(), 2);
    let folder = tempfile::tempdir().expect("a folder");
    // The first one, with the binary that is here instead of a build.
    let line = commands[0].lines().next().expect("a command");
    let command = line.replace("cargo run --release --", TUNCAT);
    assert_ne!(command, line, "the first command builds and runs");
    let output = Command::new("bash")
        .args(["-c", &command])
        .current_dir(folder.path())
        .output()
        .expect("bash");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello\n");
    assert!(output.status.success());
    let run = commands[1].lines().next().expect("a command");
    assert!(root().join(run).is_file(), "{run}");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries
        .map(|e| e.expect("an entry").file_name().into())
        .collect();
    names.sort();
    names
}

/// What `tuncat generate` writes is what is committed.
#[test]
fn man_pages_and_completions_have_not_drifted() {
    for what in ["man", "completions"] {
        let fresh = tempfile::tempdir().expect("a folder");
        let status = Command::new(TUNCAT)
            .args(["generate", what])
            .arg(fresh.path())
            .status()
            .expect("tuncat generate");
        assert!(status.success());
        let committed = root().join(what);
        assert_eq!(files(fresh.path()), files(&committed), "{what}/");
        for name in files(&committed) {
            let read = |folder: &Path| std::fs::read(folder.join(&name)).expect("a file");
            assert!(
                read(fresh.path()) == read(&committed),
                "{what}/{} has drifted: run 'cargo run -- generate {what} {what}'",
                name.display()
            );
        }
    }
}
