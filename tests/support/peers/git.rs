//! A git repository to clone and push over ssh.

use crate::support::proc::tool;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes a bare repository in `folder` with one commit of a file `data` on the branch `main`; gives its path.
pub fn bare_repository(folder: &Path, data: &[u8]) -> PathBuf {
    let work = folder.join("origin-work");
    let bare = folder.join("origin.git");
    run(git().args(["init", "-q", "-b", "main"]).arg(&work));
    fs::write(work.join("data"), data).expect("write a file");
    run(git().arg("-C").arg(&work).args(["add", "data"]));
    run(git()
        .arg("-C")
        .arg(&work)
        .args(["commit", "-q", "-m", "Add data"]));
    run(git().args(["clone", "-q", "--bare"]).arg(&work).arg(&bare));
    bare
}

/// `git` with a fixed author and none of the user's configuration.
pub fn git() -> Command {
    let mut command = tool("git", "git");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "Test");
        command.env(format!("GIT_{role}_EMAIL"), "test@localhost");
    }
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0");
    command
}

fn run(command: &mut Command) {
    let output = command.output().expect("run git");
    assert!(output.status.success(), "{command:?}: {output:?}");
}
