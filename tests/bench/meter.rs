//! Whose CPU time is whose, though processes come and go, and what is left of commands.

use super::{Server, bench, measured, number, report};
use crate::support::proc::{guarded, tool};
use crate::support::tuncat::TUNCAT;
use crate::support::{Proc, Run, Target, wait_for};
use rustix::process::{Pid, test_kill_process};
use serde_json::Value;

/// Relays connections to PORT, each in a child of its own that ends with it, as socat and sshd do.
const FORKING_RELAY: &str = "
import os, signal, socket, sys, threading
def reap(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
    except ChildProcessError: pass
signal.signal(signal.SIGCHLD, reap)
def carry(a, b):
    try:
        while data := a.recv(65536): b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError: pass
listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1], flush=True)
while True:
    near, _ = listener.accept()
    if os.fork() == 0:
        far = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
        other = threading.Thread(target=carry, args=(far, near))
        other.start()
        carry(near, far)
        other.join()
        os._exit(0)
    near.close()
";

/// Burns some CPU time in a shell.
const SPIN: &str = "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done";

fn forking_relay(to: u16) -> (Proc, u16) {
    let mut command = tool("python3", "python3");
    command.args(["-c", FORKING_RELAY, &to.to_string()]);
    let mut relay = Proc::spawn("a relay that forks", command);
    let port = relay.wait_line("its port", |line| line.parse().ok());
    (relay, port)
}

#[track_caller]
fn others(report: &Value, lane: &str, mode: &str) -> f64 {
    number(&measured(report, lane, mode)["cpu_seconds"]["others"])
}

/// Two names for one relay have one price. What the child of a turn has used is that turn's, and is not taken from the
/// next one, in which it ends.
#[test]
fn children_that_end_count_once_and_where_they_worked() {
    let server = Server::start();
    let (_relay, port) = forking_relay(server.port);
    let (one, two) = (
        format!("one=127.0.0.1:{port}"),
        format!("two=127.0.0.1:{port}"),
    );
    let report = report(&[
        "--no-proxy",
        "--target-is",
        "bench",
        &server.address,
        "--endpoint",
        &one,
        "--endpoint",
        &two,
        "-m",
        "stream",
        "-t",
        "2",
        "--rounds",
        "2",
    ]);
    let gib = |lane| {
        let upload = measured(&report, lane, "upload");
        number(&upload["cpu_seconds_per_gib"])
    };
    let price = |lane| others(&report, lane, "upload") / gib_moved(&report, lane);
    for (one, two) in [(gib("one"), gib("two")), (price("one"), price("two"))] {
        assert!(one > 0.0 && two > 0.0, "{one} {two}");
        let ratio = one / two;
        assert!((1.0 / 1.5..1.5).contains(&ratio), "{one} {two} s for a GiB");
    }
}

/// From what everybody used and what that is for a GiB.
fn gib_moved(report: &Value, lane: &str) -> f64 {
    let upload = measured(report, lane, "upload");
    let all: f64 = ["load", "target", "embedded", "others"]
        .iter()
        .map(|who| number(&upload["cpu_seconds"][who]))
        .sum();
    all / number(&upload["cpu_seconds_per_gib"])
}

/// Commands that end within a turn count, and so do those that they have waited for.
#[test]
fn commands_that_end_count() {
    let echo = Target::echo();
    let (own, below) = (
        format!("own={SPIN}; exec cat"),
        format!("below=sh -c '{SPIN}'; exec cat"),
    );
    let report = report(&[
        "--target-is",
        "echo",
        &echo.addr(),
        "--no-proxy",
        "--command",
        &own,
        "--command",
        &below,
        "-m",
        "open",
        "-t",
        "2",
        "--rounds",
        "2",
    ]);
    let each = |lane| {
        let open = measured(&report, lane, "open");
        let count = number(&open["latency_us"]["uncorrected"]["count"]);
        others(&report, lane, "open") / count
    };
    let (own, below) = (each("own"), each("below"));
    assert!(own > 0.002, "{own} s for a loop of 30,000");
    assert!((1.0 / 1.5..1.5).contains(&(own / below)), "{own} {below}");
    let direct = others(&report, "direct", "open");
    assert!(direct < own, "{direct} s by no command");
}

/// What we use is ours, though the process that started us is watched with all that is below it.
#[test]
fn a_watched_ancestor_does_not_count_us_twice() {
    let server = Server::start();
    let mut command = guarded(&"sh");
    let line = format!(
        "{TUNCAT} bench --no-proxy --target-is bench {} -m stream -t 1 --rounds 1 --watch $$ --json; exit",
        server.address
    );
    command.args(["-c", &line]);
    let output = Run::new(command).run().expect_code(0);
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let load = number(&measured(&report, "direct", "upload")["cpu_seconds"]["load"]);
    let others = others(&report, "direct", "upload");
    assert!(load > 0.02, "{load} s of a second");
    assert!(
        others < load / 4.0,
        "{others} s of a shell that waits, {load} s of ours"
    );
}

/// None of these processes lives when the run is over, and they make it doubtful all the same.
#[test]
fn disturbances_that_have_ended_are_told() {
    let server = Server::start();
    let mut command = guarded(&"sh");
    let lines = format!("echo begun; while :; do sh -c '{SPIN}'; done");
    command.args(["-c", &lines]);
    let mut many = Proc::spawn("many short processes", command);
    many.wait_line("that it has begun", |line| (line == "begun").then_some(()));
    let report = report(&[
        "--no-proxy",
        "--target-is",
        "bench",
        &server.address,
        "-m",
        "ping",
        "--rate",
        "100",
        "-t",
        "4",
        "--rounds",
        "1",
    ]);
    let told = report["start"]["environment"]["disturbances"].to_string();
    assert!(told.contains("other processes that have ended"), "{told}");
    assert!(!told.contains("ksoftirqd"), "{told}");
}

/// A command may leave others of its group behind, and end before it is told to.
#[test]
fn what_a_command_leaves_behind_ends_with_it() {
    let echo = Target::echo();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pids");
    let command = format!(
        "left=sleep 300 >/dev/null 2>&1 & echo $! >> {}; exec cat",
        file.display()
    );
    let output = bench([
        "--target-is",
        "echo",
        &echo.addr(),
        "--no-proxy",
        "--command",
        &command,
        "-m",
        "open",
        "--rate",
        "20",
        "-t",
        "1",
        "--rounds",
        "1",
    ]);
    output.run().expect_code(0);
    let text = std::fs::read_to_string(&file).expect("their numbers");
    let pids: Vec<Pid> = text
        .lines()
        .filter_map(|line| Pid::from_raw(line.parse().ok()?))
        .collect();
    assert!(pids.len() > 2, "{text:?}");
    wait_for("all of them to end", || {
        let alive = pids.iter().any(|pid| runs(*pid));
        (!alive).then_some(())
    });
}

/// A process that has ended and whose new parent does not wait for it runs no more.
fn runs(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    let ended = stat.is_ok_and(|stat| {
        stat.rsplit_once(") ")
            .is_some_and(|(_, s)| s.starts_with('Z'))
    });
    test_kill_process(pid).is_ok() && !ended
}
