//! What a terminator goes by: all that can change while it runs.

use crate::accept::inner::Inner;
use crate::accept::proxy_protocol;
use crate::auth::Users;
use crate::base::Target;
use crate::carrier::{Carrier, Connector};
use crate::http::{ProxyError, Refusal};
use crate::policy::Clients;
use crate::wire::Socket;
use ipnet::IpNet;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;

/// The rules of one listener. Each request is judged by those of its time; open tunnels stay open.
pub struct Rules {
    /// Where every POST goes.
    pub forward: Option<Target>,
    /// Speak TLS.
    pub tls: Option<TlsAcceptor>,
    /// Those that are answered; all if empty.
    pub carriers: Vec<Carrier>,
    /// Ask for a user and password.
    pub users: Option<Arc<Users>>,
    /// Who the holders of client certificates are.
    pub certificates: Certificates,
    pub clients: Clients,
    /// Load balancers that say by the PROXY protocol who the client is.
    pub senders: Senders,
    pub connector: Arc<dyn Connector>,
    /// What is inside tunnels is HTTP, and looked at.
    pub inner: Option<Arc<Inner>>,
}

impl Rules {
    /// Clear, for this machine, with whatever targets `connector` permits.
    pub fn new(connector: Arc<dyn Connector>) -> Self {
        Rules {
            forward: None,
            tls: None,
            carriers: Vec::new(),
            users: None,
            certificates: Certificates::default(),
            clients: Clients::default(),
            senders: Senders::default(),
            connector,
            inner: None,
        }
    }

    /// Whether requests by `carrier` are answered at all.
    pub fn check_carrier(&self, carrier: Carrier) -> Result<(), Refusal> {
        if self.carriers.is_empty() || self.carriers.contains(&carrier) {
            return Ok(());
        }
        let mut methods: Vec<&str> = self.carriers.iter().map(|c| c.method()).collect();
        methods.sort_unstable();
        methods.dedup();
        let details = format!("tunnels by {carrier} are not for this proxy (--via)");
        Err(Refusal::new(ProxyError::HttpRequestError, details)
            .status(405)
            .field("Allow", methods.join(", ")))
    }
}

/// Who has to begin with a PROXY header.
#[derive(Clone, Debug, Default)]
pub struct Senders {
    pub nets: Vec<IpNet>,
    /// Whoever connects to a unix socket.
    pub unix: bool,
}

impl Senders {
    /// Reads the header of a connection whose `peer` has to send one: the client's address, and ours as it sees it. Those of
    /// the connection where it does not say.
    pub async fn ends(
        &self,
        socket: &mut Socket,
        peer: Option<SocketAddr>,
    ) -> io::Result<(Option<SocketAddr>, Option<SocketAddr>)> {
        if self.include(peer)
            && let Some((client, came_to)) = proxy_protocol::read(socket).await?
        {
            return Ok((Some(client), Some(came_to)));
        }
        Ok((peer, socket.local()))
    }

    pub fn are_none(&self) -> bool {
        self.nets.is_empty() && !self.unix
    }

    /// `peer` is nothing for a unix socket.
    fn include(&self, peer: Option<SocketAddr>) -> bool {
        match peer.map(|peer| peer.ip().to_canonical()) {
            Some(ip) => self.nets.iter().any(|net| net.contains(&ip)),
            None => self.unix,
        }
    }
}

/// Users by what their certificates say of them.
#[derive(Clone, Debug, Default)]
pub struct Certificates {
    /// `CN=…`, `dns:…`, `email:…`, `uri:…` or `sha256:…`, and the user. Without a list a user is called by the certificate's
    /// common name.
    pub users: Option<HashMap<String, String>>,
}

impl Certificates {
    /// `identities` is all that a certificate says. One that is not in the list is nobody's.
    pub fn user(&self, identities: &[String]) -> Result<Option<Arc<str>>, Refusal> {
        match &self.users {
            None => Ok(identities
                .iter()
                .find_map(|i| i.strip_prefix("CN=").map(Arc::from))),
            Some(users) => {
                let user = identities.iter().find_map(|i| users.get(i));
                let user = user.map(|user| Some(Arc::from(user.as_str())));
                user.ok_or_else(|| {
                    let details = "the client's certificate is not that of a user";
                    Refusal::new(ProxyError::HttpRequestDenied, details)
                })
            }
        }
    }
}

/// The rules of now.
pub struct Current(RwLock<Arc<Rules>>);

impl Current {
    pub fn new(rules: Rules) -> Self {
        Current(RwLock::new(Arc::new(rules)))
    }

    pub fn get(&self) -> Arc<Rules> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub fn set(&self, rules: Rules) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }
}
