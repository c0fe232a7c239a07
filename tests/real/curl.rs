//! curl as a client of `tuncat serve`.

mod post;

use crate::support::peers::Authority;
use crate::support::proc::tool;
use crate::support::{ClosedPort, Run, Serve, Target, connect};
use std::fs;

const BODY: &str = "the origin answers\n";

/// `curl` that tunnels to a plain HTTP origin.
fn curl(args: &[&str], origin: &Target) -> Run {
    // -q: not the user's ~/.curlrc. -p: CONNECT, although the scheme is http.
    Run::new(tool("curl", "curl"))
        .args(["-q", "-sS", "-p", "-m", "30"])
        .args(args)
        .arg(format!("http://{}/", origin.addr()))
}

#[test]
fn fetches_through_a_clear_proxy() {
    let serve = Serve::start();
    let origin = Target::http(BODY);
    let output = curl(&["-x", &serve.url], &origin).run().expect_clean();
    assert_eq!(output.stdout, BODY.as_bytes());
}

#[test]
fn fetches_through_a_self_signed_proxy() {
    let serve = Serve::with(&["--self-signed"]);
    assert!(serve.url.starts_with("https://"), "{}", serve.url);
    let origin = Target::http(BODY);
    let output = curl(&["-x", &serve.url, "--proxy-insecure"], &origin).run();
    assert_eq!(output.expect_clean().stdout, BODY.as_bytes());
    curl(&["-x", &serve.url], &origin).run().expect_code(60);
    assert_eq!(origin.accepted(), 1);
}

/// curl asks as if serve were an origin, because 7.88.1 lets any `--proxy-pinnedpubkey` pass beside `--proxy-insecure`.
#[test]
fn agrees_with_the_pin_of_a_self_signed_proxy() {
    let mut serve = Serve::with(&["--self-signed"]);
    let pin = serve.pin();
    let by_pin = |pin: &str| {
        let args = [
            "-q",
            "-sS",
            "-k",
            "-w",
            "%{http_code}",
            "--pinnedpubkey",
            pin,
        ];
        Run::new(tool("curl", "curl"))
            .args(args)
            .arg(&serve.url)
            .run()
    };
    let other = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    by_pin(other).expect_code(90);
    let status = by_pin(&pin).expect_clean().stdout;
    assert!(status.ends_with(b"405"), "serve answers: {status:?}");

    let echo = Target::echo();
    let through = |pin: &str| {
        connect(["-x", &serve.url, "--pin", pin])
            .arg(echo.addr())
            .stdin("hi")
    };
    assert_eq!(through(&pin).run().expect_clean().stdout, b"hi");
    through(other).run().expect_failure(60);
}

#[test]
fn fetches_through_a_proxy_with_a_certificate_from_a_private_authority() {
    let authority = Authority::named("tuncat test root");
    let certificate = authority.issue("127.0.0.1");
    let serve = Serve::with(&["--cert", &certificate.cert(), "--key", &certificate.key()]);
    let origin = Target::http(BODY);
    let root = &authority.root();
    let output = curl(&["-x", &serve.url, "--proxy-cacert", root], &origin)
        .run()
        .expect_clean();
    assert_eq!(output.stdout, BODY.as_bytes());

    let echo = Target::echo();
    let through = |args: &[&str]| {
        connect(["-x", &serve.url])
            .args(args)
            .arg(echo.addr())
            .stdin("hi")
    };
    assert_eq!(
        through(&["--cacert", root]).run().expect_clean().stdout,
        b"hi"
    );
    through(&[]).run().expect_failure(60);
}

#[test]
fn logs_in_and_fails_with_a_wrong_password() {
    let serve = Serve::with(&["--auth", "user:pass"]);
    let origin = Target::http(BODY);
    let login = |login: &[&str]| {
        let show = ["-w", "%{stderr}%{http_connect}", "-x", &serve.url];
        curl(&[&show[..], login].concat(), &origin).run()
    };
    let output = login(&["--proxy-user", "user:pass"]).expect_code(0);
    assert_eq!(output.stdout, BODY.as_bytes());
    assert_eq!(output.stderr, "200");
    for wrong in [
        &["--proxy-user", "user:wrong"][..],
        &["--proxy-user", "user:"],
        &[],
    ] {
        let output = login(wrong).expect_code(56);
        assert!(output.stderr.ends_with("407"), "{}", output.stderr);
    }
    assert_eq!(origin.accepted(), 1);
}

#[test]
fn logs_in_with_any_user_of_a_file() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let users = folder.path().join("users");
    fs::write(&users, "first:one\nsecond:two\n").expect("write users");
    let serve = Serve::with(&["--auth-file", &users.display().to_string()]);
    let origin = Target::http(BODY);
    let login = |user: &str| curl(&["-x", &serve.url, "--proxy-user", user], &origin).run();
    login("first:one").expect_clean();
    login("second:two").expect_clean();
    login("first:two").expect_code(56);
    assert_eq!(origin.accepted(), 2);
}

#[test]
fn is_told_why_there_is_no_tunnel() {
    let origin = Target::http(BODY);
    let denied = Serve::with(&["--deny", &origin.addr()]);
    let output = curl(&["-v", "-x", &denied.url], &origin)
        .run()
        .expect_code(56);
    assert!(
        output.stderr.contains("< HTTP/1.1 403"),
        "{}",
        output.stderr
    );
    assert!(
        output.stderr.to_lowercase().contains("< proxy-status:"),
        "{}",
        output.stderr
    );
    assert_eq!(origin.accepted(), 0);

    let serve = Serve::start();
    let closed = ClosedPort::new();
    let nowhere = format!("http://{}/", closed.addr());
    let output = Run::new(tool("curl", "curl"))
        .args(["-q", "-sS", "-v", "-p", "-x", &serve.url, &nowhere])
        .run()
        .expect_code(56);
    assert!(
        output.stderr.contains("< HTTP/1.1 502"),
        "{}",
        output.stderr
    );
    assert!(
        output.stderr.contains("connection_refused"),
        "{}",
        output.stderr
    );
}
