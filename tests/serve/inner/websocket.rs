//! WebSocket inside tunnels: an upgrade passes, or is refused.

use crate::support::proc::{Proc, guarded, tool};
use crate::support::{Run, Serve};

const SERVER: &str = r#"
import asyncio, websockets
async def echo(ws):
    async for message in ws:
        await ws.send(message)
async def main():
    async with websockets.serve(echo, "127.0.0.1", 0, max_size=None) as server:
        print("port", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()
asyncio.run(main())
"#;

/// Through a local end of a tunnel: a large message, many small ones, a ping, and the closing handshake.
const CLIENT: &str = r#"
import asyncio, os, sys, websockets
async def main(port):
    async with websockets.connect(f"ws://127.0.0.1:{port}/chat", max_size=None) as ws:
        big = os.urandom(3_000_000)
        await ws.send(big)
        assert await ws.recv() == big
        for n in range(500):
            await ws.send(f"message {n}")
            assert await ws.recv() == f"message {n}"
        await (await ws.ping())
    print("closed", ws.close_code)
asyncio.run(main(sys.argv[1]))
"#;

#[test]
fn it_passes_or_is_refused() {
    let mut command = guarded(&"/usr/bin/python3");
    command.args(["-c", SERVER]);
    let mut server = Proc::spawn("a WebSocket server", command);
    let port: u16 = server.wait_line("its port", |line| line.strip_prefix("port ")?.parse().ok());
    let target = format!("127.0.0.1:{port}");
    let run = |serve: &Serve, via: &str| {
        let args = ["-x", &serve.url, "--via", via];
        let listen = crate::support::Listen::start(&args, &[&format!("0:{target}")]);
        let mut python = tool("/usr/bin/python3", "python3-websockets");
        python.args(["-c", CLIENT, &listen.ports[0].to_string()]);
        Run::new(python).run()
    };
    let files = super::Files::new();
    let log = files.arg("log");
    let pass = Serve::with(&[
        "--inner",
        "http",
        "--access-log",
        &log,
        "--access-log-format",
        "json",
    ]);
    for via in ["h1", "h2"] {
        let output = run(&pass, via).expect_code(0);
        assert_eq!(output.stdout, b"closed 1000\n", "{via}");
    }
    let told = super::records(&files.path("log"), "tunnel", 2);
    for record in &told {
        assert_eq!(record["end"], "clean", "{record}");
        assert!(
            record["bytes_to_target"].as_u64() > Some(3_000_000),
            "{record}"
        );
        assert!(
            record["bytes_from_target"].as_u64() > Some(3_000_000),
            "{record}"
        );
    }
    let refuse = Serve::with(&["--inner", "http", "--inner-upgrade", "refuse"]);
    let output = run(&refuse, "h2");
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("HTTP 403"), "{}", output.stderr);
}

/// A target that stays with HTTP/1.1 is asked for more on the same connection, and each request is judged.
#[test]
fn an_upgrade_that_does_not_happen() {
    let serve = Serve::with(&["--inner", "http", "--inner-deny", "/no"]);
    let one = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n");
    let upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\n";
    let all = one("/a", upgrade)
        + &one("/no", upgrade)
        + &one("/b", "")
        + &one("/no", "Connection: close\r\n");
    let output = crate::support::connect(["-x", &serve.url, "http:"])
        .stdin(all.as_bytes())
        .run();
    let text = String::from_utf8_lossy(&output.expect_clean().stdout).into_owned();
    let answers = text
        .split("HTTP/1.1 ")
        .filter_map(|a| a.get(..3)?.parse::<u16>().ok());
    assert_eq!(answers.collect::<Vec<_>>(), [200, 403, 200, 403], "{text}");
}
