//! The last word: one line, or one JSON object, on stderr.

use crate::base::{Error, Setup, Target};
use crate::carrier::Carrier;
use crate::relay::{Outcome, Side};
use crate::ui::screen;
use serde_json::{Value, json};
use std::time::Duration;

/// What is known at the end of a tunnel. Parts that were not reached are missing.
#[derive(Default)]
pub struct Summary {
    pub target: String,
    /// `direct`, `embedded:`, or the proxies.
    pub route: Vec<String>,
    /// Nothing without a proxy.
    pub carrier: Option<Carrier>,
    pub setup: Option<Setup>,
    pub sent: u64,
    pub received: u64,
    pub first_end: Option<Side>,
    pub duration: Duration,
    /// Nothing was done.
    pub explained: bool,
    /// What was worth saying although nothing failed.
    pub warnings: Vec<String>,
}

impl Summary {
    pub fn new(target: &Target) -> Self {
        Summary {
            target: target.to_string(),
            ..Summary::default()
        }
    }

    pub fn outcome(&mut self, outcome: &Outcome) {
        self.sent = outcome.to_far;
        self.received = outcome.to_near;
        self.first_end = outcome.first_end;
    }

    /// For `-v`.
    pub fn line(&self) -> String {
        let ended = match self.first_end {
            Some(Side::Near) => "this side ended first",
            Some(Side::Far) => "the far side ended first",
            None => "no side ended cleanly",
        };
        format!(
            "{} bytes sent, {} received in {:.3} s; {ended}",
            self.sent,
            self.received,
            self.duration.as_secs_f64()
        )
    }

    fn to_json(&self, error: Option<&Error>) -> Value {
        let ms = |d: Duration| d.as_secs_f64() * 1000.0;
        json!({
            "target": self.target,
            "route": self.route,
            "carrier": self.carrier.map(|c| c.to_string()),
            "sent_bytes": self.sent,
            "received_bytes": self.received,
            "duration_s": self.duration.as_secs_f64(),
            "first_end": self.first_end.map(|side| match side {
                Side::Near => "near",
                Side::Far => "far",
            }),
            "clean": error.is_none(),
            "warnings": self.warnings,
            "setup_ms": self.setup.map(|s| json!({
                "resolve": ms(s.resolve),
                "tcp": ms(s.tcp),
                "tls": ms(s.tls),
                "request": ms(s.request),
                "total": ms(s.total()),
            })),
            "exit_code": error.map_or(0, |e| e.kind().exit_code()),
            "error": error.map(Error::to_json),
        })
    }
}

/// Prints one line for an error, unless it is a quiet one.
pub fn error(error: &Error) {
    if !error.is_quiet() {
        line(&format!("tuncat: {error}"));
    }
}

/// Prints one line for something that is no failure.
pub fn warning(text: &str) {
    line(&format!("tuncat: warning: {text}"));
}

/// Prints the object for a tunnel that has ended, one way or the other.
pub fn json(summary: &Summary, error: Option<&Error>) {
    line(&summary.to_json(error).to_string());
}

/// One line to stderr in one write. Nobody can be told when stderr itself fails.
pub fn line(text: &str) {
    screen::print(format!("{text}\n").as_bytes());
}
