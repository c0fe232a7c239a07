//! Rules about requests, and fields that are changed.

use super::curl;
use crate::support::Serve;
use crate::support::tuncat::TUNCAT;
use crate::support::{Run, connect};
use serde_json::Value;

/// What `http:` says it received for requests that are sent as they stand.
fn sent(serve: &Serve, requests: &str) -> String {
    let output = connect(["-x", &serve.url, "http:"])
        .stdin(requests.as_bytes())
        .run();
    String::from_utf8_lossy(&output.expect_clean().stdout).into_owned()
}

fn received(answer: &str) -> Value {
    let (head, content) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{answer}");
    serde_json::from_str(content).expect("JSON")
}

#[test]
fn methods_hosts_and_paths_in_disguise() {
    let serve = Serve::with(&[
        "--inner",
        "http",
        "--inner-allow",
        "GET,HEAD a.test/*",
        "--inner-allow",
        "POST *.b.test/up/*",
        "--inner-deny",
        "/secret*",
    ]);
    for (line, host, status) in [
        ("GET /", "a.test", "200"),
        ("GET /", "A.TEST:80", "200"),
        ("GET http://a.test/x", "other.test", "200"),
        ("GET http://other.test/x", "a.test", "403"),
        ("POST /", "a.test", "403"),
        ("POST /up/x", "c.b.test", "200"),
        ("POST /up/../x", "c.b.test", "403"),
        ("GET /secret", "a.test", "403"),
        ("GET //secret", "a.test", "403"),
        ("GET /x/%2e%2e/secret", "a.test", "403"),
        ("GET /%73ecret", "a.test", "403"),
        ("GET /%2573ecret", "a.test", "403"),
        ("GET /x?/secret", "a.test", "200"),
        ("CONNECT a.test:80", "a.test:80", "405"),
        ("GET /", "a.test\r\nHost: b.test", "400"),
    ] {
        let text = format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let answer = sent(&serve, &text);
        assert_eq!(&answer[9..12], status, "{line} {host}: {answer}");
        if status == "403" {
            assert!(
                answer.contains("proxy-status: tuncat; error=http_request_denied"),
                "{answer}"
            );
        }
    }
}

#[test]
fn fields_go_and_come() {
    let serve = Serve::with(&[
        "--inner",
        "http",
        "--auth",
        "ann:1",
        "--inner-header",
        "X-Who: {user} at {client} for {target}",
        "--inner-header",
        "Cookie:",
        "--inner-header",
        "Host: inner.test",
        "--proxy-protocol-from",
        "192.0.2.9",
    ]);
    let text = "GET /p?q=1 HTTP/1.1\r\nHost: x\r\nCookie: a=b\r\nX-Who: me\r\nConnection: close, X-Hop\r\n\
                X-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers, gzip\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\nX-Kept: 1\r\n\r\n";
    let args = ["-x", &serve.url, "-U", "ann:1", "http:"];
    let output = connect(args).stdin(text.as_bytes()).run().expect_clean();
    let all = received(&String::from_utf8_lossy(&output.stdout));
    let value = |name: &str| -> Vec<String> {
        let fields = all["fields"].as_array().expect("fields");
        let fields = fields.iter().filter(|f| f[0] == name);
        fields
            .map(|f| f[1].as_str().expect("text").to_owned())
            .collect()
    };
    assert_eq!(all["target"], "/p?q=1");
    assert_eq!(value("x-who"), ["ann at 127.0.0.1 for http:"]);
    assert_eq!(value("host"), ["inner.test"]);
    assert_eq!(value("x-kept"), ["1"]);
    assert!(value("via")[0].starts_with("1.1 tuncat-"));
    for gone in [
        "cookie",
        "x-hop",
        "keep-alive",
        "upgrade",
        "http2-settings",
        "te",
        "connection",
    ] {
        assert_eq!(value(gone), Vec::<String>::new(), "{gone}");
    }
}

/// Requests behind each other in one go are each judged.
#[test]
fn pipelined_requests() {
    let serve = Serve::with(&["--inner", "http", "--inner-deny", "/no"]);
    let one = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    let last = "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let all = sent(&serve, &(one("/a") + &one("/no") + &one("/b") + last));
    let statuses: Vec<&str> = all.split("HTTP/1.1 ").skip(1).map(|a| &a[..3]).collect();
    // One of them stands in the answers of the origin, as its version.
    let statuses: Vec<&str> = statuses
        .into_iter()
        .filter(|s| s.parse::<u16>().is_ok())
        .collect();
    assert_eq!(statuses, ["200", "403", "200", "200"], "{all}");
}

/// Two lengths, or a length and chunks: how requests are smuggled past rules.
#[test]
fn smuggling_is_refused() {
    let serve = Serve::with(&["--inner", "http", "--inner-deny", "/no"]);
    for fields in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Content-Length: +5\r\n",
    ] {
        let text = format!(
            "POST /a HTTP/1.1\r\nHost: x\r\n{fields}\r\n0\r\n\r\nGET /no HTTP/1.1\r\nHost: x\r\n\r\n"
        );
        let output = connect(["-x", &serve.url, "http:"])
            .stdin(text.as_bytes())
            .run();
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!answer.contains("\"target\":\"/no\""), "{fields}: {answer}");
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
            "{fields}: {answer}"
        );
    }
}

/// What does not begin like HTTP is refused, or passes where that is said; a target that speaks first, too.
#[test]
fn other_protocols() {
    let refuse = Serve::with(&["--inner", "http"]);
    let pass = Serve::with(&["--inner", "http", "--inner-other", "pass"]);
    let echo = crate::support::Target::echo();
    let banner = crate::support::Target::start(|mut stream, _| {
        std::io::Write::write_all(&mut stream, b"SSH-2.0-x\r\n")?;
        std::io::copy(&mut &stream, &mut &stream).map(drop)
    });
    for text in [
        &b"SSH-2.0-x\r\n"[..],
        b"\x16\x03\x01\x02",
        b"\0\0\0",
        b"EHLO x\r\n",
        b"GET /\r\n",
    ] {
        let run = |serve: &Serve| connect(["-x", &serve.url, &echo.addr()]).stdin(text).run();
        assert_eq!(run(&refuse).code, 56, "{text:?}");
        assert_eq!(run(&pass).expect_clean().stdout, text);
    }
    let run = |serve: &Serve| {
        connect(["-x", &serve.url, &banner.addr()])
            .stdin(*b"")
            .run()
    };
    assert_eq!(run(&refuse).code, 56);
    assert_eq!(run(&pass).expect_clean().stdout, b"SSH-2.0-x\r\n");
    // Large, both ways, with what was read to find out in front.
    let len = 3_000_000;
    let output = connect(["-x", &pass.url, &echo.addr()])
        .feed(crate::support::Feed::Pattern(4, len))
        .hash_only()
        .run();
    assert_eq!(
        output.expect_clean().stdout_sha256,
        crate::support::Pattern::sha256(4, len)
    );
}

/// The example of the help text, as a user would type it.
#[test]
fn rules_of_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("rules.toml");
    std::fs::write(
        &file,
        "[inner]\ndeny = [\"/admin*\"]\nheader = [\"X-A: {user}\"]\n",
    )
    .expect("write");
    let file = file.display().to_string();
    let serve = Serve::with(&["--inner", "http", "--rules", &file]);
    let url = |path: &str| format!("http://http.tuncat.invalid:80{path}");
    let get = |path: &str| {
        let run = curl(&["-p", "-x", &serve.url, "-w", "%{http_code}", &url(path)]).run();
        String::from_utf8_lossy(&run.expect_clean().stdout).into_owned()
    };
    assert!(get("/admin/x").ends_with("403"));
    let good = get("/");
    assert!(
        good.contains("[\"x-a\",\"-\"]") && good.ends_with("200"),
        "{good}"
    );
    let bad = Run::new(std::process::Command::new(TUNCAT)).args([
        "serve",
        "--check",
        "--inner",
        "http",
        "--inner-deny",
        "get /",
    ]);
    assert_eq!(bad.run().code, 2);
}
