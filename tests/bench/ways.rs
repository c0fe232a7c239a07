//! Every way that can be measured: carriers, other proxies, ready-made tunnels, commands, and every far end.

use super::{Server, bench, measured, number, report};
use crate::support::peers::Squid;
use crate::support::proc::find;
use crate::support::{Listen, Serve, Target};
use serde_json::Value;

const QUICK: [&str; 8] = [
    "-t", "0.3", "--rounds", "3", "-O", "20ms", "--hold", "100ms",
];

fn quickly<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&QUICK, args].concat()
}

/// Every lane has a figure of every mode, and a ratio to the direct one.
#[track_caller]
fn expect_all(report: &Value, lanes: &[&str], modes: &[&str]) {
    let direct = report["lanes"][0]["kind"] == "direct";
    for lane in lanes {
        for mode in modes {
            let of_lane = measured(report, lane, mode);
            assert_eq!(of_lane["errors"], Value::Array(Vec::new()), "{lane} {mode}");
            if *mode == "hold" && memory_fell(&of_lane["held"]) {
                assert!(of_lane["value"].is_null(), "{lane}: {of_lane:#}");
                continue;
            }
            assert!(
                number(&of_lane["value"]["mean"]) > 0.0,
                "{lane} {mode}: {of_lane:#}"
            );
            let compared = direct && *lane != "direct";
            if compared && !measured(report, "direct", mode)["value"].is_null() {
                assert!(
                    number(&of_lane["ratio"]["mean"]) > 0.0,
                    "{lane} {mode}: {of_lane:#}"
                );
            }
        }
    }
}

/// What earlier turns left was given back while the tunnels were opened, and it was more than these took.
fn memory_fell(held: &Value) -> bool {
    let processes = held["memory"].as_array().expect("memory");
    let all = |when: &str| processes.iter().map(|p| number(&p[when])).sum::<f64>();
    all("after_bytes") <= all("before_bytes")
}

const CARRIERS: [&str; 4] = ["h1", "h2", "h1-post", "h2-post"];
/// With UDP, too.
const ALL: [&str; 6] = ["h1", "h2", "h1-post", "h2-post", "h3", "h3-post"];
const MODES: [&str; 5] = ["upload", "download", "ping", "open", "hold"];

/// Without arguments: the proxy inside, every carrier, every mode.
#[test]
fn nothing_said_measures_the_embedded_proxy() {
    let report = report(&quickly(&["--tunnels", "100"]));
    let names: Vec<&str> = report["lanes"]
        .as_array()
        .expect("lanes")
        .iter()
        .filter_map(|lane| lane["name"].as_str())
        .collect();
    assert_eq!(names, [&["direct"][..], &ALL].concat());
    expect_all(&report, &names, &MODES);
    for lane in ALL {
        let hold = &measured(&report, lane, "hold")["held"];
        assert_eq!(
            (&hold["opened"], &hold["survived"]),
            (&100.into(), &100.into()),
            "{lane}"
        );
        let upload = measured(&report, lane, "upload");
        assert_eq!(upload["verified"], "both_ends");
        for round in upload["rounds"].as_array().expect("rounds") {
            assert_eq!(round["sent_bytes"], round["received_bytes"], "{lane}");
            assert!(
                number(&round["cpu_seconds"]["embedded"]) > 0.0,
                "{lane}: {round:#}"
            );
        }
    }
    // Each tunnel of its own has TCP and TLS to set up, one in a session has not.
    let phase = |lane, phase| number(&measured(&report, lane, "open")["setup_us"][phase]["p50"]);
    assert!(phase("h1", "tls") > 50.0 && phase("h1", "tcp") > 5.0);
    assert_eq!(phase("h2", "tls"), 0.0);
    assert!(phase("h2", "first_byte") > 0.0);
}

/// `--cold` gives each tunnel its own connection where a session would be shared.
#[test]
fn cold_means_a_connection_for_each_tunnel() {
    let report = report(&quickly(&[
        "--cold",
        "-m",
        "open",
        "--via",
        "h2",
        "-x",
        "embedded:",
    ]));
    let open = measured(&report, "h2", "open");
    assert!(number(&open["setup_us"]["tls"]["p50"]) > 50.0, "{open:#}");
}

/// Another process is the proxy: found by the port it listens on, so its CPU time and memory count.
#[test]
fn a_proxy_of_this_machine_is_watched() {
    let serve = Serve::start();
    let report = report(&quickly(&["-x", &serve.url, "--tunnels", "200", "-P", "4"]));
    expect_all(
        &report,
        &["direct", "h1", "h2", "h1-post", "h2-post"],
        &MODES,
    );
    for lane in CARRIERS {
        let upload = measured(&report, lane, "upload");
        assert!(
            number(&upload["cpu_seconds"]["others"]) > 0.0,
            "{lane}: {upload:#}"
        );
        let memory = measured(&report, lane, "hold")["held"]["memory"].to_string();
        assert!(memory.contains("\"tuncat\""), "{lane}: {memory}");
    }
    assert_eq!(measured(&report, "direct", "hold")["held"]["survived"], 200);
}

/// The far end inside `serve`, where nothing of ours is within the proxy's reach; no direct way then.
#[test]
fn the_target_may_be_inside_the_proxy() {
    let serve = Serve::start();
    for (target, modes) in [
        ("bench:", &MODES[..]),
        ("echo:", &["round_trip", "ping", "open", "hold"][..]),
        ("discard:", &["upload", "open"][..]),
    ] {
        let report = report(&quickly(&["-x", &serve.url, target, "--tunnels", "50"]));
        expect_all(&report, &CARRIERS, modes);
        let expected = if target == "discard:" {
            "sent_only"
        } else {
            "both_ends"
        };
        assert_eq!(measured(&report, "h1", modes[0])["verified"], expected);
        let ratio = &measured(&report, "h1", modes[0])["ratio"];
        assert_eq!(*ratio, Value::Null);
    }
}

/// Everything beside everything in one run: a proxy, another one, a tunnel of `listen`, a command.
#[test]
fn peers_are_measured_beside() {
    let (server, serve, squid) = (Server::start(), Serve::start(), Squid::start());
    let listen = Listen::start(&["-x", &serve.url], &[&format!("0:{}", server.address)]);
    let compare = format!("squid={}", squid.url);
    let endpoint = format!("listen=127.0.0.1:{}", listen.ports[0]);
    let ncat = find("ncat", "ncat").display().to_string();
    let command = format!(
        "ncat={ncat} --proxy 127.0.0.1:{} --proxy-type http {{host}} {{port}}",
        serve.port
    );
    let report = report(&quickly(&[
        "--target-is",
        "bench",
        &server.address,
        "-x",
        &serve.url,
        "--via",
        "h1,h2",
        "--compare",
        &compare,
        "--endpoint",
        &endpoint,
        "--command",
        &command,
        "--tunnels",
        "20",
    ]));
    let lanes = ["direct", "h1", "h2", "squid", "listen", "ncat"];
    expect_all(&report, &lanes, &MODES);
    let kinds: Vec<&Value> = (0..6).map(|n| &report["lanes"][n]["kind"]).collect();
    assert_eq!(
        kinds,
        ["direct", "proxy", "proxy", "proxy", "endpoint", "command"]
    );
}

/// A carrier that a proxy does not do is told, and the others are measured all the same; asked for by name it is a
/// failure.
#[test]
fn what_a_proxy_does_not_do_is_told() {
    let squid = Squid::start();
    let url = squid.url.clone();
    let report = report(&quickly(&["-x", &url, "-m", "ping"]));
    expect_all(&report, &["direct", "h1"], &["ping"]);
    for (n, carrier) in [(2, "h2"), (3, "h1-post"), (4, "h2-post")] {
        let lane = &report["lanes"][n];
        assert_eq!(lane["name"], *carrier);
        assert!(
            lane["unavailable"]
                .as_str()
                .is_some_and(|why| !why.is_empty()),
            "{lane:#}"
        );
    }
    let output = bench(quickly(&["-x", &url, "-m", "ping", "--via", "h1,h2"])).run();
    assert_ne!(output.code, 0);
    assert!(output.stdout_len > 0, "what could be measured is shown");
}

/// Foreign targets: an echo and a discard that know nothing of us.
#[test]
fn foreign_targets_do() {
    let serve = Serve::start();
    let echo = Target::echo();
    let address = format!("127.0.0.1:{}", echo.port);
    let args = [
        "-x",
        &serve.url,
        "--via",
        "h1,h2-post",
        "--target-is",
        "echo",
        &address,
        "--tunnels",
        "20",
    ];
    let report = report(&quickly(&args));
    expect_all(
        &report,
        &["direct", "h1", "h2-post"],
        &["round_trip", "ping", "open", "hold"],
    );
    let discard = Target::start(|stream, recorder| recorder.read_to_end(&stream).map(drop));
    let address = format!("127.0.0.1:{}", discard.port);
    let args = [
        "-x",
        &serve.url,
        "--via",
        "h1",
        "--target-is",
        "discard",
        &address,
        "-m",
        "stream,open",
    ];
    let report = super::report(&quickly(&args));
    expect_all(&report, &["direct", "h1"], &["upload", "open"]);
}

/// With a rate the intended number of pings and opens is what is done.
#[test]
fn a_rate_is_kept() {
    let report = report(&[
        "-x",
        "embedded:",
        "--via",
        "h2",
        "-m",
        "ping,open",
        "--rate",
        "200",
        "-t",
        "1",
        "--rounds",
        "2",
    ]);
    for lane in ["direct", "h2"] {
        for mode in ["ping", "open"] {
            let measured = measured(&report, lane, mode);
            assert_eq!(measured["loop"], "open");
            assert_eq!(measured["overloaded"], false, "{lane} {mode}: {measured:#}");
            let times = &measured["latency_us"];
            assert_eq!(times["corrected"]["count"], 200, "{lane} {mode}");
            assert!(number(&times["corrected"]["p50"]) >= number(&times["uncorrected"]["p50"]));
            assert!(number(&measured["pace"]["scheduler_p99_us"]) > 0.0);
        }
    }
}
