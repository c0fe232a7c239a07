//! A connection to the far end that was told what to do.

use crate::base::pattern::{PERIOD, cycle, cycle_mismatch};
use crate::base::{Blame, Error, Kind, Result, Stage};
use crate::bench::lane::Opened;
use crate::bench::{Far, Lane};
use crate::builtin::bench::Job;
use crate::wire::{BoxWire, Break, Deadline};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How long the other side may take to see the end of a connection that is done.
const GOODBYE: Duration = Duration::from_secs(1);

/// Where a connection's octets begin in the cycle: each one elsewhere, so that octets of one do not pass for those
/// of another.
pub fn start() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(7919, Ordering::Relaxed) % PERIOD
}

/// An echo at the far end.
pub struct Echo {
    pub wire: BoxWire,
    pub at: u64,
    reply: Vec<u8>,
}

impl Echo {
    /// Opens a connection and sends a first message to and fro. The time that this took after the connection was
    /// open comes with it.
    pub async fn open(
        lane: &Lane,
        far: Far,
        limit: Duration,
    ) -> Result<(Echo, crate::base::Setup, Duration)> {
        let Opened { wire, setup } = lane.opener.open().await?;
        let started = Instant::now();
        let mut echo = Echo {
            wire,
            at: start(),
            reply: Vec::new(),
        };
        let mut first = Vec::new();
        if far == Far::Bench {
            first.extend_from_slice(&Job::Echo.to_octets());
        }
        first.extend_from_slice(cycle(echo.at, 1));
        echo.exchange(&first, 1, limit)
            .await
            .map_err(|e| of_lane(lane, e))?;
        Ok((echo, setup, started.elapsed()))
    }

    /// Sends the next `size` octets and waits for them.
    pub async fn ping(&mut self, size: usize, limit: Duration) -> Result<()> {
        self.exchange(cycle(self.at, size), size, limit).await
    }

    async fn exchange(&mut self, sent: &[u8], size: usize, limit: Duration) -> Result<()> {
        self.reply.resize(size, 0);
        let exchanged = Deadline::after(limit).run(async {
            self.wire.write_all(sent).await?;
            self.wire.flush().await?;
            self.wire.read_exact(&mut self.reply).await.map(|_| ())
        });
        let exchanged = exchanged.await;
        match exchanged {
            Err(_) => return Err(timeout(limit)),
            Ok(Err(error)) => return Err(broken(&error)),
            Ok(Ok(())) => {}
        }
        if let Some(at) = cycle_mismatch(self.at, &self.reply) {
            return Err(altered(at - self.at));
        }
        self.at += size as u64;
        Ok(())
    }
}

/// Ends a connection that has done its job, and waits until that is seen, but not for long: what becomes of an end
/// is not what is measured.
pub async fn close(mut wire: BoxWire) {
    let goodbye = async {
        if wire.shutdown().await.is_ok() {
            let mut rest = [0; 256];
            while let Ok(1..) = wire.read(&mut rest).await {}
        }
    };
    let _ = Deadline::after(GOODBYE).run(goodbye).await;
}

/// Names the lane where nothing more exact is known.
pub fn of_lane(lane: &Lane, error: Error) -> Error {
    error.hop(&lane.name)
}

pub fn altered(at: u64) -> Error {
    let cause = format!("octet {at} came changed");
    Error::new(Kind::Altered, Stage::Relay, Blame::Network, cause)
        .hint("no figure of this run counts; something on this way changes what it carries")
}

pub fn timeout(limit: Duration) -> Error {
    let cause = format!("no answer within {} s", limit.as_secs_f64());
    Error::new(Kind::Timeout, Stage::Relay, Blame::Network, cause)
}

pub fn broken(error: &io::Error) -> Error {
    let kind = match Break::of(error) {
        Break::Reset => Kind::Reset,
        Break::Truncated => Kind::Truncated,
        Break::Timeout => Kind::Timeout,
        Break::Other => Kind::Reset,
    };
    let cause = format!("the connection broke: {error}");
    Error::new(kind, Stage::Relay, Blame::Network, cause)
}
