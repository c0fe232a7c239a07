//! Through tinyproxy.

use super::{echo_through_connect, echo_through_listen};
use crate::support::peers::{LOGIN, Tinyproxy};
use crate::support::{ClosedPort, Target, connect, free_port};

#[test]
fn carries_both_ways_through_connect() {
    let tinyproxy = Tinyproxy::start();
    echo_through_connect(&["-x", &tinyproxy.url]);
}

#[test]
fn carries_both_ways_through_listen() {
    let tinyproxy = Tinyproxy::start();
    echo_through_listen(&["-x", &tinyproxy.url]);
}

#[test]
fn carries_with_a_login() {
    let tinyproxy = Tinyproxy::with_login(LOGIN);
    echo_through_connect(&["-x", &tinyproxy.url, "-U", "user:pass"]);
}

#[test]
fn a_missing_login_is_67() {
    let tinyproxy = Tinyproxy::with_login(LOGIN);
    let target = Target::echo();
    let line = connect(["-x", &tinyproxy.url, &target.addr()])
        .run()
        .expect_failure(67);
    assert!(line.contains("407"), "{line}");
    assert_eq!(target.accepted(), 0);
}

/// tinyproxy answers a wrong login with 401, the status of an origin, and not with 407.
#[test]
fn a_wrong_login_is_a_failure_that_names_401() {
    let tinyproxy = Tinyproxy::with_login(LOGIN);
    let target = Target::echo();
    let line = connect(["-x", &tinyproxy.url, "-U", "user:wrong", &target.addr()])
        .run()
        .expect_failure(67);
    assert!(line.contains("401"), "{line}");
    assert_eq!(target.accepted(), 0);
}

#[test]
fn a_refusal_by_its_rules_is_101() {
    let target = Target::echo();
    let tinyproxy = Tinyproxy::only_port(free_port());
    let line = connect(["-x", &tinyproxy.url, &target.addr()])
        .run()
        .expect_failure(101);
    assert!(line.contains("403"), "{line}");
    assert_eq!(target.accepted(), 0);
}

/// tinyproxy says 500 "Unable to connect" where others say 502 or 503.
#[test]
fn a_target_that_refuses_is_a_failure_that_names_500() {
    let tinyproxy = Tinyproxy::start();
    let closed = ClosedPort::new();
    let line = connect(["-x", &tinyproxy.url, &closed.addr()])
        .run()
        .expect_failure(101);
    assert!(
        line.contains("500") && line.contains("Unable to connect"),
        "{line}"
    );
}
