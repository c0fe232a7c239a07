//! One deadline over many steps.

use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// A point in (monotonic) time by which all steps must be done, or none.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Option<Instant>);

/// The deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl Deadline {
    /// `timeout` from now; zero means none, as with curl and nc.
    pub fn after(timeout: Duration) -> Self {
        match timeout {
            Duration::ZERO => Deadline(None),
            t => Deadline(Instant::now().checked_add(t)),
        }
    }

    /// A point before this one by a tenth of what is left, but no more than `most`: for a last question
    /// whose answer is still to come in time.
    pub fn earlier(self, most: Duration) -> Self {
        Deadline(self.0.map(|at| {
            let left = at.saturating_duration_since(Instant::now());
            at - (left / 10).min(most)
        }))
    }

    /// A point half as far away.
    pub fn halfway(self) -> Self {
        Deadline(
            self.0
                .map(|at| at - at.saturating_duration_since(Instant::now()) / 2),
        )
    }

    /// It has passed.
    pub fn is_over(self) -> bool {
        self.0.is_some_and(|at| at <= Instant::now())
    }

    /// Whichever comes first.
    pub fn or(self, other: Deadline) -> Self {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Deadline(Some(a.min(b))),
            (a, b) => Deadline(a.or(b)),
        }
    }

    /// What `step` returns, unless the deadline comes first; then `step` is dropped.
    pub async fn run<F: Future>(self, step: F) -> Result<F::Output, Elapsed> {
        match self.0 {
            None => Ok(step.await),
            Some(at) => tokio::time::timeout_at(at, step).await.map_err(|_| Elapsed),
        }
    }
}
