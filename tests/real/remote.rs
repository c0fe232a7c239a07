//! What ssh, scp and git do with `tuncat connect` as their ProxyCommand, whatever its `args` lead through.

use crate::support::peers::{Sshd, bare_repository, git};
use crate::support::tuncat::TUNCAT;
use crate::support::{Feed, Output, Pattern, Run, pattern};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// `-o ProxyCommand=…` as a user would write it.
pub fn proxy_command(args: &str) -> [String; 2] {
    let command = format!("ProxyCommand=\"{TUNCAT}\" connect {args} %h %p");
    ["-o".to_owned(), command]
}

/// A command on the far side.
pub fn ssh(sshd: &Sshd, args: &str, command: &str) -> Run {
    Run::new(sshd.client("ssh"))
        .args(proxy_command(args))
        .args([&sshd.destination(), command])
}

/// A line and an exit code come back.
pub fn runs_a_command(sshd: &Sshd, args: &str) {
    let output = ssh(sshd, args, "echo here; exit 7").run().expect_code(7);
    assert_eq!(output.stdout, b"here\n");
}

/// `len` bytes go there and come back; gives the rest of what the client said.
pub fn pipes(sshd: &Sshd, args: &str, len: u64) -> Output {
    let output = ssh(sshd, args, "cat")
        .feed(Feed::Pattern(31, len))
        .hash_only()
        .limit(Duration::from_secs(240))
        .run()
        .expect_code(0);
    assert_eq!(output.stdout_len, len);
    assert_eq!(output.stdout_sha256, Pattern::sha256(31, len));
    output
}

/// A file goes there, and comes back under a third name.
pub fn copies_files(sshd: &Sshd, args: &str) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let files = ["here", "there", "back"].map(|name| folder.path().join(name));
    let [here, there, back] = files.each_ref().map(|file| text(file));
    let data = pattern(41, 5_000_000);
    fs::write(here, &data).expect("write a file");
    let remote = format!("{}:{there}", sshd.destination());
    for (from, to) in [(here, &*remote), (&*remote, back)] {
        Run::new(sshd.client("scp"))
            .args(proxy_command(args))
            .args([from, to])
            .run()
            .expect_code(0);
    }
    let read = |file| fs::read(file).expect("read a file");
    assert!(read(there) == data, "the upload is whole");
    assert!(read(back) == data, "the download is whole");
}

/// A repository is cloned, and a commit is pushed to it.
pub fn clones_and_pushes(sshd: &Sshd, args: &str) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let data = pattern(51, 3_000_000);
    let origin = bare_repository(folder.path(), &data);
    let clone = folder.path().join("clone");
    let options = [sshd.options(), proxy_command(args).to_vec()].concat();
    let quoted: Vec<_> = options.iter().map(|option| format!("'{option}'")).collect();
    let ssh = format!("ssh {}", quoted.join(" "));
    let run = |args: &[&str]| {
        let git = Run::new(git()).args(args).env("GIT_SSH_COMMAND", &ssh);
        git.run().expect_code(0)
    };
    let url = format!(
        "ssh://{}:{}{}",
        sshd.destination(),
        sshd.port,
        text(&origin)
    );
    run(&["clone", "-q", &url, text(&clone)]);
    let cloned = fs::read(clone.join("data")).expect("read a file");
    assert!(cloned == data, "the clone is whole");

    fs::write(clone.join("data"), pattern(52, 3_000_000)).expect("write a file");
    let place = text(&clone);
    run(&["-C", place, "commit", "-q", "-a", "-m", "Change data"]);
    run(&["-C", place, "push", "-q", "origin", "main"]);
    let head = |place: &Path| run(&["-C", text(place), "rev-parse", "main"]).stdout;
    assert_eq!(head(&clone), head(&origin), "the push arrived");
    run(&["-C", text(&origin), "fsck", "--full"]);
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}
