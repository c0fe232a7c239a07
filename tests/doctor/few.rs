//! Doctor is polite: few requests, no payload to strangers, and no second failure of credentials.

use super::{command, examine, examine_as};
use crate::client::peer::{OK, Peer};
use crate::support::wait_for;
use serde_json::Value;
use std::io::Read;
use std::sync::{Arc, Mutex};

const REFUSED: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
const WANTS: &str = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"a\"\r\n\
                     Proxy-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n";

/// Requests with credentials of any kind.
fn with_credentials(heads: &[String]) -> usize {
    let lower = heads.iter().map(|h| h.to_ascii_lowercase());
    lower.filter(|h| h.contains("authorization:")).count()
}

#[test]
fn credentials_that_are_turned_down_are_sent_once() {
    let proxy = Peer::answering(WANTS);
    let run = command().args(["-x", &proxy.url(), "-U", "me", "host.example:22"]);
    let seen = examine_as(run.env("TUNCAT_PROXY_PASSWORD", "wrong"));
    assert_eq!(seen.output.code, 67);
    assert_eq!(with_credentials(&proxy.heads()), 1);
    assert_eq!(proxy.heads().len(), 2, "{:?}", proxy.heads());
    let ways = [
        "h1 auth_required",
        "h2 not_tried",
        "h1-post not_tried",
        "h2-post not_tried",
    ];
    assert_eq!(seen.ways(), ways);
    assert_eq!(seen.codes(), ["auth_failed"]);
    assert_eq!(seen.report["auth"]["accepted"], false);
    assert_eq!(seen.report["auth"]["sent"], true);
}

#[test]
fn without_credentials_the_challenges_are_listed() {
    let proxy = Peer::answering(WANTS);
    let seen = examine(&["-x", &proxy.url(), "host.example:22"]);
    assert_eq!(seen.output.code, 67);
    let auth = &seen.report["auth"];
    assert_eq!(
        auth["challenges"],
        serde_json::json!(["Basic realm=\"a\"", "Negotiate"])
    );
    assert_eq!(auth["required"], true);
    assert_eq!(auth["accepted"], Value::Null);
    assert!(seen.codes().contains(&"auth_required".to_owned()));
    let ask = seen.report["ask"].to_string();
    assert!(ask.contains("Negotiate"), "{ask}");
    assert_eq!(with_credentials(&proxy.heads()), 0);
}

/// Everything that was sent over connections, behind their heads.
#[derive(Clone, Default)]
struct Behind(Arc<Mutex<Vec<Vec<u8>>>>);

impl Behind {
    /// Of every request that `proxy` has had so far.
    fn of(&self, proxy: &Peer) -> Vec<Vec<u8>> {
        let requests = proxy.heads().len();
        wait_for("the ends of all connections", || {
            let notes = self.0.lock().expect("notes");
            (notes.len() == requests).then(|| notes.clone())
        })
    }
}

/// A proxy that gives one answer to all, and notes what comes behind the requests' heads.
fn noting(answer: &'static str, behind: &Behind) -> Peer {
    let behind = behind.clone();
    Peer::new(move |conn| {
        // Whatever becomes of the connection, what came over it counts.
        let told = conn.send(answer).and_then(|()| conn.end());
        let mut rest = Vec::new();
        let ended = (&conn.stream).read_to_end(&mut rest);
        behind.0.lock().expect("notes").push(rest);
        told.and(ended).map(drop)
    })
}

#[test]
fn a_proxy_that_refuses_gets_few_requests_and_no_content() {
    let behind = Behind::default();
    let proxy = noting(REFUSED, &behind);
    let seen = examine(&["-x", &proxy.url(), "--eof", "host.example:22"]);
    assert_eq!(seen.output.code, 101);
    let heads = proxy.heads();
    // Four ways, of which HTTP/2 is over with its preface; four ports; our own target for TLS.
    assert!((4..=9).contains(&heads.len()), "{heads:#?}");
    let hosts = heads.iter().filter(|h| h.starts_with("CONNECT "));
    let strangers = hosts.filter(|h| h.contains("host.example")).count();
    assert_eq!(strangers, 1, "{heads:#?}");
    for rest in behind.of(&proxy) {
        let harmless = rest.is_empty() || rest.starts_with(b"SM\r\n\r\n");
        assert!(harmless, "{:?}", String::from_utf8_lossy(&rest));
    }
}

/// It opens every tunnel and leads all of them to itself: nothing but a TLS handshake comes out.
#[test]
fn a_proxy_that_leads_elsewhere_gets_no_payload() {
    let behind = Behind::default();
    let proxy = noting(OK, &behind);
    let args = [
        "-x",
        &proxy.url(),
        "--eof",
        "--idle",
        "100ms",
        "-w",
        "1",
        "host.example:22",
    ];
    let seen = examine(&args);
    assert_eq!(seen.ways()[0], "h1 open");
    for rest in behind.of(&proxy) {
        let harmless = match rest[..] {
            [] => true,
            // A ClientHello, and at most an alert.
            [0x16, 3, _, high, low, ..] => {
                rest.len() <= 5 + usize::from(high) * 256 + usize::from(low) + 7
            }
            // The end of an HTTP/2 preface, and of an empty POST.
            _ => rest.starts_with(b"SM\r\n\r\n") || rest == b"0\r\n\r\n",
        };
        assert!(harmless, "{:?}", String::from_utf8_lossy(&rest));
    }
}

#[test]
fn a_limit_on_requests_is_heeded_at_once() {
    let proxy = Peer::answering(
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n",
    );
    let seen = examine(&["-x", &proxy.url(), "host.example:22"]);
    assert_eq!(seen.output.code, 104);
    assert_eq!(proxy.heads().len(), 1, "{:?}", proxy.heads());
    assert_eq!(seen.codes(), ["rate_limited"]);
    assert!(seen.ports().iter().all(|p| p.ends_with(" unknown")));
}
