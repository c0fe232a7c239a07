//! A first hop over QUIC: no TCP below it, and few connections for all tunnels.

use crate::base::{Blame, Error, Host, Kind, Result, Stage, Target};
use crate::carrier::h3::client::{self, Session};
use crate::carrier::{HalfClose, Version};
use crate::dial::credentials::Again;
use crate::dial::last_hop::is_no_connection;
use crate::dial::tcp::{Role, not_resolved};
use crate::dial::way::{Next, NotOpened, OnWay, Wanted, Way, first_of};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Mutex as Turn;

/// How long the handshake with an address is waited for where there is another one.
const PATIENCE: Duration = Duration::from_secs(2);

/// A request that the proxy did not look at is made so often.
const ATTEMPTS: usize = 4;

/// The connections to the proxy that take tunnels: another one is made where all are full.
#[derive(Default)]
pub struct Quic {
    sessions: Mutex<Vec<Session>>,
    /// One makes a connection, the others wait for it.
    making: Turn<()>,
    config: OnceLock<Result<quinn::ClientConfig, String>>,
}

impl Quic {
    /// There is a connection that takes tunnels.
    pub fn is_there(&self) -> bool {
        !self.sessions().is_empty()
    }

    /// One with room; where there are `most` of them, any.
    fn known(&self, most: usize) -> Option<Session> {
        let sessions = self.sessions();
        let all = sessions.len() >= most;
        let usable = sessions.iter().filter(|session| all || !session.is_full());
        let best = usable.min_by_key(|session| (session.is_full(), session.tunnels()));
        best.cloned()
    }

    fn are_all(&self, most: usize) -> bool {
        self.sessions().len() >= most
    }

    fn sessions(&self) -> MutexGuard<'_, Vec<Session>> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|session| !session.is_over());
        sessions
    }
}

impl Way<'_> {
    /// A tunnel to `wanted` through the first hop.
    pub async fn through_quic(&mut self, wanted: Wanted<'_>) -> Result<OnWay, NotOpened> {
        let carrier = first_of(wanted.via, Version::Http3)?;
        let asking = self.asking(0, carrier, wanted.target).await;
        let mut asking = asking.map_err(|e| self.name(0, e))?;
        let mut attempts = 1;
        loop {
            let session = self.quic_session().await.map_err(|error| NotOpened {
                next: match is_no_connection(&error) {
                    true => Next::Unasked,
                    false => Next::Nothing,
                },
                error,
            })?;
            let all = self.dialer.quic.are_all(self.dialer.sessions.most());
            self.peer = Some(session.peer());
            let request = asking.sign(self.request(0, carrier, wanted.target)?);
            let started = Instant::now();
            let opening = session.open(&request, self.last_question(wanted.others), all);
            let opened = self.deadline.run(opening).await;
            self.setup.request += started.elapsed();
            let late = |_| Err(self.no_room(all && session.is_full()).into());
            let opened = opened.unwrap_or_else(late);
            let not = match opened {
                Ok(opened) => {
                    asking.accepted();
                    return Ok(OnWay::new(opened, HalfClose::Kept, carrier));
                }
                Err(not) => not,
            };
            if not.refused.challenges.is_none() {
                if not.unseen && (attempts < ATTEMPTS || not.full) {
                    attempts += usize::from(!not.full);
                    continue;
                }
                return Err(self.not_opened(0, carrier, not.refused.error));
            }
            // Streams of a connection are all alike: the next one is as good.
            let again = self.answer(&mut asking, not.refused, false).await;
            match again.map_err(|error| self.not_opened(0, carrier, error))? {
                Again::On(_) | Again::Anew => {}
            }
        }
    }

    /// The connection to the proxy: that which is there, or a new one.
    pub async fn quic_session(&mut self) -> Result<Session> {
        let dialer = self.dialer;
        let most = dialer.sessions.most();
        if let Some(session) = dialer.quic.known(most) {
            return Ok(session);
        }
        let turn = self.deadline.run(dialer.quic.making.lock()).await;
        let _turn = turn.map_err(|_| self.name(0, dialer.timeout(Stage::Connect)))?;
        match dialer.quic.known(most) {
            Some(made) => Ok(made),
            None => self.new_quic_session().await,
        }
    }

    /// A new one: the proxy's addresses in turn.
    async fn new_quic_session(&mut self) -> Result<Session> {
        let hop = &self.dialer.hops[0];
        let (host, port) = (&hop.proxy.host, hop.proxy.port);
        let tls = hop.tls.as_ref();
        let tls = tls.ok_or_else(|| Error::internal("no TLS settings"))?;
        let congestion = self.dialer.congestion;
        let config = self
            .dialer
            .quic
            .config
            .get_or_init(|| client::config(tls, congestion));
        let config = config
            .as_ref()
            .map_err(|why| self.name(0, Error::usage(why)))?;
        let started = Instant::now();
        let resolving = self.dialer.network.resolve(host, port);
        let resolved = self.deadline.run(resolving).await;
        self.setup.resolve += started.elapsed();
        let addresses = resolved
            .map_err(|_| self.dialer.timeout(Stage::Resolve))
            .and_then(|result| result.map_err(|why| not_resolved(Role::Proxy, &why)))
            .map_err(|e| self.name(0, e))?;
        let name = match hop.sni.as_ref().unwrap_or(host) {
            Host::Ip(ip) => ip.to_string(),
            Host::Name(name) => name.trim_end_matches('.').to_owned(),
        };
        let started = Instant::now();
        let mut failed = None;
        for (n, address) in addresses.iter().enumerate() {
            let connecting = Session::connect(*address, &name, config.clone());
            let more = n + 1 < addresses.len();
            let connecting = async {
                match more {
                    true => tokio::time::timeout(PATIENCE, connecting).await.ok(),
                    false => Some(connecting.await),
                }
            };
            let connected = self.deadline.run(connecting).await;
            self.setup.tls = started.elapsed();
            match connected {
                Ok(Some(Ok(session))) => {
                    self.dialer.quic.sessions().push(session.clone());
                    return Ok(session);
                }
                Ok(Some(Err(error))) => failed = Some(error.peer(Some(*address))),
                Ok(None) => {}
                Err(_) => {
                    let cause = format!(
                        "no answer over QUIC within {} s",
                        self.dialer.connect_timeout.as_secs_f64()
                    );
                    let late = Error::new(Kind::Timeout, Stage::Connect, Blame::Network, cause);
                    failed = Some(late.peer(Some(*address)));
                    break;
                }
            }
        }
        let failed = failed.unwrap_or_else(|| self.dialer.timeout(Stage::Connect));
        Err(self.name(
            0,
            failed.hint("UDP may be blocked on the way: try https://, or --via auto"),
        ))
    }

    /// The wire to the hop after the first, which is reached over QUIC.
    pub async fn quic_to(&mut self, target: &Target) -> Result<OnWay> {
        let via = self.dialer.hops[0].via.clone();
        let wanted = Wanted {
            target,
            via: &via,
            others: false,
        };
        self.through_quic(wanted).await.map_err(|not| not.error)
    }
}
