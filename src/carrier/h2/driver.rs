//! What moves a client's session: a task that ends when nobody holds the session or a tunnel of it, or
//! when the proxy has gone.

use crate::carrier::h2::load::Load;
use crate::carrier::h2::tap::Heard;
use crate::carrier::h2::{PING_EVERY, PING_PATIENCE, PROOF_PATIENCE, STALE};
use crate::wire::BoxWire;
use bytes::Bytes;
use h2::client::Connection;
use h2::{Ping, PingPong};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, watch};

/// What a session's handles and its driver share.
pub struct State {
    pub load: Arc<Load>,
    pub heard: Arc<Heard>,
    /// Asks for a PING now.
    prove: Notify,
    /// The proxy's SETTINGS have been taken in, which is news.
    settled: AtomicBool,
    news: Notify,
    /// Octets heard when it gave no sign of life that was asked for; more of them remove the doubt.
    doubted_at: AtomicU64,
}

const NO_DOUBT: u64 = u64::MAX;

impl State {
    pub fn new(load: Arc<Load>, heard: Arc<Heard>) -> Self {
        State {
            load,
            heard,
            prove: Notify::new(),
            settled: AtomicBool::new(false),
            news: Notify::new(),
            doubted_at: AtomicU64::new(NO_DOUBT),
        }
    }

    pub fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    /// Returns when it is settled.
    pub async fn settled(&self) {
        let news = self.news.notified();
        if !self.is_settled() {
            news.await;
        }
    }

    pub fn is_doubted(&self) -> bool {
        let at = self.doubted_at.load(Ordering::Acquire);
        at != NO_DOUBT && self.heard.octets() <= at
    }

    /// The proxy has been heard of lately, or answers a PING now.
    pub async fn is_alive(&self) -> bool {
        if self.heard.silence() < STALE {
            return true;
        }
        let before = self.heard.octets();
        self.prove.notify_one();
        let proof = tokio::time::timeout(PROOF_PATIENCE, self.heard.more_than(before));
        if proof.await.is_ok() {
            return true;
        }
        self.doubted_at.store(before, Ordering::Release);
        false
    }

    /// Tells whoever waits for room of what the connection has brought.
    fn look_at(&self, limit: &mut usize, now: usize) {
        let heard = self.heard.octets();
        let settled = self.heard.speaks() && !self.settled.swap(true, Ordering::AcqRel);
        let doubted = self.doubted_at.load(Ordering::Acquire);
        let cleared = doubted != NO_DOUBT && heard > doubted;
        if cleared {
            self.doubted_at.store(NO_DOUBT, Ordering::Release);
        }
        if settled {
            self.news.notify_waiters();
        }
        if settled || cleared || now > *limit {
            self.load.tell();
        }
        *limit = now;
    }
}

/// Sessions of this process whose connections are not over yet.
static LIVE: Mutex<Option<watch::Sender<usize>>> = Mutex::new(None);

/// Counts a session for as long as its connection is driven.
pub struct Running;

impl Running {
    pub fn begin() -> Running {
        count(|live| live + 1);
        Running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        count(|live| live - 1);
    }
}

fn count(change: impl FnOnce(usize) -> usize) {
    if let Ok(mut slot) = LIVE.lock() {
        let live = slot.get_or_insert_with(|| watch::channel(0).0);
        live.send_modify(|n| *n = change(*n));
    }
}

/// Returns once every session has sent all it had to and is over. One is over when nobody holds it
/// or a tunnel of it any more.
pub async fn all_ended() {
    let Some(mut live) = LIVE
        .lock()
        .ok()
        .and_then(|slot| Some(slot.as_ref()?.subscribe()))
    else {
        return;
    };
    let _ = live.wait_for(|n| *n == 0).await;
}

pub async fn drive(mut connection: Connection<BoxWire, Bytes>, state: Arc<State>) {
    let pings = connection.ping_pong();
    let mut limit = connection.max_concurrent_send_streams();
    let ended = poll_fn(|cx| {
        if let Some(target) = state.load.window.new_target(cx.waker()) {
            connection.set_target_window_size(target);
        }
        let ended = Pin::new(&mut connection).poll(cx);
        if ended.is_pending() {
            state.look_at(&mut limit, connection.max_concurrent_send_streams());
        }
        ended
    });
    // Each tunnel tells its own user.
    tokio::select! {
        ended = ended => if let Err(error) = ended {
            tracing::debug!("an HTTP/2 session ended: {error}");
        },
        () = silence(pings, &state) => tracing::debug!("an HTTP/2 session ended: no answer to PING"),
    }
}

/// Returns when the peer no longer answers (RFC 9113 §6.7). Whatever arrives is an answer: behind a
/// full queue the one to a PING can take very long.
async fn silence(pings: Option<PingPong>, state: &State) {
    let Some(mut pings) = pings else {
        return std::future::pending().await;
    };
    loop {
        let heard = state.heard.octets();
        tokio::select! {
            () = tokio::time::sleep(PING_EVERY) => if state.heard.octets() > heard {
                continue;
            },
            () = state.prove.notified() => {}
        }
        let mut pong = std::pin::pin!(pings.ping(Ping::opaque()));
        loop {
            let before = state.heard.octets();
            match tokio::time::timeout(PING_PATIENCE, &mut pong).await {
                Ok(Ok(_)) => break,
                // The connection itself will say what is wrong with it.
                Ok(Err(_)) => return std::future::pending().await,
                Err(_) if state.heard.octets() > before => {}
                Err(_) => return,
            }
        }
    }
}
