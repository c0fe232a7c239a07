//! A stall, a delay, an altered octet, too much load, chance: none of them may be hidden by what is printed.

use super::relay::{relay, untouched};
use super::{Server, bench, measured, number, report};
use crate::support::process::cpu;
use crate::support::{Target, wait_for};
use rustix::process::Signal;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A target that stands still for a second in a run of 10 at 1,000 pings a second: a tenth of all pings that should
/// have been sent meanwhile waited, and the corrected times show it; the uncorrected ones, of pings that were held
/// back until it went on, do not.
#[test]
fn a_stall_shows() {
    let mut server = Server::start();
    let address = server.address.clone();
    let run = thread::spawn(move || {
        report(&[
            "--no-proxy",
            "--target-is",
            "bench",
            &address,
            "-m",
            "ping",
            "--rate",
            "1000",
            "-t",
            "10",
            "--rounds",
            "1",
        ])
    });
    wait_for("the target to be well in use", || {
        (cpu(server.process.pid()) > Duration::from_millis(40)).then_some(())
    });
    server.process.signal(Signal::STOP);
    thread::sleep(Duration::from_secs(1));
    server.process.signal(Signal::CONT);
    let report = run.join().expect("the run");
    let ping = measured(&report, "direct", "ping");
    assert_eq!(ping["overloaded"], false, "{ping:#}");
    let time = |kind: &str, quantile: &str| number(&ping["latency_us"][kind][quantile]);
    assert_eq!(time("corrected", "count"), 10_000.0);
    assert!(time("corrected", "p99") >= 850_000.0, "{ping:#}");
    assert!(time("corrected", "p50") < 10_000.0, "{ping:#}");
    assert!(time("uncorrected", "p99") < 10_000.0, "{ping:#}");
    assert!(time("uncorrected", "max") >= 900_000.0, "{ping:#}");
}

/// 20 ms on the way make 20 ms and what the machine takes to wake everybody up: to a millisecond what a client
/// without a runtime measures on the same way at the same time. The relay notes what its delays really were.
#[test]
fn a_known_delay_is_measured() {
    const DELAY: Duration = Duration::from_millis(20);
    let echo = Target::echo();
    let delays = Arc::new(Mutex::new(Vec::new()));
    let noted = delays.clone();
    let slow = relay(echo.port, move || {
        let noted = noted.clone();
        let up = move |_: &mut [u8], _| {
            let began = Instant::now();
            thread::sleep(DELAY - Duration::from_millis(1));
            while began.elapsed() < DELAY {
                std::hint::spin_loop();
            }
            noted.lock().expect("delays").push(micros(began.elapsed()));
        };
        (Box::new(up), untouched())
    });
    let over = AtomicBool::new(false);
    let (report, plain) = thread::scope(|scope| {
        let plain = scope.spawn(|| plain_pings(slow.port, &over));
        let address = format!("slow=127.0.0.1:{}", slow.port);
        let report = report(&[
            "--no-proxy",
            "--target-is",
            "echo",
            &echo.addr(),
            "--endpoint",
            &address,
            "-m",
            "ping",
            "-t",
            "2",
        ]);
        over.store(true, Ordering::SeqCst);
        (report, median(plain.join().expect("the plain client")))
    });
    let p50 = |lane| number(&measured(&report, lane, "ping")["latency_us"]["uncorrected"]["p50"]);
    let delay = median(delays.lock().expect("delays").clone());
    assert!(
        (20_000.0..20_300.0).contains(&delay),
        "the relay's own delay: {delay} us"
    );
    assert!(
        p50("slow") >= delay && (p50("slow") - plain).abs() < 1_000.0,
        "{} us measured, {plain} us by the plain client, {delay} us were made",
        p50("slow")
    );
    assert!(p50("direct") < 2_000.0, "{} us", p50("direct"));
}

/// Round trips of an octet, in microseconds.
fn plain_pings(port: u16, over: &AtomicBool) -> Vec<f64> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connection");
    stream.set_nodelay(true).expect("no delay");
    let mut pings = Vec::new();
    while !over.load(Ordering::SeqCst) {
        let began = Instant::now();
        stream.write_all(b".").expect("a ping");
        stream.read_exact(&mut [0]).expect("its answer");
        pings.push(micros(began.elapsed()));
    }
    pings
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// One octet of 10^8 that comes changed: no figure, and a failure, wherever it is and whichever way it goes.
#[test]
fn an_altered_octet_fails_the_run() {
    const OCTETS: u64 = 100_000_000;
    let server = Server::start();
    // In front of an upload's octets stands what is asked for.
    const JOB: u64 = 25;
    for (upward, at) in [
        (true, JOB + 1),
        (true, JOB + OCTETS / 3),
        (true, JOB + OCTETS - 1),
        (false, 100_000),
        (false, OCTETS / 2 + 1),
        (false, OCTETS - 1),
    ] {
        let flipping = relay(server.port, move || {
            let flip = move |octets: &mut [u8], position: u64| {
                let place = at
                    .checked_sub(position)
                    .and_then(|n| octets.get_mut(n as usize));
                if let Some(octet) = place {
                    *octet ^= 0x10;
                }
            };
            match upward {
                true => (Box::new(flip) as super::relay::Treat, untouched()),
                false => (untouched(), Box::new(flip) as super::relay::Treat),
            }
        });
        let address = format!("127.0.0.1:{}", flipping.port);
        let output = bench([
            "--no-proxy",
            "--target-is",
            "bench",
            &address,
            "-m",
            "stream",
            "-n",
            "100M",
            "--rounds",
            "1",
        ])
        .run();
        assert_eq!(output.stdout_len, 0, "a figure was printed");
        let line = output.expect_failure(106);
        let place = if upward { at - JOB } else { at };
        assert!(
            line.contains(&format!("octet {place} came changed")),
            "{line}"
        );
    }
}

/// The same for an echo, where nobody but us looks at what comes.
#[test]
fn an_echo_that_alters_fails_the_run() {
    let echo = Target::start(|mut stream, _| {
        let mut buffer = [0; 4096];
        let mut seen = 0;
        loop {
            let length = stream.read(&mut buffer)?;
            if (seen..seen + length).contains(&100_000) {
                buffer[100_000 - seen] ^= 1;
            }
            seen += length;
            if length == 0 {
                return Ok(());
            }
            stream.write_all(&buffer[..length])?;
        }
    });
    let address = format!("127.0.0.1:{}", echo.port);
    for mode in ["stream", "ping"] {
        let output = bench([
            "--no-proxy",
            "--target-is",
            "echo",
            &address,
            "-m",
            mode,
            "-n",
            "1M",
            "-t",
            "5",
        ])
        .run();
        assert_eq!(output.stdout_len, 0, "a figure was printed");
        let line = output.expect_failure(106);
        assert!(line.contains("came changed"), "{line}");
    }
}

/// More load than the target takes is said to be that, and no time is passed off as the service's.
#[test]
fn an_overload_is_no_latency() {
    let slow = Target::start(|mut stream, _| {
        let mut buffer = [0; 64];
        loop {
            stream.read_exact(&mut buffer[..1])?;
            thread::sleep(Duration::from_millis(5));
            stream.write_all(&buffer[..1])?;
        }
    });
    let address = format!("127.0.0.1:{}", slow.port);
    let args = [
        "--no-proxy",
        "--target-is",
        "echo",
        &address,
        "-m",
        "ping",
        "--size",
        "1",
        "--rate",
        "1000",
        "-t",
        "0.5",
        "--rounds",
        "1",
    ];
    let report = report(&args);
    let ping = measured(&report, "direct", "ping");
    assert_eq!(ping["overloaded"], true, "{ping:#}");
    assert_eq!(ping["latency_us"], Value::Null);
    let achieved = number(&ping["pace"]["achieved_per_second"]);
    assert!((100.0..250.0).contains(&achieved), "{achieved} per second");
    let text = bench(args).run().expect_code(0).stdout;
    let text = String::from_utf8_lossy(&text).into_owned();
    // No time, no ratio, and no line for uncorrected ones.
    let lines: Vec<&str> = text
        .lines()
        .filter(|l| l.trim_start().starts_with("direct"))
        .collect();
    let words: Vec<&str> = lines[0].split_whitespace().take(3).collect();
    assert_eq!(words, ["direct", "-", "overloaded:"], "{text}");
    assert!(!text.contains("uncorrected"), "{text}");
    assert!(text.contains("overloaded:"), "{text}");
}

/// Times that scatter by chance, from a known mean: of 20 intervals at least 17 hold it, and the mean of all runs.
#[test]
fn intervals_hold_the_mean() {
    const RUNS: usize = 20;
    const MEAN_US: f64 = 8_000.0;
    const DEVIATION_US: f64 = 2_000.0;
    // Each connection is slow in its own way, drawn from a normal distribution; runs follow each other, so the draws are
    // the same every time.
    let draws = Mutex::new(normal(2));
    let delays = Arc::new(Mutex::new(Vec::new()));
    let noted = delays.clone();
    let echo = Target::start(move |mut stream, _| {
        let draw = draws.lock().expect("draws").next().expect("endless");
        let delay = Duration::from_secs_f64((MEAN_US + DEVIATION_US * draw).max(0.0) / 1e6);
        noted.lock().expect("delays").push(micros(delay));
        let mut buffer = [0; 64];
        loop {
            let length = stream.read(&mut buffer)?;
            if length == 0 {
                return Ok(());
            }
            thread::sleep(delay);
            stream.write_all(&buffer[..length])?;
        }
    });
    let address = format!("127.0.0.1:{}", echo.port);
    let mut all = Vec::new();
    let mut intervals = Vec::new();
    for _ in 0..RUNS {
        let report = report(&[
            "--no-proxy",
            "--target-is",
            "echo",
            &address,
            "-m",
            "ping",
            "-t",
            "0.4",
            "-O",
            "10ms",
            "--rounds",
            "5",
        ]);
        let ping = measured(&report, "direct", "ping");
        let bounds = &ping["value"]["ci95"];
        intervals.push((number(&bounds[0]), number(&bounds[1])));
        let rounds = ping["rounds"].as_array().expect("rounds");
        all.extend(rounds.iter().map(|round| number(&round["value"])));
    }
    assert_eq!(all.len(), RUNS * 5);
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    // In front of the five connections of a run is one that only looks whether the target answers.
    let delays = delays.lock().expect("delays").clone();
    let measured = delays.iter().enumerate().filter(|(n, _)| n % 6 > 0);
    let made = measured.map(|(_, delay)| delay).sum::<f64>() / (RUNS * 5) as f64;
    assert_eq!(delays.len(), RUNS * 6);
    assert!(
        (mean - made).abs() < DEVIATION_US / 2.0,
        "{mean} us measured on average, {made} us were made"
    );
    let held = intervals
        .iter()
        .filter(|(low, high)| (*low..*high).contains(&mean))
        .count();
    assert!(
        held >= 17,
        "{held} of {RUNS} intervals hold {mean}: {intervals:?}"
    );
    assert!(
        intervals.iter().all(|(low, high)| high - low > 100.0),
        "intervals as narrow as that hold nothing by right: {intervals:?}"
    );
}

/// Draws from a normal distribution of mean 0 and deviation 1 (Box and Muller).
fn normal(seed: u64) -> impl Iterator<Item = f64> + Send {
    let mut state = seed;
    let mut uniform = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    };
    std::iter::repeat_with(move || {
        let (a, b) = (uniform(), uniform());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    })
}

/// Some proxies keep the end of our side to themselves, so tunnels through them close slowly. They open no slower for
/// that: only 64 closes are waited for, each up to a second.
#[test]
fn what_does_not_close_opens_no_slower() {
    let kept = Mutex::new(Vec::new());
    let deaf = Target::start(move |mut stream, _| {
        let mut octet = [0];
        stream.read_exact(&mut octet)?;
        stream.write_all(&octet)?;
        kept.lock().expect("streams").push(stream);
        Ok(())
    });
    let address = format!("127.0.0.1:{}", deaf.port);
    let report = report(&[
        "--no-proxy",
        "--target-is",
        "echo",
        &address,
        "-m",
        "open",
        "-t",
        "1",
        "--rounds",
        "1",
    ]);
    let open = measured(&report, "direct", "open");
    // Waiting for each of them would make it 64.
    assert!(number(&open["rounds"][0]["samples"]) > 200.0, "{open:#}");
}
