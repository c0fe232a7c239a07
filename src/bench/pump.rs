//! One stream of octets as fast as the way takes them, checked at both ends.

use crate::base::Result;
use crate::base::pattern::{REACH, cycle, cycle_mismatch};
use crate::bench::connection::{altered, broken, start, timeout};
use crate::bench::tally::{Clock, Tally};
use crate::bench::{Far, Mode};
use crate::builtin::bench::{ALTERED, Job};
use crate::wire::socket::{TcpFacts, tcp_facts};
use crate::wire::{BoxWire, Deadline, Wire};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets on their way at the same time: what comes through in [`AHEAD`] seconds and two round trips more, within these
/// bounds. So there is enough for any path, and a slow one is not left with a long queue when the turn is over.
const LEAST_AHEAD: u64 = 256 * 1024;
const MOST_AHEAD: u64 = 16 * 1024 * 1024;
const AHEAD: f64 = 0.2;

thread_local! {
    /// What is read is looked at before anything else runs, so all streams of a thread share one.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; REACH]);
}

/// What a stream did.
pub struct Pumped {
    pub wire: BoxWire,
    pub tally: Tally,
    /// As the sending end, and as the receiving end, counted it.
    pub sent: u64,
    pub received: u64,
    /// Of the connection to the first hop, where it is the stream's alone: at the beginning of each row, and at the end.
    pub facts: Vec<TcpFacts>,
}

pub struct Pump {
    wire: BoxWire,
    kind: Kind,
    clock: Clock,
    tally: Tally,
    start: u64,
    /// Octets of the job that have yet to go, or of a grant.
    control: Vec<u8>,
    /// Payload sent, towards the target.
    sent: u64,
    /// Payload known to have come through.
    through: u64,
    /// Where an upload may stop: a count that the far end tells.
    block: u64,
    total: u64,
    granted: u64,
    /// What may be on its way; it only grows.
    window: u64,
    /// From the beginning to the first that came through.
    round_trip: Option<f64>,
    facts: Vec<TcpFacts>,
    /// Octets of a count that are still incomplete.
    count: Vec<u8>,
    unflushed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Upload,
    Download,
    RoundTrip,
    /// Upload to a far end that tells nothing.
    Blind,
}

impl Pump {
    /// `block` is how often the far end of an upload tells what it has; `octets` how many there are, if not as many
    /// as the time allows.
    pub fn new(
        wire: BoxWire,
        (mode, far): (Mode, Far),
        clock: Clock,
        block: u64,
        octets: Option<u64>,
    ) -> Self {
        let start = start();
        let kind = match (mode, far) {
            (Mode::Download, _) => Kind::Download,
            (Mode::RoundTrip, _) | (_, Far::Echo) => Kind::RoundTrip,
            (_, Far::Discard) => Kind::Blind,
            (_, Far::Bench) => Kind::Upload,
        };
        let total = octets.unwrap_or(u64::MAX);
        let granted = octets.unwrap_or(LEAST_AHEAD);
        let control = match kind {
            Kind::Upload => Some(Job::Upload {
                start,
                block,
                total,
            }),
            Kind::Download => Some(Job::Download { start, granted }),
            Kind::RoundTrip | Kind::Blind => None,
        };
        Pump {
            wire,
            kind,
            clock,
            tally: Tally::new(clock),
            start,
            control: control.map_or_else(Vec::new, |job| job.to_octets().to_vec()),
            sent: 0,
            through: 0,
            block,
            total,
            granted,
            window: LEAST_AHEAD,
            round_trip: None,
            facts: Vec::new(),
            count: Vec::new(),
            unflushed: false,
        }
    }

    /// Runs until the turn is over and everything that was sent has come through; fails when nothing comes through for
    /// so long as `limit`.
    pub async fn run(mut self, limit: Duration) -> Result<Pumped> {
        loop {
            let before = self.through;
            let pumping = poll_fn(|cx| self.poll(cx));
            match Deadline::after(limit).run(pumping).await {
                Ok(done) => break done?,
                Err(_) if self.through == before => return Err(timeout(limit)),
                Err(_) => {}
            }
        }
        Ok(Pumped {
            sent: match self.kind {
                Kind::Download => self.granted,
                _ => self.sent,
            },
            received: self.through,
            facts: match self.look() {
                None => Vec::new(),
                Some(last) => {
                    self.facts.push(last);
                    self.facts
                }
            },
            wire: self.wire,
            tally: self.tally,
        })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            let now = Instant::now();
            if self.is_done(now) {
                return Poll::Ready(Ok(()));
            }
            let wrote = self.poll_send(cx, now).map_err(|e| broken(&e));
            if let Poll::Ready(Err(error)) = wrote {
                return Poll::Ready(Err(error));
            }
            let read = self.poll_receive(cx);
            if let Poll::Ready(Err(error)) = read {
                return Poll::Ready(Err(error));
            }
            if wrote.is_pending() && read.is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn is_done(&self, now: Instant) -> bool {
        if !self.control.is_empty() || self.unflushed || !self.stops(now) {
            return false;
        }
        match self.kind {
            Kind::Download => self.through == self.granted,
            Kind::Upload | Kind::RoundTrip => self.through == self.sent,
            Kind::Blind => true,
        }
    }

    /// Nothing more is begun.
    fn stops(&self, now: Instant) -> bool {
        match self.kind {
            Kind::Download => self.granted >= self.total || self.clock.is_over(now),
            Kind::Upload => {
                let told = self.sent.is_multiple_of(self.block);
                self.sent >= self.total || told && self.clock.is_over(now)
            }
            Kind::RoundTrip | Kind::Blind => self.sent >= self.total || self.clock.is_over(now),
        }
    }

    /// So many octets have come through.
    fn came(&mut self, through: u64, now: Instant) {
        self.through = through;
        self.tally.count(through, now);
        let seconds = now.duration_since(self.clock.begin).as_secs_f64();
        let round_trip = *self.round_trip.get_or_insert(seconds);
        let rate = through as f64 / seconds.max(1e-6);
        let ahead = (rate * (AHEAD + 2.0 * round_trip)) as u64;
        self.window = self.window.max(ahead.min(MOST_AHEAD));
        if self.tally.rows() > self.facts.len()
            && let Some(facts) = self.look()
        {
            self.facts.resize(self.tally.rows(), facts);
        }
    }

    fn look(&self) -> Option<TcpFacts> {
        self.wire.tcp().and_then(tcp_facts)
    }

    /// What may be sent now: of the payload, so many octets.
    fn allowed(&self, now: Instant) -> u64 {
        if self.kind == Kind::Download || self.stops(now) {
            return 0;
        }
        let ahead = match self.kind {
            // It would never hear that there is room.
            Kind::Blind => u64::MAX,
            Kind::Upload => self.window.max(2 * self.block),
            _ => self.window,
        };
        let room = (self.through.saturating_add(ahead)).saturating_sub(self.sent);
        let mut most = room.min(self.total - self.sent).min(REACH as u64);
        if self.kind == Kind::Upload {
            // A turn stops only where the far end tells its count.
            most = most.min(self.block - self.sent % self.block);
        }
        most
    }

    /// Ready if anything went out.
    fn poll_send(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<io::Result<()>> {
        self.grant(now);
        if !self.control.is_empty() {
            return match Pin::new(&mut self.wire).poll_write(cx, &self.control) {
                Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(n)) => {
                    self.control.drain(..n);
                    self.unflushed = true;
                    Poll::Ready(Ok(()))
                }
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Pending => Poll::Pending,
            };
        }
        let allowed = self.allowed(now);
        if allowed > 0 {
            let at = self.start + self.sent;
            let piece = cycle(at, usize::try_from(allowed).unwrap_or(REACH));
            match Pin::new(&mut self.wire).poll_write(cx, piece) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(n)) => {
                    self.sent += n as u64;
                    self.unflushed = true;
                    if self.kind == Kind::Blind {
                        self.came(self.sent, now);
                    }
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {}
            }
        }
        if !self.unflushed {
            return Poll::Pending;
        }
        match Pin::new(&mut self.wire).poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                self.unflushed = false;
                // Nothing went out that was not on its way before, but it may be all there is to do.
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }

    /// Lets the far end of a download send on when half of what it may send has come.
    fn grant(&mut self, now: Instant) {
        let waits = self.kind == Kind::Download && self.control.is_empty() && !self.stops(now);
        if waits && self.granted - self.through <= self.window / 2 {
            self.granted = (self.through + self.window).max(self.granted);
            self.control.extend_from_slice(&self.granted.to_le_bytes());
        }
    }

    /// Ready if anything came.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        BUFFER.with_borrow_mut(|buffer| self.poll_receive_into(cx, buffer))
    }

    fn poll_receive_into(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Result<()>> {
        let mut buffer = ReadBuf::new(buffer);
        match Pin::new(&mut self.wire).poll_read(cx, &mut buffer) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(broken(&error))),
            Poll::Ready(Ok(())) => {}
        }
        let data = buffer.filled();
        if data.is_empty() {
            let error = io::Error::new(io::ErrorKind::UnexpectedEof, "the far end closed it");
            return Poll::Ready(Err(broken(&error)));
        }
        let taken = match self.kind {
            Kind::Upload => self.take_counts(data),
            Kind::Download | Kind::RoundTrip => self.take_payload(data),
            // Whatever a far end says that should say nothing.
            Kind::Blind => Ok(()),
        };
        Poll::Ready(taken)
    }

    fn take_payload(&mut self, data: &[u8]) -> Result<()> {
        let at = self.start + self.through;
        if let Some(wrong) = cycle_mismatch(at, data) {
            return Err(altered(wrong - self.start));
        }
        let through = self.through + data.len() as u64;
        let most = match self.kind {
            Kind::Download => self.granted,
            _ => self.sent,
        };
        if through > most {
            // More than there can be: what came was sent twice.
            return Err(altered(most));
        }
        self.came(through, Instant::now());
        Ok(())
    }

    fn take_counts(&mut self, data: &[u8]) -> Result<()> {
        self.count.extend_from_slice(data);
        let whole = self.count.len() - self.count.len() % 8;
        let counts = self.count[..whole].chunks_exact(8);
        let counts = counts.map(|octets| {
            let mut eight = [0; 8];
            eight.copy_from_slice(octets);
            u64::from_le_bytes(eight)
        });
        let Some(last) = counts.clone().next_back() else {
            return Ok(());
        };
        let mut so_far = self.through;
        for count in counts {
            if count & ALTERED != 0 {
                return Err(altered(count & !ALTERED));
            }
            if count < so_far || count > self.sent {
                return Err(altered(so_far));
            }
            so_far = count;
        }
        self.count.drain(..whole);
        self.came(last, Instant::now());
        Ok(())
    }
}
