//! A terminator that others can reach has to know whom it serves.

use super::request::{ask_for, connect, open, open_on};
use super::started::Started;
use crate::support::tuncat::TUNCAT;
use crate::support::{Run, Target};
use std::net::TcpStream;
use std::process::Command;

fn serve(args: &[&str]) -> Run {
    Run::new(Command::new(TUNCAT)).arg("serve").args(args)
}

#[test]
fn an_open_proxy_is_not_started() {
    for address in [
        "0.0.0.0:0",
        "[::]:0",
        "*:0",
        ":0",
        "192.0.2.1:0",
        "[2001:db8::1]:0",
        "10.0.0.1:8080",
    ] {
        for more in [
            &[][..],
            &["--allow", "*:443"],
            &["--self-signed"],
            &["--allow-builtin"],
        ] {
            let output = serve(&["-l", address]).args(more).run();
            let line = output.expect_failure(2);
            for hint in [
                "refusing to listen",
                "--auth-file",
                "--allow-clients",
                "loopback",
            ] {
                assert!(line.contains(hint), "{address} {more:?}: {line}");
            }
        }
    }
    // One address that is closed does not make up for another that is open.
    let line = serve(&["-l", "127.0.0.1:0", "-l", "0.0.0.0:0"])
        .run()
        .expect_failure(2);
    assert!(line.contains("0.0.0.0:0"), "{line}");
}

/// A loopback address serves this machine without any of that.
#[test]
fn loopback_addresses_are_this_machines_own() {
    let started = Started::with(3, &["-l", "127.0.0.1:0", "-l", "0", "-l", "[::1]:0"]);
    let target = Target::echo();
    drop(open(started.port(0), &target.addr()));
    drop(open(started.port(1), &target.addr()));
    let v6 = TcpStream::connect(("::1", started.port(2))).expect("connect");
    open_on(v6, &target.addr());
}

#[test]
fn with_users_or_client_addresses_it_starts() {
    for args in [["--auth", "u:p"], ["--allow-clients", "127.0.0.0/8"]] {
        for address in ["0.0.0.0:0", "*:0"] {
            let started = Started::with(1, &["-l", address, args[0], args[1]]);
            drop(connect(started.port(0)));
        }
    }
}

/// Who is not on the list is not even answered.
#[test]
fn clients_that_are_not_on_the_list() {
    let started = Started::with(1, &["-l", "127.0.0.1:0", "--allow-clients", "192.0.2.0/24"]);
    let mut stream = connect(started.port(0));
    let mut answer = Vec::new();
    // Closed or reset, and not a byte.
    std::io::Read::read_to_end(&mut stream, &mut answer).ok();
    assert_eq!(answer, b"");
}

/// Exposed, it reaches port 443 of public addresses and nothing else: not this machine, and no built-in target.
#[test]
fn an_exposed_address_starts_from_less() {
    let target = Target::sink();
    let args = ["-l", "0.0.0.0:0", "--allow-clients", "127.0.0.0/8"];
    let started = Started::with(1, &args);
    let exposed = started.port(0);
    let port = target.port;
    for authority in [
        target.addr().as_str(),
        "8.8.8.8:22",
        "example.com:80",
        &format!("localhost:{port}"),
        "echo.tuncat.invalid:7",
        "discard.tuncat.invalid:9",
        "source-1.tuncat.invalid:19",
        "2f746d702f78.unix.tuncat.invalid:1",
    ] {
        ask_for(exposed, authority).refuses(403, "http_request_denied");
    }
    for authority in [
        "127.0.0.1:443",
        "localhost:443",
        "10.0.0.1:443",
        "169.254.169.254:443",
    ] {
        ask_for(exposed, authority).refuses(403, "destination_ip_prohibited");
    }
    assert_eq!(target.accepted(), 0);
}

/// One process, two addresses, and each has the policy of its own kind.
#[test]
fn each_listener_has_its_own_policy() {
    let target = Target::echo();
    let args = [
        "-l",
        "127.0.0.1:0",
        "-l",
        "0.0.0.0:0",
        "--allow-clients",
        "127.0.0.0/8",
    ];
    let started = Started::with(2, &args);
    drop(open(started.port(0), &target.addr()));
    ask_for(started.port(1), &target.addr()).refuses(403, "http_request_denied");
}

#[test]
fn an_address_in_use_is_told_at_once() {
    let started = Started::with(1, &["-l", "127.0.0.1:0"]);
    let address = format!("127.0.0.1:{}", started.port(0));
    let line = serve(&["-l", &address]).run().expect_failure(2);
    assert!(line.contains(&address), "{line}");
}
