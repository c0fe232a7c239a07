//! WebSocket by node's `ws` at either end.

use crate::support::peers::{NodeServer, node};
use crate::support::{Listen, Serve, Target, connect, pattern, wait_until};
use serde_json::json;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

#[test]
fn a_server() {
    for (halves, end) in [(false, ""), (true, "the end")] {
        let script = include_str!("websocket_server.js");
        let mut server = NodeServer::clear(script, &json!({ "halves": halves }));
        let data = pattern(33, 1_000_000);
        let url = server.url("http");
        let run = connect(["-x", &url, "--via", "h1-ws", "any.test:1"]);
        let output = run.stdin(data.clone()).run().expect_clean();
        let expected = [data.as_slice(), end.as_bytes()].concat();
        assert!(output.stdout == expected, "{} bytes", output.stdout.len());
        let request = server.request();
        assert_eq!(request["path"], "/.well-known/masque/tcp/any.test/1/");
    }
}

/// Silence is broken by pings, before those on the way take the tunnel for forgotten.
#[test]
fn a_long_silence() {
    let script = include_str!("websocket_server.js");
    let server = NodeServer::clear(script, &json!({ "halves": true }));
    let url = server.url("http");
    let listen = Listen::start(&["-x", &url, "--via", "h1-ws"], &["0:any.test:1"]);
    let mut stream = crate::terminator::request::connect(listen.ports[0]);
    stream.write_all(b"hello").expect("send");
    stream.read_exact(&mut [0; 5]).expect("the echo");
    let deadline = Instant::now() + Duration::from_secs(55);
    wait_until("a ping", deadline, || {
        server.lines().contains(&"ping".to_owned()).then_some(())
    });
    stream.write_all(b"again").expect("send");
    stream.read_exact(&mut [0; 5]).expect("the echo");
}

#[test]
fn a_client() {
    let target = Target::echo();
    let path = format!(".well-known/masque/tcp/127.0.0.1/{}/", target.port);
    let clear = Serve::start();
    for halves in [false, true] {
        let config = json!({
            "url": format!("ws://127.0.0.1:{}/{path}", clear.port),
            "halves": halves,
            "count": 3_000_000,
        });
        let output = node(include_str!("websocket_client.js"), &config).run();
        let output = output.expect_code(0);
        let protocol = if halves { "tuncat" } else { "" };
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            format!("protocol {protocol}\nclosed 1000 3000000 true\n"),
            "{}",
            output.stderr
        );
    }
}
