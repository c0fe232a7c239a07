//! What the end of stdin does: the far side's answer is whole when the proxy on the way keeps half-closed connections,
//! and a prompt answer is whole when it does not.

use super::MIB;
use crate::support::peers::{Apache, Squid, Tinyproxy};
use crate::support::{Feed, Output, Pattern, Serve, Target, connect};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::Duration;

/// A delay that a test does not wait for: with it, the end of stdin gets out in time only if it is not held.
const NEVER: &str = "300";

const REPLY: u64 = 2 * MIB;

/// Sends `hello` and the end to a target that answers only after the end, and gets the whole answer, with no delay.
fn answer_after_the_end(args: &[&str], target: &Target) {
    let output = connect(args)
        .arg(target.addr())
        .stdin("hello")
        .run()
        .expect_clean();
    whole(&output);
    assert_eq!(target.received(1).0, 5);
}

fn whole(output: &Output) {
    assert_eq!(output.stdout_len, REPLY);
    assert_eq!(output.stdout_sha256, Pattern::sha256(7, REPLY));
}

#[test]
fn without_a_proxy_the_end_goes_out_at_once() {
    let target = Target::answers_after_eof(7, REPLY);
    answer_after_the_end(&["--fin-delay", NEVER], &target);
}

#[test]
fn through_serve_the_end_goes_out_at_once() {
    let serve = Serve::start();
    let target = Target::answers_after_eof(7, REPLY);
    answer_after_the_end(&["--fin-delay", NEVER, "-x", &serve.url], &target);
}

#[test]
fn through_serve_with_tls_the_end_goes_out_at_once() {
    let mut serve = Serve::with(&["--self-signed"]);
    let target = Target::answers_after_eof(7, REPLY);
    let pin = serve.pin();
    answer_after_the_end(
        &["--fin-delay", NEVER, "-x", &serve.url, "--pin", &pin],
        &target,
    );
}

#[test]
fn through_apache_the_end_goes_out_at_once() {
    let target = Target::answers_after_eof(7, REPLY);
    let apache = Apache::allowing(target.port);
    answer_after_the_end(&["--fin-delay", NEVER, "-x", &apache.url], &target);
}

#[test]
fn through_serve_the_target_may_end_first() {
    let serve = Serve::start();
    let target = Target::ends_first(7, REPLY);
    let output = connect(["-x", &serve.url, &target.addr()])
        .feed(Feed::Open(Vec::new()))
        .run()
        .expect_clean();
    whole(&output);
}

/// squid tears the tunnel down when it sees the end of one side. The answer comes before the far side has been quiet
/// for the delay, so nothing of it is lost, whoever ends first.
#[test]
fn through_squid_a_prompt_answer_is_whole() {
    let squid = Squid::start();
    for target in [
        Target::answers_promptly(5, 7, REPLY),
        Target::answers_and_closes(5, 7, REPLY),
    ] {
        let run = connect(["-x", &squid.url, &target.addr()]).stdin("hello");
        whole(&run.run().expect_clean());
    }
}

/// As squid.
#[test]
fn through_tinyproxy_a_prompt_answer_is_whole() {
    let tinyproxy = Tinyproxy::start();
    for target in [
        Target::answers_promptly(5, 7, REPLY),
        Target::answers_and_closes(5, 7, REPLY),
    ] {
        let run = connect(["-x", &tinyproxy.url, &target.addr()]).stdin("hello");
        whole(&run.run().expect_clean());
    }
}

/// The delay counts from the last byte of the far side, so an answer in pieces may take far longer than the delay.
#[test]
fn through_squid_a_slow_answer_in_pieces_is_whole() {
    const PIECE: u64 = 1000;
    const PIECES: u64 = 20;
    let squid = Squid::start();
    let target = Target::start(|stream, recorder| {
        (&stream).read_exact(&mut [0; 5])?;
        let mut answer = Pattern::new(7, PIECE * PIECES);
        let mut piece = [0; PIECE as usize];
        while answer.fill(&mut piece) > 0 {
            (&stream).write_all(&piece)?;
            // The script of a slow peer, not a wait for anything.
            std::thread::sleep(Duration::from_millis(100));
        }
        recorder.read_to_end(&stream)
    });
    let output = connect(["-x", &squid.url, "--fin-delay", "1", &target.addr()])
        .stdin("hello")
        .run()
        .expect_clean();
    assert_eq!(output.stdout_sha256, Pattern::sha256(7, PIECE * PIECES));
    assert!(
        output.elapsed > Duration::from_secs(2),
        "{:?}",
        output.elapsed
    );
}

/// What `-N` means through a proxy that does not keep half-closed connections, as it is observed with squid 5.7: the
/// end goes out at once, the target sees it, squid closes both sides, and an answer that comes after the end is lost.
/// That is what the delay is for, and why `-N` has to be asked for.
#[test]
fn through_squid_an_answer_after_the_end_is_lost_with_n() {
    let squid = Squid::start();
    let target = Target::answers_after_eof(7, REPLY);
    let output = connect(["-N", "-x", &squid.url, &target.addr()])
        .stdin("hello")
        .run();
    assert_eq!(target.received(1).0, 5, "all that was sent arrived");
    assert!(
        output.stdout_len < REPLY,
        "squid keeps half-closed connections now: {output:?}"
    );
}

/// Random sizes with the end right after the last byte, each direction in turn and both at once, through serve. How
/// many rounds is in `TUNCAT_TEST_ROUNDS`.
#[test]
fn through_serve_no_byte_before_an_end_is_lost() {
    let rounds = std::env::var("TUNCAT_TEST_ROUNDS").map_or(200, |rounds| {
        rounds.parse().expect("TUNCAT_TEST_ROUNDS is a number")
    });
    let serve = Serve::start();
    for round in 0..rounds {
        let (request, reply) = (random_size(2 * round), random_size(2 * round + 1));
        let target = match round % 2 {
            0 => Target::answers_after_eof(round, reply),
            _ => Target::ends_first(round, reply),
        };
        let mut tunnel = open(&serve, &target.addr());
        let stream = tunnel.get_ref().try_clone().expect("clone a socket");
        let sender = std::thread::spawn(move || {
            std::io::copy(&mut Pattern::new(!round, request), &mut &stream).expect("send");
            stream
                .shutdown(Shutdown::Write)
                .expect("end the sending side");
        });
        let mut digest = crate::support::Digest::new();
        std::io::copy(&mut tunnel, &mut digest).expect("read to a clean end");
        sender.join().expect("sender");
        let sizes = format!("round {round}: {request} there, {reply} back");
        assert_eq!(
            digest.finish(),
            (reply, Pattern::sha256(round, reply)),
            "{sizes}"
        );
        let arrived = (request, Pattern::sha256(!round, request));
        assert_eq!(target.received(1), arrived, "{sizes}");
    }
}

/// 0 to 1 MiB, the same in every run; small sizes and the edges come often.
fn random_size(seed: u64) -> u64 {
    let mut bytes = [0; 8];
    Pattern::new(seed, 8).fill(&mut bytes);
    let random = u64::from_le_bytes(bytes);
    match random % 8 {
        0 => random / 8 % 3,
        1 => random / 8 % 5000,
        _ => random / 8 % (MIB + 1),
    }
}

/// A raw tunnel through serve, at its first byte.
fn open(serve: &Serve, target: &str) -> BufReader<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, serve.port)).expect("connect to serve");
    write!(
        &stream,
        "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n"
    )
    .expect("send a request");
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let count = reader.read_line(&mut head).expect("read an answer");
        assert_ne!(count, 0, "serve closed within its head: {head:?}");
    }
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    reader
}
