//! A network of its own whose packets are lost: nothing else is, and a path that is gone is told.

use crate::support::proc::guarded;
use crate::support::tuncat::TUNCAT;
use crate::support::{Feed, Pattern, Proc, Run};
use std::process::Command;

/// A network namespace with a terminator in it, as long as a process holds it.
struct Network {
    holder: Proc,
    _serve: Proc,
    port: u16,
    pin: String,
}

impl Network {
    /// Nothing where we may not make one.
    fn new() -> Option<Self> {
        let allowed = Command::new("unshare").args(["-n", "true"]).output();
        if !allowed.is_ok_and(|output| output.status.success()) {
            eprintln!("no right to make a network: not tested");
            return None;
        }
        let mut command = guarded(&"unshare");
        let line = "ip link set lo up && echo here && exec tail -f /dev/null";
        command.args(["-n", "sh", "-c", line]);
        let mut holder = Proc::spawn("a network namespace", command);
        holder.wait_line("that it is there", |line| (line == "here").then_some(()));
        let mut command = inside(&holder, TUNCAT);
        command.args([
            "serve",
            "-l",
            "127.0.0.1:0",
            "--self-signed",
            "--allow-builtin",
        ]);
        let mut serve = Proc::spawn("tuncat serve", command);
        let port = serve.wait_line("its address", |line| {
            line.rsplit_once("127.0.0.1:")?.1.parse().ok()
        });
        let pin = serve.wait_line("its pin", |line| {
            line.strip_prefix("tuncat: pin ").map(str::to_owned)
        });
        Some(Network {
            holder,
            _serve: serve,
            port,
            pin,
        })
    }

    fn run(&self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let output = inside(&self.holder, words[0]).args(&words[1..]).output();
        let output = output.expect("run it");
        assert!(output.status.success(), "{line}: {output:?}");
    }

    fn connect(&self, scheme: &str) -> Run {
        let mut command = inside(&self.holder, TUNCAT);
        let url = format!("{scheme}://127.0.0.1:{}", self.port);
        command.args(["connect", "-x", &url, "--pin", &self.pin, "echo:"]);
        Run::new(command)
    }
}

fn inside(holder: &Proc, program: &str) -> Command {
    let mut command = guarded(&"nsenter");
    let pid = holder.pid().as_raw_nonzero().to_string();
    command.args(["-t", &pid, "-n", program]);
    command
}

/// One packet in so many is dropped, in either direction (all of loopback's leave by the same device).
fn lossy(percent: u64) {
    let Some(network) = Network::new() else {
        return;
    };
    network.run("tc qdisc add dev lo clsact");
    // A random number below the share of all 2^32: 0, and so dropped (TC_ACT_SHOT is 2).
    let share = (u64::from(u32::MAX) * percent / 100).to_string();
    let code = format!("4,32 0 0 4294963256,53 1 0 {share},6 0 0 2,6 0 0 0,");
    let mut command = inside(&network.holder, "tc");
    command.args([
        "filter",
        "add",
        "dev",
        "lo",
        "egress",
        "bpf",
        "direct-action",
        "bytecode",
        &code,
    ]);
    let output = command.output().expect("run tc");
    assert!(output.status.success(), "{output:?}");
    // Where every third exchange fails, waits grow: most take a second or two, and some a quarter of a minute.
    let bulk = if percent < 20 { 1_000_000 } else { 400_000 };
    for (seed, len) in [(1, bulk), (2, 100), (3, 200_000)] {
        let run = network
            .connect("h3")
            .feed(Feed::Pattern(seed, len))
            .limit(std::time::Duration::from_secs(240))
            .hash_only();
        let output = run.run().expect_clean();
        assert_eq!(
            output.stdout_sha256,
            Pattern::sha256(seed, len),
            "{percent} %: {len}"
        );
    }
}

#[test]
fn one_percent() {
    lossy(1);
}

#[test]
fn five_percent() {
    lossy(5);
}

#[test]
fn ten_percent() {
    lossy(10);
}

#[test]
fn twenty_percent() {
    lossy(20);
}

/// A path that dies in the middle of a tunnel is a timeout, and never an end.
#[test]
fn a_path_that_dies() {
    let Some(network) = Network::new() else {
        return;
    };
    std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            network
                .connect("h3")
                .feed(Feed::Open(b"hello".to_vec()))
                .run()
        });
        crate::support::wait_for("the tunnel", || {
            let mut command = inside(&network.holder, "cat");
            let table = command.arg("/proc/net/udp").output().expect("cat");
            (String::from_utf8_lossy(&table.stdout).lines().count() >= 3).then_some(())
        });
        // The greeting has come back when the link goes, or it has not: either way it is cut.
        network.run("ip link set lo down");
        let output = run.join().expect("connect");
        let line = output.expect_failure(28);
        assert!(line.contains("the path to the proxy died"), "{line}");
    });
}
