//! The tunnels of a terminator: those that live, and what came of those that have ended.

use crate::accept::access_log::AccessLog;
use crate::accept::limits::Share;
use crate::accept::metrics::Metrics;
use crate::accept::record::{Record, timestamp};
use crate::base::Target;
use crate::carrier::{Carrier, Connected};
use crate::http::Refusal;
use crate::relay::{End, Outcome, Side, Watch};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Parts of the list, each with its own lock.
const SHARDS: usize = 16;

/// Keeps count of all tunnels of a process, for the access log, the metrics and the list of those that live.
pub struct Ledger {
    live: [Mutex<HashMap<u64, Arc<Tunnel>>>; SHARDS],
    next: AtomicU64,
    pub metrics: Metrics,
    log: Option<AccessLog>,
}

/// Who asked for a tunnel.
#[derive(Clone)]
pub struct Who {
    /// The client's address, or `unix`.
    pub client: Arc<str>,
    pub user: Option<Arc<str>>,
    pub carrier: Carrier,
    /// When its request was there.
    pub asked: Instant,
}

/// A live tunnel.
pub struct Tunnel {
    pub id: u64,
    pub who: Who,
    pub target: Target,
    /// That was dialled.
    pub address: Option<SocketAddr>,
    opened: Instant,
    resolve: Duration,
    connect: Duration,
    to_target: AtomicU64,
    from_target: AtomicU64,
    ledger: Arc<Ledger>,
    _share: Share,
}

/// A tunnel that is in the list for as long as this is held. One that is dropped was cut off: the process ends.
pub struct Listed {
    pub tunnel: Arc<Tunnel>,
    closed: bool,
}

impl Ledger {
    pub fn new(log: Option<AccessLog>) -> Arc<Ledger> {
        Arc::new(Ledger {
            live: Default::default(),
            next: AtomicU64::new(1),
            metrics: Metrics::default(),
            log,
        })
    }

    /// A tunnel has been opened.
    pub fn open(
        self: &Arc<Self>,
        who: Who,
        target: Target,
        connected: &Connected,
        share: Share,
    ) -> Listed {
        let tunnel = Arc::new(Tunnel {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            target,
            address: connected.address,
            opened: Instant::now(),
            resolve: connected.resolve,
            connect: connected.connect,
            to_target: AtomicU64::new(0),
            from_target: AtomicU64::new(0),
            ledger: self.clone(),
            _share: share,
            who,
        });
        self.metrics.opened(tunnel.who.carrier, tunnel.setup());
        self.shard(tunnel.id).insert(tunnel.id, tunnel.clone());
        Listed {
            tunnel,
            closed: false,
        }
    }

    /// A request was refused. `target` is what it asked for, as far as it said.
    pub fn refused(&self, who: &Who, target: &str, refusal: &Refusal) {
        self.metrics.refused(refusal.status, refusal.error);
        if self.log.is_some() {
            let record = Record::new("refused", SystemTime::now())
                .with("client", who.client.as_ref())
                .with_some("user", who.user.as_deref())
                .with("carrier", who.carrier.to_string())
                .with("target", target)
                .with("status", refusal.status)
                .with("error", refusal.error.token())
                .with("details", refusal.details.as_str())
                .with_ms("duration_ms", who.asked.elapsed());
            self.write(&record);
        }
    }

    pub fn write(&self, record: &Record) {
        if let Some(log) = &self.log {
            log.write(record);
        }
    }

    pub fn has_log(&self) -> bool {
        self.log.is_some()
    }

    pub fn log(&self) -> Option<&AccessLog> {
        self.log.as_ref()
    }

    /// How many live.
    pub fn live(&self) -> usize {
        self.shards().map(|shard| shard.len()).sum()
    }

    /// Those that live, the oldest first.
    pub fn tunnels(&self) -> Vec<Arc<Tunnel>> {
        let mut all: Vec<_> = self
            .shards()
            .flat_map(|shard| shard.values().cloned().collect::<Vec<_>>())
            .collect();
        all.sort_unstable_by_key(|tunnel| tunnel.id);
        all
    }

    /// Octets to targets and from them: of tunnels that live, and of all there were.
    pub fn bytes(&self) -> (u64, u64) {
        let ended = self.metrics.bytes_of_ended();
        self.tunnels().iter().fold(ended, |(to, from), tunnel| {
            let (more_to, more_from) = tunnel.bytes();
            (to + more_to, from + more_from)
        })
    }

    /// All parts, one locked at a time.
    fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, HashMap<u64, Arc<Tunnel>>>> {
        let lock = |shard| Mutex::lock(shard).unwrap_or_else(PoisonError::into_inner);
        self.live.iter().map(lock)
    }

    fn shard(&self, id: u64) -> MutexGuard<'_, HashMap<u64, Arc<Tunnel>>> {
        let shard = &self.live[(id % SHARDS as u64) as usize];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tunnel {
    /// From the request to the answer.
    pub fn setup(&self) -> Duration {
        self.opened.saturating_duration_since(self.who.asked)
    }

    /// Since it was opened.
    pub fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    /// Octets to the target and from it, so far.
    pub fn bytes(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.to_target), read(&self.from_target))
    }

    /// So many more octets.
    pub fn add(&self, to_target: usize, from_target: usize) {
        self.to_target
            .fetch_add(to_target as u64, Ordering::Relaxed);
        self.from_target
            .fetch_add(from_target as u64, Ordering::Relaxed);
    }

    pub fn to_json(&self) -> Value {
        let (to, from) = self.bytes();
        json!({
            "id": self.id,
            "client": self.who.client.as_ref(),
            "user": self.who.user.as_deref(),
            "carrier": self.who.carrier.to_string(),
            "target": self.target.to_string(),
            "address": self.address.map(|a| a.to_string()),
            "opened": timestamp(SystemTime::now() - self.age()),
            "age_s": self.age().as_millis() as f64 / 1000.0,
            "bytes_to_target": to,
            "bytes_from_target": from,
        })
    }

    /// Writes the line of a tunnel that has ended so.
    fn ended(&self, first_end: Option<Side>, end: &'static str, error: Option<String>) {
        let (to, from) = self.bytes();
        self.ledger.metrics.closed(end, to, from, self.age());
        if !self.ledger.has_log() {
            return;
        }
        let record = Record::new("tunnel", SystemTime::now())
            .with("id", self.id)
            .with("client", self.who.client.as_ref())
            .with_some("user", self.who.user.as_deref())
            .with("carrier", self.who.carrier.to_string())
            .with("target", self.target.to_string())
            .with_some("address", self.address.map(|a| a.to_string()))
            .with("status", 200)
            .with("bytes_to_target", to)
            .with("bytes_from_target", from)
            .with_ms("duration_ms", self.age())
            .with_some("first_end", first_end.map(side))
            .with("end", end)
            .with_some("error", error)
            .with_ms("setup_ms", self.setup())
            .with_ms("resolve_ms", self.resolve)
            .with_ms("connect_ms", self.connect);
        self.ledger.write(&record);
    }
}

impl Listed {
    /// It is over: takes it off the list and tells what came of it.
    pub fn close(self, outcome: &Outcome) {
        let (end, error) = match &outcome.end {
            End::Clean => ("clean", None),
            End::Idle => ("idle", None),
            End::Stopped => ("lifetime", None),
            End::Broken { side, error, .. } => {
                let end = match side {
                    Side::Near => "client_broke",
                    Side::Far => "target_broke",
                };
                (end, Some(error.to_string()))
            }
        };
        self.close_as(outcome.first_end, end, error);
    }

    pub fn close_as(mut self, first_end: Option<Side>, end: &'static str, error: Option<String>) {
        self.end(first_end, end, error);
    }

    fn end(&mut self, first_end: Option<Side>, end: &'static str, error: Option<String>) {
        if !std::mem::replace(&mut self.closed, true) {
            // Off the list first: its octets must not count twice.
            let Tunnel { ledger, id, .. } = &*self.tunnel;
            drop(ledger.shard(*id).remove(id));
            self.tunnel.ended(first_end, end, error);
        }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.end(None, "cut_off", None);
    }
}

impl Watch for Arc<Tunnel> {
    fn moved(&self, to_far: u64, to_near: u64) {
        self.to_target.store(to_far, Ordering::Relaxed);
        self.from_target.store(to_near, Ordering::Relaxed);
    }
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Near => "client",
        Side::Far => "target",
    }
}
