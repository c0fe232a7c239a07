//! Ten thousand tunnels on pooled sessions: how fast they open, and what they cost while they idle.
//!
//! `listen` and `serve` with the built-in echo, so that a tunnel has one descriptor in `listen` and none in `serve`. And
//! what a warm session saves: the phases of the first tunnel's set-up beside those of the tenth.

use crate::figures::{quantile, settled_rss, table};
use crate::lanes::Hop;
use crate::support::process::cpu;
use crate::support::{Listen, wait_for};
use rustix::process::Pid;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::Instant;

const TUNNELS: usize = 10_000;
const AT_ONCE: usize = 8;

pub fn run() {
    let hops = Hop::ALL.iter().filter(|hop| hop.via.starts_with("h2"));
    let rows: Vec<_> = hops.map(crowd).collect();
    let head = [
        "way",
        "opened/s",
        "p50 ms",
        "p99 ms",
        "CPU us each",
        "sessions",
        "survivors",
        "listen kB each",
        "serve kB each",
    ];
    let title = format!(
        "{TUNNELS} tunnels to echo:, {AT_ONCE} at once (closed loop), each with a byte there and back, held, and asked again \
         when all are open"
    );
    table(&title, &head, &rows);
    println!();
    phases();
}

fn crowd(hop: &Hop) -> Vec<String> {
    let (mut serve, args) = hop.serve();
    let without = sockets(serve.process().pid());
    let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
    args.extend(["--warm", "1"]);
    let mut listen = Listen::start(&args, &["0:echo:"]);
    let port = listen.ports[0];
    let pids = [listen.process().pid(), serve.process().pid()];
    drop(open(port));
    let start = pids.map(settled_rss);
    let used = || pids.map(cpu).iter().sum::<std::time::Duration>();
    let before = used();
    let began = Instant::now();
    let opened: Vec<(TcpStream, f64)> = thread::scope(|scope| {
        let workers = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(move || {
                    let one = |_| {
                        let start = Instant::now();
                        let stream = open(port);
                        (stream, start.elapsed().as_secs_f64() * 1e3)
                    };
                    (0..TUNNELS / AT_ONCE).map(one).collect::<Vec<_>>()
                })
            })
            .collect::<Vec<_>>();
        let opened = workers.into_iter().map(|w| w.join().expect("a worker"));
        opened.flatten().collect()
    });
    let took = began.elapsed().as_secs_f64();
    let cost = used() - before;
    let grown = pids.map(settled_rss);
    let each = |n: usize| {
        let octets = grown[n] as f64 - start[n] as f64;
        format!("{:.2}", octets / TUNNELS as f64 / 1000.0)
    };
    let times: Vec<f64> = opened.iter().map(|(_, ms)| *ms).collect();
    let sessions = sockets(pids[1]) - without;
    let alive = opened.iter().filter(|(stream, _)| echoes(stream));
    vec![
        hop.name.to_owned(),
        format!("{:.0}", TUNNELS as f64 / took),
        format!("{:.2}", quantile(&times, 0.5)),
        format!("{:.2}", quantile(&times, 0.99)),
        format!("{:.0}", cost.as_secs_f64() * 1e6 / TUNNELS as f64),
        sessions.to_string(),
        alive.count().to_string(),
        each(0),
        each(1),
    ]
}

fn open(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connect");
    assert!(echoes(&stream), "no echo");
    stream
}

fn echoes(mut stream: &TcpStream) -> bool {
    let mut byte = [0];
    stream.write_all(b"a").is_ok() && stream.read_exact(&mut byte).is_ok() && byte == *b"a"
}

fn sockets(process: Pid) -> usize {
    let folder = format!("/proc/{}/fd", process.as_raw_nonzero());
    let entries = std::fs::read_dir(folder).expect("descriptors");
    let links = entries.filter_map(|e| std::fs::read_link(e.ok()?.path()).ok());
    let sockets = links.filter(|to| to.to_string_lossy().starts_with("socket:"));
    sockets.count()
}

/// The first ten tunnels, one after the other, as `listen -v` tells of them.
fn phases() {
    println!("Set-up of the first and the tenth tunnel over TLS, as listen -v tells it");
    for (name, warm) in [("cold", "0"), ("--warm 1", "1")] {
        let hop = Hop::ALL.iter().find(|hop| hop.tls && hop.via == "h2");
        let (_serve, args) = hop.expect("h2 over TLS").serve();
        let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
        args.extend(["--warm", warm, "-v"]);
        let mut listen = Listen::start(&args, &["0:echo:"]);
        let told = |listen: &mut Listen, what: &str, count: usize| {
            wait_for(what, || {
                let lines = listen.process().lines();
                let lines = lines.into_iter().filter(|l| l.contains(what));
                let lines: Vec<String> = lines.collect();
                (lines.len() >= count).then_some(lines)
            })
        };
        if warm != "0" {
            told(&mut listen, "a session is open in", 1);
        }
        for n in 1..=10 {
            drop(open(listen.ports[0]));
            let lines = told(&mut listen, "-> echo:: open in ", n);
            if n == 1 || n == 10 {
                let line = &lines[n - 1];
                let setup = line.split("open in ").nth(1).unwrap_or(line);
                println!("  {name:<9} tunnel {n:>2}: {setup}");
            }
        }
    }
}
