//! The examples for real machines: HAProxy in front of several, Kubernetes, systemd.

use super::{Files, admin, metric, records};
use crate::support::peers::{Certificate, Front, Haproxy};
use crate::support::proc::tool;
use crate::support::tuncat::TUNCAT;
use crate::support::{Run, Serve, Target, connect, wait_for};
use rustix::process::Signal;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples/deploy")
        .join(name);
    std::fs::read_to_string(path).expect("an example")
}

/// Three behind a real HAProxy, with the example's very configuration but for addresses and the pace of its checks: one
/// after the other is replaced while tunnels come and go, and nobody notices.
#[test]
fn behind_haproxy_one_is_taken_away() {
    let files = Files::new();
    let certificate = Certificate::new();
    let start = |n: usize| {
        Serve::with(&[
            "--cert",
            &certificate.cert(),
            "--key",
            &certificate.key(),
            "--auth",
            "ann:1",
            "--proxy-protocol-from",
            "127.0.0.1",
            "--admin",
            "127.0.0.1:0",
            "--drain-delay",
            "1",
            "--access-log",
            &files.arg(&format!("log{n}")),
            "--access-log-format",
            "json",
        ])
    };
    let mut serves: Vec<Serve> = (0..3).map(start).collect();
    let admins: Vec<String> = serves.iter_mut().map(admin).collect();
    let haproxy = Haproxy::start(Front::Clear, |port, _| {
        let mut text = example("haproxy.cfg");
        // What comes before is for the test's own.
        text = text
            .split_once("\ndefaults\n")
            .expect("defaults")
            .1
            .to_owned();
        let mut replace = |from: String, to: String| {
            assert!(text.contains(&from), "{from}");
            text = text.replace(&from, &to);
        };
        replace("bind :8443".into(), format!("bind 127.0.0.1:{port}"));
        replace(
            "check port 9090 inter 2s".into(),
            "check inter 100ms".into(),
        );
        for (n, serve) in serves.iter().enumerate() {
            let admin_port = admins[n].rsplit(':').next().expect("a port");
            let here = format!("127.0.0.1:{} port {admin_port}", serve.port);
            replace(format!("192.0.2.1{}:8443", n + 1), here);
        }
        format!("defaults\n{text}")
    });
    let target = Target::echo();
    let url = format!("https://127.0.0.1:{}", haproxy.port);
    let pin = certificate.pin();
    let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let used = || -> Vec<f64> {
        admins
            .iter()
            .map(|at| metric(at, "tuncat_tunnels_opened_total", ""))
            .collect()
    };
    thread::scope(|scope| {
        for via in ["h1", "h2", "h1-post"] {
            let (url, pin, target, stop, done) = (&url, &pin, target.addr(), &stop, &done);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let args = [
                        "-x", url, "--pin", pin, "-U", "ann:1", "--via", via, &target,
                    ];
                    let output = connect(args).stdin(vec![b'x'; 100_000]).run();
                    assert_eq!(output.expect_clean().stdout, vec![b'x'; 100_000], "{via}");
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        wait_for("all of them to be used", || {
            used().iter().all(|n| *n > 2.0).then_some(())
        });
        let taken = &mut serves[1];
        taken.process().signal(Signal::TERM);
        assert_eq!(taken.process().wait_exit().code(), Some(0));
        let before = done.load(Ordering::Relaxed);
        wait_for("more tunnels", || {
            (done.load(Ordering::Relaxed) > before + 20).then_some(())
        });
        stop.store(true, Ordering::Relaxed);
    });
    // They knew the clients, not the balancer.
    let told = records(&files.path("log0"), "tunnel", 1);
    let client = told[0]["client"].as_str().expect("a client");
    assert!(
        client.starts_with("127.0.0.1:") && told[0]["user"] == "ann",
        "{}",
        told[0]
    );
}

/// Its arguments are ones that are taken, its probes ask for pages that are there, and its times fit each other.
#[test]
fn the_kubernetes_manifest() {
    let files = Files::new();
    let manifest = files.put("kubernetes.yaml", &example("kubernetes.yaml"));
    let mut python = tool("/usr/bin/python3", "python3-yaml");
    let script =
        "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let output = python
        .args(["-c", script, &manifest])
        .output()
        .expect("run python3");
    assert!(output.status.success(), "{output:?}");
    let all: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let kinds: Vec<&str> = all
        .as_array()
        .expect("documents")
        .iter()
        .map(|d| d["kind"].as_str().expect("a kind"))
        .collect();
    assert_eq!(kinds, ["Deployment", "Service", "PodDisruptionBudget"]);
    let pod = &all[0]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let certificate = Certificate::new();
    let (users, rules) = (
        files.put("users", "ann:1\n"),
        files.put("rules.toml", "allow = [\"*:443\"]\n"),
    );
    let args = container["args"]
        .as_array()
        .expect("arguments")
        .iter()
        .map(|arg| match arg.as_str().expect("a text") {
            "/etc/tuncat/tls/tls.crt" => certificate.cert(),
            "/etc/tuncat/tls/tls.key" => certificate.key(),
            "/etc/tuncat/policy/users" => users.clone(),
            "/etc/tuncat/policy/rules.toml" => rules.clone(),
            other => other.to_owned(),
        });
    let args: Vec<String> = args.collect();
    let check = Run::new(Command::new(TUNCAT))
        .args(&args)
        .arg("--check")
        .run();
    assert!(check.expect_code(0).stderr.contains("can be used"));
    let seconds = |option: &str| {
        let at = args.iter().position(|a| a == option).expect(option);
        let text = &args[at + 1];
        match text.strip_suffix('m') {
            Some(minutes) => minutes.parse::<u64>().expect("minutes") * 60,
            None => text.parse().expect("seconds"),
        }
    };
    let grace = pod["terminationGracePeriodSeconds"]
        .as_u64()
        .expect("a time");
    assert!(grace > seconds("--drain") + seconds("--drain-delay"));
    let probe = &container["readinessProbe"];
    let notices = probe["periodSeconds"].as_u64().expect("s")
        * probe["failureThreshold"].as_u64().expect("n");
    assert!(seconds("--drain-delay") > 2 * notices);
    let mut serve = Serve::with(&["--admin", "127.0.0.1:0"]);
    let at = admin(&mut serve);
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let get = &container[probe]["httpGet"];
        assert_eq!(get["port"], "admin");
        assert_eq!(
            super::get(&at, get["path"].as_str().expect("a path")).0,
            200
        );
    }
    let metrics = &all[0]["spec"]["template"]["metadata"]["annotations"];
    assert_eq!(
        super::get(&at, metrics["prometheus.io/path"].as_str().expect("a path")).0,
        200
    );
}

/// The command line of the unit is one that is taken; and systemd, where it is there, has nothing against the units.
#[test]
fn the_systemd_units() {
    let unit = example("tuncat.service").replace("\\\n", " ");
    let line = unit
        .lines()
        .find_map(|l| l.strip_prefix("ExecStart=/usr/bin/tuncat "));
    let certificate = Certificate::new();
    let files = Files::new();
    let line = line
        .expect("ExecStart")
        .replace("/etc/tuncat/chain.pem", &certificate.cert())
        .replace("/etc/tuncat/key.pem", &certificate.key())
        .replace("/etc/tuncat/users", &files.put("users", "ann:1\n"))
        .replace(
            "/etc/tuncat/rules.toml",
            &files.put("rules.toml", "allow = [\"*:443\"]\n"),
        );
    let check = Run::new(Command::new(TUNCAT))
        .args(line.split_whitespace())
        .arg("--check")
        .run();
    assert!(check.expect_code(0).stderr.contains("can be used"));
    let verify = |folder: &Files| {
        let mut command = Command::new("systemd-analyze");
        command
            .args(["verify", "--man=no"])
            .arg(folder.path("tuncat.service"));
        command.output()
    };
    files.put("tuncat.socket", &example("tuncat.socket"));
    // The binary is where the test's is; and old versions do not know the newer type.
    let text = example("tuncat.service").replace("/usr/bin/tuncat", TUNCAT);
    files.put(
        "tuncat.service",
        &text.replace("Type=notify-reload", "Type=notify"),
    );
    match verify(&files) {
        Err(_) => eprintln!("no systemd-analyze here: the units were not verified"),
        Ok(output) => {
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            let about: Vec<&str> = words.lines().filter(|l| l.contains("tuncat.")).collect();
            assert!(about.is_empty(), "{words}");
        }
    }
}
