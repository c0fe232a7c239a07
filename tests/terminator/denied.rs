//! Targets that the policy forbids, in every form that an address can be written: 403, why, and nothing dialled.

use super::post::{path_to, post};
use super::request::{ask, ask_for, connect_request, open};
use crate::support::{Serve, Target, wait_for};

const PROHIBITED: &str = "destination_ip_prohibited";
const DENIED: &str = "http_request_denied";

/// Every host is refused with `error` on the target's port, to CONNECT and to POST, and the target sees no connection.
#[track_caller]
fn all_denied(args: &[&str], error: &str, hosts: &[&str]) {
    let target = Target::sink();
    let port = target.port;
    let replaced: Vec<String> = args
        .iter()
        .map(|arg| arg.replace("PORT", &port.to_string()))
        .collect();
    let args: Vec<&str> = replaced.iter().map(String::as_str).collect();
    let serve = Serve::with(&args);
    for host in hosts {
        let at = format!("{host}:{port}");
        for request in [
            connect_request(&at),
            post(&path_to(&at), "proxy.test", ""),
            post("/", &at, ""),
        ] {
            let answer = ask(serve.port, &request);
            assert_eq!(answer.status, 403, "{request}: {}", answer.text);
            assert_eq!(answer.error(), error, "{request}: {}", answer.text);
            answer.refuses(403, error);
        }
    }
    // A connection that was made earlier would be accepted earlier.
    let other = Serve::start();
    drop(open(other.port, &target.addr()));
    wait_for("the good connection", || {
        (target.accepted() > 0).then_some(())
    });
    assert_eq!(target.accepted(), 1, "something was dialled");
}

/// 127.0.0.1 and ::1 in all their clothes.
const LOOPBACK: [&str; 25] = [
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.255",
    "2130706433",
    "2130706434",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "foo.localhost",
    "foo.bar.LocalHost.",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000::0001]",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7F00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2002:7f00:0001::1]",
    "[2001:0:7f00:1::]",
];

/// This machine by no name at all.
const UNSPECIFIED: [&str; 6] = [
    "0.0.0.0",
    "0.0.0.1",
    "1",
    "[::]",
    "[::0.0.0.0]",
    "[::ffff:0.0.0.0]",
];

/// Everything that is not the public internet, by IANA's registries.
const SPECIAL: [&str; 48] = [
    "10.0.0.1",
    "10.255.255.255",
    "167772161",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.255.255",
    "3232235521",
    "100.64.0.1",
    "100.127.255.255",
    "169.254.0.1",
    "169.254.169.254",
    "2852039166",
    "169.254.170.2",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "4294967295",
    "[::ffff:10.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[::ffff:100.64.0.1]",
    "[::10.0.0.1]",
    "[64:ff9b::10.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b::8.8.8.8]",
    "[64:ff9b:1::1]",
    "[2002:0a00:0001::]",
    "[2002:a9fe:a9fe::]",
    "[2001::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fdff:ffff::1]",
    "[fe80::1]",
    "[febf::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[100::1]",
];

#[test]
fn loopback_where_a_rule_denies_it() {
    let deny = ["--deny", "127.0.0.0/8", "--deny", "::1"];
    all_denied(&deny, PROHIBITED, &LOOPBACK);
    all_denied(&deny, PROHIBITED, &["169.254.169.254"]);
}

/// A rule in one form covers the others.
#[test]
fn loopback_where_a_mapped_rule_denies_it() {
    let deny = ["--deny", "::ffff:127.0.0.1", "--deny", "::1"];
    let mapped = ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]", "localhost"];
    all_denied(&deny, PROHIBITED, &mapped);
}

#[test]
fn what_is_not_public_by_default() {
    all_denied(&[], PROHIBITED, &SPECIAL);
    all_denied(&[], PROHIBITED, &UNSPECIFIED);
}

/// A deny rule on an address with a port lets other ports be; on a name it fires before anything is resolved.
#[test]
fn ports_and_names() {
    all_denied(
        &["--deny", "127.0.0.0/8:PORT", "--deny", "[::1]:PORT"],
        PROHIBITED,
        &LOOPBACK,
    );
    all_denied(
        &["--deny", "*:PORT"],
        DENIED,
        &["127.0.0.1", "h.test", "[::1]", "2130706433"],
    );
    let names = ["a.test", "A.TEST", "a.test.", "b.a.test", "B.a.TEST."];
    all_denied(&["--deny", "a.test", "--deny", "*.a.test"], DENIED, &names);

    let target = Target::sink();
    let serve = Serve::with(&["--deny", &format!("127.0.0.1:{}", target.port ^ 1)]);
    drop(open(serve.port, &target.addr()));
}

/// Allow rules take the place of the default: what none of them names is not reached, loopback included.
#[test]
fn allow_rules_replace_the_default() {
    let other = ["--allow", "192.0.2.0/24"];
    all_denied(
        &other,
        DENIED,
        &["127.0.0.1", "[::1]", "8.8.8.8", "2130706433", "10.0.0.1"],
    );
    all_denied(&other, PROHIBITED, &["localhost"]);
    // The wrong port, and no name at all.
    all_denied(
        &["--allow", "127.0.0.1:1"],
        DENIED,
        &["127.0.0.1", "localhost"],
    );
    all_denied(
        &["--allow", "good.test"],
        DENIED,
        &["127.0.0.1", "localhost", "bad.test"],
    );
    // Deny rules win.
    let both = ["--allow", "127.0.0.0/8", "--deny", "127.0.0.1"];
    all_denied(
        &both,
        PROHIBITED,
        &["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]"],
    );
}

/// Whoever owns a name can point it anywhere: only a rule on the address opens one that is not public.
#[test]
fn a_rule_on_names_opens_no_special_address() {
    for rule in ["*", "*:PORT"] {
        all_denied(&["--allow", rule], PROHIBITED, &LOOPBACK);
        all_denied(&["--allow", rule], PROHIBITED, &SPECIAL);
        all_denied(&["--allow", rule], PROHIBITED, &UNSPECIFIED);
    }
    let names = ["--allow", "localhost", "--allow", "*.localhost"];
    all_denied(&names, PROHIBITED, &["localhost", "foo.localhost"]);
}

#[test]
fn a_rule_on_an_address_opens_it() {
    let target = Target::echo();
    let port = target.port;
    for rule in [
        "127.0.0.1",
        "127.0.0.0/8",
        "::ffff:127.0.0.1",
        &format!("127.0.0.1:{port}"),
    ] {
        let serve = Serve::with(&["--allow", rule]);
        for host in ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]", "localhost"] {
            drop(open(serve.port, &format!("{host}:{port}")));
        }
        ask_for(serve.port, &format!("127.0.0.2:{port}"));
    }
}
