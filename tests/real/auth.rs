//! Real OpenSSH through real proxies that ask who it is, by every scheme.

use super::{MIB, remote};
use crate::support::peers::{Apache, Kdc, LOGIN, Squid, Sshd};
use crate::support::{Feed, Listen, Output, Run, Target, connect, wait_for};
use std::fs;

/// Logs in and carries bytes; with a wrong password it says so and ends with 67.
#[track_caller]
fn logs_in(sshd: &Sshd, url: &str, right: &str, wrong: &str, said: &str) {
    remote::pipes(sshd, &format!("-x {url} {right}"), 4 * MIB);
    let target = sshd.addr();
    let run = connect(["-x", url, &target]).args(wrong.split_whitespace());
    let line = run.run().expect_failure(67);
    assert!(line.contains("40"), "{line}");
    assert!(line.ends_with(said), "{line}");
}

#[test]
fn basic() {
    let (sshd, squid) = (Sshd::start(), Squid::with_login(LOGIN));
    let said = "; check user name and password";
    logs_in(&sshd, &squid.url, "-U user:pass", "-U user:wrong", said);
}

#[test]
fn digest() {
    let (sshd, squid) = (Sshd::start(), Squid::with_digest(LOGIN, ""));
    let said = "; check user name and password (sent with Digest)";
    logs_in(&sshd, &squid.url, "-U user:pass", "-U user:wrong", said);
    wait_for("squid to say who it is", || {
        squid.access_log().contains("/200 ").then_some(())
    });
    let log = squid.access_log();
    assert!(log.contains(" user "), "squid knows who it is:\n{log}");
}

#[test]
fn digest_of_apache() {
    let sshd = Sshd::start();
    let apache = Apache::with_digest(sshd.port, LOGIN);
    let said = "; check user name and password (sent with Digest)";
    logs_in(&sshd, &apache.url, "-U user:pass", "-U user:wrong", said);
}

#[test]
fn ntlm() {
    let (sshd, squid) = (Sshd::start(), Squid::with_ntlm("pass"));
    let said = "; check user name and password (sent with NTLM)";
    let (right, wrong) = ("-U CORP\\\\user:pass", "-U CORP\\user:wrong");
    logs_in(&sshd, &squid.url, right, wrong, said);
    wait_for("squid to say who it is", || {
        squid.access_log().contains("/200 ").then_some(())
    });
    let log = squid.access_log();
    assert!(log.contains("CORP"), "squid knows who it is:\n{log}");
}

/// Each use of a nonce is counted, and one that squid takes no more is replaced without a question.
#[test]
fn a_nonce_that_has_run_out() {
    let squid = Squid::with_digest(LOGIN, "auth_param digest nonce_max_count 3\n");
    let target = Target::echo();
    let listen = Listen::start(
        &["-x", &squid.url, "-U", "user:pass"],
        &[&format!("0:{}", target.addr())],
    );
    for n in 0..8 {
        let through = format!("127.0.0.1:{}", listen.ports[0]);
        let text = format!("number {n}");
        let run = connect(["--no-proxy", &through]).stdin(text.as_str()).run();
        assert_eq!(run.expect_code(0).stdout, text.as_bytes(), "{n}");
    }
    let all = |log: &String| log.matches("/200 ").count() == 8;
    let log = wait_for("squid's log", || Some(squid.access_log()).filter(all));
    let (refused, opened) = (log.matches("/407 ").count(), log.matches("/200 ").count());
    assert_eq!(opened, 8, "{log}");
    assert!(
        (2..8).contains(&refused),
        "nonces are used more than once, and renewed:\n{log}"
    );
}

/// A realm, and a squid that takes its tickets.
struct Realm {
    kdc: Kdc,
    squid: Squid,
    target: Target,
}

impl Realm {
    fn start(others: &str) -> Self {
        let kdc = Kdc::start();
        let squid = Squid::with_negotiate(&kdc, others);
        let target = Target::echo();
        Realm { kdc, squid, target }
    }

    fn url(&self) -> String {
        format!("http://localhost:{}", self.squid.port)
    }

    fn with_realm(&self, run: Run) -> Run {
        let variables = self.kdc.environment().into_iter();
        variables.fold(run, |run, (name, value)| run.env(&name, value))
    }

    fn connect(&self, args: &[&str]) -> Output {
        self.connect_by(&self.url(), args)
    }

    fn connect_by(&self, url: &str, args: &[&str]) -> Output {
        let run = connect(["-x", url, &self.target.addr()]).args(args);
        self.with_realm(run.stdin("hello")).run()
    }

    #[track_caller]
    fn refused(&self, args: &[&str], said: &str) {
        let line = self.connect(args).expect_failure(67);
        assert!(line.contains(said), "{line}");
    }
}

#[test]
fn negotiate() {
    let realm = Realm::start("");
    let no_ticket = "it asks for Negotiate; Negotiate: No Kerberos credentials available";
    realm.refused(&[], no_ticket);
    realm.refused(&[], "; kinit gets a ticket");
    // A password is no ticket.
    realm.refused(
        &["-U", "user:pass"],
        "Negotiate takes a ticket, not a password",
    );

    realm.kdc.kinit("1h");
    assert_eq!(realm.connect(&[]).expect_code(0).stdout, b"hello");
    let sshd = Sshd::start();
    let run = remote::ssh(&sshd, &format!("-x {}", realm.url()), "cat");
    let run = run.feed(Feed::Pattern(3, MIB)).hash_only();
    let output = realm.with_realm(run).run().expect_code(0);
    assert_eq!(output.stdout_len, MIB);

    // The ticket is for a name; the address is another one.
    let by_address = format!("http://127.0.0.1:{}", realm.squid.port);
    let line = realm.connect_by(&by_address, &[]).expect_failure(67);
    assert!(line.contains("not found in Kerberos database"), "{line}");
}

#[test]
fn negotiate_with_a_ticket_that_has_run_out() {
    let realm = Realm::start("");
    realm.kdc.kinit("1s");
    // Clocks may differ by a second.
    wait_for("the ticket's end", || {
        (realm.connect(&[]).code != 0).then_some(())
    });
    realm.refused(&[], "expired");
    realm.refused(&[], "; kinit gets a ticket");
}

#[test]
fn negotiate_without_a_kdc() {
    let mut realm = Realm::start("");
    realm.kdc.kinit("1h");
    realm.kdc.stop();
    realm.refused(&[], "Cannot contact any KDC");
}

/// Kerberos is loaded for those who use it, and for nobody else.
#[test]
fn gssapi_is_not_loaded_without_need() {
    let (target, squid) = (Target::echo(), Squid::with_login(LOGIN));
    let args = ["-x", &squid.url, "-U", "user:pass"];
    let mut listen = Listen::start(&args, &[&format!("0:{}", target.addr())]);
    let through = format!("127.0.0.1:{}", listen.ports[0]);
    let run = connect(["--no-proxy", &through]).stdin("hello").run();
    assert_eq!(run.expect_code(0).stdout, b"hello");
    let pid = listen.process().pid().as_raw_nonzero();
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("what is mapped");
    assert!(maps.contains("libc.so"), "{maps}");
    assert!(!maps.contains("gssapi") && !maps.contains("krb5"), "{maps}");
}

/// With Basic beside it.
#[test]
fn negotiate_or_a_password() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let helper = folder.path().join("helper");
    fs::write(&helper, "#!/bin/sh\nwhile read line; do echo OK; done\n").expect("write a helper");
    let basic = format!("auth_param basic program /bin/sh {}\n", helper.display());
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(folder.path(), readable).expect("open a folder");
    let realm = Realm::start(&basic);
    let password = ["-U", "user:pass"];
    assert_eq!(realm.connect(&password).expect_code(0).stdout, b"hello");
    realm.refused(
        &["-U", "user:pass", "--proxy-auth", "negotiate"],
        "Basic is not among those of --proxy-auth",
    );
    realm.kdc.kinit("1h");
    for args in [&[][..], &["-U", "user:pass", "--proxy-auth", "negotiate"]] {
        assert_eq!(realm.connect(args).expect_code(0).stdout, b"hello");
    }
}
