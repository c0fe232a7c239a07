//! One question to the proxy at a time, and what all answers together tell.

use crate::base::{Error, Kind, Scheme, Signature, Target};
use crate::carrier::{Carrier, Version};
use crate::dial::{Dialer, Hop, Reached, Tunnel};
use crate::doctor::Settings;
use crate::wire::BoxWire;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

/// For a tunnel over QUIC: most networks that drop UDP are silent about it.
const QUIC: Duration = Duration::from_secs(3);
/// For an end to be taken.
const GOODBYE: Duration = Duration::from_millis(500);

/// Asks, and remembers.
pub struct Probe {
    pub settings: Settings,
    seen: Mutex<Seen>,
}

/// What the answers told besides their verdicts.
#[derive(Default)]
pub struct Seen {
    pub signature: Signature,
    /// The proxy's own tokens.
    pub tokens: Vec<String>,
    /// Excerpts of bodies.
    pub bodies: Vec<String>,
    pub challenges: Vec<String>,
    pub auth_required: bool,
    /// Credentials were turned down.
    pub turned_down: bool,
    /// They opened something, or came as far as the target: with CONNECT, with POST.
    pub accepted: [bool; 2],
    /// Rules refused our own target, and not the name that does not exist.
    pub own_refused: bool,
    /// Why nothing more is asked.
    pub stopped: Option<String>,
}

impl Seen {
    /// A tunnel was opened, or a target looked for, with our credentials.
    pub fn accepted(&self) -> bool {
        self.accepted.contains(&true)
    }
}

/// No tunnel.
pub enum Closed {
    /// Nothing was sent.
    NotTried(String),
    Failed(Error),
}

impl Closed {
    pub fn why(&self) -> String {
        match self {
            Closed::NotTried(why) => why.clone(),
            Closed::Failed(error) => said(error),
        }
    }
}

impl Probe {
    pub fn new(settings: Settings) -> Self {
        Probe {
            settings,
            seen: Mutex::default(),
        }
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hop that is examined.
    pub fn hop(&self) -> Option<&Hop> {
        self.settings.hops.last()
    }

    pub fn scheme(&self) -> Scheme {
        self.hop().map_or(Scheme::Http, |hop| hop.proxy.scheme)
    }

    /// There are credentials for the hop that is examined.
    pub fn has_credentials(&self) -> bool {
        self.hop().is_some_and(|hop| hop.login.has_means())
    }

    /// The hop may be reached over QUIC, too.
    pub fn has_quic(&self) -> bool {
        self.scheme() == Scheme::Https && self.settings.hops.len() == 1
    }

    /// A dialer that knows one carrier only, and has no session yet.
    pub fn dialer(&self, carrier: Carrier) -> Dialer {
        let mut hops = self.settings.hops.clone();
        if let Some(last) = hops.last_mut() {
            last.via = vec![carrier];
        }
        let settings = &self.settings;
        // Whether a POST is held back shows when it ends, for which nobody wants to wait long.
        let patience = match carrier {
            _ if carrier.is_post() => settings.patience / 2,
            _ if carrier.is_quic() => settings.patience().min(QUIC),
            _ => settings.patience,
        };
        Dialer::new(hops, settings.network.clone(), patience, 1)
    }

    /// A connection to the hop, before TLS.
    pub async fn reach(&self) -> Result<Reached, Error> {
        self.dialer(Carrier::H1).reach(&[]).await
    }

    /// Asks for a tunnel over a connection of its own.
    pub async fn open(&self, carrier: Carrier, target: &Target) -> Result<Tunnel, Closed> {
        if let Some(why) = self.forbidden(carrier) {
            return Err(Closed::NotTried(why));
        }
        let dialer = self.dialer(carrier);
        match dialer.open(target).await {
            Ok(tunnel) => {
                let mut seen = self.seen();
                seen.take(&tunnel.signature);
                seen.accepted[usize::from(carrier.is_post())] |= self.has_credentials();
                Ok(tunnel)
            }
            Err(error) => {
                self.note(carrier, &error);
                Err(Closed::Failed(error))
            }
        }
    }

    /// Why this must not be asked.
    pub fn forbidden(&self, carrier: Carrier) -> Option<String> {
        if self.scheme() == Scheme::H2c && carrier.version() == Version::Http1 {
            return Some("h2c:// is HTTP/2 alone".into());
        }
        let only = &self.settings.only;
        if !only.is_empty() && !only.contains(&carrier) {
            return Some("--via leaves it out".into());
        }
        let seen = self.seen();
        if let Some(why) = &seen.stopped {
            return Some(why.clone());
        }
        // A second failure could lock the account. What took the credentials before takes them again.
        let proven = seen.accepted[usize::from(carrier.is_post())];
        (seen.turned_down && !proven)
            .then(|| "the credentials were turned down before; they are not sent again".into())
    }

    fn note(&self, carrier: Carrier, error: &Error) {
        let credentials = self.has_credentials();
        let mut seen = self.seen();
        if let Some(answer) = error.answered() {
            seen.take(&answer.signature);
            for challenge in &answer.challenges {
                if !seen.challenges.contains(challenge) {
                    seen.challenges.push(challenge.clone());
                }
            }
            seen.tokens.extend(answer.token.clone());
            seen.bodies.extend(answer.body.clone());
        }
        match error.kind() {
            Kind::ProxyAuth => {
                seen.auth_required = true;
                seen.turned_down |= self.hop().is_some_and(|hop| hop.login.was_turned_down());
            }
            Kind::TargetNotResolved | Kind::TargetUnreachable => {
                seen.accepted[usize::from(carrier.is_post())] |= credentials;
            }
            Kind::RateLimited => {
                seen.stopped = Some("the proxy limits the rate of requests (429)".into());
            }
            _ => {}
        }
    }
}

impl Seen {
    fn take(&mut self, new: &Signature) {
        let known = &mut self.signature;
        for (known, new) in [
            (&mut known.server, &new.server),
            (&mut known.via, &new.via),
            (&mut known.agent, &new.agent),
            (&mut known.proxy_status, &new.proxy_status),
        ] {
            if known.is_none() {
                known.clone_from(new);
            }
        }
    }
}

/// Ends a tunnel as whoever has nothing to say does: the other end is not to think that something broke.
pub async fn hang_up(mut wire: BoxWire) {
    let _ = timeout(GOODBYE, wire.shutdown()).await;
}

/// An error in one line, without the hop's name, which is the same everywhere here.
pub fn said(error: &Error) -> String {
    let mut line = error.cause().to_owned();
    match error.answered().map(|a| (&a.token, &a.body)) {
        // A page says no more than its token, in many words.
        Some((Some(token), _)) => line += &format!(" [{token}]"),
        Some((None, Some(body))) => line += &format!(": \"{body}\""),
        _ => {}
    }
    line
}
