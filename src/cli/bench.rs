//! `tuncat bench`.

use crate::bench::Far;
use crate::cli::ProxyOptions;
use crate::cli::common::parse_duration;
use clap::{ArgAction, Args, ValueEnum, ValueHint};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Measure tunnels: throughput, round trips, set-up, idle cost
///
/// Every way to the target is measured in turns, round by round, with a direct connection beside it; each figure is also a ratio to
/// that. Without arguments it measures the proxy inside this process with every carrier. Bytes are checked at both ends: where one comes
/// changed, no figure is printed.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Bench {
    /// What answers: HOST:PORT, or bench:, echo:, discard: inside the proxy
    ///
    /// If not given: a target of our own on this machine, or with proxies elsewhere bench:, which 'tuncat serve' offers (see its
    /// --allow-builtin).
    #[arg(value_name = "TARGET")]
    pub target: Option<String>,

    /// What HOST:PORT does with bytes [default: by port: 7 is echo, 9 is discard]
    ///
    /// bench is 'tuncat bench --server'; it checks and counts what it gets. An echo is measured both ways at once. discard
    /// says nothing, so only what was sent is known.
    #[arg(long, value_name = "KIND", value_enum)]
    pub target_is: Option<FarWord>,

    #[command(flatten)]
    pub proxy: ProxyOptions,

    /// What to measure
    #[arg(
        short,
        long,
        value_name = "LIST",
        value_delimiter = ',',
        value_enum,
        default_value = "stream,ping,open,hold",
        help_heading = "Measurement"
    )]
    pub mode: Vec<ModeWord>,

    /// Pings, or opens, that are to begin per second, evenly spread (open loop)
    ///
    /// Times then count from the intended start, so a stall is not hidden by what was not sent meanwhile; the uncorrected times are shown beside
    /// them. As many as -P says may be under way (opens: more); one that has to wait for that begins late, which counts. Without it each ping
    /// waits for the one before (closed loop).
    #[arg(long, value_name = "PER-SECOND", value_parser = parse_rate, help_heading = "Measurement")]
    pub rate: Option<f64>,

    /// Measured time for each way and mode, over all rounds
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration, default_value = "1.5",
          help_heading = "Measurement")]
    pub time: Duration,

    /// Rounds; in each of them every way has its turn
    #[arg(long, value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Measurement")]
    pub rounds: u32,

    /// At the beginning of each turn, not measured
    #[arg(short = 'O', long, value_name = "TIME", value_parser = parse_duration, default_value = "100ms",
          help_heading = "Measurement")]
    pub warm_up: Duration,

    /// Tunnels at the same time, for streams, pings and opens
    #[arg(short = 'P', long, value_name = "N", default_value_t = 1,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=10_000),
          help_heading = "Measurement")]
    pub streams: usize,

    /// Bytes of each stream and turn, instead of a time: 100M, 1G (powers of 1000), 64Ki, 1Gi (of 1024)
    #[arg(short = 'n', long, value_name = "SIZE", value_parser = parse_size, help_heading = "Measurement")]
    pub bytes: Option<u64>,

    /// Bytes of a ping
    #[arg(long, value_name = "SIZE", value_parser = parse_message, default_value = "64",
          help_heading = "Measurement")]
    pub size: usize,

    /// Idle tunnels to hold; 50 of a command
    #[arg(long, value_name = "N", default_value_t = 1000,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1_000_000),
          help_heading = "Measurement")]
    pub tunnels: usize,

    /// How long idle tunnels are held
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1",
          help_heading = "Measurement")]
    pub hold: Duration,

    /// Open every tunnel over a connection of its own, instead of in a shared HTTP/2 session
    #[arg(long, help_heading = "Measurement")]
    pub cold: bool,

    /// Another proxy to measure beside; repeatable
    ///
    /// Its scheme chooses the carrier: http:// is h1, h2c:// h2, https:// what it agrees to.
    #[arg(long, value_name = "[NAME=]URL", help_heading = "Compared with")]
    pub compare: Vec<String>,

    /// A ready-made tunnel to the target, of whatever tool; repeatable
    #[arg(long, value_name = "[NAME=]HOST:PORT", help_heading = "Compared with")]
    pub endpoint: Vec<String>,

    /// A command whose stdin and stdout are a tunnel to the target; repeatable
    ///
    /// sh runs it, once for each tunnel; {host}, {port} and {target} stand for the target's.
    #[arg(long, value_name = "[NAME=]COMMAND", help_heading = "Compared with")]
    pub command: Vec<String>,

    /// Do not measure the direct way
    #[arg(long, help_heading = "Compared with")]
    pub no_direct: bool,

    /// A process whose CPU time and memory count, too; repeatable
    ///
    /// Those that listen on this machine for a proxy or an endpoint named here are found without it.
    #[arg(
        long,
        value_name = "PID",
        value_delimiter = ',',
        help_heading = "Compared with"
    )]
    pub watch: Vec<u32>,

    /// Be a target for others to measure with, and nothing else
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with_all = ["target", "proxy", "compare", "endpoint", "command", "json", "html"])]
    pub server: Option<SocketAddr>,

    /// Print everything as one JSON object instead of the table
    ///
    /// It has the names of 'iperf3 -J' for one throughput, and lists all figures of every way; schema/bench.schema.json in the source
    /// describes it.
    #[arg(long, help_heading = "Output")]
    pub json: bool,

    /// Write a page with charts to FILE, too
    ///
    /// It needs no network, no script and no other file, follows the system's light or dark, and holds the JSON.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub html: Option<PathBuf>,

    /// Tell on stderr what happens; twice for more
    #[arg(short, long, action = ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModeWord {
    /// Throughput, each way
    Stream,
    /// Round trips of small messages
    Ping,
    /// Opening tunnels, by phase
    Open,
    /// Idle tunnels: memory and survivors
    Hold,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FarWord {
    Bench,
    Echo,
    Discard,
}

impl From<FarWord> for Far {
    fn from(word: FarWord) -> Far {
        match word {
            FarWord::Bench => Far::Bench,
            FarWord::Echo => Far::Echo,
            FarWord::Discard => Far::Discard,
        }
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.001..=1e6).contains(&rate) => Ok(rate),
        _ => Err("a number per second from 0.001 to 1000000".into()),
    }
}

fn parse_message(text: &str) -> Result<usize, String> {
    match parse_size(text)? {
        size @ 1..=65_536 => Ok(size as usize),
        _ => Err("from 1 to 64Ki bytes".into()),
    }
}

/// `1000`, `100k`, `64Ki`, `1.5G`: octets.
fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: f64 = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "ki" | "kib" => 1024.0,
        "mi" | "mib" => 1024.0 * 1024.0,
        "gi" | "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err("the unit is one of k, M, G, Ki, Mi, Gi".into()),
    };
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match digits.parse::<f64>() {
        Ok(number) if plain && (1.0..=1e15).contains(&(number * unit)) => {
            Ok((number * unit).round() as u64)
        }
        _ => Err("a size is written 1000, 100M or 64Ki".into()),
    }
}

const EXAMPLES: &str = "\
Examples:
  tuncat bench
  tuncat bench -x http://127.0.0.1:3128 --via h1 --mode ping --rate 1000 -P 8 -t 10
  tuncat bench -x https://proxy.example bench:
  tuncat bench --server 127.0.0.1:5201
  tuncat bench --target-is bench 127.0.0.1:5201 -x http://127.0.0.1:8080 --compare squid=http://127.0.0.1:3128 \\
      --endpoint socat=127.0.0.1:4000 --command 'ncat=ncat --proxy 127.0.0.1:3128 --proxy-type http {host} {port}'

To 'open', a tunnel is asked for and its first byte comes back. To 'hold', memory is that of all processes known (this one: generator, target and
embedded proxy), less that before. Other processes on the machine, a debug build and a drifting baseline are told, as is a load that could not be
offered (overloaded): its times are those of a queue.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, octets) in [
            ("1", 1),
            ("100M", 100_000_000),
            ("64Ki", 65_536),
            ("1.5k", 1500),
            ("2GiB", 2 << 30),
        ] {
            assert_eq!(parse_size(text), Ok(octets), "{text}");
        }
        for bad in ["", "0", "-1", "1T", "M", "1e3", "1 M", "9999999G"] {
            assert!(parse_size(bad).is_err(), "{bad:?}");
        }
    }
}
