//! The loop over listeners, and its end.

use crate::accept::Listener;
use crate::base::memory::Tide;
use crate::wire::Socket;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;

/// How long accepting rests when descriptors have run out; live connections go on.
const REST: Duration = Duration::from_millis(50);
/// How often that is told of.
const TOLD: Duration = Duration::from_secs(1);

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

/// How a client is called: its address, or `unix` for a unix socket.
pub fn name_of(address: Option<SocketAddr>) -> String {
    address.map_or_else(|| "unix".into(), |address| address.to_string())
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

/// Lets connections that come another way be counted, and drained, with those of a server.
#[derive(Clone)]
pub struct Joining {
    live: Arc<Live>,
    draining: Draining,
}

impl Joining {
    pub fn held(&self) -> Held {
        Held::new(&self.live, None)
    }

    pub fn draining(&self) -> Draining {
        self.draining.clone()
    }
}

/// How connections are accepted.
#[derive(Clone, Default)]
pub struct Accepting {
    /// Connections at the same time; more wait in the kernel's queue. Zero is no limit.
    pub most: usize,
    /// Is told of each that could not be accepted.
    pub failed: Option<Arc<dyn Fn() + Send + Sync>>,
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
        let here = Handle::current();
        let listeners = listeners
            .into_iter()
            .map(|(listener, value)| (listener, value, here.clone()));
        Server::start_on(listeners.collect(), Accepting::default(), handle)
    }

    /// The same, each listener with all of its connections on a runtime of its choice.
    pub fn start_on<T, F, Fut>(
        listeners: Vec<(Listener, T, Handle)>,
        how: Accepting,
        handle: F,
    ) -> Server
    where
        T: Clone + Send + Sync + 'static,
        F: Fn(T, Incoming) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let live = Arc::new(Live::default());
        let (drain, draining) = watch::channel(false);
        let places = match how.most {
            0 => None,
            most => Some(Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)))),
        };
        let accepting = listeners.into_iter().map(|(listener, value, runtime)| {
            let (live, handle) = (live.clone(), handle.clone());
            let draining = Draining(draining.clone());
            let (places, failed) = (places.clone(), how.failed.clone());
            runtime.spawn(accept_all(
                listener,
                places,
                failed,
                move |socket, peer, place| {
                    let incoming = Incoming {
                        socket,
                        peer,
                        draining: draining.clone(),
                        held: Held::new(&live, place),
                    };
                    handle(value.clone(), incoming)
                },
            ))
        });
        Server {
            accepting: accepting.collect(),
            live,
            drain,
        }
    }

    pub fn joining(&self) -> Joining {
        Joining {
            live: self.live.clone(),
            draining: Draining(self.drain.subscribe()),
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
pub struct Held {
    live: Arc<Live>,
    /// A connection's place among those that may be.
    _place: Option<OwnedSemaphorePermit>,
}

impl Held {
    /// One more of what this counts: a tunnel in a session.
    pub fn another(&self) -> Held {
        Held::new(&self.live, None)
    }

    fn new(live: &Arc<Live>, place: Option<OwnedSemaphorePermit>) -> Held {
        let before = live.count.fetch_add(1, Ordering::AcqRel);
        live.tide.rose(before + 1);
        Held {
            live: live.clone(),
            _place: place,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let before = self.live.count.fetch_sub(1, Ordering::AcqRel);
        self.live.tide.fell(before - 1);
        if before == 1 {
            self.live.ended.notify_waiters();
        }
    }
}

async fn accept_all<F, Fut>(
    listener: Listener,
    places: Option<Arc<Semaphore>>,
    failed: Option<Arc<dyn Fn() + Send + Sync>>,
    handle: F,
) where
    F: Fn(Socket, Option<SocketAddr>, Option<OwnedSemaphorePermit>) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let mut told: Option<Instant> = None;
    loop {
        let place = match &places {
            // It is never closed.
            Some(places) => places.clone().acquire_owned().await.ok(),
            None => None,
        };
        match listener.accept().await {
            Ok((socket, peer)) => {
                tokio::spawn(handle(socket, peer, place));
            }
            Err(error) if passing(&error) => {}
            Err(error) => {
                if told.is_none_or(|at| at.elapsed() > TOLD) {
                    told = Some(Instant::now());
                    tracing::warn!("{}: cannot accept: {error}", listener.address());
                }
                if let Some(failed) = &failed {
                    failed();
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
