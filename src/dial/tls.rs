//! The TLS handshake with a proxy, and with a target.

use crate::base::defaults::TLS_BUFFER;
use crate::base::{Blame, Error, Host, Kind, Result, Stage, Target};
use crate::carrier::{Carrier, HalfClose, Version};
use crate::dial::Inner;
use crate::dial::way::Way;
use crate::tls::failure::{self, With};
use crate::wire::{BoxWire, OpenEnd};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use std::time::Instant;
use tokio_rustls::TlsConnector;

/// TLS over `wire` with a server that proves to be `host`, and the version that was agreed on, of
/// one of `offer`. Nothing of ours is sent before that.
pub async fn handshake(
    wire: BoxWire,
    host: &Host,
    config: Arc<ClientConfig>,
    offer: &[Carrier],
) -> Result<(BoxWire, Version)> {
    let name = server_name(host)?;
    let mut versions: Vec<Version> = Vec::new();
    for carrier in offer {
        if !versions.contains(&carrier.version()) {
            versions.push(carrier.version());
        }
    }
    let mut config = ClientConfig::clone(&config);
    config.alpn_protocols = versions.iter().map(|v| v.alpn().into()).collect();
    let connector = TlsConnector::from(Arc::new(config));
    let connected = connector.connect(name, wire).await;
    let mut stream = connected.map_err(|error| failure::of_handshake(&error, With::Proxy))?;
    stream.get_mut().1.set_buffer_limit(Some(TLS_BUFFER));
    let version = match stream.get_ref().1.alpn_protocol() {
        // A server that knows no ALPN speaks HTTP/1.1.
        None => versions.into_iter().find(|v| *v == Version::Http1),
        Some(agreed) => versions.into_iter().find(|v| v.alpn().as_bytes() == agreed),
    };
    let version = version.ok_or_else(|| {
        let cause = "the proxy did not agree to any protocol that was offered";
        Error::new(Kind::TlsHandshake, Stage::Tls, Blame::Proxy, cause).hint("see --via")
    })?;
    Ok((Box::new(stream), version))
}

impl Way<'_> {
    /// TLS with the target, over a tunnel to it.
    pub async fn inner_tls(
        &mut self,
        inner: &Inner,
        wire: BoxWire,
        half_close: HalfClose,
        target: &Target,
    ) -> Result<(BoxWire, HalfClose)> {
        let label = format!("target {target}");
        let host = match (&inner.name, target) {
            (Some(name), _) => name.clone(),
            (None, Target::Tcp { host, .. }) => host.clone(),
            (None, _) => {
                let cause = format!("--inner-tls: {target} has no name of its own");
                return Err(Error::usage(cause).hint("give --inner-sni NAME"));
            }
        };
        let name = server_name(&host)?;
        // Proxies do not see a close_notify, so none of them can take it for more than it is.
        let wire: BoxWire = match half_close {
            HalfClose::Kept => wire,
            HalfClose::Unknown => Box::new(OpenEnd::new(wire)),
        };
        let started = Instant::now();
        let connector = TlsConnector::from(inner.config.clone());
        let connected = self.deadline.run(connector.connect(name, wire)).await;
        self.setup.tls += started.elapsed();
        let mut stream = connected
            .map_err(|_| self.dialer.timeout(Stage::Tls))
            .and_then(|done| done.map_err(|error| failure::of_handshake(&error, With::Target)))
            .map_err(|e| e.hop(label))?;
        stream.get_mut().1.set_buffer_limit(Some(TLS_BUFFER));
        Ok((Box::new(stream), HalfClose::Kept))
    }
}

fn server_name(host: &Host) -> Result<ServerName<'static>> {
    match host {
        Host::Ip(ip) => Ok(ServerName::from(*ip)),
        Host::Name(name) => {
            let name = name.strip_suffix('.').unwrap_or(name).to_owned();
            ServerName::try_from(name)
                .map_err(|_| Error::usage(format!("{host} cannot be a TLS name")))
        }
    }
}
