//! A terminator with listeners of the test's own choice.

use crate::support::proc::guarded;
use crate::support::run::clear_proxy_environment;
use crate::support::tuncat::TUNCAT;
use crate::support::{Proc, wait_for};

pub struct Started {
    pub process: Proc,
    /// What it says that it listens on, in the order of the `-l`.
    pub places: Vec<String>,
}

impl Started {
    /// `tuncat serve` with just `args`, in which `-l` stands `listeners` times.
    #[track_caller]
    pub fn with(listeners: usize, args: &[&str]) -> Self {
        let mut command = guarded(&TUNCAT);
        command.arg("serve").args(args);
        clear_proxy_environment(&mut command);
        let mut process = Proc::spawn("tuncat serve", command);
        let places = wait_for("the listeners of tuncat serve", || {
            let lines = process.lines();
            if let Some(status) = process.status() {
                panic!("tuncat serve ended ({status}):\n{}", lines.join("\n"));
            }
            let places = lines.iter();
            let places = places.filter_map(|l| l.strip_prefix("tuncat: listening on "));
            let places: Vec<_> = places.map(str::to_owned).collect();
            (places.len() == listeners).then_some(places)
        });
        Started { process, places }
    }

    /// The port of the listener with this number.
    pub fn port(&self, n: usize) -> u16 {
        let port = self.places[n]
            .rsplit(':')
            .next()
            .and_then(|p| p.parse().ok());
        port.unwrap_or_else(|| panic!("a port in {:?}", self.places))
    }
}
