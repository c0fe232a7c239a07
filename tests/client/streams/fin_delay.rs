//! When our FIN goes out: at once where the other direction is known to live on, else after some silence.

use crate::client::LIMIT;
use crate::client::expect::{Scene, TARGET};
use crate::client::peer::{OK, Peer};
use crate::support::{Feed, Output, connect};
use std::io;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long after the last thing that the proxy did the client's FIN came.
type Delay = Receiver<Duration>;

/// A proxy with this answer that reads `hello`, sends the pieces, ends its side if it is to, and waits for the FIN.
fn peer(answer: &'static str, pieces: usize, ends: bool) -> (Peer, Delay) {
    let (sender, delay) = channel();
    let peer = Peer::new(move |conn| {
        conn.send(answer)?;
        assert_eq!(conn.read_exact(5)?, b"hello");
        let mut quiet_since = Instant::now();
        for _ in 0..pieces {
            std::thread::sleep(Duration::from_millis(400));
            quiet_since = Instant::now();
            conn.send("piece")?;
        }
        if ends {
            conn.end()?;
        }
        conn.read_to_end()?;
        sender.send(quiet_since.elapsed()).map_err(io::Error::other)
    });
    (peer, delay)
}

fn run(peer: Peer, more: &[&str]) -> Output {
    Scene::through(peer)
        .stdin(|| Feed::Bytes(b"hello".into()))
        .run(more)
}

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[track_caller]
fn assert_between(delay: &Delay, low: f64, high: f64) {
    let delay = delay.recv_timeout(LIMIT).expect("a FIN");
    assert!(
        (secs(low)..secs(high)).contains(&delay),
        "{delay:?} is not between {low} s and {high} s"
    );
}

#[test]
fn an_unknown_proxy_gets_it_after_the_delay() {
    for (answer, more, low, high) in [
        (OK, &["--fin-delay", "0.5"][..], 0.5, 2.5),
        (OK, &[], 1.0, 3.0),
        (
            "HTTP/1.1 200 OK\r\nVia: 1.1 squid\r\n\r\n",
            &["--fin-delay", "700ms"],
            0.7,
            2.7,
        ),
        (
            "HTTP/1.1 200 OK\r\nProxy-agent: tinyproxy/1.11\r\n\r\n",
            &["--fin-delay", "0.5"],
            0.5,
            2.5,
        ),
        (
            "HTTP/1.1 200 OK\r\nServer: Apache\r\n\r\n",
            &["--fin-delay", "0.5"],
            0.5,
            2.5,
        ),
    ] {
        let (peer, delay) = peer(answer, 0, false);
        run(peer, more).expect_code(0);
        assert_between(&delay, low, high);
    }
}

#[test]
fn a_known_proxy_gets_it_at_once() {
    for answer in [
        "HTTP/1.1 200 OK\r\nProxy-Agent: tuncat/0.1.0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nproxy-agent: tuncat/99\r\n\r\n",
        "HTTP/1.0 200 Connection Established\r\nProxy-agent: Apache/2.4.57 (Debian)\r\n\r\n",
        "HTTP/1.0 200 Connection Established\r\nProxy-agent: Apache\r\n\r\n",
    ] {
        let (peer, delay) = peer(answer, 0, false);
        run(peer, &["--fin-delay", "60"]).expect_clean();
        assert_between(&delay, 0.0, 5.0);
    }
}

/// Without any delay to compare with but the usual second: the fastest of a few runs is well below it.
#[test]
fn no_delay_means_at_once() {
    for more in [&["-N"][..], &["--fin-delay", "0"]] {
        let fastest = (0..3).map(|_| {
            let (peer, delay) = peer(OK, 0, false);
            run(peer, more).expect_code(0);
            delay.recv_timeout(LIMIT).expect("a FIN")
        });
        let fastest = fastest.min().expect("three runs");
        assert!(fastest < secs(0.5), "{more:?}: {fastest:?}");
    }
}

/// The silence counts from the last byte that came, so an answer in pieces may take as long as it likes.
#[test]
fn every_byte_starts_the_delay_anew() {
    let (peer, delay) = peer(OK, 5, false);
    let output = run(peer, &["--fin-delay", "0.8"]).expect_clean();
    assert_eq!(output.stdout, b"piecepiecepiecepiecepiece");
    assert_between(&delay, 0.8, 2.8);
}

/// The far side's end makes the waiting pointless.
#[test]
fn the_far_end_cuts_the_delay_short() {
    let (peer, delay) = peer(OK, 1, true);
    let output = run(peer, &["--fin-delay", "60"]).expect_clean();
    assert_eq!(output.stdout, b"piece");
    assert_between(&delay, 0.0, 5.0);
}

/// After the FIN the answer may still come, if the proxy does keep the connection.
#[test]
fn an_answer_after_the_fin() {
    let peer = Peer::new(|conn| {
        conn.send(OK)?;
        conn.read_to_end()?;
        conn.send("late")
    });
    let output = run(peer, &["--fin-delay", "0.3"]).expect_clean();
    assert_eq!(output.stdout, b"late");
}

/// A proxy that answers the FIN by closing both ways, after a prompt answer: nothing is lost.
#[test]
fn a_proxy_that_tears_down_on_a_fin() {
    let peer = Peer::new(|conn| {
        conn.send(OK)?;
        conn.read_exact(5)?;
        conn.send("answer")?;
        conn.read_to_end()?;
        // Both ways: the rest of the answer never comes.
        Ok(())
    });
    let output = run(peer, &["--fin-delay", "0.3"]).expect_clean();
    assert_eq!(output.stdout, b"answer");
}

/// No answer at all through a proxy that may have cut it off: no exit code can tell, so it is said. Where it cannot
/// be so, nothing is.
#[test]
fn an_answer_that_may_be_lost_is_mentioned() {
    let note =
        "tuncat: warning: nothing came back, and this proxy may close both ways*--fin-delay\n";
    let (start, end) = note.split_once('*').expect("a pattern");
    for (answer, reply, noted) in [
        (OK, "", true),
        (OK, "x", false),
        ("HTTP/1.1 200 OK\r\nProxy-Agent: Apache\r\n\r\n", "", false),
        (
            "HTTP/1.1 200 OK\r\nProxy-Agent: tuncat/1\r\n\r\n",
            "",
            false,
        ),
    ] {
        let peer = Peer::new(move |conn| {
            conn.send(answer)?;
            conn.read_to_end()?;
            conn.send(reply)
        });
        let output = run(peer, &["-N"]).expect_code(0);
        let stderr = output.stderr.as_str();
        assert_eq!(output.stdout, reply.as_bytes());
        assert_eq!(
            stderr.starts_with(start) && stderr.ends_with(end),
            noted,
            "{stderr}"
        );
        assert_eq!(stderr.is_empty(), !noted, "{stderr}");
    }
}

/// As long as our end is held back it cannot have cut anything off: a far side that ends without a word has nothing to
/// do with it.
#[test]
fn nothing_is_mentioned_when_our_end_was_not_sent() {
    let peer = Peer::new(|conn| {
        conn.send(OK)?;
        std::thread::sleep(Duration::from_millis(300));
        conn.end()?;
        conn.read_to_end().map(drop)
    });
    run(peer, &["--fin-delay", "60"]).expect_clean();
}

/// What the delay says without a proxy: nothing.
#[test]
fn without_a_proxy_there_is_no_delay() {
    let target = crate::support::Target::answers_after_eof(14, 1000);
    let run = connect(["--fin-delay", "60", &target.addr()]);
    let output = run.stdin("hello").limit(LIMIT).run().expect_clean();
    assert_eq!(output.stdout, crate::support::pattern(14, 1000));
}

/// `-v` tells which rule applied.
#[test]
fn v_tells_the_rule() {
    for (answer, more, rule) in [
        (OK, &["--fin-delay", "0.2"][..], "after 0.2 s of silence"),
        (OK, &["-N"], "the FIN is sent at once"),
        (
            "HTTP/1.1 200 OK\r\nProxy-Agent: Apache\r\n\r\n",
            &[],
            "the FIN is sent at once",
        ),
    ] {
        let peer = Peer::echo(answer);
        let run = connect(["-v", "-x", &peer.url(), TARGET]).args(more);
        let output = run.stdin("hello").limit(LIMIT).run().expect_code(0);
        assert!(output.stderr.contains(rule), "{more:?}: {}", output.stderr);
    }
}
