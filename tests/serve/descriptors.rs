//! Descriptors run out: what lives goes on, nothing spins, and it recovers at once.

use crate::support::proc::guarded;
use crate::support::process::cpu;
use crate::support::tuncat::TUNCAT;
use crate::support::{Proc, TIMEOUT, Target, wait_for};
use crate::terminator::request::{connect, connect_request, open};
use rustix::process::{Resource, Rlimit};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[test]
fn two_hundred_clients_and_64_descriptors() {
    let mut command = guarded(&TUNCAT);
    command.args(["serve", "-l", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    let mut process = Proc::spawn("tuncat serve", command);
    let at = process.wait_line("its admin page", |line| {
        line.strip_prefix("tuncat: admin on http://")
            .map(str::to_owned)
    });
    let port: u16 = process.wait_line("its address", |line| {
        line.rsplit_once("listening on http://127.0.0.1:")?
            .1
            .parse()
            .ok()
    });
    let limit = Rlimit {
        current: Some(64),
        maximum: Some(64),
    };
    // What `prlimit --nofile=64` does to a process.
    rustix::process::prlimit(Some(process.pid()), Resource::Nofile, limit).expect("set a limit");
    let target = Target::echo();
    let mut live: Vec<TcpStream> = (0..10).map(|_| open(port, &target.addr())).collect();
    let crowd: Vec<TcpStream> = (0..200).map(|_| connect(port)).collect();
    wait_for("descriptors to run out", || {
        let lines = process.lines();
        let told = lines.iter().any(|line| line.contains("cannot accept"));
        told.then_some(())
    });
    let (spent, begun) = (cpu(process.pid()), Instant::now());
    // Meanwhile what lives goes on.
    while begun.elapsed() < Duration::from_secs(3) {
        for stream in &mut live {
            stream.write_all(b"still here").expect("send");
            stream.read_exact(&mut [0; 10]).expect("echo");
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
    let share = (cpu(process.pid()) - spent).as_secs_f64() / begun.elapsed().as_secs_f64();
    assert!(share < 0.05, "{:.1} % of a CPU", share * 100.0);
    let tells = process.lines();
    let told = tells.iter().filter(|l| l.contains("cannot accept")).count();
    assert!((1..=5).contains(&told), "{told} lines: {tells:?}");
    drop(crowd);
    let freed = Instant::now();
    let mut stream = wait_for("a new tunnel", || {
        let mut stream = connect(port);
        stream.set_read_timeout(Some(TIMEOUT)).expect("a limit");
        let request = connect_request(&target.addr());
        stream.write_all(request.as_bytes()).ok()?;
        let mut first = [0; 12];
        stream.read_exact(&mut first).ok()?;
        (&first == b"HTTP/1.1 200").then_some(stream)
    });
    let took = freed.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    stream.write_all(b"x").expect("send");
    assert!(super::metric(&at, "tuncat_accept_errors_total", "") > 0.0);
    for stream in &mut live {
        stream.write_all(b"x").expect("send");
        stream.read_exact(&mut [0]).expect("echo");
    }
}
