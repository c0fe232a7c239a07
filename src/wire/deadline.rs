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

    /// The earlier of this one and `limit` from now.
    pub fn at_most(self, limit: Duration) -> Self {
        let limit = Instant::now() + limit;
        Deadline(Some(self.0.map_or(limit, |at| at.min(limit))))
    }

    /// What `step` returns, unless the deadline comes first; then `step` is dropped.
    pub async fn run<F: Future>(self, step: F) -> Result<F::Output, Elapsed> {
        match self.0 {
            None => Ok(step.await),
            Some(at) => tokio::time::timeout_at(at, step).await.map_err(|_| Elapsed),
        }
    }
}
