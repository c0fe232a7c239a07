//! Figures as people read them.

use crate::bench::report::{Mode, Round};

/// Fewer samples say nothing about one in a thousand.
pub const ENOUGH_FOR_P999: u64 = 10_000;

/// A value of a mode in the unit of [`unit`].
pub fn scaled(mode: Mode, value: f64) -> f64 {
    match mode {
        Mode::Upload | Mode::Download | Mode::RoundTrip => value * 8.0 / 1e9,
        Mode::Ping => value * 1e6,
        Mode::Open => value,
        Mode::Hold => value / 1e3,
    }
}

pub fn unit(mode: Mode) -> &'static str {
    match mode {
        Mode::Upload | Mode::Download | Mode::RoundTrip => "Gbit/s",
        Mode::Ping => "us",
        Mode::Open => "per s",
        Mode::Hold => "kB",
    }
}

/// What a mode measures, in words.
pub fn title(mode: Mode) -> &'static str {
    match mode {
        Mode::Upload => "Upload: throughput towards the target",
        Mode::Download => "Download: throughput from the target",
        Mode::RoundTrip => "Round trip: throughput to an echo and back",
        Mode::Ping => "Ping: round trip of a small message",
        Mode::Open => "Open: set-up of a tunnel, to its first byte",
        Mode::Hold => "Hold: memory of an idle tunnel",
    }
}

/// Three significant digits, and no more decimals than that needs.
pub fn figure(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 || v == 0.0 => 2,
        v if v >= 0.1 => 3,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

/// CPU seconds of everybody for a GiB that went through; nothing where little did.
pub fn cpu_per_gib(rounds: &[Round]) -> Option<f64> {
    let octets: u64 = rounds.iter().map(|r| r.received).sum();
    let cpu: f64 = rounds.iter().map(|r| r.cpu.total().as_secs_f64()).sum();
    (octets > 1 << 20).then(|| cpu / (octets as f64 / f64::from(1 << 30)))
}
