//! When things begin: at intended moments, whatever became of those before, or each after the one before.

use crate::base::{Blame, Error, Kind, Result, Stage};
use crate::bench::alarm::Alarm;
use crate::bench::tally::Clock;
use std::time::{Duration, Instant};

/// The beginnings of one of several workers that share a rate.
pub struct Schedule {
    clock: Clock,
    /// Between two beginnings of this worker; nothing where each waits for the one before.
    period: Option<Duration>,
    next: Instant,
    /// There with a rate only.
    alarm: Option<Alarm>,
    /// How long to rest after a failure that took no time; doubled with each one that follows.
    rest: Duration,
}

/// Something that refuses at once is not asked as fast as that.
const FIRST_REST: Duration = Duration::from_millis(5);
const LONGEST_REST: Duration = Duration::from_millis(500);

/// Something is to begin.
pub struct Due {
    /// When it should have begun; nothing without a rate.
    pub intended: Option<Instant>,
    pub actual: Instant,
    /// It began as soon as we could wake up, so the difference is our own.
    pub waited: bool,
}

impl Schedule {
    /// For worker `n` of `workers`, which begin evenly spread.
    pub fn new(clock: Clock, rate: Option<f64>, n: usize, workers: usize) -> Result<Self> {
        let spacing = rate.map(|rate| Duration::from_secs_f64(1.0 / rate));
        let all = u32::try_from(workers).unwrap_or(u32::MAX);
        let nth = u32::try_from(n).unwrap_or(u32::MAX);
        Ok(Schedule {
            next: clock.begin + spacing.unwrap_or_default().saturating_mul(nth),
            period: spacing.map(|s| s.saturating_mul(all)),
            clock,
            alarm: match rate {
                Some(_) => Some(Alarm::new().map_err(|e| no_timer(&e))?),
                None => None,
            },
            rest: FIRST_REST,
        })
    }

    /// Waits for the next beginning; nothing once the turn is over.
    pub async fn next(&mut self) -> Result<Option<Due>> {
        let now = Instant::now();
        let Some(period) = self.period else {
            return Ok((!self.clock.is_over(now)).then_some(Due {
                intended: None,
                actual: now,
                waited: false,
            }));
        };
        let at = self.next;
        // A beginning that was intended before the end is made good however late: leaving it out is how a stall would
        // be hidden.
        if self.clock.is_over(at) {
            return Ok(None);
        }
        self.next += period;
        let waited = at > now;
        if let Some(alarm) = &self.alarm {
            alarm.until(at).await.map_err(|e| no_timer(&e))?;
        }
        Ok(Some(Due {
            intended: Some(at),
            actual: Instant::now(),
            waited,
        }))
    }

    /// Each waits for the one before, and that has failed: the next one may wait a little longer.
    pub async fn rest(&mut self) {
        if self.period.is_none() {
            tokio::time::sleep(self.rest).await;
            self.rest = (self.rest * 2).min(LONGEST_REST);
        }
    }

    /// It has not.
    pub fn went_well(&mut self) {
        self.rest = FIRST_REST;
    }

    /// What was begun as `due` says, and ends now, belongs to what is measured: it is intended for then. Without a rate
    /// so does what was begun before and took all of the time.
    pub fn counts(&self, due: &Due) -> bool {
        let swallowed = self.period.is_none() && self.clock.is_over(Instant::now());
        swallowed || due.intended.unwrap_or(due.actual) >= self.clock.measured
    }
}

/// Such as for want of descriptors.
fn no_timer(error: &std::io::Error) -> Error {
    let cause = format!("no timer: {error}");
    Error::new(Kind::CannotConnect, Stage::Connect, Blame::Local, cause)
}
