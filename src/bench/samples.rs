//! Times and failures of one mode on one lane.

use crate::base::{Blame, Error, Kind, Result, Setup, Stage};
use crate::bench::report::Phases;
use crate::bench::schedule::Due;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What the workers of all turns have seen.
pub struct Samples {
    pub corrected: Histogram<u64>,
    pub uncorrected: Histogram<u64>,
    pub phases: Phases,
    /// How late we began what could have begun in time.
    pub scheduler: Histogram<u64>,
    /// Of this turn alone: since the last [`Samples::begin`].
    pub turn: Turn,
    pub succeeded: u64,
    /// Tried, or waiting when there was no time left to try.
    pub failed: u64,
    pub missed: u64,
    /// By class: how many, and the first in words.
    pub errors: BTreeMap<&'static str, (u64, String)>,
    /// Of all of them.
    pub first_error: Option<Error>,
}

/// One turn's part of it.
pub struct Turn {
    pub times: Histogram<u64>,
    pub succeeded: u64,
    pub last_begin: Option<Instant>,
    pub last_end: Option<Instant>,
}

/// Samples that the workers of a turn share.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<Samples>>);

impl Shared {
    pub fn new() -> Result<Self> {
        Ok(Shared(Arc::new(Mutex::new(Samples::new()?))))
    }

    pub fn lock(&self) -> MutexGuard<'_, Samples> {
        // A worker that failed in the middle has at worst a sample too few.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nanoseconds with three digits; it grows as needed.
fn histogram() -> Result<Histogram<u64>> {
    Histogram::new(3).map_err(|e| Error::internal(e.to_string()))
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn record(histogram: &mut Histogram<u64>, time: Duration) {
    // It grows, so whatever fits in 64 bits fits.
    let _ = histogram.record(nanoseconds(time));
}

impl Samples {
    fn new() -> Result<Self> {
        Ok(Samples {
            corrected: histogram()?,
            uncorrected: histogram()?,
            phases: Phases {
                resolve: histogram()?,
                tcp: histogram()?,
                tls: histogram()?,
                request: histogram()?,
                first_byte: histogram()?,
            },
            scheduler: histogram()?,
            turn: Turn {
                times: histogram()?,
                succeeded: 0,
                last_begin: None,
                last_end: None,
            },
            succeeded: 0,
            failed: 0,
            missed: 0,
            errors: BTreeMap::new(),
            first_error: None,
        })
    }

    /// Another turn begins.
    pub fn begin(&mut self) {
        self.turn.times.reset();
        self.turn.succeeded = 0;
        self.turn.last_begin = None;
        self.turn.last_end = None;
    }

    /// Something that began as `due` says has succeeded just now.
    pub fn record(&mut self, due: &Due) {
        let now = Instant::now();
        self.took(due, now.duration_since(due.actual), Duration::ZERO);
        self.succeeded += 1;
        self.turn.succeeded += 1;
        self.turn.last_end = Some(now);
    }

    pub fn record_phases(&mut self, setup: &Setup, first_byte: Option<Duration>) {
        let phases = &mut self.phases;
        record(&mut phases.resolve, setup.resolve);
        record(&mut phases.tcp, setup.tcp);
        record(&mut phases.tls, setup.tls);
        record(&mut phases.request, setup.request);
        if let Some(first_byte) = first_byte {
            record(&mut phases.first_byte, first_byte);
        }
    }

    /// It failed: a sample no better than the longest wait.
    pub fn fail(&mut self, due: &Due, limit: Duration, error: Error) {
        self.took(due, due.actual.elapsed(), limit);
        self.failed += 1;
        self.error(error);
    }

    fn took(&mut self, due: &Due, actual: Duration, at_least: Duration) {
        record(&mut self.uncorrected, actual.max(at_least));
        let late = due.intended.map(|at| due.actual.duration_since(at));
        let whole = (actual + late.unwrap_or_default()).max(at_least);
        record(&mut self.turn.times, whole);
        if let Some(late) = late {
            record(&mut self.corrected, whole);
            if due.waited {
                record(&mut self.scheduler, late);
            }
        }
        self.turn.last_begin = self.turn.last_begin.max(Some(due.actual));
    }

    /// It was intended, and there was no time left to try it: a sample of how long it waited in vain.
    pub fn miss(&mut self, due: &Due, limit: Duration) {
        self.took(due, due.actual.elapsed(), limit);
        self.missed += 1;
        let cause = "there was no time left to try";
        let error = Error::new(Kind::Timeout, Stage::Relay, Blame::Network, cause);
        self.error(error);
    }

    pub fn error(&mut self, error: Error) {
        let class = self.errors.entry(error.kind().name());
        class.or_insert_with(|| (0, error.to_string())).0 += 1;
        self.first_error.get_or_insert(error);
    }
}
