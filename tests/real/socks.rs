//! Real SOCKS servers as hops.

use super::MIB;
use crate::support::peers::{Dante, LOGIN, Microsocks, Squid, Sshd};
use crate::support::proc::Proc;
use crate::support::{
    ClosedPort, Feed, Pattern, Serve, Target, accepts, connect, free_port, wait_for,
};

/// Bytes go there and come back, whole.
#[track_caller]
fn carries(args: &[&str]) {
    carries_to("localhost", args);
}

#[track_caller]
fn carries_to(host: &str, args: &[&str]) {
    let target = Target::echo();
    let port = target.addr().rsplit(':').next().map(str::to_owned);
    let target = format!("{host}:{}", port.expect("a port"));
    let run = connect(args).arg(target).feed(Feed::Pattern(9, 4 * MIB));
    let output = run.hash_only().run().expect_clean();
    assert_eq!(output.stdout_len, 4 * MIB);
    assert_eq!(output.stdout_sha256, Pattern::sha256(9, 4 * MIB));
}

/// The reply to a target that says no, and the code.
#[track_caller]
fn refused(url: &str, target: &str, code: i32, said: &str) {
    let line = connect(["-x", url, target]).run().expect_failure(code);
    assert!(line.starts_with("tuncat: SOCKS: proxy socks"), "{line}");
    assert!(line.contains(said), "{line}");
}

#[test]
fn microsocks() {
    let server = Microsocks::start(None);
    for scheme in ["socks5", "socks5h"] {
        carries(&["-4", "-x", &format!("{scheme}://{}", server.addr)]);
    }
    let url = format!("socks5h://{}", server.addr);
    let closed = ClosedPort::new();
    refused(&url, &closed.addr(), 97, "connection refused");
}

#[test]
fn microsocks_with_a_login() {
    let server = Microsocks::start(Some(LOGIN));
    let url = format!("socks5h://{}", server.addr);
    carries(&["-x", &url, "-U", "user:pass"]);
    refused(&url, "127.0.0.1:1", 67, "give a user with -U USER");
    let line = connect(["-x", &url, "-U", "user:wrong", "127.0.0.1:1"]);
    let line = line.run().expect_failure(67);
    assert!(
        line.contains("user name or password is not accepted"),
        "{line}"
    );
}

#[test]
fn dante() {
    let closed = ClosedPort::new();
    let server = Dante::denying_port(closed.port);
    for scheme in ["socks4", "socks4a", "socks5", "socks5h"] {
        let url = format!("{scheme}://{}", server.addr);
        carries_to("127.0.0.1", &["-x", &url]);
        let line = connect(["-x", &url, &closed.addr()])
            .run()
            .expect_failure(97);
        assert!(line.contains(&closed.addr()), "{line}");
    }
    let url = format!("socks5h://{}", server.addr);
    refused(&url, &closed.addr(), 97, "its rules do not allow");
}

/// OpenSSH's own SOCKS server, which knows 4a and 5.
#[test]
fn ssh_dynamic() {
    let sshd = Sshd::start();
    let port = free_port();
    let mut command = sshd.client("ssh");
    command.args([
        "-N",
        "-D",
        &format!("127.0.0.1:{port}"),
        &sshd.destination(),
    ]);
    let _ssh = Proc::spawn("ssh -D", command);
    wait_for("ssh -D to listen", || accepts(port).then_some(()));
    for scheme in ["socks4a", "socks5h"] {
        carries(&["-x", &format!("{scheme}://127.0.0.1:{port}")]);
    }
}

/// A chain of everything: squid, then TLS with HTTP/2, then SOCKS.
#[test]
fn as_the_last_hop_of_three() {
    let squid = Squid::with_login(LOGIN);
    let mut serve = Serve::with(&["--self-signed"]);
    let socks = Microsocks::start(None);
    let pin = serve.pin();
    let last = format!("socks5h://{}", socks.addr);
    let args = [
        "-x",
        &squid.url,
        "-U",
        "user:pass",
        "-x",
        &serve.url,
        "--pin",
        &pin,
    ];
    carries(&[&args[..], &["-x", &last]].concat());
}
