//! Tunnels opened per second: connection, handshakes, one byte there and back, close.

use crate::figures::{median, quantile, table};
use crate::lanes::{Lane, lanes};
use crate::peer::Ask;
use crate::support::process::cpu;
use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
const AT_ONCE: usize = 8;
/// In one round of one lane.
const TUNNELS: usize = 1600;

pub fn run() {
    let lanes = lanes(false);
    let mut rates = vec![Vec::new(); lanes.len()];
    let mut times = vec![Vec::new(); lanes.len()];
    let mut costs = vec![Duration::ZERO; lanes.len()];
    for round in 0..=ROUNDS {
        for (n, lane) in lanes.iter().enumerate() {
            let used = || lane.pids.iter().map(|&pid| cpu(pid)).sum::<Duration>();
            let before = used();
            let start = Instant::now();
            let took = open_all(lane);
            if round > 0 {
                rates[n].push(TUNNELS as f64 / start.elapsed().as_secs_f64());
                times[n].extend(took);
                costs[n] += used() - before;
            }
        }
    }
    let rows = lanes.iter().enumerate().map(|(n, lane)| {
        let ratios: Vec<f64> = rates[n].iter().zip(&rates[0]).map(|(a, b)| a / b).collect();
        let opened = (ROUNDS * TUNNELS) as f64;
        vec![
            lane.name.clone(),
            format!("{:.0}", median(&rates[n])),
            format!("{:.2}", median(&ratios)),
            format!("{:.2}", quantile(&times[n], 0.5)),
            format!("{:.2}", quantile(&times[n], 0.99)),
            format!("{:.0}", costs[n].as_secs_f64() * 1e6 / opened),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let title = format!(
        "Set-ups, {AT_ONCE} at once (closed loop: latency under self-throttling), {ROUNDS} interleaved rounds of {TUNNELS}"
    );
    let head = [
        "way",
        "per second",
        "ratio",
        "p50 ms",
        "p99 ms",
        "CPU us each",
    ];
    table(&title, &head, &rows);
}

/// Milliseconds of each.
fn open_all(lane: &Lane) -> Vec<f64> {
    let (way, port, name) = (&lane.way, lane.peer.port, &lane.name);
    thread::scope(|scope| {
        let workers = (0..AT_ONCE).map(|_| {
            scope.spawn(move || {
                let one = |_| {
                    let start = Instant::now();
                    let stream = way.open(port);
                    let mut stream = stream.unwrap_or_else(|e| panic!("{name}: {e}"));
                    Ask::Ping.send(&mut stream).expect("ask");
                    stream.read_exact(&mut [0]).expect("answer");
                    start.elapsed().as_secs_f64() * 1e3
                };
                (0..TUNNELS / AT_ONCE).map(one).collect::<Vec<f64>>()
            })
        });
        let workers: Vec<_> = workers.collect();
        let times = workers.into_iter().map(|w| w.join().expect("a worker"));
        times.flatten().collect()
    })
}
