//! A client that is stopped in the middle of a download, beside a dialogue in the same session.

use super::{Way, ping, tunnel};
use crate::support::proc::guarded;
use crate::support::process::resident;
use crate::support::tuncat::TUNCAT;
use crate::support::{Digest, Listen, Pattern, Serve};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::thread;

const GIB: u64 = 1024 * 1024 * 1024;
const ROUND_TRIPS: u32 = 100_000;

/// Its peer sends 1 GiB meanwhile: nothing is lost, nobody waits, and what piles up is bounded.
#[test]
fn a_stopped_client_holds_nobody_up() {
    let target = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
    let mut serve = Serve::start();
    let at = target.local_addr().expect("address");
    let args = Way::H2.args(&serve);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut listen = Listen::start(&args, &[&format!("0:{at}"), "0:echo:"]);
    let busy = tunnel(listen.ports[1]);
    ping(&busy, 500);

    // A netcat: it reads its tunnel until it is stopped, and writes to a pipe.
    let mut command = guarded(&TUNCAT);
    command.args([
        "connect",
        "--no-proxy",
        &format!("127.0.0.1:{}", listen.ports[0]),
    ]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut client = command.spawn().expect("start a client");
    let pid = Pid::from_child(&client);
    let (mut far, _) = target.accept().expect("the terminator's dial");
    let mut output = client.stdout.take().expect("stdout");
    far.write_all(b"x").expect("send");
    output.read_exact(&mut [0]).expect("the client runs");
    kill_process(pid, Signal::STOP).expect("stop");

    let sending =
        thread::spawn(move || std::io::copy(&mut Pattern::new(5, GIB), &mut far).expect("send"));
    let before = [serve.process(), listen.process()].map(|p| resident(p.pid()));
    ping(&busy, ROUND_TRIPS);
    assert!(!sending.is_finished(), "nobody has read it");
    let after = [serve.process(), listen.process()].map(|p| resident(p.pid()));
    for (before, after) in before.into_iter().zip(after) {
        assert!(after < before + super::BOUND, "{before} -> {after}");
        eprintln!("a stopped tunnel: {before} -> {after} octets resident");
    }

    kill_process(pid, Signal::CONT).expect("continue");
    let mut digest = Digest::new();
    std::io::copy(&mut output, &mut digest).expect("read the rest");
    assert_eq!(sending.join().expect("the sender"), GIB);
    assert_eq!(digest.finish(), (GIB, Pattern::sha256(5, GIB)));
    assert!(client.wait().expect("the client's end").success());
}
