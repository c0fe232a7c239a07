//! A link of a known rate, between two network namespaces.

use super::{Server, measured, number};
use crate::support::proc::guarded;
use crate::support::tuncat::TUNCAT;
use crate::support::{Proc, Run};
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

/// What the link carries, octets of Ethernet frames.
const BITS_PER_SECOND: f64 = 10e6;
/// Payload of a full frame, and the frame: 1500 less the headers of IPv4 and of TCP with time stamps; 14 for Ethernet.
const PAYLOAD: f64 = 1448.0;
const FRAME: f64 = 1514.0;

/// A network namespace, as long as a process holds it.
struct Namespace(Proc);

impl Namespace {
    /// Nothing where we may not make one.
    fn new() -> Option<Self> {
        let allowed = Command::new("unshare").args(["-n", "true"]).output();
        if !allowed.is_ok_and(|output| output.status.success()) {
            return None;
        }
        let mut command = guarded(&"unshare");
        command.args(["-n", "sh", "-c", "echo here; exec tail -f /dev/null"]);
        let mut holder = Proc::spawn("a network namespace", command);
        holder.wait_line("that it is there", |line| (line == "here").then_some(()));
        Some(Namespace(holder))
    }

    fn pid(&self) -> String {
        self.0.pid().as_raw_nonzero().to_string()
    }

    /// The words to put in front of a command.
    fn enter(&self) -> Vec<String> {
        ["nsenter", "-t", &self.pid(), "-n"]
            .map(String::from)
            .to_vec()
    }

    fn run(&self, line: &str) {
        let mut words = self.enter();
        words.extend(line.split(' ').map(String::from));
        let output = Command::new(&words[0])
            .args(&words[1..])
            .output()
            .expect("nsenter");
        assert!(
            output.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// 10 Mbit/s are measured as that, less headers, within 3 %, both ways.
#[test]
fn a_link_s_rate_is_measured() {
    let (Some(near), Some(far)) = (Namespace::new(), Namespace::new()) else {
        eprintln!("SKIPPED: no right to make network namespaces");
        return;
    };
    near.run("ip link set lo up");
    near.run(&format!(
        "ip link add near type veth peer name far netns {}",
        far.pid()
    ));
    for (side, name, address) in [(&near, "near", "10.9.0.1"), (&far, "far", "10.9.0.2")] {
        side.run(&format!("ip addr add {address}/24 dev {name}"));
        side.run(&format!("ip link set {name} up"));
        // A queue of 500 ms: it never overflows, since what is lost would come late and in lumps.
        side.run(&format!(
            "tc qdisc add dev {name} root tbf rate 10mbit burst 8k latency 500ms"
        ));
    }
    let entered = far.enter();
    let mut command = guarded(&entered[0]);
    command
        .args(&entered[1..])
        .args([TUNCAT, "bench", "--server", "10.9.0.2:0"]);
    let server = Server::from(command);
    let entered = near.enter();
    let output = Run::new(Command::new(&entered[0]))
        .args(&entered[1..])
        .args([
            TUNCAT,
            "bench",
            "--no-proxy",
            "--target-is",
            "bench",
            &server.address,
        ])
        .args([
            "-m", "stream", "-t", "4", "--rounds", "1", "-O", "1", "--json",
        ])
        .limit(Duration::from_secs(60))
        .run()
        .expect_code(0);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let expected = BITS_PER_SECOND * PAYLOAD / FRAME;
    for mode in ["upload", "download"] {
        let measured = measured(&report, "direct", mode);
        let rate = number(&measured["value"]["mean"]);
        let off = rate / expected - 1.0;
        assert!(
            off.abs() < 0.03,
            "{mode}: {rate:.0} bit/s of {expected:.0}, {off:+.4}"
        );
        assert_eq!(measured["verified"], "both_ends");
    }
}
