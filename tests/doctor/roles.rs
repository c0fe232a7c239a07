//! tuncat's own terminator, in all its roles.

use super::examine;
use crate::support::Serve;

/// Over TLS.
const ALL_OPEN: [&str; 5] = [
    "h1 open",
    "h2 open",
    "h1-post open",
    "h2-post open",
    "h3 open",
];

#[test]
fn the_embedded_proxy_has_no_fault() {
    let seen = examine(&["-x", "embedded:", "--eof", "--idle", "100ms"]);
    assert_eq!(seen.output.code, 0);
    assert_eq!(seen.ways(), ALL_OPEN);
    assert_eq!(seen.codes(), Vec::<String>::new());
    assert_eq!(seen.report["identity"]["product"], "tuncat");
    assert_eq!(seen.report["tls"]["alpn"], "h2");
    assert_eq!(seen.report["tls"]["trusted"], true);
    assert_eq!(seen.report["auth"]["accepted"], true);
    assert_eq!(seen.report["interception"]["verdict"], "none");
    let ends = [
        "carrier",
        "client_first",
        "target_first",
        "target_reset",
        "client_reset",
    ];
    for line in seen.each("ends", &ends) {
        assert!(line.ends_with(" kept kept reset reset"), "{line}");
    }
    let held = seen.each("buffering", &["carrier", "request", "answer"]);
    assert_eq!(held, ["h1-post none none", "h2-post none none"]);
    let silence = seen.each("idle", &["verdict"]);
    assert_eq!(silence, ["alive"; 5]);
    assert_eq!(seen.report["best"]["carrier"], "h2");
}

#[test]
fn every_part_of_the_object_is_there() {
    let seen = examine(&["-x", "embedded:", "echo:"]);
    let parts = [
        "proxy",
        "target",
        "tls",
        "identity",
        "auth",
        "ways",
        "ports",
        "interception",
        "buffering",
        "ends",
        "idle",
        "direct",
        "findings",
        "best",
        "ask",
        "exit_code",
    ];
    let object = seen.report.as_object().expect("an object");
    assert_eq!(object.len(), parts.len(), "{:#}", seen.report);
    for part in parts {
        assert!(object.contains_key(part), "{part}");
    }
    let setup = &seen.report["ways"][0]["setup_ms"];
    let total = setup["total"].as_f64().expect("a number");
    let sum: f64 = ["resolve", "tcp", "tls", "request"]
        .iter()
        .map(|phase| setup[*phase].as_f64().expect("a number"))
        .sum();
    assert!((total - sum).abs() < 0.01 && total > 0.0, "{setup}");
}

#[test]
fn in_the_clear_both_versions_are_found() {
    let serve = Serve::start();
    let seen = examine(&["-x", &serve.url, "echo:"]);
    assert_eq!(seen.ways(), ALL_OPEN[..4]);
    assert_eq!(seen.report["tls"], serde_json::Value::Null);
    assert_eq!(
        seen.report["best"]["command"],
        format!("tuncat connect -x {} --via h2 echo:", serve.url)
    );
}

#[test]
fn h2c_leaves_http1_out() {
    let serve = Serve::start();
    let seen = examine(&["-x", &serve.url.replace("http:", "h2c:")]);
    let ways = [
        "h1 not_tried",
        "h2 open",
        "h1-post not_tried",
        "h2-post open",
    ];
    assert_eq!(seen.ways(), ways);
}

#[test]
fn via_leaves_others_out() {
    let serve = Serve::start();
    let seen = examine(&["-x", &serve.url, "--via", "h1,h1-post"]);
    let ways = [
        "h1 open",
        "h2 not_tried",
        "h1-post open",
        "h2-post not_tried",
    ];
    assert_eq!(seen.ways(), ways);
}

#[test]
fn a_port_that_is_denied_is_told_from_others() {
    let serve = Serve::with(&["--deny", "*:8443"]);
    let seen = examine(&["-x", &serve.url]);
    let ports = [
        "22 not_refused",
        "80 not_refused",
        "443 not_refused",
        "8443 refused",
    ];
    assert_eq!(seen.ports(), ports);
    assert_eq!(seen.codes(), ["port_refused"]);
}

#[test]
fn a_target_that_is_denied_is_something_to_ask_for() {
    let serve = Serve::with(&["--deny", "*:22"]);
    let seen = examine(&["-x", &serve.url, "localhost:22"]);
    assert_eq!(seen.output.code, 101);
    assert!(
        seen.ways().iter().all(|w| w.ends_with(" refused")),
        "{:?}",
        seen.ways()
    );
    assert!(seen.codes().contains(&"connect_refused".to_owned()));
    assert_eq!(seen.report["best"], serde_json::Value::Null);
    let ask = seen.report["ask"][0].as_str().expect("a sentence");
    assert!(ask.starts_with("Allow CONNECT to localhost:22"), "{ask}");
}

/// Without UDP that is said of HTTP/3, and nothing else changes.
#[test]
fn without_udp_there_is_no_http3() {
    let mut serve = Serve::with(&["--self-signed", "--via", "h1,h2,h1-post,h2-post"]);
    let pin = serve.pin();
    let seen = examine(&["-x", &serve.url, "--pin", &pin, "echo:"]);
    assert_eq!(seen.output.code, 0);
    assert_eq!(seen.ways()[..4], ALL_OPEN[..4]);
    assert_eq!(seen.ways()[4], "h3 unsupported");
    let why = seen.report["ways"][4]["why"].as_str().expect("a reason");
    assert!(why.contains("over QUIC"), "{why}");
    assert_eq!(seen.codes(), Vec::<String>::new());
    let by_quic = serve.url.replace("https", "h3");
    let line = super::command()
        .args(["-x", &by_quic])
        .run()
        .expect_failure(2);
    assert!(line.contains("name it https://"), "{line}");
}

#[test]
fn a_certificate_that_is_not_trusted_stops_everything_and_shows_its_pin() {
    let mut serve = Serve::with(&["--self-signed", "-v"]);
    let pin = serve.pin();
    let url = serve.url.clone();
    let seen = examine(&["-x", &url, "echo:"]);
    assert_eq!(seen.output.code, 60);
    assert!(seen.ways().iter().all(|w| w.ends_with(" not_tried")));
    assert_eq!(seen.codes(), ["certificate_not_trusted"]);
    assert_eq!(seen.report["tls"]["pin"], pin);
    assert_eq!(seen.report["tls"]["trusted"], false);
    let seen = examine(&["-x", &url, "--pin", &pin, "echo:"]);
    assert_eq!(seen.ways(), ALL_OPEN);
    assert_eq!(seen.report["best"]["carrier"], "h2");
    // None by the first run, which sent no request.
    let tunnels = serve.wait_tunnels(5);
    let asked = tunnels.iter().filter(|(_, target)| target == "echo:");
    assert_eq!(asked.count(), 5, "{tunnels:?}");
}

#[test]
fn the_clear_to_a_tls_port_is_named() {
    let serve = Serve::with(&["--self-signed"]);
    let seen = examine(&["-x", &serve.url.replace("https:", "http:")]);
    assert_eq!(seen.output.code, 105);
    assert_eq!(seen.codes(), ["speaks_tls"]);
}

/// Behind a chain our own target cannot be asked for where the last hop is elsewhere; here all are on loopback.
#[test]
fn a_chain_ends_at_its_last_hop() {
    let (first, second) = (Serve::start(), Serve::start());
    let seen = examine(&[
        "-x",
        &first.url,
        "-x",
        &second.url,
        "--oracle",
        "echo:",
        "--eof",
    ]);
    assert_eq!(seen.ways(), ALL_OPEN[..4]);
    assert_eq!(seen.report["proxy"], second.url.as_str());
    let ends = seen.each("ends", &["client_first"]);
    assert_eq!(ends, ["kept"; 4]);
}
