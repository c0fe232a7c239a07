//! The sessions that tunnels of one dialer share: one proxy, one set of TLS settings, one identity.
//!
//! A tunnel goes to the session with the fewest tunnels. Another session is made, one at a time, where
//! none has room or the best one is busy; at the limit tunnels wait for room.

use crate::carrier::HalfClose;
use crate::carrier::h2::client::{Session, Slot};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Octets a second, both ways, from which a session may be held up by the one core that drives it, or
/// by its one TCP connection.
const BUSY: f64 = 32.0 * 1024.0 * 1024.0;
/// For so long the rate is measured at least.
const SAMPLE: Duration = Duration::from_millis(200);

/// Empty at first.
pub struct Sessions {
    /// Sessions at the same time.
    most: usize,
    /// More busy ones than cores gain nothing.
    cores: usize,
    /// The proxy was seen to choose a version without sessions.
    none: AtomicBool,
    /// Told of all that may make room.
    changed: Arc<Notify>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    /// Somebody makes a session.
    making: bool,
}

struct Entry {
    known: Known,
    /// It gave no sign of life when it had to; its end is near.
    silent: bool,
    sampled: Instant,
    moved: u64,
    busy: bool,
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
}

/// The right to make a session, which nobody else has meanwhile.
pub struct Making<'a>(&'a Sessions);

enum Look {
    Use(Known, Slot),
    Make,
    Wait,
}

impl Sessions {
    /// At most so many at the same time.
    pub fn new(most: usize) -> Self {
        Sessions {
            most: most.max(1),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            none: AtomicBool::new(false),
            changed: Arc::default(),
            state: Mutex::default(),
        }
    }

    /// Of a proxy that chooses the version itself: it may have sessions.
    pub fn are_possible(&self) -> bool {
        !self.none.load(Ordering::Relaxed)
    }

    /// From now on nobody waits for a session.
    pub fn are_impossible(&self) {
        self.none.store(true, Ordering::Relaxed);
    }

    /// To be handed to every session.
    pub fn changed(&self) -> Arc<Notify> {
        self.changed.clone()
    }

    /// Waits for room in a session, other than `not` if it can be, or for the right to make one.
    pub async fn turn(&self, mut not: Option<&Session>) -> Turn<'_> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let look = self.state().look(self, not);
            match look {
                Look::Make => return Turn::Make(Making(self)),
                Look::Wait => changed.await,
                Look::Use(known, slot) => {
                    // There may be room for the next in line.
                    self.changed.notify_one();
                    if known.session.is_alive().await {
                        return Turn::Use(known, slot);
                    }
                    self.state().doubt(&known.session);
                }
            }
            not = None;
        }
    }

    /// Waits for the right to make a session, whatever room there is.
    pub async fn make(&self) -> Making<'_> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            {
                let mut state = self.state();
                if !state.making {
                    state.making = true;
                    return Making(self);
                }
            }
            changed.await;
        }
    }

    /// `session` takes no more tunnels.
    pub fn forget(&self, session: &Session) {
        self.state()
            .entries
            .retain(|e| !e.known.session.is(session));
        self.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn look(&mut self, sessions: &Sessions, not: Option<&Session>) -> Look {
        self.entries.retain(|e| !e.known.session.is_over());
        let full = self.entries.len() >= sessions.most;
        let may_make = !full && !self.making;
        let enough = self.entries.len() >= sessions.cores;
        let usable = |e: &&mut Entry| {
            let excluded = !full && not.is_some_and(|not| e.known.session.is(not));
            let session = &e.known.session;
            !e.silent && !excluded && session.is_settled() && session.has_room()
        };
        // One whose settings are not known yet may have room for many.
        let unsettled = self.entries.iter().any(|e| !e.known.session.is_settled());
        let best = self.entries.iter_mut().filter(usable);
        match best.min_by_key(|e| e.known.session.tunnels()) {
            Some(best) => {
                let another = may_make && !unsettled && !enough && best.is_busy();
                if !another {
                    let slot = best.known.session.reserve();
                    return Look::Use(best.known.clone(), slot);
                }
            }
            None if may_make && !unsettled => {}
            None => return Look::Wait,
        }
        self.making = true;
        Look::Make
    }

    fn doubt(&mut self, session: &Session) {
        for entry in &mut self.entries {
            entry.silent |= entry.known.session.is(session);
        }
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
        self.0.state().entries.push(Entry {
            known,
            silent: false,
            sampled: Instant::now(),
            moved: 0,
            busy: false,
        });
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        self.0.state().making = false;
        self.0.changed.notify_one();
    }
}
