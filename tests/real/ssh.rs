//! OpenSSH and git over ssh, through tunnels.

use super::MIB;
use crate::support::peers::{LOGIN, Squid, Sshd, bare_repository, git};
use crate::support::tuncat::TUNCAT;
use crate::support::{Feed, Listen, Output, Pattern, Run, Serve, pattern};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// `-o ProxyCommand=…` as a user would write it.
fn proxy_command(args: &str) -> [String; 2] {
    let command = format!("ProxyCommand=\"{TUNCAT}\" connect {args} %h %p");
    ["-o".to_owned(), command]
}

/// squid with a login, and the arguments with which tuncat goes through it.
fn squid_with_login() -> (Squid, String) {
    let squid = Squid::with_login(LOGIN);
    let args = format!("-x http://user:pass@127.0.0.1:{}", squid.port);
    (squid, args)
}

fn ssh(sshd: &Sshd, proxy: &[String], command: &str) -> Run {
    Run::new(sshd.client("ssh"))
        .args(proxy)
        .args([&sshd.destination(), command])
}

#[test]
fn logs_in_through_squid() {
    let sshd = Sshd::start();
    let (squid, args) = squid_with_login();
    let output = ssh(&sshd, &proxy_command(&args), "echo here; exit 7")
        .run()
        .expect_code(7);
    assert_eq!(output.stdout, b"here\n");
    let log = squid.access_log();
    let target = sshd.addr();
    assert!(
        log.contains(&format!("CONNECT {target} user ")),
        "squid saw it:\n{log}"
    );
}

#[test]
fn shows_why_it_cannot_log_in() {
    let sshd = Sshd::start();
    let squid = Squid::with_login(LOGIN);
    let proxy = proxy_command(&format!("-x {} -U user:wrong", squid.url));
    let output = ssh(&sshd, &proxy, "true").run().expect_code(255);
    let told = output
        .stderr
        .lines()
        .any(|line| line.starts_with("tuncat: ") && line.contains("407"));
    assert!(told, "the reason reaches the user:\n{}", output.stderr);
}

#[test]
fn carries_256_mib_each_way_through_squid() {
    let sshd = Sshd::start();
    let (_squid, args) = squid_with_login();
    let len = 256 * MIB;
    let output = ssh(&sshd, &proxy_command(&args), "cat")
        .feed(Feed::Pattern(31, len))
        .hash_only()
        .limit(Duration::from_secs(240))
        .run()
        .expect_code(0);
    assert_eq!(output.stdout_len, len);
    assert_eq!(output.stdout_sha256, Pattern::sha256(31, len));
}

#[test]
fn copies_files_both_ways_with_scp_through_squid() {
    let sshd = Sshd::start();
    let (_squid, args) = squid_with_login();
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = |name: &str| {
        folder
            .path()
            .join(name)
            .to_str()
            .expect("a path that is text")
            .to_owned()
    };
    let data = pattern(41, 5_000_000);
    fs::write(file("here"), &data).expect("write a file");
    let remote = format!("{}:{}", sshd.destination(), file("there"));
    for (from, to) in [(&file("here"), &remote), (&remote, &file("back"))] {
        Run::new(sshd.client("scp"))
            .args(proxy_command(&args))
            .args([from, to])
            .run()
            .expect_code(0);
    }
    assert!(
        fs::read(file("there")).expect("read a file") == data,
        "the upload is whole"
    );
    assert!(
        fs::read(file("back")).expect("read a file") == data,
        "the download is whole"
    );
}

#[test]
fn git_clones_and_pushes_through_squid() {
    let sshd = Sshd::start();
    let (_squid, args) = squid_with_login();
    let folder = tempfile::tempdir().expect("temporary folder");
    let data = pattern(51, 3_000_000);
    let origin = bare_repository(folder.path(), &data);
    let clone = folder.path().join("clone");
    let options = [sshd.options(), proxy_command(&args).to_vec()].concat();
    let quoted: Vec<_> = options.iter().map(|option| format!("'{option}'")).collect();
    let ssh = format!("ssh {}", quoted.join(" "));
    let run = |args: &[&str]| -> Output {
        Run::new(git())
            .args(args)
            .env("GIT_SSH_COMMAND", &ssh)
            .run()
            .expect_code(0)
    };
    let url = format!(
        "ssh://{}:{}{}",
        sshd.destination(),
        sshd.port,
        text(&origin)
    );
    run(&["clone", "-q", &url, text(&clone)]);
    assert!(
        fs::read(clone.join("data")).expect("read a file") == data,
        "the clone is whole"
    );

    let more = pattern(52, 3_000_000);
    fs::write(clone.join("data"), more).expect("write a file");
    run(&[
        "-C",
        text(&clone),
        "commit",
        "-q",
        "-a",
        "-m",
        "Change data",
    ]);
    run(&["-C", text(&clone), "push", "-q", "origin", "main"]);
    let head = |place: &Path| run(&["-C", text(place), "rev-parse", "main"]).stdout;
    assert_eq!(head(&clone), head(&origin), "the push arrived");
    run(&["-C", text(&origin), "fsck", "--full"]);
}

#[test]
fn logs_in_through_serve() {
    let sshd = Sshd::start();
    let mut serve = Serve::with(&["--self-signed", "--auth", "user:pass"]);
    let pin = serve.pin();
    let args = format!("-x {} --pin {pin} -U user:pass", serve.url);
    let output = ssh(&sshd, &proxy_command(&args), "cat")
        .feed(Feed::Pattern(61, 16 * MIB))
        .hash_only()
        .run()
        .expect_clean();
    assert_eq!(output.stdout_sha256, Pattern::sha256(61, 16 * MIB));
}

#[test]
fn logs_in_through_listen() {
    let sshd = Sshd::start();
    let squid = Squid::start();
    let listen = Listen::start(&["-x", &squid.url], &[&format!("0:{}", sshd.addr())]);
    let port = listen.ports[0];
    let clients = [71, 72].map(|seed| {
        let run = Run::new(sshd.client_on("ssh", port))
            .args([&sshd.destination(), "cat"])
            .feed(Feed::Pattern(seed, 16 * MIB))
            .hash_only();
        (seed, std::thread::spawn(move || run.run()))
    });
    for (seed, client) in clients {
        let output = client.join().expect("an ssh client").expect_clean();
        assert_eq!(output.stdout_sha256, Pattern::sha256(seed, 16 * MIB));
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}
