//! The loop over listeners, and its end.

use crate::accept::Listener;
use crate::base::memory::Tide;
use crate::wire::Socket;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// How long accepting rests when descriptors have run out; live connections go on.
const REST: Duration = Duration::from_millis(50);

/// Accepts connections and runs one task for each.
pub struct Server {
    accepting: Vec<JoinHandle<()>>,
    live: Arc<Live>,
    drain: watch::Sender<bool>,
}

/// A connection that came in.
pub struct Incoming {
    pub socket: Socket,
    /// Nothing for a unix socket.
    pub peer: Option<SocketAddr>,
    pub draining: Draining,
    pub held: Held,
}

/// Tells when no new work should begin.
#[derive(Clone)]
pub struct Draining(watch::Receiver<bool>);

impl Draining {
    /// Returns once the drain has begun.
    pub async fn begun(&mut self) {
        if self.0.wait_for(|begun| *begun).await.is_err() {
            // The server itself is gone without a drain; its connections go on.
            std::future::pending().await
        }
    }
}

#[derive(Default)]
struct Live {
    count: AtomicUsize,
    tide: Tide,
    ended: Notify,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    Empty,
    /// So many connections were still live.
    Left(usize),
}

impl Server {
    /// Begins to accept on every listener; each connection is handled in a task of its own, with the
    /// value that its listener brings.
    pub fn start<T, F, Fut>(listeners: Vec<(Listener, T)>, handle: F) -> Server
    where
        T: Clone + Send + Sync + 'static,
        F: Fn(T, Incoming) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let live = Arc::new(Live::default());
        let (drain, draining) = watch::channel(false);
        let accepting = listeners.into_iter().map(|(listener, value)| {
            let (live, handle) = (live.clone(), handle.clone());
            let draining = Draining(draining.clone());
            tokio::spawn(accept_all(listener, move |socket, peer| {
                let incoming = Incoming {
                    socket,
                    peer,
                    draining: draining.clone(),
                    held: Held::new(&live),
                };
                handle(value.clone(), incoming)
            }))
        });
        Server {
            accepting: accepting.collect(),
            live,
            drain,
        }
    }

    /// Connections that are live now.
    pub fn live(&self) -> usize {
        self.live.count.load(Ordering::Acquire)
    }

    /// Stops accepting and waits for live connections, at most for `limit`.
    pub async fn drain(self, limit: Duration) -> Drained {
        for task in &self.accepting {
            task.abort();
        }
        for task in self.accepting {
            // A listener is closed once its task is gone.
            let _ = task.await;
        }
        let _ = self.drain.send(true);
        let _ = tokio::time::timeout(limit, self.live.empty()).await;
        match self.live.count.load(Ordering::Acquire) {
            0 => Drained::Empty,
            n => Drained::Left(n),
        }
    }
}

impl Live {
    async fn empty(&self) {
        loop {
            let ended = self.ended.notified();
            if self.count.load(Ordering::Acquire) == 0 {
                return;
            }
            ended.await;
        }
    }
}

/// Counts one connection or tunnel as live for as long as it is held.
pub struct Held(Arc<Live>);

impl Held {
    /// One more of what this counts: a tunnel in a session.
    pub fn another(&self) -> Held {
        Held::new(&self.0)
    }

    fn new(live: &Arc<Live>) -> Held {
        let before = live.count.fetch_add(1, Ordering::AcqRel);
        live.tide.rose(before + 1);
        Held(live.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let before = self.0.count.fetch_sub(1, Ordering::AcqRel);
        self.0.tide.fell(before - 1);
        if before == 1 {
            self.0.ended.notify_waiters();
        }
    }
}

async fn accept_all<F, Fut>(listener: Listener, handle: F)
where
    F: Fn(Socket, Option<SocketAddr>) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let mut resting = false;
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                resting = false;
                tokio::spawn(handle(socket, peer));
            }
            Err(error) if passing(&error) => {}
            Err(error) => {
                if !std::mem::replace(&mut resting, true) {
                    tracing::warn!("{}: cannot accept: {error}", listener.address());
                }
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// The connection went before it was taken: the next one is as good as any.
fn passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
