//! WebSocket tunnels: through what serves web sites, and with Python's websockets at either end.

use super::MIB;
use crate::docs::snippet;
use crate::support::peers::{Certificate, Front, Haproxy, Nghttpx, Nginx};
use crate::support::proc::{Proc, guarded, tool};
use crate::support::{Run, Serve, Target, connect};
use crate::terminator::request::{ask, connect as tcp, read_head};
use std::io::Write;

#[track_caller]
fn carries_all(args: &[&str]) {
    super::carries_all(args, 3 * MIB, &[18, 56]);
}

#[test]
fn both_ends_are_ours() {
    let mut tls = Serve::with(&["--self-signed"]);
    let (pin, clear) = (tls.pin(), Serve::start());
    for via in ["h1-ws", "h2-ws"] {
        carries_all(&["-x", &clear.url, "--via", via]);
        carries_all(&["-x", &tls.url, "--pin", &pin, "--via", via]);
    }
    // Of both the proxy chooses, and what it does not take is left.
    carries_all(&["-x", &tls.url, "--pin", &pin, "--via", "ws"]);
}

/// With the lines of the README.
#[test]
fn through_nginx() {
    let serve = Serve::start();
    let lines = snippet("proxy_set_header Upgrade")
        .replace("127.0.0.1:8080", &format!("127.0.0.1:{}", serve.port));
    let nginx = Nginx::start(Front::Clear, &lines);
    let url = format!("http://127.0.0.1:{}", nginx.port);
    carries_all(&["-x", &url, "--via", "h1-ws"]);
    let certificate = Certificate::new();
    let nginx = Nginx::start(Front::Tls(&certificate), &lines);
    let url = format!("https://127.0.0.1:{}", nginx.port);
    // nginx speaks HTTP/2, and no RFC 8441: the other way is found.
    carries_all(&["-x", &url, "--cacert", &certificate.cert(), "--via", "ws"]);
}

#[test]
fn through_haproxy() {
    let serve = Serve::start();
    let certificate = Certificate::new();
    let haproxy = Haproxy::start(Front::Tls(&certificate), |port, pem| {
        format!(
            "defaults\n mode http\n timeout connect 5s\n timeout client 1d\n timeout server 1d\n timeout tunnel 1d\n\
             frontend site\n bind 127.0.0.1:{port} ssl crt {pem} alpn h2,http/1.1\n default_backend tunnels\n\
             backend tunnels\n server serve 127.0.0.1:{}\n",
            serve.port
        )
    });
    let url = format!("https://127.0.0.1:{}", haproxy.port);
    for via in ["h1-ws", "h2-ws"] {
        carries_all(&["-x", &url, "--cacert", &certificate.cert(), "--via", via]);
    }
}

#[test]
fn through_nghttpx() {
    let serve = Serve::start();
    let certificate = Certificate::new();
    let nghttpx = Nghttpx::reverse_tls(serve.port, &certificate);
    let url = nghttpx.url("https");
    for via in ["h1-ws", "h2-ws"] {
        carries_all(&["-x", &url, "--cacert", &certificate.cert(), "--via", via]);
    }
}

fn python(script: &str, args: &[&str]) -> Run {
    let mut command = tool("/usr/bin/python3", "python3-websockets");
    command.args(["-c", script]).args(args);
    Run::new(command)
}

/// A server of its own that echoes messages; with the subprotocol it ends its direction after ours.
const SERVER: &str = r#"
import asyncio, sys, websockets
async def echo(ws):
    got = []
    async for message in ws:
        if ws.subprotocol and message == b"":
            await ws.send(b"the end")
            await ws.send(b"")
        else:
            await ws.send(message)
async def main():
    async with websockets.serve(echo, "127.0.0.1", 0, max_size=None, subprotocols=sys.argv[1:] or None) as server:
        print("port", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()
asyncio.run(main())
"#;

#[test]
fn a_server_in_python() {
    for (subprotocols, end) in [(&[][..], ""), (&["tuncat"], "the end")] {
        let mut command = guarded(&"/usr/bin/python3");
        command.args(["-c", SERVER]).args(subprotocols);
        let mut server = Proc::spawn("a WebSocket server", command);
        let port: u16 =
            server.wait_line("its port", |line| line.strip_prefix("port ")?.parse().ok());
        let url = format!("http://127.0.0.1:{port}");
        let data = crate::support::pattern(31, 1_000_000);
        let run = connect(["-x", &url, "--via", "ws", "any.test:1"]).stdin(data.clone());
        let output = run.run().expect_clean();
        let expected = [data.as_slice(), end.as_bytes()].concat();
        assert!(output.stdout == expected, "{} bytes", output.stdout.len());
    }
}

/// It sends 1 MB in messages of all sizes and wants them back; then it ends, one way or the other.
const CLIENT: &str = r#"
import asyncio, random, sys, websockets
port, target, halves = sys.argv[1], sys.argv[2], len(sys.argv) > 3
async def main():
    host, number = target.split(":")
    url = f"ws://127.0.0.1:{port}/.well-known/masque/tcp/{host}/{number}/"
    subprotocols = ["other", "tuncat"] if halves else None
    async with websockets.connect(url, max_size=None, subprotocols=subprotocols) as ws:
        assert ws.subprotocol == ("tuncat" if halves else None), ws.subprotocol
        data, at = random.randbytes(1_000_000), 0
        async def send():
            at = 0
            while at < len(data):
                size = random.choice([1, 100, 5000, 100_000])
                piece = data[at:at + size]
                # Also in fragments, and with text and pings between.
                await ws.send([piece[:3], piece[3:]] if len(piece) > 3 and random.random() < 0.3 else piece)
                at += size
            await (await ws.ping())
            if halves:
                await ws.send(b"")
        sending, got = asyncio.create_task(send()), b""
        async for message in ws:
            if message == b"":
                break
            got += message
            if len(got) == len(data) and not halves:
                break
        await sending
        assert got == data, len(got)
    print("closed", ws.close_code)
asyncio.run(main())
"#;

#[test]
fn a_client_in_python() {
    let serve = Serve::start();
    let echo = Target::echo();
    for more in [&[][..], &["halves"]] {
        let (port, at) = (serve.port.to_string(), echo.addr());
        let args = [&[port.as_str(), &at], more].concat();
        let output = python(CLIENT, &args).run().expect_code(0);
        assert_eq!(output.stdout, b"closed 1000\n", "{more:?}");
    }
}

/// Handshakes that are none, and what each is told.
#[test]
fn handshakes_that_are_wrong() {
    let serve = Serve::with(&["--auth", "a:b"]);
    let open = Serve::start();
    let target = Target::sink();
    let path = format!("/.well-known/masque/tcp/127.0.0.1/{}/", target.port);
    let good = [
        ("Host", "proxy.test"),
        ("Connection", "keep-alive, Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let with = |line: &str, changed: &str, value: Option<&str>| {
        let mut text = format!("{line}\r\n");
        for (name, usual) in good {
            match (name == changed, value) {
                (true, None) => {}
                (true, Some(value)) => text += &format!("{name}: {value}\r\n"),
                (false, _) => text += &format!("{name}: {usual}\r\n"),
            }
        }
        if !changed.is_empty() && !good.iter().any(|(name, _)| *name == changed) {
            text += &format!("{changed}: {}\r\n", value.unwrap_or_default());
        }
        text + "\r\n"
    };
    let line = format!("GET {path} HTTP/1.1");
    for (line, name, value, status, error) in [
        (
            line.as_str(),
            "Connection",
            Some("close"),
            400,
            "http_request_error",
        ),
        (&line, "Upgrade", Some("h2c"), 405, "http_request_error"),
        (
            &line,
            "Sec-WebSocket-Version",
            Some("8"),
            426,
            "http_request_error",
        ),
        (
            &line,
            "Sec-WebSocket-Version",
            None,
            426,
            "http_request_error",
        ),
        (&line, "Sec-WebSocket-Key", None, 400, "http_request_error"),
        (
            &line,
            "Sec-WebSocket-Key",
            Some("c2hvcnQ="),
            400,
            "http_request_error",
        ),
        (
            &line,
            "Content-Length",
            Some("5"),
            400,
            "http_request_error",
        ),
        (
            &line,
            "Transfer-Encoding",
            Some("chunked"),
            400,
            "http_request_error",
        ),
        (
            &line,
            "Origin",
            Some("https://evil.example"),
            403,
            "http_request_denied",
        ),
        ("GET / HTTP/1.1", "", None, 400, "http_request_error"),
        (
            "GET /.well-known/masque/tcp/10.0.0.1/1/ HTTP/1.1",
            "",
            None,
            403,
            "destination_ip_prohibited",
        ),
    ] {
        let answer = ask(open.port, with(line, name, value));
        answer.refuses(status, error);
        if status == 426 {
            assert_eq!(answer.all("upgrade"), ["websocket"]);
            assert_eq!(answer.all("sec-websocket-version"), ["13"]);
        }
    }
    let answer = ask(serve.port, with(&line, "", None));
    answer.refuses(401, "http_request_denied");
    assert!(
        answer.all("www-authenticate")[0].starts_with("Basic "),
        "{}",
        answer.text
    );
    assert_eq!(target.accepted(), 0);
    let mut stream = tcp(open.port);
    stream
        .write_all(with(&line, "", None).as_bytes())
        .expect("ask");
    let head = read_head(&stream).expect("a head");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(
        head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
        "{head}"
    );
}

/// Answers that look like success and are none; and a proxy that does not know of this at all.
#[test]
fn answers_that_are_wrong() {
    for (answer, why) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            "answered with 200, but the protocol was not changed",
        ),
        (
            "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
            "does not belong to the request",
        ),
        (
            "HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
            "upgrades to something else",
        ),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            "404 Not Found",
        ),
    ] {
        let proxy = Target::start(move |mut stream, _| {
            read_head(&stream)?;
            stream.write_all(answer.as_bytes())?;
            std::io::copy(&mut stream, &mut std::io::sink()).map(drop)
        });
        let url = format!("http://{}", proxy.addr());
        let line = connect(["-x", &url, "--via", "h1-ws", "a.test:1"])
            .run()
            .expect_failure(102);
        assert!(
            line.starts_with("tuncat: WebSocket: proxy http://") && line.contains(why),
            "{line}"
        );
    }
    let nginx = Nginx::start(Front::H2c, "location / { return 200; }");
    let url = format!("h2c://127.0.0.1:{}", nginx.port);
    let line = connect(["-x", &url, "--via", "h2-ws", "a.test:1"])
        .run()
        .expect_failure(102);
    assert!(
        line.contains("does not take WebSocket over HTTP/2"),
        "{line}"
    );
}
