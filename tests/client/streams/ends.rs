//! Who ends first, and when.

use crate::client::LIMIT;
use crate::client::child::Tunnel;
use crate::client::expect::{Scene, TARGET};
use crate::client::peer::{Conn, OK, OK_KEEPS, Peer};
use crate::client::tls::{Authority, TlsPeer};
use crate::support::{Digest, Feed, Pattern, connect, wait_for};
use std::io::{self, Seek, Write};
use std::process::Stdio;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// The far side ends at each stage after the answer; what it sent is there, and that is a clean end.
#[test]
fn the_far_side_ends_at_every_stage() {
    type Script = fn(&Conn) -> io::Result<()>;
    let rows: [(&str, Script, &[u8]); 5] = [
        ("with the answer", |conn| conn.send(OK), b""),
        ("right after it", |conn| conn.send_alone(OK), b""),
        (
            "with the first bytes",
            |conn| conn.send(format!("{OK}bytes")),
            b"bytes",
        ),
        (
            "after the first bytes",
            |conn| {
                conn.send_alone(OK)?;
                conn.send_alone("bytes")
            },
            b"bytes",
        ),
        (
            "after some of ours",
            |conn| {
                conn.send(OK)?;
                conn.read_exact(5)?;
                conn.send("bytes")
            },
            b"bytes",
        ),
    ];
    for (name, script, stdout) in rows {
        for half in [true, false] {
            // Either only its sending side ends, or it closes: there is nothing left to read.
            let peer = Peer::new(move |conn| {
                script(&conn)?;
                if half {
                    conn.end()?;
                    conn.read_to_end()?;
                }
                Ok(())
            });
            let scene = Scene::through(peer);
            let scene = match name {
                "after some of ours" => scene.stdin(|| Feed::Open(b"hello".into())),
                _ => scene.stdin(|| Feed::Open(Vec::new())),
            };
            let output = scene.run(&[]);
            assert_eq!(
                (output.code, output.stderr.as_str(), &output.stdout[..]),
                (0, "", stdout),
                "{name}, half: {half}"
            );
        }
    }
}

/// A file ends by itself, so it is sent to its end, however early the far side has ended. Whoever reads stdout sees the
/// end of it long before.
#[test]
fn the_far_side_ends_first_while_a_file_is_sent() {
    const LEN: u64 = 32 << 20;
    let (sender, received) = channel();
    let (go, wait) = channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let peer = Peer::new(move |conn| {
        conn.send(OK)?;
        conn.send("answer")?;
        conn.end()?;
        // stdout has ended while most of the file is not even read.
        wait.lock().expect("go").recv().map_err(io::Error::other)?;
        let mut digest = Digest::new();
        io::copy(&mut &conn.stream, &mut digest)?;
        sender.send(digest.finish()).map_err(io::Error::other)
    });
    let mut file = tempfile::tempfile().expect("a temporary file");
    io::copy(&mut Pattern::new(9, LEN), &mut file).expect("write a file");
    file.rewind().expect("rewind a file");
    let mut tunnel = Tunnel::start(["-x", &peer.url(), TARGET], file, Stdio::piped());
    assert_eq!(tunnel.read_stdout(), b"answer");
    assert!(tunnel.running(), "the file cannot be sent yet");
    go.send(()).expect("a script that waits");
    tunnel.wait().expect_clean();
    let received = received.recv_timeout(LIMIT).expect("the file");
    assert_eq!(received, (LEN, Pattern::sha256(9, LEN)));
}

/// Over TLS the far side's end is close_notify alone, and it goes on reading (RFC 8446 §6.1).
#[test]
fn the_far_side_ends_first_while_a_file_is_sent_over_tls() {
    const LEN: u64 = 8 << 20;
    let authority = Authority::new();
    let (sender, received) = channel();
    let peer = TlsPeer::new(authority.config("127.0.0.1", 2100), move |mut conn| {
        conn.send(OK)?;
        conn.send("answer")?;
        conn.end()?;
        let mut digest = Digest::new();
        io::copy(&mut conn.stream, &mut digest)?;
        sender.send(digest.finish()).map_err(io::Error::other)
    });
    let mut file = tempfile::tempfile().expect("a temporary file");
    io::copy(&mut Pattern::new(9, LEN), &mut file).expect("write a file");
    file.rewind().expect("rewind a file");
    let root = authority.file();
    let root = root.to_str().expect("a path in UTF-8");
    let args = ["-x", &peer.url(), "--cacert", root, TARGET];
    let mut tunnel = Tunnel::start(args, file, Stdio::piped());
    assert_eq!(tunnel.read_stdout(), b"answer");
    tunnel.wait().expect_clean();
    let received = received.recv_timeout(LIMIT).expect("the file");
    assert_eq!(received, (LEN, Pattern::sha256(9, LEN)));
}

/// A pipe may stay silent for ever: it is not waited for.
#[test]
fn the_far_side_ends_first_while_stdin_is_quiet() {
    const LEN: u64 = 8 << 20;
    for answer in [OK, OK_KEEPS] {
        let (sender, ended) = channel();
        let peer = Peer::new(move |conn| {
            conn.send(answer)?;
            conn.read_exact(5)?;
            io::copy(&mut Pattern::new(10, LEN), &mut &conn.stream)?;
            conn.end()?;
            let sent = Instant::now();
            assert_eq!(conn.read_to_end()?, b"");
            sender.send(sent.elapsed()).map_err(io::Error::other)
        });
        let scene = Scene::through(peer).stdin(|| Feed::Open(b"hello".into()));
        let output = scene.run(&["--fin-delay", "60"]).expect_clean();
        assert_eq!(output.stdout_sha256, Pattern::sha256(10, LEN));
        let ended = ended
            .recv_timeout(LIMIT)
            .expect("a clean end of the client");
        assert!(ended < Duration::from_secs(2), "{ended:?}");
    }
}

/// What stdin has ready when the far side ends still goes out.
#[test]
fn the_far_side_ends_first_while_stdin_has_more() {
    const READY: usize = 60_000;
    let (sender, received) = channel();
    let peer = Peer::new(move |conn| {
        conn.send_alone(OK)?;
        conn.end()?;
        sender.send(conn.read_to_end()?).map_err(io::Error::other)
    });
    // In the pipe before the program starts.
    let (reader, mut writer) = io::pipe().expect("a pipe");
    let bytes = crate::support::pattern(11, READY);
    writer.write_all(&bytes).expect("fill a pipe");
    let tunnel = Tunnel::start(["-x", &peer.url(), TARGET], reader, Stdio::null());
    let received = received.recv_timeout(LIMIT).expect("a clean end");
    assert!(received == bytes, "{} bytes arrived", received.len());
    tunnel.wait().expect_clean();
    drop(writer);
}

/// Our end, and only much later the answer.
#[test]
fn our_side_ends_first() {
    const LEN: u64 = 1 << 20;
    for (answer, more) in [(OK_KEEPS, &[][..]), (OK, &["-N"])] {
        let (sender, received) = channel();
        let peer = Peer::new(move |conn| {
            conn.send(answer)?;
            let mut digest = Digest::new();
            io::copy(&mut &conn.stream, &mut digest)?;
            sender.send(digest.finish()).map_err(io::Error::other)?;
            std::thread::sleep(Duration::from_secs(2));
            io::copy(&mut Pattern::new(13, LEN), &mut &conn.stream).map(drop)
        });
        let run = connect(["-x", &peer.url(), TARGET]).args(more);
        let output = run.feed(Feed::Pattern(12, LEN)).limit(LIMIT).run();
        let output = output.expect_clean();
        assert_eq!(output.stdout_sha256, Pattern::sha256(13, LEN));
        let received = received.recv_timeout(LIMIT);
        assert_eq!(received, Ok((LEN, Pattern::sha256(12, LEN))));
    }
}

/// Both at once, over and over, with everything between the ends.
#[test]
fn both_sides_end_at_the_same_time() {
    let peer = Peer::new(|conn| {
        conn.send(OK_KEEPS)?;
        conn.send("answer")?;
        conn.end()?;
        assert_eq!(conn.read_to_end()?, b"hello");
        Ok(())
    });
    for round in 0..50 {
        let run = connect(["-x", &peer.url(), TARGET, "--json"]).stdin("hello");
        let output = run.limit(LIMIT).run().expect_code(0);
        assert_eq!(output.stdout, b"answer", "round {round}");
    }
}

/// The object says who ended first.
#[test]
fn who_ended_first() {
    let (near, far) = (
        Peer::echo(OK_KEEPS),
        Peer::new(|conn| {
            conn.send(OK)?;
            conn.end()?;
            conn.read_to_end().map(drop)
        }),
    );
    for (peer, stdin, first) in [
        (&near, Feed::Null, "near"),
        (&far, Feed::Open(Vec::new()), "far"),
    ] {
        let run = connect(["-x", &peer.url(), TARGET, "--json"]).feed(stdin);
        let output = run.limit(LIMIT).run().expect_code(0);
        let object = crate::client::child::object(&output.stderr);
        assert_eq!(object["first_end"], first, "{object}");
    }
}

/// A proxy that closes in the middle of what we send: it said it was the end, so what it sent is whole, but ours is not.
#[test]
fn the_proxy_closes_while_we_send() {
    let peer = Peer::new(|conn| {
        conn.send(OK)?;
        conn.read_exact(100_000)?;
        conn.send_alone("answer")
    });
    let mut tunnel = Tunnel::piped(["-x", &peer.url(), TARGET]);
    let mut stdin = tunnel.take_stdin();
    let feeder = std::thread::spawn(move || io::copy(&mut io::repeat(7), &mut stdin));
    assert_eq!(tunnel.read_stdout(), b"answer");
    let ended = tunnel.wait();
    assert_eq!(ended.code, 56, "{ended:?}");
    assert!(ended.stderr.contains("and 6 received"), "{ended:?}");
    wait_for("the end of the feeder", || {
        feeder.is_finished().then_some(())
    });
}
