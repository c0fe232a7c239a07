//! Passwords from files and programs of others: `.netrc`, commands, and the window that ssh would open.

use super::basic;
use crate::client::LIMIT;
use crate::client::expect::TARGET;
use crate::client::peer::{OK, Peer};
use crate::support::{Output, Run, connect};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn run(peer: &Peer, args: &[&str]) -> Run {
    let run = connect(["-x", &peer.url(), TARGET, "-N", "--proxy-auth", "basic"]);
    run.args(args).limit(LIMIT).stdin("hello")
}

#[track_caller]
fn opens(run: Run, peer: &Peer, field: &str) {
    let output: Output = run.run().expect_clean();
    assert_eq!(output.stdout, b"hello");
    let heads = peer.heads();
    assert!(heads[0].contains(field), "{field:?} in {heads:?}");
}

fn script(folder: &Path, text: &str) -> String {
    let file = folder.join("script");
    fs::write(&file, format!("#!/bin/sh\n{text}\n")).expect("write a script");
    fs::set_permissions(&file, Permissions::from_mode(0o755)).expect("let it run");
    file.display().to_string()
}

#[test]
fn netrc() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join(".netrc");
    let text =
        "machine other.test login x password y\nmachine 127.0.0.1 login me password s3cret\n";
    fs::write(&file, text).expect("write a file");
    let file = file.display().to_string();
    let peer = Peer::echo(OK);
    opens(
        run(&peer, &["--netrc-file", &file]),
        &peer,
        &basic("me", "s3cret"),
    );
    let peer = Peer::echo(OK);
    let home = run(&peer, &["--netrc"]).env("HOME", folder.path());
    opens(home, &peer, &basic("me", "s3cret"));
    // Somebody else is not in it, and what is named on the command line wins.
    let peer = Peer::echo(OK);
    let line = run(&peer, &["-U", "you", "--netrc-file", &file])
        .run()
        .expect_failure(2);
    assert!(line.contains("no password for 'you'"), "{line}");
    opens(
        run(&peer, &["-U", "you:own", "--netrc-file", &file]),
        &peer,
        &basic("you", "own"),
    );
    let line = run(&peer, &["--netrc-file", "/nonexistent"])
        .run()
        .expect_failure(2);
    assert!(line.contains("/nonexistent: No such file"), "{line}");
}

/// What it is told, and every way in which it may answer.
#[test]
fn a_command() {
    let folder = TempDir::new().expect("a temporary folder");
    let told = folder.path().join("told");
    let (told, path) = (told.display().to_string(), folder.path());
    for (text, args, field) in [
        (
            "echo username=me; echo password=s3cret",
            vec![],
            basic("me", "s3cret"),
        ),
        (
            "echo password=s3=cret",
            vec!["-U", "me"],
            basic("me", "s3=cret"),
        ),
        (
            "echo Basic abcdef==",
            vec![],
            "Proxy-Authorization: Basic abcdef==\r\n".into(),
        ),
        (
            "printf 'Bearer a.b-c'",
            vec![],
            "Proxy-Authorization: Bearer a.b-c\r\n".into(),
        ),
        (
            "echo authtype=Bearer; echo credential=tok",
            vec![],
            "Proxy-Authorization: Bearer tok\r\n".into(),
        ),
    ] {
        let command = script(path, &format!("cat >{told}; echo warned >&2; {text}"));
        let peer = Peer::echo(OK);
        let run = run(&peer, &["--proxy-auth-command", &command]).args(&args);
        let run = run.env("SECRET_OF_OURS", "x").env("TUNCAT_UNUSED", "y");
        let output = run.run().expect_code(0);
        assert_eq!(output.stderr, "warned\n", "its own words come through");
        assert!(
            peer.heads()[0].contains(&field),
            "{field} in {:?}",
            peer.heads()
        );
        let told = fs::read_to_string(&told).expect("what it was told");
        let port = peer.addr();
        let wanted = format!("protocol=http\nhost={port}\n");
        assert!(told.starts_with(&wanted), "{told}");
        assert_eq!(told.contains("username=me\n"), !args.is_empty(), "{told}");
    }
}

#[test]
fn a_command_that_fails() {
    let folder = TempDir::new().expect("a temporary folder");
    let peer = Peer::echo(OK);
    for (text, said) in [
        ("exit 3", "it ended with exit status: 3"),
        (":", "it printed nothing"),
        ("echo s3cret; echo more", "what it printed is neither"),
        ("echo s3cret", "what it printed is neither"),
        ("echo password=s3cret", "a password and no username"),
        ("printf '\\377'", "not UTF-8"),
        (
            "head -c 100000 /dev/zero | tr '\\0' x",
            "it printed too much",
        ),
    ] {
        let command = script(folder.path(), text);
        let line = run(&peer, &["--proxy-auth-command", &command]).run();
        let line = line.expect_failure(2);
        assert!(line.contains("--proxy-auth-command: "), "{line}");
        assert!(line.contains(said), "{said:?} in {line}");
        assert!(!line.contains("s3cret"), "{line}");
    }
    // Its children go with it.
    let command = script(folder.path(), "sleep 1000 & sleep 1000");
    let began = Instant::now();
    let line = run(&peer, &["-w", "1", "--proxy-auth-command", &command]).run();
    assert!(line.expect_failure(2).contains("no answer within 1 s"));
    assert!(began.elapsed() < Duration::from_secs(9));
    assert_eq!(peer.accepted(), 0);
}

/// Where there is no terminal and a display, or where the user wants it so.
#[test]
fn ssh_askpass() {
    let folder = TempDir::new().expect("a temporary folder");
    let asked = folder.path().join("asked");
    let text = format!("echo \"$1\" >{}; echo s3cret", asked.display());
    let program = script(folder.path(), &text);
    for variables in [
        vec![("SSH_ASKPASS_REQUIRE", "force")],
        vec![("SSH_ASKPASS_REQUIRE", "prefer")],
    ] {
        let peer = Peer::echo(OK);
        let run = run(&peer, &["-U", "me"]).env("SSH_ASKPASS", &program);
        let run = variables
            .iter()
            .fold(run, |run, (name, value)| run.env(name, value));
        opens(run, &peer, &basic("me", "s3cret"));
        let asked = fs::read_to_string(&asked).expect("the question");
        assert_eq!(asked, format!("Password for me at {}: \n", peer.url()));
    }
    let peer = Peer::echo(OK);
    let never = run(&peer, &["-U", "me"]).env("SSH_ASKPASS", &program);
    let never = never
        .env("SSH_ASKPASS_REQUIRE", "never")
        .env("DISPLAY", ":0");
    let output = crate::client::secrets::helpers::without_terminal(never);
    assert!(output.contains("no password for 'me'"), "{output}");
}

/// The one line of a run that has no terminal to ask on.
fn without_terminal(run: Run) -> String {
    run.run().expect_failure(2)
}
