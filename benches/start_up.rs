//! How long `connect` takes until its first byte is on the wire, and how many threads it has then.

use crate::figures::{median, quantile, table};
use crate::lanes::{nothing, spawn};
use crate::support::process::threads;
use crate::support::tuncat::TUNCAT;
use crate::support::{Serve, wait_for};
use rustix::process::Pid;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::time::Instant;

const STARTS: usize = 50;

pub fn run() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
    let port = listener.local_addr().expect("address").port();
    let direct = format!("127.0.0.1:{port}");
    let clear = format!("http://127.0.0.1:{port}");
    let tls = format!("https://127.0.0.1:{port}");
    let pin = format!("sha256//{}=", "A".repeat(43));
    let any = "192.0.2.1:22";
    let lanes: Vec<(&str, &str, Vec<&str>)> = vec![
        ("no proxy", TUNCAT, vec!["connect", &direct]),
        ("http:// proxy", TUNCAT, vec!["connect", "-x", &clear, any]),
        (
            "https:// proxy, --pin",
            TUNCAT,
            vec!["connect", "-x", &tls, "--pin", &pin, any],
        ),
        (
            "https:// proxy, system roots",
            TUNCAT,
            vec!["connect", "-x", &tls, any],
        ),
    ];
    let mut times = vec![Vec::new(); lanes.len()];
    let mut floor = Vec::new();
    // Interleaved, and one round that does not count, so that the files are in memory.
    for round in 0..=STARTS {
        let start = Instant::now();
        let status = Command::new(nothing()).status();
        assert!(status.expect("run true").success());
        let took = start.elapsed().as_secs_f64() * 1e3;
        if round > 0 {
            floor.push(took);
        }
        for (lane, times) in lanes.iter().zip(&mut times) {
            let took = first_byte(lane.1, &lane.2, &listener);
            if round > 0 {
                times.push(took);
            }
        }
    }
    let row = |name: &str, times: &[f64]| {
        let mut row = vec![name.to_owned()];
        for q in [0.0, 0.5, 0.9, 1.0] {
            row.push(format!("{:.2}", quantile(times, q)));
        }
        row
    };
    let mut rows = vec![row("(a process that only exits)", &floor)];
    for (lane, times) in lanes.iter().zip(&times) {
        rows.push(row(lane.0, times));
    }
    let title = format!(
        "`connect`, from its start to its first byte at a listener, {STARTS} times, milliseconds"
    );
    table(&title, &["way", "min", "median", "p90", "max"], &rows);
    println!(
        "  goal: under 10 ms; through an http:// proxy the median is {:.2} ms",
        median(&times[1])
    );
    running_threads();
}

/// Milliseconds from just before the process starts until its first byte is here.
fn first_byte(program: &str, args: &[&str], listener: &TcpListener) -> f64 {
    let mut command = Command::new(program);
    command.args(args);
    // With no proxy nothing is sent unless there is something to send.
    let start = Instant::now();
    let mut child = spawn(command);
    let mut stdin = child.0.stdin.take().expect("stdin");
    stdin.write_all(b"x").expect("feed");
    let (mut stream, _) = listener.accept().expect("accept");
    stream.read_exact(&mut [0]).expect("read");
    start.elapsed().as_secs_f64() * 1e3
}

fn running_threads() {
    let mut serve = Serve::with(&["--self-signed"]);
    let pin = serve.pin();
    let mut rows = Vec::new();
    for (name, args) in [
        (
            "to an address",
            vec!["-x", &serve.url, "--pin", &pin, "echo:"],
        ),
        ("embedded:", vec!["-x", "embedded:", "echo:"]),
    ] {
        let mut command = Command::new(TUNCAT);
        command.arg("connect").args(args);
        let mut child = spawn(command);
        let mut stdin = child.0.stdin.take().expect("stdin");
        stdin.write_all(b"x").expect("feed");
        let mut byte = [0];
        let stdout = child.0.stdout.as_mut().expect("stdout");
        stdout.read_exact(&mut byte).expect("echo");
        assert_eq!(byte, *b"x");
        let count = threads(Pid::from_child(&child.0));
        drop(stdin);
        wait_for("connect to end", || child.0.try_wait().expect("wait"));
        rows.push(vec![name.to_owned(), count.to_string()]);
    }
    table("Threads of a running `connect`", &["way", "threads"], &rows);
}
