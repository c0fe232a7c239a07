//! Through Apache with mod_proxy_connect.

use super::{MIB, echo_whole};
use crate::support::peers::{Apache, LOGIN};
use crate::support::{ClosedPort, Feed, Listen, Pattern, Target, connect, free_port};

#[test]
fn carries_both_ways_through_connect() {
    let echo = Target::echo();
    let apache = Apache::allowing(echo.port);
    let output = connect(["-x", &apache.url, &echo.addr()])
        .feed(Feed::Pattern(11, 16 * MIB))
        .hash_only()
        .run()
        .expect_clean();
    assert_eq!(output.stdout_len, 16 * MIB);
    assert_eq!(output.stdout_sha256, Pattern::sha256(11, 16 * MIB));
}

#[test]
fn carries_both_ways_through_listen() {
    let echo = Target::echo();
    let apache = Apache::allowing(echo.port);
    let listen = Listen::start(&["-x", &apache.url], &[&format!("0:{}", echo.addr())]);
    echo_whole(listen.ports[0], 21, 16 * MIB);
}

#[test]
fn carries_with_a_login_and_without_it_is_67() {
    let echo = Target::echo();
    let apache = Apache::with_login(echo.port, LOGIN);
    let through = |login: &[&str]| {
        connect(["-x", &apache.url])
            .args(login)
            .arg(echo.addr())
            .stdin("hello")
            .run()
    };
    assert_eq!(
        through(&["-U", "user:pass"]).expect_clean().stdout,
        b"hello"
    );
    for login in [&["-U", "user:wrong"][..], &[]] {
        let line = through(login).expect_failure(67);
        assert!(line.contains("407"), "{line}");
    }
    assert_eq!(echo.accepted(), 1);
}

#[test]
fn a_port_that_it_does_not_allow_is_101() {
    let echo = Target::echo();
    let apache = Apache::allowing(free_port());
    let line = connect(["-x", &apache.url, &echo.addr()])
        .run()
        .expect_failure(101);
    assert!(line.contains("403"), "{line}");
    assert_eq!(echo.accepted(), 0);
}

#[test]
fn a_target_that_refuses_is_103() {
    let closed = ClosedPort::new();
    let apache = Apache::allowing(closed.port);
    let line = connect(["-x", &apache.url, &closed.addr()])
        .run()
        .expect_failure(103);
    assert!(line.contains("503"), "{line}");
}
