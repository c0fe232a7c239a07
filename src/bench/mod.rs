//! Measuring tunnels: one load loop for every way to a target, turn by turn, with the direct way beside them.
//!
//! Every lane has its turn in every round, so what the machine does besides hits all of them, and a ratio is that of
//! turns that stood next to each other.

mod alarm;
pub mod command;
mod connection;
pub mod environment;
mod hold;
pub mod lane;
pub mod meter;
mod open;
mod ping;
mod pump;
pub mod report;
mod run;
mod samples;
mod schedule;
pub mod statistics;
mod stream;
mod tally;
pub mod target;

pub use lane::{Lane, Opener, Opening};
pub use report::{LaneKind, Mode, Report};
pub use run::{Step, run};

use std::time::Duration;

/// What answers at the far end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Far {
    /// [`crate::builtin::bench`].
    Bench,
    /// Sends back what it gets.
    Echo,
    /// Takes everything and says nothing.
    Discard,
}

impl Far {
    /// What can be measured against it.
    pub fn modes(self) -> &'static [Mode] {
        match self {
            Far::Bench => &[
                Mode::Upload,
                Mode::Download,
                Mode::Ping,
                Mode::Open,
                Mode::Hold,
            ],
            Far::Echo => &[Mode::RoundTrip, Mode::Ping, Mode::Open, Mode::Hold],
            Far::Discard => &[Mode::Upload, Mode::Open],
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Far::Bench => "bench",
            Far::Echo => "echo",
            Far::Discard => "discard",
        }
    }
}

/// What to measure, and how long.
#[derive(Clone, Debug)]
pub struct Settings {
    pub modes: Vec<Mode>,
    /// Its address or name, as a proxy is asked for it.
    pub target: String,
    pub far: Far,
    /// Measured for each lane and mode, over all rounds.
    pub time: Duration,
    pub rounds: u32,
    /// At the beginning of each turn; not measured.
    pub warm_up: Duration,
    /// Tunnels at the same time, for streams, pings and opens.
    pub streams: usize,
    /// For streams: so many octets a stream and turn, instead of a time; no warm-up then.
    pub octets: Option<u64>,
    /// Octets of a ping.
    pub message: usize,
    /// Pings or opens that begin per second, whatever became of those before; without it each waits for the one before.
    pub rate: Option<f64>,
    /// Idle tunnels, and for how long.
    pub tunnels: usize,
    pub hold: Duration,
    /// How long an answer may take.
    pub limit: Duration,
}

impl Settings {
    /// Measured in one turn.
    pub fn turn(&self) -> Duration {
        self.time / self.rounds.max(1)
    }
}
