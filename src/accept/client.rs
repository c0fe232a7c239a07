//! Whoever connected to a terminator.

use crate::accept::Held;
use crate::accept::ledger::{Ledger, Who};
use crate::base::Target;
use crate::carrier::Carrier;
use crate::http::asked::Method;
use crate::http::{Asked, ProxyError, Refusal};
use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Whoever connected.
#[derive(Clone)]
pub struct Client {
    /// For people.
    pub name: Arc<str>,
    pub address: Option<SocketAddr>,
    /// Our own address, as the client sees it; nothing for a unix socket.
    pub came_to: Option<SocketAddr>,
    /// What its certificate says of it.
    pub certificate: Option<Arc<[String]>>,
    pub since: Instant,
    /// Has proven who it is, where that is asked for.
    pub known: Arc<AtomicBool>,
}

impl Client {
    /// A POST whose path says nothing of a target has our own address for its authority.
    pub fn check_not_here(&self, asked: &Asked) -> Result<(), Refusal> {
        let Target::Tcp { host, port } = &asked.target else {
            return Ok(());
        };
        let here =
            self.came_to.is_some() && host.as_ip().map(|ip| (ip, *port).into()) == self.came_to;
        if asked.method == Method::Connect || !here {
            return Ok(());
        }
        let details = "there is no tunnel at this path, and the authority is this proxy's own";
        Err(Refusal::new(ProxyError::HttpRequestError, details).status(404))
    }

    /// By its name alone, before anything else is known.
    pub fn who(&self, carrier: Carrier) -> Who {
        Who {
            client: self.name.clone(),
            user: None,
            carrier,
            asked: Instant::now(),
        }
    }

    pub fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    pub fn prove(&self) {
        self.known.store(true, Ordering::Relaxed);
    }
}

impl Display for Client {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A connection as long as it or its only tunnel lives.
pub struct Kept {
    held: Held,
    ledger: Option<Arc<Ledger>>,
}

impl Kept {
    pub fn new(held: Held, ledger: &Arc<Ledger>) -> Self {
        ledger.metrics.connections.inc();
        ledger.metrics.connections_seen.inc();
        Kept {
            held,
            ledger: Some(ledger.clone()),
        }
    }

    /// One of several tunnels of the connection.
    pub fn tunnel(&self) -> Kept {
        Kept {
            held: self.held.another(),
            ledger: None,
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(ledger) = &self.ledger {
            ledger.metrics.connections.dec();
        }
    }
}
