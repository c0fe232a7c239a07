//! When things begin: at intended moments, whatever became of those before, or each after the one before.

use crate::base::{Error, Result};
use crate::bench::alarm::Alarm;
use crate::bench::tally::Clock;
use std::time::{Duration, Instant};

/// The beginnings of one of several workers that share a rate.
pub struct Schedule {
    clock: Clock,
    /// Between two beginnings of this worker; nothing where each waits for the one before.
    period: Option<Duration>,
    next: Instant,
    alarm: Alarm,
}

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
            alarm: Alarm::new().map_err(|e| Error::internal(format!("no timer: {e}")))?,
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
        let rang = self.alarm.until(at).await;
        rang.map_err(|e| Error::internal(format!("no timer: {e}")))?;
        Ok(Some(Due {
            intended: Some(at),
            actual: Instant::now(),
            waited,
        }))
    }

    /// What was begun as `due` says, and ends now, belongs to what is measured: it is intended for then. Without a rate
    /// so does what was begun before and took all of the time.
    pub fn counts(&self, due: &Due) -> bool {
        let swallowed = self.period.is_none() && self.clock.is_over(Instant::now());
        swallowed || due.intended.unwrap_or(due.actual) >= self.clock.measured
    }
}
