//! What is typed wrong, and what goes wrong on the way.

use super::bench;
use crate::support::{ClosedPort, Target};
use std::io::{Read, Write};

#[test]
fn wrong_use_is_told() {
    for (args, expected) in [
        (&["host"][..], "no port"),
        (&["127.0.0.1:1", "--no-proxy"], "--target-is"),
        (&["bench:", "--no-proxy"], "inside a proxy"),
        (&["-x", "embedded:", "source:5"], "only sends"),
        (
            &["-x", "embedded:", "echo:", "--target-is", "discard"],
            "contradicts",
        ),
        (
            &["-x", "embedded:", "discard:", "-m", "ping"],
            "nothing of --mode",
        ),
        (&["-t", "0"], "above zero"),
        (&["--compare", "embedded:"], "takes the URL of a proxy"),
        (&["--compare", "name=ftp://h"], "--compare: the scheme"),
        (&["--endpoint", "name=host"], "no port"),
        (&["--endpoint", "echo:"], "HOST:PORT"),
        (&["--command", "name="], "no command"),
        (&["--endpoint", "e=127.0.0.1:1"], "name that, too"),
        (&["--rate", "2"], "too short for one beginning"),
    ] {
        let output = bench(args).run().expect_code(2);
        assert!(
            output.stderr.contains(expected),
            "{args:?}: {}",
            output.stderr
        );
        assert_eq!(output.stdout_len, 0, "{args:?}");
    }
    for args in [
        &["--rate", "0"][..],
        &["--rate", "fast"],
        &["-P", "0"],
        &["--rounds", "0"],
        &["-n", "1T"],
        &["-m", "speed"],
    ] {
        let output = bench(args).run().expect_code(2);
        assert!(
            output.stderr.contains(&format!("'{}' for '", args[1])),
            "{args:?}: {}",
            output.stderr
        );
    }
}

#[test]
fn a_server_s_address_in_use_is_told() {
    let taken = ClosedPort::new();
    let line = bench(["--server", &taken.addr()]).run().expect_failure(2);
    assert!(line.contains(&taken.addr()), "{line}");
}

/// Nothing is up: that is the answer, not figures of the direct way alone.
#[test]
fn a_proxy_that_is_not_there_fails() {
    let closed = ClosedPort::new();
    let output = bench(["-x", &format!("http://{}", closed.addr())]).run();
    assert_eq!(output.stdout_len, 0);
    let line = output.expect_failure(7);
    assert!(line.contains(&closed.addr()), "{line}");
}

/// A target that is of another kind than was said.
#[test]
fn another_kind_of_target_is_told() {
    let echo = Target::echo();
    let address = format!("127.0.0.1:{}", echo.port);
    let line = bench(["--no-proxy", "--target-is", "bench", &address])
        .run()
        .expect_failure(2);
    assert!(line.contains("no bench: target"), "{line}");
}

/// Connections that break are counted by class, and the first is told in words; the rest is measured.
#[test]
fn failures_are_counted() {
    // Every third message ends its connection.
    let flaky = Target::start(|mut stream, _| {
        for _ in 0..3 {
            let mut message = [0; 64];
            let length = stream.read(&mut message)?;
            stream.write_all(&message[..length])?;
        }
        Ok(())
    });
    let address = format!("127.0.0.1:{}", flaky.port);
    let args = [
        "--no-proxy",
        "--target-is",
        "echo",
        &address,
        "-m",
        "ping",
        "-t",
        "0.5",
        "-w",
        "3",
    ];
    let report = super::report(&args);
    let ping = super::measured(&report, "direct", "ping");
    let errors = ping["errors"].as_array().expect("errors");
    assert!(!errors.is_empty(), "{ping:#}");
    let count: u64 = errors.iter().filter_map(|e| e["count"].as_u64()).sum();
    assert!(count > 10, "{ping:#}");
    assert!(
        errors[0]["first"]
            .as_str()
            .is_some_and(|text| text.contains("direct")),
        "{ping:#}"
    );
    // A failure is a sample no better than the longest wait.
    assert!(
        super::number(&ping["latency_us"]["uncorrected"]["max"]) >= 3e6,
        "{ping:#}"
    );
}

/// A target that stops answering in the middle of a stream does not hold us for ever, and gives no figure.
#[test]
fn a_stalled_stream_ends() {
    let stalls = Target::start(|mut stream, _| {
        let mut buffer = [0; 4096];
        let mut left = 100_000;
        while left > 0 {
            let length = stream.read(&mut buffer)?.min(left);
            if length == 0 {
                return Ok(());
            }
            stream.write_all(&buffer[..length])?;
            left -= length;
        }
        // It stays open until we end.
        while stream.read(&mut buffer)? > 0 {}
        Ok(())
    });
    let address = format!("127.0.0.1:{}", stalls.port);
    let args = [
        "--no-proxy",
        "--target-is",
        "echo",
        &address,
        "-m",
        "stream",
        "-n",
        "1M",
        "--rounds",
        "1",
        "-w",
        "1",
    ];
    let output = bench(args).run().expect_code(28);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("failed"), "{text}");
    assert!(
        output.stderr.contains("no answer within 1 s"),
        "{}",
        output.stderr
    );
}

/// `--resolve` and the choice of addresses hold without a proxy, too.
#[test]
fn names_are_resolved_as_told() {
    let echo = Target::echo();
    let (target, pinned) = (
        format!("host.invalid:{}", echo.port),
        format!("host.invalid:{}:127.0.0.1", echo.port),
    );
    let args = [
        "--no-proxy",
        "--target-is",
        "echo",
        &target,
        "--resolve",
        &pinned,
        "-m",
        "ping",
        "-t",
        "0.1",
    ];
    let report = super::report(&args);
    assert_eq!(
        super::measured(&report, "direct", "ping")["errors"]
            .as_array()
            .map(Vec::len),
        Some(0)
    );
}

/// Tunnels that are all dead when they are looked at again: one wait for all of them, and a failure.
#[test]
fn dead_tunnels_cost_one_wait() {
    // It answers the first octet of each connection, and nothing more.
    let mute = Target::start(|mut stream, _| {
        let mut octet = [0];
        stream.read_exact(&mut octet)?;
        stream.write_all(&octet)?;
        while stream.read(&mut octet)? > 0 {}
        Ok(())
    });
    let address = format!("127.0.0.1:{}", mute.port);
    let args = [
        "--no-proxy",
        "--target-is",
        "echo",
        &address,
        "-m",
        "hold",
        "--tunnels",
        "40",
        "--hold",
        "10ms",
        "-w",
        "1",
    ];
    let output = bench(args).run().expect_code(28);
    assert!(output.elapsed.as_secs_f64() < 10.0, "{:?}", output.elapsed);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("40 of 40") && text.contains("40 x timeout"),
        "{text}"
    );
}

/// Nothing but failures: the exit code says so, and whoever refuses is not asked as fast as he can refuse.
#[test]
fn nothing_but_failures_fails() {
    // The first connection only looks whether there is an echo.
    let first = std::sync::atomic::AtomicBool::new(true);
    let refuses = Target::start(move |mut stream, _| {
        if first.swap(false, std::sync::atomic::Ordering::SeqCst) {
            let mut octet = [0];
            stream.read_exact(&mut octet)?;
            stream.write_all(&octet)?;
        }
        Ok(())
    });
    let address = format!("127.0.0.1:{}", refuses.port);
    let args = [
        "--no-proxy",
        "--target-is",
        "echo",
        &address,
        "-m",
        "open",
        "-t",
        "1",
        "--rounds",
        "2",
        "-w",
        "2",
    ];
    let output = bench(args).run();
    assert!(
        [7, 18, 56].contains(&output.code),
        "{}: {}",
        output.code,
        output.stderr
    );
    assert!(output.stderr.contains("direct"), "{}", output.stderr);
    assert!(
        (3..100).contains(&refuses.accepted()),
        "{} connections",
        refuses.accepted()
    );
}
