//! TLS handshakes for the sake of the certificate: nothing is sent inside.

use crate::base::escape::escape;
use crate::base::{Error, Host, Kind};
use crate::doctor::probe::{Probe, hang_up, said};
use crate::doctor::report::TlsSeen;
use crate::tls::{ClientTls, Pin, certificate, failure};
use crate::wire::BoxWire;
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// A handshake that was completed.
pub struct Shaken {
    pub version: String,
    pub alpn: Option<String>,
    /// The server's own certificate first.
    pub chain: Vec<CertificateDer<'static>>,
}

impl Shaken {
    /// Subject and issuer of the server's certificate, escaped.
    pub fn names(&self) -> (String, String) {
        match self.chain.first() {
            Some(first) => certificate::names(first),
            None => ("?".into(), "?".into()),
        }
    }
}

/// What an https proxy shows over `wire`, a connection to it. `Err` where there is no TLS to speak of.
pub async fn of_proxy(probe: &Probe, wire: BoxWire) -> Result<Option<TlsSeen>, Error> {
    let Some((config, host)) = probe
        .hop()
        .and_then(|hop| Some((hop.tls.clone()?, hop.proxy.host.clone())))
    else {
        return Ok(None);
    };
    let patience = probe.settings.patience();
    let alpn = ["h2", "http/1.1"];
    let (shaken, error) = match handshake(wire, &host, &config, &alpn, patience).await {
        Ok(shaken) => (shaken, None),
        Err(error) if error.kind() == Kind::CertificateNotTrusted => {
            let wire = probe.reach().await?.wire;
            let shaken = handshake(wire, &host, &*anybody()?, &alpn, patience).await?;
            (shaken, Some(error))
        }
        Err(error) => return Err(error),
    };
    let (subject, issuer) = shaken.names();
    let pin = shaken.chain.first().and_then(|c| Pin::of(c).ok());
    Ok(Some(TlsSeen {
        version: shaken.version,
        alpn: shaken.alpn,
        subject,
        issuer,
        trusted: error.is_none(),
        problem: error.as_ref().map(said),
        pin: pin.map(|pin| pin.to_string()),
    }))
}

/// Trusts whoever answers, to see who it is.
pub fn anybody() -> Result<Arc<ClientConfig>, Error> {
    let anybody = ClientTls {
        insecure: true,
        ..ClientTls::default()
    };
    anybody.config().map_err(Error::internal)
}

/// A handshake over `wire` with a server called `host`, and no octet after it.
pub async fn handshake(
    wire: BoxWire,
    host: &Host,
    config: &ClientConfig,
    alpn: &[&str],
    patience: Duration,
) -> Result<Shaken, Error> {
    let mut config = config.clone();
    config.alpn_protocols = alpn.iter().map(|a| a.as_bytes().to_vec()).collect();
    let connector = TlsConnector::from(Arc::new(config));
    let connecting = connector.connect(server_name(host)?, wire);
    let stream = within(patience, connecting).await;
    let stream = stream.map_err(|error| failure::of_handshake(&error, failure::With::Proxy))?;
    let tls = stream.get_ref().1;
    let version = tls.protocol_version().and_then(|v| v.as_str());
    let shaken = Shaken {
        // rustls calls it TLSv1_3.
        version: version.unwrap_or("?").replace('_', "."),
        alpn: tls.alpn_protocol().map(|name| escape(name, 40)),
        chain: tls.peer_certificates().unwrap_or_default().to_vec(),
    };
    hang_up(Box::new(stream)).await;
    Ok(shaken)
}

pub fn server_name(host: &Host) -> Result<ServerName<'static>, Error> {
    match host {
        Host::Ip(ip) => Ok(ServerName::from(*ip)),
        Host::Name(name) => {
            let name = name.strip_suffix('.').unwrap_or(name).to_owned();
            ServerName::try_from(name)
                .map_err(|_| Error::usage(format!("{host} cannot be a TLS name")))
        }
    }
}

async fn within<T>(
    patience: Duration,
    step: impl Future<Output = std::io::Result<T>>,
) -> std::io::Result<T> {
    if patience.is_zero() {
        return step.await;
    }
    match timeout(patience, step).await {
        Ok(done) => done,
        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
    }
}
