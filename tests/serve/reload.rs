//! SIGHUP: users, rules and certificates are read again, and nothing that lives notices.

use super::{Files, admin, metric};
use crate::support::peers::Certificate;
use crate::support::tuncat::TUNCAT;
use crate::support::{Run, Serve, Target, connect, wait_for};
use crate::terminator::request::{ask, connect_request, open};
use rustix::process::Signal;
use std::fs;
use std::io::{Read, Write};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Sends SIGHUP and waits until it was done, well or not.
#[track_caller]
fn reload(serve: &mut Serve, admin: &str, result: &str) {
    let label = format!("result=\"{result}\"");
    let before = metric(admin, "tuncat_reloads_total", &label);
    serve.process().signal(Signal::HUP);
    wait_for("the reload", || {
        (metric(admin, "tuncat_reloads_total", &label) > before).then_some(())
    });
}

#[test]
fn rules_and_users() {
    let files = Files::new();
    let target = Target::echo();
    let allowed = format!("allow = [\"127.0.0.1:{}\"]\n", target.port);
    let rules = files.put("rules.toml", &allowed);
    let users = files.put("users", "ann:1\n");
    let mut serve = Serve::with(&[
        "--rules",
        &rules,
        "--auth-file",
        &users,
        "--admin",
        "127.0.0.1:0",
    ]);
    let at = admin(&mut serve);
    let status = |serve: &Serve, pair: &str| {
        let pair = pair.to_owned();
        let args = [
            "-x",
            &serve.url,
            "-U",
            &pair,
            "--proxy-auth",
            "basic",
            &target.addr(),
        ];
        connect(args).stdin(*b"x").run().code
    };
    assert_eq!(status(&serve, "ann:1"), 0);
    files.put("rules.toml", "deny = [\"*\"]\n");
    reload(&mut serve, &at, "success");
    assert_eq!(status(&serve, "ann:1"), 101);
    files.put("rules.toml", &allowed);
    files.put("users", "ann:2\n");
    reload(&mut serve, &at, "success");
    assert_eq!(status(&serve, "ann:1"), 67);
    assert_eq!(status(&serve, "ann:2"), 0);
}

#[test]
fn what_cannot_be_used_changes_nothing() {
    let files = Files::new();
    let target = Target::echo();
    let allowed = format!("allow = [\"127.0.0.1:{}\"]\n", target.port);
    let rules = files.put("rules.toml", &allowed);
    let certificate = Certificate::new();
    let (cert, key) = (files.arg("cert"), files.arg("key"));
    fs::copy(certificate.cert(), &cert).expect("copy");
    fs::copy(certificate.key(), &key).expect("copy");
    let mut serve = Serve::with(&[
        "--rules",
        &rules,
        "--cert",
        &cert,
        "--key",
        &key,
        "--admin",
        "127.0.0.1:0",
    ]);
    let at = admin(&mut serve);
    let open = |serve: &Serve, pin: &str| {
        let args = ["-x", &serve.url, "--pin", pin, &target.addr()];
        connect(args).stdin(*b"x").run().code
    };
    let old = certificate.pin();
    for (name, content, why) in [
        (
            "rules.toml",
            "allow = [\"x:99999\"]",
            "'99999' is not a list of ports",
        ),
        ("rules.toml", "alow = []", "alow: there is no such key"),
        ("rules.toml", "allow = [", "line 1"),
        ("cert", "nonsense", "no certificate in it"),
    ] {
        let good = fs::read_to_string(files.path(name)).expect("read");
        files.put(name, content);
        reload(&mut serve, &at, "failure");
        serve.process().wait_line("the reason", |line| {
            (line.contains(why) && line.ends_with("what held before still holds")).then_some(())
        });
        assert_eq!(open(&serve, &old), 0, "{content}");
        files.put(name, &good);
    }
    let new = Certificate::new();
    fs::copy(new.cert(), &cert).expect("copy");
    fs::copy(new.key(), &key).expect("copy");
    reload(&mut serve, &at, "success");
    assert_eq!(open(&serve, &old), 60);
    assert_eq!(open(&serve, &new.pin()), 0);
}

/// A key of its own stays: whoever pinned it is not shut out.
#[test]
fn a_key_of_its_own_stays() {
    let mut serve = Serve::with(&["--self-signed", "--admin", "127.0.0.1:0"]);
    let (at, pin) = (admin(&mut serve), serve.pin());
    reload(&mut serve, &at, "success");
    let args = ["-x", &serve.url, "--pin", &pin, "echo:"];
    connect(args).stdin(*b"x").run().expect_clean();
}

/// Tunnels come, live and go while it reads its files again and again.
#[test]
fn under_load_nothing_is_lost() {
    let files = Files::new();
    let rules = files.put("rules.toml", "allow = [\"127.0.0.0/8\"]\n");
    let mut serve = Serve::with(&["--rules", &rules, "--admin", "127.0.0.1:0"]);
    let at = admin(&mut serve);
    let target = Target::echo();
    let (port, address) = (serve.port, target.addr());
    let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for seed in 0..4 {
            let (stop, done, address) = (&stop, &done, &address);
            scope.spawn(move || {
                let mut long = open(port, address);
                while !stop.load(Ordering::Relaxed) {
                    let data = crate::support::pattern(seed, 50_000);
                    let mut got = vec![0; data.len()];
                    for stream in [&mut long, &mut open(port, address)] {
                        let mut reading = stream.try_clone().expect("clone");
                        thread::scope(|scope| {
                            scope.spawn(|| stream.write_all(&data).expect("send"));
                            reading.read_exact(&mut got).expect("receive");
                        });
                        assert!(got == data);
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..30 {
            let before = done.load(Ordering::Relaxed);
            reload(&mut serve, &at, "success");
            wait_for("tunnels in between", || {
                (done.load(Ordering::Relaxed) > before + 4).then_some(())
            });
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(metric(&at, "tuncat_refusals_total", ""), 0.0);
}

/// A file that would make it serve everybody is as bad as one that cannot be read.
#[test]
fn it_never_becomes_an_open_proxy() {
    let files = Files::new();
    let rules = files.put("rules.toml", "allow-clients = [\"127.0.0.1\"]\n");
    let mut command = Command::new(TUNCAT);
    command.args([
        "serve",
        "-l",
        "0.0.0.0:0",
        "--rules",
        &rules,
        "--admin",
        "127.0.0.1:0",
    ]);
    let mut process = crate::support::Proc::spawn("tuncat serve", command);
    let at = process.wait_line("its admin page", |line| {
        line.strip_prefix("tuncat: admin on http://")
            .map(str::to_owned)
    });
    let port: u16 = process.wait_line("its address", |line| {
        line.rsplit_once("listening on http://0.0.0.0:")?
            .1
            .parse()
            .ok()
    });
    files.put("rules.toml", "");
    process.signal(Signal::HUP);
    process.wait_line("the reason", |line| {
        line.contains("everybody who reaches it could use it")
            .then_some(())
    });
    assert_eq!(metric(&at, "tuncat_reloads_total", "failure"), 1.0);
    // The client is still one that may, and the target one that may not.
    assert_eq!(ask(port, connect_request("127.0.0.1:1")).status, 403);
}

#[test]
fn check_does_nothing_else() {
    let files = Files::new();
    let rules = files.put("rules.toml", "allow = [\"*:443\"]\n");
    let run = |args: &[&str]| {
        let run = Run::new(Command::new(TUNCAT)).arg("serve").arg("--check");
        run.args(args).run()
    };
    // In use or not: nothing is bound.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let at = taken.local_addr().expect("address").to_string();
    let good = run(&["-l", &at, "--rules", &rules]).expect_code(0);
    assert!(good.stderr.contains("can be used"), "{}", good.stderr);
    files.put("rules.toml", "allow = [\"*:443:\"]\n");
    let bad = run(&["-l", &at, "--rules", &rules]).expect_failure(2);
    assert!(bad.contains("rules.toml: allow, number 1"), "{bad}");
    run(&["-l", "0.0.0.0:1"]).expect_failure(2);
}
