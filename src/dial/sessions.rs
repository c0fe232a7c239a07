//! The session that tunnels of one dialer share: one proxy, one set of TLS settings, one identity.

use crate::base::Scheme;
use crate::carrier::{Carrier, HalfClose, h2};
use crate::dial::Hop;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Mutex, MutexGuard};

/// Empty at first.
#[derive(Default)]
pub struct Sessions {
    /// The proxy was seen to choose a carrier without sessions.
    none: AtomicBool,
    current: Mutex<Option<Known>>,
}

/// A session and what is known of the way to it.
#[derive(Clone)]
pub struct Known {
    pub session: h2::client::Session,
    pub half_close: HalfClose,
    pub peer: Option<SocketAddr>,
}

/// The right to use or replace the session.
pub struct Held<'a>(MutexGuard<'a, Option<Known>>);

impl Sessions {
    /// Whether `last` may have a session, or get one. Over TLS that shows only after the handshake.
    pub fn worth_waiting_for(&self, last: &Hop) -> bool {
        let possible = match last.proxy.scheme {
            Scheme::Https => last.via.contains(&Carrier::H2),
            Scheme::Http | Scheme::H2c => last.via.first() == Some(&Carrier::H2),
        };
        possible && !self.none.load(Ordering::Relaxed)
    }

    pub async fn lock(&self) -> Held<'_> {
        Held(self.current.lock().await)
    }

    /// From now on nobody waits for a session.
    pub fn no_sessions(&self) {
        self.none.store(true, Ordering::Relaxed);
    }
}

impl Held<'_> {
    /// The session, unless its connection has ended.
    pub fn usable(&self) -> Option<Known> {
        self.0.clone().filter(|known| !known.session.is_over())
    }

    pub fn remember(&mut self, known: Known) {
        *self.0 = Some(known);
    }

    /// `known` takes no more tunnels; unless another has replaced it already.
    pub fn forget(&mut self, known: &Known) {
        if self
            .0
            .as_ref()
            .is_some_and(|k| k.session.is(&known.session))
        {
            *self.0 = None;
        }
    }
}
