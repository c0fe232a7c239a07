//! The access log: what it says is what clients and targets counted, and a disk that is full hurts nobody.

use super::{Files, admin, get, metric, records};
use crate::support::{Listen, Pattern, Serve, TIMEOUT, Target, connect as run, wait_for};
use crate::terminator::request::{ask_for, connect, open};
use crate::terminator::tunnels::tunnels;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex};
use std::thread;

/// A thousand tunnels over all carriers, each with numbers of its own.
#[test]
fn counts_are_what_both_ends_counted() {
    const EACH: u64 = 250;
    let files = Files::new();
    let log = files.arg("log");
    let mut serve = Serve::with(&[
        "--access-log",
        &log,
        "--access-log-format",
        "json",
        "--self-signed",
    ]);
    let pin = serve.pin();
    // The first eight octets say how many more there are, the next eight how many to answer with.
    let counted: Arc<Mutex<HashMap<u64, u64>>> = Arc::default();
    let far = counted.clone();
    let target = Target::start(move |mut stream, _| {
        let mut head = [0; 16];
        stream.read_exact(&mut head)?;
        let number = |at: usize| u64::from_be_bytes(head[at..at + 8].try_into().expect("8"));
        let got = io::copy(&mut stream, &mut io::sink())?;
        far.lock().expect("counts").insert(number(0), 16 + got);
        io::copy(&mut Pattern::new(1, number(8)), &mut stream)?;
        stream.shutdown(Shutdown::Write)
    });
    let mut expected: Vec<(u64, u64)> = Vec::new();
    thread::scope(|scope| {
        let mut running = Vec::new();
        for (carrier, via) in ["h1", "h2", "h1-post", "h2-post"].into_iter().enumerate() {
            let args = ["-x", &serve.url, "--pin", &pin, "--via", via];
            let listen = Listen::start(&args, &[&format!("0:{}", target.addr())]);
            running.push(scope.spawn(move || {
                // All of it: it ends with this thread.
                let listen = listen;
                let mut sent = Vec::new();
                for n in 0..EACH {
                    let id = carrier as u64 * EACH + n;
                    let (up, down) = (id * 37 % 9000, id * 91 % 20_000 + 1);
                    let mut stream = connect(listen.ports[0]);
                    let mut request = id.to_be_bytes().to_vec();
                    request.extend(down.to_be_bytes());
                    request.extend(vec![b'x'; up as usize]);
                    stream.write_all(&request).expect("send");
                    stream.shutdown(Shutdown::Write).expect("end");
                    let got = io::copy(&mut stream, &mut io::sink()).expect("receive");
                    assert_eq!(got, down);
                    sent.push((16 + up, down));
                }
                sent
            }));
        }
        for sending in running {
            expected.extend(sending.join().expect("tunnels"));
        }
    });
    let told = records(&files.path("log"), "tunnel", 4 * EACH as usize);
    let number = |record: &Value, key: &str| record[key].as_u64().expect("a number");
    let mut logged: Vec<(u64, u64)> = told
        .iter()
        .map(|r| (number(r, "bytes_to_target"), number(r, "bytes_from_target")))
        .collect();
    logged.sort_unstable();
    expected.sort_unstable();
    assert_eq!(logged, expected);
    let far: u64 = counted.lock().expect("counts").values().sum();
    assert_eq!(logged.iter().map(|(to, _)| to).sum::<u64>(), far);
    for record in &told {
        assert_eq!(
            (&record["end"], &record["first_end"]),
            (&"clean".into(), &"client".into())
        );
        assert_eq!(record["address"], target.addr());
        assert!(
            record["setup_ms"].as_f64() >= record["connect_ms"].as_f64(),
            "{record}"
        );
    }
    for via in ["h1", "h2", "h1-post", "h2-post"] {
        let count = told.iter().filter(|r| r["carrier"] == via).count();
        assert_eq!(count, EACH as usize, "{via}");
    }
}

/// How it ended, and who was first.
#[test]
fn every_kind_of_end() {
    let files = Files::new();
    let log = files.arg("log");
    let start = || {
        Serve::with(&[
            "--access-log",
            &log,
            "--access-log-format",
            "json",
            "--drain",
            "0",
        ])
    };
    let mut serve = start();
    let told = |count: usize| {
        records(&files.path("log"), "tunnel", count)
            .pop()
            .expect("a line")
    };
    let ends_first = Target::ends_first(1, 100);
    let mut stream = open(serve.port, &ends_first.addr());
    io::copy(&mut stream, &mut io::sink()).expect("all of it");
    drop(stream);
    let line = told(1);
    assert_eq!(
        (&line["end"], &line["first_end"]),
        (&"clean".into(), &"target".into())
    );
    let resets = Target::resets(1, 10);
    run(["-x", &serve.url, &resets.addr()])
        .stdin(*b"x")
        .run()
        .expect_code(56);
    let line = told(2);
    assert_eq!(line["end"], "target_broke");
    assert!(
        line["error"].as_str().expect("why").contains("reset"),
        "{line}"
    );
    let echo = Target::echo();
    let stream = open(serve.port, &echo.addr());
    socket2::SockRef::from(&stream)
        .set_linger(Some(std::time::Duration::ZERO))
        .expect("linger");
    drop(stream);
    assert_eq!(told(3)["end"], "client_broke");
    ask_for(serve.port, "127.0.0.1:1");
    let refused = records(&files.path("log"), "refused", 1).remove(0);
    assert_eq!(
        (&refused["status"], &refused["error"]),
        (&502.into(), &"connection_refused".into())
    );
    assert_eq!(refused["target"], "127.0.0.1:1");
    // What the end of the process cuts off is told, too.
    let mut live = tunnels(serve.port, 2);
    live[0].carry(b"12345");
    serve.process().signal(Signal::TERM);
    serve.process().wait_exit();
    let cut = records(&files.path("log"), "tunnel", 5);
    let cut: Vec<&Value> = cut.iter().filter(|r| r["end"] == "cut_off").collect();
    assert_eq!(cut.len(), 2);
    // The first was given five bytes more.
    let octets: u64 = cut
        .iter()
        .filter_map(|r| r["bytes_to_target"].as_u64())
        .sum();
    assert_eq!(octets, 15);
}

/// What a client sends cannot forge a line.
#[test]
fn text_lines_stay_lines() {
    let files = Files::new();
    let serve = Serve::with(&["--access-log", &files.arg("log")]);
    let request = "CONNECT a\"b=c\\event=tunnel:1 HTTP/1.1\r\nHost: x\r\n\r\n";
    crate::terminator::request::ask(serve.port, request);
    let line = wait_for("a line", || {
        let text = std::fs::read_to_string(files.path("log")).ok()?;
        text.ends_with('\n').then_some(text)
    });
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(
        line.contains(" target=\"a\\\"b=c\\\\event=tunnel:1\" status=400 "),
        "{line}"
    );
}

#[test]
fn rotated_by_sighup() {
    let files = Files::new();
    let mut serve = Serve::with(&["--access-log", &files.arg("log")]);
    let lines = |name: &str| {
        let text = std::fs::read_to_string(files.path(name)).unwrap_or_default();
        text.lines().count()
    };
    ask_for(serve.port, "127.0.0.1:1");
    wait_for("a line", || (lines("log") == 1).then_some(()));
    std::fs::rename(files.path("log"), files.path("log.1")).expect("rename");
    serve.process().signal(Signal::HUP);
    wait_for("a new file", || files.path("log").exists().then_some(()));
    ask_for(serve.port, "127.0.0.1:1");
    wait_for("a line in it", || (lines("log") == 1).then_some(()));
    assert_eq!(lines("log.1"), 1);
}

#[test]
fn a_full_disk_hurts_no_tunnel() {
    let mut serve = Serve::with(&["--access-log", "/dev/full", "--admin", "127.0.0.1:0"]);
    let at = admin(&mut serve);
    let target = Target::echo();
    for _ in 0..50 {
        let mut stream = open(serve.port, &target.addr());
        stream.write_all(b"hello").expect("send");
        stream.shutdown(Shutdown::Write).expect("end");
        let mut got = Vec::new();
        stream.read_to_end(&mut got).expect("echo");
        assert_eq!(got, b"hello");
    }
    wait_for("the lost lines", || {
        let lost = metric(&at, "tuncat_access_log_lines_lost_total", "");
        (lost == 50.0).then_some(())
    });
    let told = serve.process().lines();
    let told = told
        .iter()
        .filter(|line| line.contains("cannot be written"))
        .count();
    assert_eq!(told, 1);
    assert_eq!(get(&at, "/healthz").0, 200);
}

/// A log that nobody reads blocks its own thread only.
#[test]
fn a_stuck_log_hurts_no_tunnel() {
    let files = Files::new();
    let fifo = files.arg("log");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo").success());
    // Held open and never read: its buffer fills up.
    let held = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&fifo)
        .expect("open");
    let serve = Serve::with(&["--access-log", &fifo]);
    let target = Target::echo();
    for _ in 0..1000 {
        ask_for(serve.port, "10.0.0.1:1");
    }
    let mut stream = open(serve.port, &target.addr());
    stream.set_read_timeout(Some(TIMEOUT)).expect("a limit");
    stream.write_all(b"x").expect("send");
    stream.read_exact(&mut [0]).expect("echo");
    drop(stream);
    assert_eq!(serve.terminate().code(), Some(0));
    drop(held);
}
