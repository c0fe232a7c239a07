//! Bytes per second through one stream and through sixteen, from the target to the client, and what they cost.

use crate::figures::{median, quantile, table};
use crate::lanes::{Lane, Stream, lanes};
use crate::peer::{Ask, receive, send};
use crate::support::process::cpu;
use std::io::Read;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;
/// Over all streams of one measurement.
const TOTAL: u64 = 512 << 20;
const VERIFIED: u64 = 16 << 20;
const GIB: f64 = (1_u64 << 30) as f64;

pub fn run() {
    let lanes = lanes(true);
    for lane in &lanes {
        verify(lane);
    }
    for streams in [1, 16] {
        let mut rates = vec![Vec::new(); lanes.len()];
        let mut costs = vec![Duration::ZERO; lanes.len()];
        // One round that does not count, then every lane in turn, so that what the machine does besides hits all.
        for round in 0..=ROUNDS {
            for (n, lane) in lanes.iter().enumerate() {
                let (took, cost) = transfer(lane, streams);
                if round > 0 {
                    rates[n].push(TOTAL as f64 / GIB / took.as_secs_f64());
                    costs[n] += cost;
                }
            }
        }
        let rows = lanes.iter().enumerate().map(|(n, lane)| {
            let ratios: Vec<f64> = rates[n].iter().zip(&rates[0]).map(|(a, b)| a / b).collect();
            let gib = ROUNDS as f64 * TOTAL as f64 / GIB;
            vec![
                lane.name.clone(),
                format!("{:.2}", median(&rates[n])),
                format!("{:.2}", quantile(&rates[n], 0.0)),
                format!("{:.2}", quantile(&rates[n], 1.0)),
                format!("{:.2}", median(&ratios)),
                format!("{:.2}", costs[n].as_secs_f64() / gib),
            ]
        });
        let rows: Vec<_> = rows.collect();
        let title = format!(
            "Throughput, {streams} stream(s), {} MiB in all, {ROUNDS} interleaved rounds, bytes verified before \
             (CPU: of the proxy processes alone)",
            TOTAL >> 20
        );
        let head = ["way", "GiB/s", "min", "max", "ratio", "CPU s/GiB"];
        table(&title, &head, &rows);
    }
}

/// Both directions byte by byte; a lane that changes one gives no figures.
fn verify(lane: &Lane) {
    let mut stream = open(lane);
    Ask::Pattern(VERIFIED).send(&mut stream).expect("ask");
    let right = receive(&mut stream, VERIFIED, true).expect("receive");
    assert!(right, "{} changes what comes", lane.name);
    Ask::Check(VERIFIED).send(&mut stream).expect("ask");
    send(&mut stream, VERIFIED, true).expect("send");
    let mut answer = [0];
    stream.read_exact(&mut answer).expect("answer");
    assert_eq!(answer, *b"y", "{} changes what goes", lane.name);
}

/// A stream that is known to be open all the way.
fn open(lane: &Lane) -> Stream {
    let opened = lane.way.open(lane.peer.port);
    let mut stream = opened.unwrap_or_else(|e| panic!("{}: {e}", lane.name));
    Ask::Ping.send(&mut stream).expect("ask");
    stream.read_exact(&mut [0]).expect("answer");
    stream
}

/// How long it took all streams together, and the CPU time of the processes between.
fn transfer(lane: &Lane, streams: usize) -> (Duration, Duration) {
    let mut open: Vec<Stream> = (0..streams).map(|_| open(lane)).collect();
    let own = open.iter().filter_map(Stream::pid);
    let pids: Vec<_> = lane.pids.iter().copied().chain(own).collect();
    let used = || pids.iter().map(|&pid| cpu(pid)).sum::<Duration>();
    let each = TOTAL / streams as u64;
    let ready = Barrier::new(streams + 1);
    let before = used();
    let took = thread::scope(|scope| {
        let ready = &ready;
        let readers: Vec<_> = open
            .iter_mut()
            .map(|stream| {
                scope.spawn(move || {
                    ready.wait();
                    Ask::Load(each).send(stream).expect("ask");
                    receive(stream, each, false).expect("receive");
                })
            })
            .collect();
        ready.wait();
        let start = Instant::now();
        for reader in readers {
            reader.join().expect("a reader");
        }
        start.elapsed()
    });
    (took, used() - before)
}
