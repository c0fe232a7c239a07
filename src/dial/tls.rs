//! The TLS handshake with a proxy.

use crate::base::defaults::TLS_BUFFER;
use crate::base::{Blame, Error, Host, Kind, Result, Stage};
use crate::carrier::{Carrier, Version};
use crate::tls::failure;
use crate::wire::BoxWire;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::sync::Arc;
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
    let mut stream = connected.map_err(|error| failure::of_handshake(&error))?;
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
