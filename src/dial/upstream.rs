//! The terminator's way to targets through other proxies: it is one hop of a chain.

use crate::base::{Error, Host, Kind, Target};
use crate::carrier::{Connected, Connecting, Connector, Errand};
use crate::dial::Dialer;
use crate::dial::target::refusal_of_policy;
use crate::http::{ProxyError, Refusal, via};
use crate::policy::Policies;
use std::net::SocketAddr;
use std::sync::Arc;

/// Opens tunnels to what the policy permits. Names are resolved by the proxies further on, so that rules about
/// addresses can hold here only for targets that are addresses.
pub struct Upstream {
    pub policies: Policies,
    pub dialer: Arc<Dialer>,
}

impl Connector for Upstream {
    fn connect<'a>(&'a self, errand: Errand<'a>) -> Connecting<'a> {
        Box::pin(self.open(errand))
    }
}

impl Upstream {
    async fn open(&self, errand: Errand<'_>) -> Result<Connected, Refusal> {
        let target = errand.target;
        let policy = self.policies.of(errand.user);
        policy.check_target(target).map_err(refusal_of_policy)?;
        if let Target::Tcp { host, port } = target
            && let Some(ip) = literal(host)
        {
            let address = [SocketAddr::new(ip, *port)];
            let allowed = policy.check_addresses(host, &address);
            allowed.map_err(refusal_of_policy)?;
        }
        // Which version it came by, the next proxy need not know.
        let passed = via::passed_on(errand.via, "1.1");
        let tunnel = self.dialer.open_with(target, passed).await;
        let tunnel = tunnel.map_err(|error| refusal_of(&error))?;
        Ok(Connected {
            wire: tunnel.wire,
            address: tunnel.peer,
            half_close: tunnel.half_close,
            resolve: tunnel.setup.resolve,
            connect: tunnel.setup.total() - tunnel.setup.resolve,
        })
    }
}

fn literal(host: &Host) -> Option<std::net::IpAddr> {
    match host.is_localhost() {
        true => Some(std::net::Ipv4Addr::LOCALHOST.into()),
        false => host.as_ip(),
    }
}

/// What the next proxy said of its error holds for us, too; but that it wants credentials is nothing that our
/// client could do anything about.
fn refusal_of(error: &Error) -> Refusal {
    let told = error.answered().and_then(|answer| {
        let token = answer.token.as_deref()?;
        ProxyError::from_token(token)
    });
    let own = match error.kind() {
        Kind::ProxyNotResolved | Kind::TargetNotResolved => ProxyError::DnsError,
        Kind::Timeout => ProxyError::ConnectionTimeout,
        Kind::TlsHandshake => ProxyError::TlsProtocolError,
        Kind::CertificateNotTrusted => ProxyError::TlsCertificateError,
        Kind::Refused => ProxyError::HttpRequestDenied,
        Kind::RateLimited => ProxyError::ConnectionLimitReached,
        Kind::Usage | Kind::ProxyAuth | Kind::Unsupported => ProxyError::ProxyConfigurationError,
        _ => ProxyError::DestinationUnavailable,
    };
    let told = told.filter(|_| error.kind() != Kind::ProxyAuth);
    let refusal = Refusal::new(told.unwrap_or(own), format!("upstream: {error}"));
    match error.kind() {
        Kind::RateLimited => refusal.status(429),
        _ => refusal,
    }
}
