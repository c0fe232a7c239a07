//! The admin page: alive, ready, its metrics as Prometheus's own library reads them, and the tunnels as they are.

use super::{Files, admin, get, metric, request};
use crate::support::proc::tool;
use crate::support::{Serve, Target, wait_for};
use crate::terminator::request::{ask_for, open};
use rustix::process::Signal;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::Shutdown;

#[test]
fn pages_and_what_is_none() {
    let mut serve = Serve::with(&["--admin", "127.0.0.1:0"]);
    let at = admin(&mut serve);
    assert_eq!(get(&at, "/healthz"), (200, "ok\n".into()));
    assert_eq!(get(&at, "/readyz"), (200, "ready\n".into()));
    assert_eq!(get(&at, "/nothing").0, 404);
    let ask = |text: &str| request(&at, text).0;
    assert_eq!(
        ask("POST /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
        405
    );
    // A browser that was led here by a name of somebody else's.
    let rebound = |host: &str| {
        ask(&format!(
            "GET /tunnels HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        ))
    };
    assert_eq!(rebound("evil.example:1"), 403);
    assert_eq!(rebound("localhost"), 200);
    assert_eq!(rebound("[::1]:80"), 200);
}

/// While tunnels end it says that it is not ready, and whether it accepts is for the delay to say.
#[test]
fn not_ready_while_it_drains() {
    let mut serve = Serve::with(&["--admin", "127.0.0.1:0", "--drain-delay", "2"]);
    let at = admin(&mut serve);
    let target = Target::echo();
    let mut live = open(serve.port, &target.addr());
    serve.process().signal(Signal::TERM);
    wait_for("not ready", || (get(&at, "/readyz").0 == 503).then_some(()));
    assert_eq!(metric(&at, "tuncat_draining", ""), 1.0);
    // So long, balancers may still send somebody.
    let late = open(serve.port, &target.addr());
    wait_for("the port to be closed", || {
        std::net::TcpStream::connect(("127.0.0.1", serve.port))
            .is_err()
            .then_some(())
    });
    assert_eq!(get(&at, "/healthz").0, 200);
    assert_eq!(get(&at, "/readyz").0, 503);
    live.write_all(b"x").expect("send");
    live.read_exact(&mut [0]).expect("echo");
    drop((live, late));
    assert_eq!(serve.process().wait_exit().code(), Some(0));
}

#[test]
fn tunnels_while_they_live() {
    let mut serve = Serve::with(&["--admin", "127.0.0.1:0"]);
    let at = admin(&mut serve);
    let target = Target::echo();
    let mut streams: Vec<_> = (0..3).map(|_| open(serve.port, &target.addr())).collect();
    for (n, stream) in streams.iter_mut().enumerate() {
        let data = vec![b'x'; 1000 * (n + 1)];
        stream.write_all(&data).expect("send");
        stream.read_exact(&mut vec![0; data.len()]).expect("echo");
    }
    let tunnels = || -> Vec<Value> {
        let (status, text) = get(&at, "/tunnels");
        assert_eq!(status, 200);
        let all: Value = serde_json::from_str(&text).expect("JSON");
        all["tunnels"].as_array().expect("a list").clone()
    };
    let shown = wait_for("the counts", || {
        let shown = tunnels();
        (shown.len() == 3 && shown.iter().all(|t| t["bytes_from_target"] != 0)).then_some(shown)
    });
    for (n, tunnel) in shown.iter().enumerate() {
        let client = streams[n].local_addr().expect("address").to_string();
        assert_eq!(tunnel["client"], client);
        assert_eq!(tunnel["target"], target.addr());
        assert_eq!(tunnel["address"], target.addr());
        assert_eq!(tunnel["carrier"], "h1");
        assert_eq!(tunnel["bytes_to_target"], 1000 * (n + 1));
        assert_eq!(tunnel["bytes_from_target"], 1000 * (n + 1));
    }
    assert_eq!(metric(&at, "tuncat_tunnels", ""), 3.0);
    assert_eq!(metric(&at, "tuncat_to_target_bytes_total", ""), 6000.0);
    for mut stream in streams {
        stream.shutdown(Shutdown::Write).expect("end");
        stream.read_to_end(&mut Vec::new()).expect("an end");
    }
    wait_for("none", || tunnels().is_empty().then_some(()));
    assert_eq!(metric(&at, "tuncat_to_target_bytes_total", ""), 6000.0);
    assert_eq!(
        metric(&at, "tuncat_tunnels_closed_total", "end=\"clean\""),
        3.0
    );
}

/// As the reference parser of OpenMetrics reads them, which is strict.
#[test]
fn metrics_as_prometheus_reads_them() {
    let files = Files::new();
    let mut serve = Serve::with(&["--admin", "127.0.0.1:0", "--access-log", &files.arg("log")]);
    let at = admin(&mut serve);
    let target = Target::echo();
    drop(open(serve.port, &target.addr()));
    ask_for(serve.port, "10.0.0.1:1");
    ask_for(serve.port, "nonsense");
    let (_, text) = get(&at, "/metrics");
    let file = files.put("metrics", &text);
    let script = "import sys\n\
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse\n\
        names = set()\n\
        for family in parse(open(sys.argv[1]).read()):\n\
        \x20   assert family.documentation and family.type != 'unknown', family\n\
        \x20   names.update(sample.name for sample in family.samples)\n\
        print('\\n'.join(sorted(names)))\n";
    let mut python = tool("/usr/bin/python3", "python3-prometheus-client");
    let output = python
        .args(["-c", script, &file])
        .output()
        .expect("run python3");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}\n{text}");
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    for name in [
        "tuncat_build_info",
        "tuncat_connections",
        "tuncat_tunnels",
        "tuncat_tunnels_opened_total",
        "tuncat_refusals_total",
        "tuncat_to_target_bytes_total",
        "tuncat_from_target_bytes_total",
        "tuncat_tunnel_setup_seconds_bucket",
        "tuncat_access_log_lines_lost_total",
        "process_open_fds",
        "process_resident_memory_bytes",
    ] {
        assert!(names.lines().any(|n| n == name), "{name}: {names}");
    }
    let labels = |status: &str, error: &str| format!("status=\"{status}\",error=\"{error}\"");
    for (status, error) in [
        ("403", "destination_ip_prohibited"),
        ("400", "http_request_error"),
    ] {
        assert_eq!(
            metric(&at, "tuncat_refusals_total", &labels(status, error)),
            1.0
        );
    }
}

#[test]
fn on_a_unix_socket() {
    let files = Files::new();
    let path = files.arg("admin");
    let _serve = Serve::with(&["--admin", &format!("unix:{path}")]);
    let mut command = tool("curl", "curl");
    command.args(["-sS", "--unix-socket", &path, "http://localhost/tunnels"]);
    let output = command.output().expect("run curl");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "{\"tunnels\":[]}\n"
    );
}
