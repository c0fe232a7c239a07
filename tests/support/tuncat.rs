//! The program under test.

use super::proc::{Proc, guarded};
use super::run::{Run, clear_proxy_environment};
use super::wait::wait_for;
use rustix::process::Signal;
use std::ffi::OsStr;
use std::process::{Command, ExitStatus};

/// The binary under test.
pub const TUNCAT: &str = env!("CARGO_BIN_EXE_tuncat");

/// `tuncat connect` with `args`, to be run to its end.
pub fn connect(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run {
    Run::new(Command::new(TUNCAT)).arg("connect").args(args)
}

/// A running `tuncat serve` on a loopback port.
pub struct Serve {
    process: Proc,
    pub port: u16,
    /// `http://127.0.0.1:PORT` or `https://…`, as `-x` takes it.
    pub url: String,
}

impl Serve {
    /// With the default policy of a loopback bind.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// With more arguments than the address.
    pub fn with(args: &[&str]) -> Self {
        let mut command = guarded(&TUNCAT);
        command.args(["serve", "-l", "127.0.0.1:0"]).args(args);
        clear_proxy_environment(&mut command);
        let mut process = Proc::spawn("tuncat serve", command);
        let url = process.wait_line("its address", |line| {
            let url = line.strip_prefix("tuncat: listening on ")?;
            url.starts_with("http").then(|| url.to_owned())
        });
        let port = port_of(&url);
        Self { process, port, url }
    }

    /// The pin that `--self-signed` prints, as `--pin` takes it.
    pub fn pin(&mut self) -> String {
        self.process.wait_line("its pin", |line| {
            line.strip_prefix("tuncat: pin ").map(str::to_owned)
        })
    }

    /// The tunnels that it told of so far, by `-v`: the client's address and the target of each.
    pub fn tunnels(&self) -> Vec<(String, String)> {
        let lines = self.process.lines();
        let tunnel = |line: &str| {
            let (client, rest) = line.strip_prefix("tuncat: ")?.split_once(" -> ")?;
            let (target, _) = rest.split_once(": open (")?;
            Some((client.to_owned(), target.to_owned()))
        };
        lines.iter().filter_map(|line| tunnel(line)).collect()
    }

    /// The same, once it has told of so many: its lines come after what they tell of.
    pub fn wait_tunnels(&self, count: usize) -> Vec<(String, String)> {
        wait_for(&format!("{count} tunnels in the log"), || {
            let tunnels = self.tunnels();
            (tunnels.len() >= count).then_some(tunnels)
        })
    }

    pub fn process(&mut self) -> &mut Proc {
        &mut self.process
    }

    /// SIGTERM, then the exit status once it has drained.
    pub fn terminate(mut self) -> ExitStatus {
        self.process.signal(Signal::TERM);
        self.process.wait_exit()
    }
}

/// A running `tuncat listen`.
pub struct Listen {
    process: Proc,
    /// The port of each TCP listener, in the order of the `-L`.
    pub ports: Vec<u16>,
}

impl Listen {
    /// `args` in front, then `-L` and each of `specs`.
    pub fn start(args: &[&str], specs: &[&str]) -> Self {
        let mut command = guarded(&TUNCAT);
        command.arg("listen").args(args);
        for spec in specs {
            command.args(["-L", spec]);
        }
        clear_proxy_environment(&mut command);
        let mut process = Proc::spawn("tuncat listen", command);
        let lines = wait_for("the listeners of tuncat listen", || {
            let lines = process.lines();
            let places = lines.iter().filter_map(|line| place_of(line));
            let places: Vec<_> = places.map(str::to_owned).collect();
            if let Some(status) = process.status() {
                panic!("tuncat listen ended ({status}):\n{}", lines.join("\n"));
            }
            (places.len() == specs.len()).then_some(places)
        });
        let ports = lines.iter().filter(|place| !place.starts_with("unix:"));
        let ports = ports.map(|place| port_of(place)).collect();
        Self { process, ports }
    }

    pub fn process(&mut self) -> &mut Proc {
        &mut self.process
    }
}

/// The address in a line such as `tuncat: listening on 127.0.0.1:34567 -> host:port`.
fn place_of(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("tuncat: listening on ")?;
    rest.split(" -> ").next()
}

fn port_of(url: &str) -> u16 {
    url.rsplit(':')
        .next()
        .and_then(|port| port.trim_end_matches('/').parse().ok())
        .unwrap_or_else(|| panic!("no port in {url}"))
}
