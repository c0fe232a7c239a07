//! Who a client is: by htpasswd files of the real htpasswd and openssl, and by certificates; and what each may reach.

use super::{Files, records};
use crate::support::peers::Authority;
use crate::support::proc::tool;
use crate::support::{Serve, Target, connect};
use std::process::Command;

/// What a program writes, without its last line feed.
#[track_caller]
fn output(mut command: Command) -> String {
    let output = command.output().expect("run it");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .to_owned()
}

fn openssl(kind: &str, password: &str) -> String {
    let mut command = tool("openssl", "openssl");
    command.args(["passwd", kind, password]);
    output(command)
}

/// `user:hash`.
fn htpasswd(options: &str, user: &str, password: &str) -> String {
    let mut command = tool("htpasswd", "apache2-utils");
    command.args([options, user, password]);
    output(command)
}

fn through(serve: &Serve, user: &str, target: &Target) -> i32 {
    let args = ["-x", &serve.url, "-U", user, "--proxy-auth", "basic"];
    let args = args.into_iter().map(str::to_owned).chain([target.addr()]);
    let run = connect(args).stdin(*b"hello").run();
    if run.code == 0 {
        assert_eq!(run.stdout, b"hello");
    }
    run.code
}

#[test]
fn files_that_others_wrote() {
    let files = Files::new();
    let password = "pass wörd:with/all+of=it";
    let mut users = vec![
        htpasswd("-nbB", "bcrypt", password),
        htpasswd("-nbm", "apr1", password),
        htpasswd("-nbs", "sha", password),
        htpasswd("-nb2", "sha256", password),
        htpasswd("-nb5", "sha512", password),
        format!("openssl-apr1:{}", openssl("-apr1", password)),
        format!("openssl-1:{}", openssl("-1", password)),
        format!("openssl-5:{}", openssl("-5", password)),
        format!("openssl-6:{}", openssl("-6", password)),
        format!("plain:{password}"),
    ];
    for length in [0, 1, 15, 16, 17, 40] {
        let password = "x".repeat(length);
        users.push(format!("long{length}:{}", openssl("-apr1", &password)));
    }
    let file = files.put("users", &users.join("\n"));
    let serve = Serve::with(&["--auth-file", &file]);
    let target = Target::echo();
    for user in users.iter().filter_map(|line| line.split(':').next()) {
        let password = match user.strip_prefix("long") {
            Some(length) => "x".repeat(length.parse().expect("a number")),
            None => password.to_owned(),
        };
        assert_eq!(
            through(&serve, &format!("{user}:{password}"), &target),
            0,
            "{user}"
        );
        assert_eq!(
            through(&serve, &format!("{user}:{password}."), &target),
            67,
            "{user}"
        );
    }
    assert_eq!(through(&serve, &format!("nobody:{password}"), &target), 67);
}

/// The crypt of old times looks at eight characters: it is not taken for a password itself.
#[test]
fn hashes_that_are_not_taken() {
    let files = Files::new();
    let costly = htpasswd("-nbB", "ann", "x").replace("$05$", "$31$");
    for (line, why) in [
        (costly.as_str(), "line 1: a bcrypt cost of 31"),
        ("ann:{SSHA}xyz", "line 1: this kind of hash is not known"),
        ("ann:$apr1$x", "line 1: this kind of hash is not known"),
        ("# c\nann", "line 2: no colon"),
    ] {
        let file = files.put("users", line);
        let run = crate::support::Run::new(Command::new(crate::support::tuncat::TUNCAT))
            .args([
                "serve",
                "-l",
                "127.0.0.1:0",
                "--check",
                "--auth-file",
                &file,
            ])
            .run();
        let line = run.expect_failure(2);
        assert!(line.contains(why), "{line}");
    }
}

#[test]
fn each_user_reaches_what_is_hers() {
    let files = Files::new();
    let (all, own, never) = (Target::echo(), Target::echo(), Target::echo());
    let rules = format!(
        "allow = [\"127.0.0.1:{}\"]\n\
         deny = [\"127.0.0.1:{}\"]\n\
         [users.ann]\n\
         allow = [\"127.0.0.1:{}\", \"127.0.0.1:{}\"]\n\
         [users.bob]\n\
         deny = [\"127.0.0.1\"]\n",
        all.port, never.port, own.port, never.port,
    );
    let rules = files.put("rules.toml", &rules);
    let (ann, bob, carl) = ("ann:1", "bob:2", "carl:3");
    let serve = Serve::with(&[
        "--auth", ann, "--auth", bob, "--auth", carl, "--rules", &rules,
    ]);
    for (user, target, code) in [
        (ann, &own, 0),
        (ann, &all, 101),
        (ann, &never, 101),
        (bob, &all, 101),
        (bob, &own, 101),
        (carl, &all, 0),
        (carl, &own, 101),
    ] {
        assert_eq!(
            through(&serve, user, target),
            code,
            "{user} {}",
            target.port
        );
    }
}

/// A certificate's holder is the user whom it names, or whom a list names.
#[test]
fn users_by_their_certificates() {
    let files = Files::new();
    let clients = Authority::named("clients");
    let (ann, build) = (clients.issue("ann"), clients.issue("build.example"));
    let target = Target::echo();
    let log = files.arg("log");
    let root = clients.root();
    let file = files.path("log");
    let users = |event: &str, count: usize| -> Vec<String> {
        let all = records(&file, event, count);
        all.iter()
            .map(|r| r["user"].as_str().unwrap_or("-").to_owned())
            .collect()
    };
    let rules = |more: &str| format!("[users.ann]\ndeny = [\"*\"]\n{more}");
    let through = |serve: &mut Serve, of: &crate::support::peers::Certificate| {
        let pin = serve.pin();
        let (cert, key) = (of.cert(), of.key());
        let args = [
            "-x", &serve.url, "--pin", &pin, "-E", &cert, "--key", &key, "--via", "h1",
        ];
        let args = args.into_iter().map(str::to_owned).chain([target.addr()]);
        connect(args).stdin(*b"x").run().code
    };
    let start = |rules: &str| {
        let rules = files.put("rules.toml", rules);
        Serve::with(&[
            "--self-signed",
            "--client-ca",
            &root,
            "--rules",
            &rules,
            "--access-log",
            &log,
            "--access-log-format",
            "json",
        ])
    };
    let mut serve = start(&rules(""));
    assert_eq!(through(&mut serve, &ann), 101);
    assert_eq!(through(&mut serve, &build), 0);
    // What ends here is killed: the lines are asked for before it is.
    assert_eq!(users("refused", 1), ["ann"]);
    assert_eq!(users("tunnel", 1), ["build.example"]);
    drop(serve);
    let mut serve = start(&rules(
        "[certificates]\n\"dns:build.example\" = \"ann\"\n\"CN=ann\" = \"bob\"\n",
    ));
    assert_eq!(through(&mut serve, &ann), 0);
    assert_eq!(through(&mut serve, &build), 101);
    assert_eq!(users("tunnel", 2), ["build.example", "bob"]);
    assert_eq!(users("refused", 2), ["ann", "ann"]);
    drop(serve);
    let mut serve = start("[certificates]\n\"CN=else\" = \"bob\"\n");
    assert_eq!(through(&mut serve, &ann), 101);
    assert_eq!(users("refused", 3), ["ann", "ann", "-"]);
}
