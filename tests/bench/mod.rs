//! `tuncat bench`: that its figures can be believed, and every way that it measures.

mod honesty;
mod html;
mod json;
mod link;
mod meter;
mod relay;
mod sample;
mod usage;
mod ways;

use crate::support::proc::guarded;
use crate::support::run::clear_proxy_environment;
use crate::support::tuncat::TUNCAT;
use crate::support::{Proc, Run};
use serde_json::Value;
use std::ffi::OsStr;
use std::process::Command;

/// `tuncat bench` with `args`, to be run to its end.
fn bench(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run {
    Run::new(Command::new(TUNCAT)).arg("bench").args(args)
}

/// What a successful run says as JSON.
#[track_caller]
fn report(args: &[&str]) -> Value {
    let output = bench(args).arg("--json").run().expect_code(0);
    serde_json::from_slice(&output.stdout).expect("one JSON object on stdout")
}

/// One mode of one lane.
#[track_caller]
fn measured<'a>(report: &'a Value, lane: &str, mode: &str) -> &'a Value {
    let lanes = report["lanes"].as_array().expect("lanes");
    let lane = lanes.iter().find(|l| l["name"] == lane);
    let modes = lane.and_then(|l| l["measured"].as_array());
    let found = modes.and_then(|modes| modes.iter().find(|m| m["mode"] == mode));
    found.unwrap_or_else(|| panic!("no {mode} of that lane in {report:#}"))
}

#[track_caller]
fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("no number: {value}"))
}

/// `tuncat bench --server`.
struct Server {
    process: Proc,
    /// `127.0.0.1:PORT`.
    address: String,
    port: u16,
}

impl Server {
    fn start() -> Self {
        let mut command = guarded(&TUNCAT);
        command.args(["bench", "--server", "127.0.0.1:0"]);
        Self::from(command)
    }

    fn from(mut command: Command) -> Self {
        clear_proxy_environment(&mut command);
        let mut process = Proc::spawn("tuncat bench --server", command);
        let address = process.wait_line("its address", |line| {
            line.strip_prefix("tuncat: bench target on ")
                .map(str::to_owned)
        });
        let port = address
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        Self {
            process,
            port: port.expect("a port"),
            address,
        }
    }
}
