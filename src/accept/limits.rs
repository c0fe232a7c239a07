//! How much one process serves, and how much of it one client may have.

use crate::http::{ProxyError, Refusal};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Zero, or nothing, is no limit.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub connections: usize,
    pub tunnels: usize,
    /// Of one user, or of one address where nobody said who it is.
    pub tunnels_of_client: usize,
    /// Requests of one address per second; as many may come at once.
    pub rate: u32,
    /// In one session.
    pub streams: u32,
    /// Octets of a request's head.
    pub head: usize,
    /// From the connection's first octet to the end of the request's head, the TLS handshake included.
    pub head_timeout: Duration,
    /// From the connection's first octet to the first request with credentials that are right.
    pub auth_timeout: Duration,
    /// Silence in both directions of a tunnel.
    pub idle: Option<Duration>,
    /// A tunnel's whole life.
    pub lifetime: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        use crate::base::defaults::{AUTH_TIMEOUT, HEAD_BYTES, HEAD_TIMEOUT, STREAMS};
        Limits {
            connections: 0,
            tunnels: 0,
            tunnels_of_client: 0,
            rate: 0,
            streams: STREAMS,
            head: HEAD_BYTES,
            head_timeout: HEAD_TIMEOUT,
            auth_timeout: AUTH_TIMEOUT,
            idle: None,
            lifetime: None,
        }
    }
}

/// Whose share something is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Whose {
    User(Arc<str>),
    /// An IPv4 address, or the first 64 bits of an IPv6 address: what one household or server has.
    Address(IpAddr),
    /// Whoever may open the unix socket.
    Local,
}

impl Whose {
    pub fn of(user: Option<&Arc<str>>, address: Option<IpAddr>) -> Whose {
        match (user, address.map(|ip| ip.to_canonical())) {
            (Some(user), _) => Whose::User(user.clone()),
            (None, Some(IpAddr::V6(ip))) => {
                let [a, b, c, d, ..] = ip.segments();
                Whose::Address(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
            (None, Some(ip)) => Whose::Address(ip),
            (None, None) => Whose::Local,
        }
    }
}

/// Counts of what is taken at present.
pub struct Shares {
    limits: Limits,
    tunnels: AtomicUsize,
    clients: Mutex<HashMap<Whose, usize>>,
    rates: Mutex<Rates>,
}

/// A tunnel's place, which it gives back when it goes.
pub struct Share {
    shares: Arc<Shares>,
    /// Where clients are counted one by one.
    whose: Option<Whose>,
}

/// Of each address: how many requests it may make now, as of when.
#[derive(Default)]
struct Rates {
    buckets: HashMap<Whose, (f64, Instant)>,
}

/// Addresses that are remembered before those with nothing against them are forgotten.
const MANY: usize = 4096;

impl Shares {
    pub fn new(limits: Limits) -> Arc<Shares> {
        Arc::new(Shares {
            limits,
            tunnels: AtomicUsize::new(0),
            clients: Mutex::default(),
            rates: Mutex::default(),
        })
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// One more request of this address.
    pub fn request(&self, address: Option<IpAddr>) -> Result<(), Refusal> {
        if self.limits.rate == 0 {
            return Ok(());
        }
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let whose = Whose::of(None, address);
        match rates.take(whose, self.limits.rate.into(), Instant::now()) {
            true => Ok(()),
            false => {
                let details = format!("more than {} requests a second", self.limits.rate);
                let refusal = Refusal::new(ProxyError::ConnectionLimitReached, details);
                Err(refusal.status(429).field("Retry-After", "1"))
            }
        }
    }

    /// A place for one more tunnel.
    pub fn tunnel(self: &Arc<Self>, whose: Whose) -> Result<Share, Refusal> {
        let limit = |n: usize| if n == 0 { usize::MAX } else { n };
        let full = |details: String| Refusal::new(ProxyError::ConnectionLimitReached, details);
        if self.tunnels.fetch_add(1, Ordering::AcqRel) >= limit(self.limits.tunnels) {
            self.tunnels.fetch_sub(1, Ordering::AcqRel);
            let details = format!(
                "all {} tunnels of this proxy are taken",
                self.limits.tunnels
            );
            return Err(full(details));
        }
        // From here on it gives the place back by itself.
        let mut share = Share {
            shares: self.clone(),
            whose: None,
        };
        if self.limits.tunnels_of_client > 0 {
            let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
            let count = clients.entry(whose.clone()).or_default();
            if *count >= self.limits.tunnels_of_client {
                let n = self.limits.tunnels_of_client;
                let details = format!("this client has {n} tunnels, and may have no more");
                return Err(full(details).status(429));
            }
            *count += 1;
            share.whose = Some(whose);
        }
        Ok(share)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shares.tunnels.fetch_sub(1, Ordering::AcqRel);
        let Some(whose) = &self.whose else {
            return;
        };
        let clients = self.shares.clients.lock();
        let mut clients = clients.unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = clients.get_mut(whose) {
            *count -= 1;
            if *count == 0 {
                clients.remove(whose);
            }
        }
    }
}

impl Rates {
    /// A token bucket that holds a second's worth.
    fn take(&mut self, whose: Whose, rate: f64, now: Instant) -> bool {
        let filled = |(left, since): (f64, Instant)| {
            let more = now.saturating_duration_since(since).as_secs_f64() * rate;
            (left + more).min(rate)
        };
        if self.buckets.len() >= MANY && !self.buckets.contains_key(&whose) {
            self.buckets.retain(|_, bucket| filled(*bucket) < rate);
            if self.buckets.len() >= MANY {
                // A flood from everywhere: whoever is new starts with what all others have, nothing.
                return false;
            }
        }
        let bucket = self.buckets.entry(whose).or_insert((rate, now));
        let left = filled(*bucket);
        let taken = left >= 1.0;
        *bucket = (if taken { left - 1.0 } else { left }, now);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Whose {
        Whose::of(None, Some(text.parse().unwrap()))
    }

    #[test]
    fn a_rate_is_of_each_address() {
        let (mut rates, now) = (Rates::default(), Instant::now());
        let taken = |rates: &mut Rates, whose: &str, at: Duration| {
            let all = (0..10).filter(|_| rates.take(address(whose), 3.0, now + at));
            all.count()
        };
        assert_eq!(taken(&mut rates, "192.0.2.1", Duration::ZERO), 3);
        assert_eq!(taken(&mut rates, "192.0.2.2", Duration::ZERO), 3);
        assert_eq!(
            taken(&mut rates, "192.0.2.1", Duration::from_millis(400)),
            1
        );
        assert_eq!(taken(&mut rates, "192.0.2.1", Duration::from_secs(60)), 3);
        assert_eq!(taken(&mut rates, "2001:db8::1", Duration::ZERO), 3);
        assert_eq!(taken(&mut rates, "2001:db8::2", Duration::ZERO), 0);
        assert_eq!(taken(&mut rates, "::ffff:192.0.2.2", Duration::ZERO), 0);
    }

    #[test]
    fn addresses_are_forgotten() {
        let (mut rates, now) = (Rates::default(), Instant::now());
        for n in 0..3 * MANY as u32 {
            let whose = Whose::Address(std::net::Ipv4Addr::from_bits(n).into());
            rates.take(whose, 2.0, now + Duration::from_millis(n.into()));
        }
        assert!(rates.buckets.len() <= MANY, "{}", rates.buckets.len());
    }

    #[test]
    fn places_come_back() {
        let limits = Limits {
            tunnels: 3,
            tunnels_of_client: 2,
            ..Limits::default()
        };
        let shares = Shares::new(limits);
        let ann = || Whose::User("ann".into());
        let status = |result: Result<Share, Refusal>| result.err().map(|r| r.status);
        let mut held: Vec<Share> = (0..2).map(|_| shares.tunnel(ann()).ok().unwrap()).collect();
        assert_eq!(status(shares.tunnel(ann())), Some(429));
        held.push(shares.tunnel(Whose::Local).ok().unwrap());
        assert_eq!(status(shares.tunnel(Whose::Local)), Some(503));
        held.remove(0);
        held.push(shares.tunnel(ann()).ok().unwrap());
        drop(held);
        assert_eq!(shares.tunnels.load(Ordering::Acquire), 0);
        assert!(shares.clients.lock().unwrap().is_empty());
    }
}
