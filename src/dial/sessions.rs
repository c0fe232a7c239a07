//! The sessions that tunnels of one dialer share: one proxy, one set of TLS settings, one identity.
//!
//! A tunnel goes to the session with the fewest tunnels. Where none has room another session is made,
//! one at a time, and at the limit tunnels wait for room. Where the best one is busy, another is wanted:
//! see [`crate::dial::Dialer::tend_sessions`].

use crate::carrier::HalfClose;
use crate::carrier::h2::client::{Session, Slot};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// Octets a second, both ways, from which a session may be held up by the one core that drives it, or
/// by its one TCP connection.
const BUSY: f64 = 32.0 * 1024.0 * 1024.0;
/// For so long the rate is measured at least.
const SAMPLE: Duration = Duration::from_millis(200);
/// A session without tunnels is kept for so long, beyond those that are kept warm.
const IDLE: Duration = Duration::from_secs(60);

/// Empty at first.
pub struct Sessions {
    /// Sessions at the same time.
    most: usize,
    /// More busy ones than cores gain nothing.
    cores: usize,
    /// The proxy was seen to choose a version without sessions.
    none: AtomicBool,
    /// Told of all that may make room, or give the right to make a session.
    changed: Arc<Notify>,
    /// Told that one more session would do good.
    wanted: Notify,
    /// The right to make a session.
    making: Semaphore,
    entries: Mutex<Vec<Entry>>,
}

struct Entry {
    known: Known,
    sampled: Instant,
    moved: u64,
    busy: bool,
    /// Since when it was seen without tunnels.
    idle: Option<Instant>,
}

/// A session and what is known of the way to it.
#[derive(Clone)]
pub struct Known {
    pub session: Session,
    pub half_close: HalfClose,
    pub peer: Option<SocketAddr>,
}

/// What a tunnel should do.
pub enum Turn<'a> {
    Use(Known, Slot),
    Make(Making<'a>),
    /// Go without: the proxy has no sessions.
    Without,
}

/// The right to make a session, which nobody else has meanwhile.
pub struct Making<'a> {
    sessions: &'a Sessions,
    permit: Option<SemaphorePermit<'a>>,
}

impl Sessions {
    /// At most so many at the same time.
    pub fn new(most: usize) -> Self {
        Sessions {
            most: most.max(1),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            none: AtomicBool::new(false),
            changed: Arc::default(),
            wanted: Notify::new(),
            making: Semaphore::new(1),
            entries: Mutex::default(),
        }
    }

    /// Of a proxy that chooses the version itself: it may have sessions.
    pub fn are_possible(&self) -> bool {
        !self.none.load(Ordering::Relaxed)
    }

    /// The proxy was seen to choose a version with sessions, or one without: then nobody waits for one.
    pub fn seen(&self, possible: bool) {
        self.none.store(!possible, Ordering::Relaxed);
    }

    /// To be handed to every session.
    pub fn changed(&self) -> Arc<Notify> {
        self.changed.clone()
    }

    /// How many there may be.
    pub fn most(&self) -> usize {
        self.most
    }

    /// So many as there may be.
    pub fn are_all(&self) -> bool {
        self.entries().len() >= self.most
    }

    /// Waits for room in a session, other than `not` if it can be, or for the right to make one.
    pub async fn turn(&self, mut not: Option<&Session>) -> Turn<'_> {
        loop {
            // Enabled before the look, so that nothing is missed between the two.
            let mut changed = Box::pin(self.changed.notified());
            changed.as_mut().enable();
            if !self.are_possible() {
                self.changed.notify_one();
                return Turn::Without;
            }
            match self.look(not) {
                Some(Turn::Use(known, slot)) => {
                    drop(changed);
                    // There may be room for the next in line.
                    self.changed.notify_one();
                    if known.session.is_alive().await {
                        return Turn::Use(known, slot);
                    }
                }
                Some(turn) => return turn,
                None => changed.await,
            }
            not = None;
        }
    }

    /// Waits for the right to make a session, whatever room there is; nothing where there are as many
    /// as there may be.
    pub async fn make(&self) -> Option<Making<'_>> {
        let permit = self.making.acquire().await.ok();
        let making = Making {
            sessions: self,
            permit,
        };
        (!self.are_all()).then_some(making)
    }

    /// Returns when one more session would do good.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// `session` takes no more tunnels.
    pub fn forget(&self, session: &Session) {
        self.entries().retain(|e| !e.known.session.is(session));
        self.changed.notify_one();
    }

    /// Lets sessions go that have been without tunnels for long, all but `keep`.
    pub fn prune(&self, keep: usize) {
        let now = Instant::now();
        let mut entries = self.entries();
        let mut left = entries.len();
        entries.retain_mut(|entry| {
            if entry.known.session.tunnels() > 0 {
                entry.idle = None;
                return true;
            }
            let since = *entry.idle.get_or_insert(now);
            let goes = left > keep && now.duration_since(since) >= IDLE;
            left -= usize::from(goes);
            !goes
        });
    }

    /// What can be done at once.
    fn look(&self, not: Option<&Session>) -> Option<Turn<'_>> {
        let mut entries = self.entries();
        entries.retain(|e| !e.known.session.is_over());
        let full = entries.len() >= self.most;
        let few = entries.len() < self.most.min(self.cores);
        // One whose settings are not known yet may have room for many.
        let unsettled = entries.iter().any(|e| !e.known.session.is_settled());
        let usable = |e: &&mut Entry| {
            let session = &e.known.session;
            let excluded = !full && not.is_some_and(|not| session.is(not));
            !excluded && !session.is_doubted() && session.is_settled() && session.has_room()
        };
        let best = entries.iter_mut().filter(usable);
        if let Some(best) = best.min_by_key(|e| e.known.session.tunnels()) {
            if few && !unsettled && best.is_busy() {
                self.wanted.notify_one();
            }
            let slot = best.known.session.reserve();
            return Some(Turn::Use(best.known.clone(), slot));
        }
        if full || unsettled {
            return None;
        }
        let permit = self.making.try_acquire().ok()?;
        Some(Turn::Make(Making {
            sessions: self,
            permit: Some(permit),
        }))
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Whether it has moved much of late.
    fn is_busy(&mut self) -> bool {
        let elapsed = self.sampled.elapsed();
        if elapsed >= SAMPLE {
            let moved = self.known.session.moved();
            self.busy = (moved - self.moved) as f64 / elapsed.as_secs_f64() > BUSY;
            self.moved = moved;
            self.sampled = Instant::now();
        }
        self.busy
    }
}

impl Making<'_> {
    /// The session that was made is there for everybody.
    pub fn done(self, known: Known) {
        self.sessions.seen(true);
        self.sessions.entries().push(Entry {
            known,
            sampled: Instant::now(),
            moved: 0,
            busy: false,
            idle: None,
        });
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        self.permit = None;
        self.sessions.changed.notify_one();
    }
}
