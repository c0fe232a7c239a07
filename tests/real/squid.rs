//! Through squid.

use super::{echo_through_connect, echo_through_listen};
use crate::support::peers::{LOGIN, Squid};
use crate::support::{ClosedPort, Feed, Target, connect};

#[test]
fn carries_both_ways_through_connect() {
    let squid = Squid::start();
    echo_through_connect(&["-x", &squid.url]);
}

#[test]
fn carries_both_ways_through_listen() {
    let squid = Squid::start();
    echo_through_listen(&["-x", &squid.url]);
}

#[test]
fn carries_with_a_login_from_every_source() {
    let squid = Squid::with_login(LOGIN);
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("password");
    std::fs::write(&file, "pass\n").expect("write a password");
    let file = file.to_str().expect("a path that is text");
    let target = Target::answers_and_closes(5, 1, 1000);
    let through = |args: &[&str]| connect(args).arg(target.addr()).stdin("hello");

    through(&["-x", &squid.url, "-U", "user:pass"])
        .run()
        .expect_clean();
    through(&["-x", &squid.url, "-U", "user", "--proxy-pass-file", file])
        .run()
        .expect_clean();
    through(&["-x", &squid.url, "-U", "user"])
        .env("TUNCAT_PROXY_PASSWORD", "pass")
        .run()
        .expect_clean();

    let with_login = format!("http://user:pass@127.0.0.1:{}", squid.port);
    let output = through(&["-x", &with_login]).run().expect_code(0);
    let warnings = output.stderr.lines().count();
    assert_eq!(warnings, 1, "one warning about the URL:\n{}", output.stderr);
    assert!(
        !output.stderr.contains("pass@"),
        "no password:\n{}",
        output.stderr
    );

    let used = squid.access_log();
    assert!(used.contains(" user "), "squid knows the user:\n{used}");
    assert_eq!(target.accepted(), 4);
}

#[test]
fn a_wrong_or_missing_login_is_67() {
    let squid = Squid::with_login(LOGIN);
    let target = Target::echo();
    for login in [
        &["-U", "user:not-this-one"][..],
        &["-U", "nobody:pass"],
        &[],
    ] {
        let line = connect(["-x", &squid.url])
            .args(login)
            .arg(target.addr())
            .run()
            .expect_failure(67);
        assert!(line.contains("407"), "{line}");
        assert!(!line.contains("not-this-one"), "no password: {line}");
    }
    assert_eq!(target.accepted(), 0);
}

#[test]
fn a_refusal_by_its_rules_is_101() {
    let target = Target::echo();
    let squid = Squid::denying_port(target.port);
    let line = connect(["-x", &squid.url, &target.addr()])
        .run()
        .expect_failure(101);
    assert!(line.contains("403"), "{line}");
    assert_eq!(target.accepted(), 0);
}

#[test]
fn a_target_that_refuses_is_103() {
    let squid = Squid::start();
    let closed = ClosedPort::new();
    let line = connect(["-x", &squid.url, &closed.addr()])
        .run()
        .expect_failure(103);
    assert!(line.contains("503"), "{line}");
}

/// squid 5.7 answers 500 with `X-Squid-Error: ERR_CANNOT_FORWARD` whether the name does not exist or its resolver is
/// silent, so the kind of failure that the exit code can tell is "the proxy did not reach the target".
#[test]
fn a_name_that_it_cannot_resolve_is_103() {
    let squid = Squid::start();
    let line = connect(["-x", &squid.url, "no-such-host.invalid:443"])
        .run()
        .expect_failure(103);
    assert!(
        line.contains("500") && line.contains("ERR_CANNOT_FORWARD"),
        "{line}"
    );
}

#[test]
fn bytes_that_the_target_sends_first_are_not_lost() {
    let squid = Squid::start();
    let target = Target::ends_first(5, 3000);
    let output = connect(["-x", &squid.url, &target.addr()])
        .feed(Feed::Open(Vec::new()))
        .run()
        .expect_clean();
    assert_eq!(output.stdout, crate::support::pattern(5, 3000));
}
