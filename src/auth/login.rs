//! Who we are to one proxy, and what it took before.

use crate::auth::conversation::Conversation;
use crate::auth::digest::Digest;
use crate::auth::{Asked, Scheme};
use crate::base::{Credentials, Host, Secret};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What to authenticate with at one proxy.
pub struct Login {
    pub means: Means,
    /// Schemes that may be used; all of them if empty.
    pub allowed: Vec<Scheme>,
    /// The proxy, as its service ticket names it.
    pub host: Host,
    memory: Mutex<Memory>,
    turned_down: AtomicBool,
}

/// What there is to show.
#[derive(Clone, Debug)]
pub enum Means {
    /// No user was named. A ticket of the system's will do where the proxy takes one.
    Nothing,
    /// Sent as it is with every request, whatever the proxy says.
    Fixed(Secret),
    Password(Credentials),
}

/// What a proxy took last time.
#[derive(Default)]
pub enum Memory {
    #[default]
    Nothing,
    Scheme(Scheme),
    /// Its nonce can be used again.
    Digest(Digest),
}

impl Login {
    pub fn new(means: Means, allowed: Vec<Scheme>, host: Host) -> Arc<Self> {
        Arc::new(Login {
            means,
            allowed,
            host,
            memory: Mutex::default(),
            turned_down: AtomicBool::new(false),
        })
    }

    /// None at all.
    pub fn nothing(host: Host) -> Arc<Self> {
        Login::new(Means::Nothing, Vec::new(), host)
    }

    /// For one request, over HTTP/1.1 or over another version.
    pub fn begin(self: &Arc<Self>, asked: Asked, http1: bool) -> Conversation {
        Conversation::new(self.clone(), asked, http1)
    }

    pub fn has_means(&self) -> bool {
        !matches!(self.means, Means::Nothing)
    }

    /// It is known what the proxy takes, or fixed by the user.
    pub fn is_proven(&self) -> bool {
        let fixed = matches!(self.means, Means::Fixed(_))
            || matches!(self.allowed[..], [Scheme::Basic | Scheme::Bearer]);
        fixed || !matches!(*self.memory(), Memory::Nothing)
    }

    /// What was shown was not accepted, at least once.
    pub fn was_turned_down(&self) -> bool {
        self.turned_down.load(Ordering::Acquire)
    }

    pub(super) fn turn_down(&self) {
        self.turned_down.store(true, Ordering::Release);
        *self.memory() = Memory::Nothing;
    }

    pub(super) fn may(&self, scheme: Scheme) -> bool {
        match self.allowed.is_empty() {
            true => scheme != Scheme::Bearer,
            false => self.allowed.contains(&scheme),
        }
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
