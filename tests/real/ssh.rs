//! OpenSSH and git over ssh, through squid, `tuncat serve` with a login, and `tuncat listen`.

use super::{MIB, remote};
use crate::support::peers::{LOGIN, Squid, Sshd};
use crate::support::{Feed, Listen, Pattern, Run, Serve, wait_for};

/// squid with a login, and the arguments with which tuncat goes through it.
fn squid_with_login() -> (Squid, String) {
    let squid = Squid::with_login(LOGIN);
    let args = format!("-x http://user:pass@127.0.0.1:{}", squid.port);
    (squid, args)
}

#[test]
fn logs_in_through_squid() {
    let sshd = Sshd::start();
    let (squid, args) = squid_with_login();
    remote::runs_a_command(&sshd, &args);
    // It is written when the tunnel has ended.
    let line = format!("CONNECT {} user ", sshd.addr());
    wait_for("squid's log", || {
        squid.access_log().contains(&line).then_some(())
    });
}

#[test]
fn shows_why_it_cannot_log_in() {
    let sshd = Sshd::start();
    let squid = Squid::with_login(LOGIN);
    let args = format!("-x {} -U user:wrong", squid.url);
    let output = remote::ssh(&sshd, &args, "true").run().expect_code(255);
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
    remote::pipes(&sshd, &args, 256 * MIB);
}

#[test]
fn copies_files_both_ways_with_scp_through_squid() {
    let sshd = Sshd::start();
    let (_squid, args) = squid_with_login();
    remote::copies_files(&sshd, &args);
}

#[test]
fn git_clones_and_pushes_through_squid() {
    let sshd = Sshd::start();
    let (_squid, args) = squid_with_login();
    remote::clones_and_pushes(&sshd, &args);
}

#[test]
fn logs_in_through_serve() {
    let sshd = Sshd::start();
    let mut serve = Serve::with(&["--self-signed", "--auth", "user:pass"]);
    let pin = serve.pin();
    let args = format!("-x {} --pin {pin} -U user:pass", serve.url);
    remote::pipes(&sshd, &args, 16 * MIB).expect_clean();
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

/// ssh has the proxy's socket itself, and no tuncat is there any more.
#[test]
fn takes_the_socket_over() {
    let sshd = Sshd::start();
    let (squid, args) = squid_with_login();
    let ssh = |command: &str| {
        Run::new(sshd.client("ssh"))
            .args(["-o", "ProxyUseFdpass=yes"])
            .args(remote::proxy_command(&format!("--fdpass {args}")))
            .args([&sshd.destination(), command])
    };
    // What runs while the session does.
    let ps = "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; echo; done 2>/dev/null";
    let running = ssh(ps).run().expect_code(0).stdout;
    let running = String::from_utf8_lossy(&running);
    let squid = format!("127.0.0.1:{}", squid.port);
    let of_session = running.lines().filter(|line| line.contains(&squid));
    let (ssh_itself, others): (Vec<_>, Vec<_>) =
        of_session.partition(|line| line.contains("ProxyUseFdpass=yes"));
    assert_eq!((ssh_itself.len(), others.len()), (1, 0), "{running}");
    let output = ssh("cat").feed(Feed::Pattern(77, 64 * MIB)).hash_only();
    let output = output.run().expect_code(0);
    assert_eq!(output.stdout_len, 64 * MIB);
    assert_eq!(output.stdout_sha256, Pattern::sha256(77, 64 * MIB));
}
