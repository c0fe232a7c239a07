//! What was measured, as plain values; `ui` shows them.

use crate::bench::Settings;
use crate::bench::environment::Environment;
use crate::bench::meter::Memory;
use crate::bench::statistics::Interval;
use crate::carrier::Carrier;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// What one measurement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Octets per second towards the target, as the target counted them.
    Upload,
    /// Octets per second from the target.
    Download,
    /// Octets per second to an echo and back, each counted once.
    RoundTrip,
    /// The time of a small message to an echo and back.
    Ping,
    /// Tunnels opened per second.
    Open,
    /// Memory of an idle tunnel, and whether it lives on.
    Hold,
}

impl Mode {
    /// The stable name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Upload => "upload",
            Mode::Download => "download",
            Mode::RoundTrip => "round_trip",
            Mode::Ping => "ping",
            Mode::Open => "open",
            Mode::Hold => "hold",
        }
    }

    pub fn is_stream(self) -> bool {
        matches!(self, Mode::Upload | Mode::Download | Mode::RoundTrip)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The whole run.
#[derive(Debug)]
pub struct Report {
    pub environment: Environment,
    pub settings: Settings,
    /// In the order in which they were measured; the direct baseline, where there is one, first.
    pub lanes: Vec<LaneReport>,
    /// What whoever reads the figures has to know.
    pub warnings: Vec<String>,
    /// From the first open to the last close.
    pub elapsed: Duration,
}

/// Another way to the target.
#[derive(Debug)]
pub struct LaneReport {
    /// `direct`, a carrier's name, or what the user called it.
    pub name: String,
    pub kind: LaneKind,
    /// Proxies on the way, without credentials; an endpoint; a command.
    pub route: Vec<String>,
    pub carrier: Option<Carrier>,
    /// Why nothing could be measured.
    pub unavailable: Option<String>,
    pub measured: Vec<Measured>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneKind {
    Direct,
    Proxy,
    Endpoint,
    Command,
}

/// One mode on one lane.
#[derive(Debug)]
pub struct Measured {
    pub mode: Mode,
    pub rounds: Vec<Round>,
    /// The mean over the rounds, with its 95 % interval, of [`Round::value`]. Nothing when no round has a value.
    pub value: Option<Interval>,
    /// The same of this lane's value over the baseline's in the same round.
    pub ratio: Option<Interval>,
    /// For ping and open: of all rounds together.
    pub latency: Option<Latency>,
    /// For open: where the time goes, of all rounds together.
    pub phases: Option<Phases>,
    /// With `--rate`: how the offered rate was kept.
    pub pace: Option<Pace>,
    /// For hold.
    pub held: Option<Held>,
    /// Every octet was checked, and both ends have the same total.
    pub verified: Verified,
    /// Failures by class (see [`crate::base::Kind::name`]): how many, and the first one in words.
    pub errors: BTreeMap<&'static str, (u64, String)>,
}

impl Measured {
    /// Less was done than was offered: the times are those of a queue, and nobody may take them for the service's.
    pub fn overloaded(&self) -> bool {
        self.pace.as_ref().is_some_and(Pace::overloaded)
    }

    /// [`Measured::value`] and [`Measured::ratio`], unless they are times of a queue.
    pub fn figures(&self) -> (Option<&Interval>, Option<&Interval>) {
        match self.mode == Mode::Ping && self.overloaded() {
            true => (None, None),
            false => (self.value.as_ref(), self.ratio.as_ref()),
        }
    }

    /// The latency of the service, if that is what was measured.
    pub fn service_latency(&self) -> Option<&Latency> {
        self.latency.as_ref().filter(|_| !self.overloaded())
    }

    /// Of all rounds.
    pub fn cpu(&self) -> Cpu {
        let used = self.rounds.iter().map(|round| round.cpu);
        used.fold(Cpu::default(), |sum, cpu| sum + cpu)
    }
}

/// What is known about the octets that went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Content and total, at both ends.
    BothEnds,
    /// The far end tells nothing: only what we sent is known.
    SentOnly,
    /// No octets were asked for.
    Nothing,
}

/// One lane's turn in one round.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// Octets per second, seconds (the median round trip) or tunnels per second; for hold octets per tunnel.
    /// Nothing if it failed.
    pub value: Option<f64>,
    /// In which it was measured, without the warm-up.
    pub seconds: f64,
    /// For streams: octets delivered within `seconds`.
    pub octets: u64,
    /// For streams: octets of the whole turn, warm-up included, as the sending and the receiving end counted them.
    pub sent: u64,
    pub received: u64,
    /// For ping and open: how many were measured.
    pub samples: u64,
    /// CPU time used meanwhile.
    pub cpu: Cpu,
    pub rows: Vec<Row>,
    /// For streams: both ends of each one's connection to the first hop, where it has one for itself.
    pub ends: Vec<Option<(SocketAddr, SocketAddr)>>,
}

/// An interval of a round, as iperf3 has them.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Seconds since the lane's first turn began, counting only its own turns.
    pub start: f64,
    pub seconds: f64,
    pub octets: u64,
    /// Of each stream. They are numbered by when they ended, so a number means another stream in another round.
    pub by_stream: Vec<u64>,
    /// It belongs to the warm-up.
    pub omitted: bool,
    /// Of our connection to the first hop, where the tunnel has it for itself; summed, and the mean, over streams.
    pub tcp: Option<TcpRow>,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct TcpRow {
    pub retransmits: u64,
    pub rtt_us: u64,
    /// Octets.
    pub cwnd: u64,
}

/// CPU time by who used it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    /// The load generator with its side of the tunnels.
    pub load: Duration,
    /// The target, in this process or in another one of this machine.
    pub target: Duration,
    /// The embedded proxy.
    pub embedded: Duration,
    /// Other processes: proxies of this machine, commands, and those that were named.
    pub others: Duration,
}

impl Cpu {
    pub fn total(&self) -> Duration {
        self.load + self.target + self.embedded + self.others
    }
}

/// Times in nanoseconds.
#[derive(Debug)]
pub struct Latency {
    /// From the intended start, where there was a schedule.
    pub corrected: Option<Histogram<u64>>,
    /// From the actual start.
    pub uncorrected: Histogram<u64>,
}

impl Latency {
    /// What a user of the service would have seen, as far as that was measured.
    pub fn best(&self) -> &Histogram<u64> {
        self.corrected.as_ref().unwrap_or(&self.uncorrected)
    }
}

/// The phases of opening a tunnel, in nanoseconds.
#[derive(Clone, Debug)]
pub struct Phases {
    pub resolve: Histogram<u64>,
    pub tcp: Histogram<u64>,
    pub tls: Histogram<u64>,
    pub request: Histogram<u64>,
    /// From the open tunnel to the target's first octet; empty where the target sends none.
    pub first_byte: Histogram<u64>,
}

impl Phases {
    /// With their names, in order.
    pub fn named(&self) -> [(&'static str, &Histogram<u64>); 5] {
        [
            ("resolve", &self.resolve),
            ("tcp", &self.tcp),
            ("tls", &self.tls),
            ("request", &self.request),
            ("first_byte", &self.first_byte),
        ]
    }
}

/// How an offered rate was kept.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Per second.
    pub offered: f64,
    pub achieved: f64,
    /// How late we ourselves began what could have begun in time: 99 % are no later. Nanoseconds.
    pub scheduler_p99: u64,
}

impl Pace {
    /// Less than that share of the offered load was done: latencies are those of a queue, not of the service.
    const ENOUGH: f64 = 0.99;

    pub fn overloaded(&self) -> bool {
        self.achieved < self.offered * Pace::ENOUGH
    }
}

/// Idle tunnels.
#[derive(Clone, Debug)]
pub struct Held {
    /// Tunnels that were asked for, that opened, and that still carried an octet both ways at the end.
    pub wanted: u64,
    pub opened: u64,
    pub survived: u64,
    /// How long they idled.
    pub idle: Duration,
    /// Resident memory with the tunnels, less that before, by process.
    pub memory: Vec<(String, Memory)>,
}

impl Held {
    /// Octets of all processes together for one tunnel; nothing where they became smaller meanwhile: what they gave
    /// back of earlier turns hides what few tunnels take.
    pub fn per_tunnel(&self) -> Option<f64> {
        let all: i64 = self.memory.iter().map(|(_, m)| m.grown()).sum();
        (self.opened > 0 && all > 0).then(|| all as f64 / self.opened as f64)
    }
}
