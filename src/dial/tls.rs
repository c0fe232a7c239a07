//! The TLS handshake with a proxy.

use crate::base::{Host, Result};
use crate::tls::failure;
use crate::wire::BoxWire;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// TLS over `wire` with a server that proves to be `host`, and the protocol that was agreed on.
/// Nothing of ours is sent before that.
pub async fn handshake(
    wire: BoxWire,
    host: &Host,
    config: Arc<ClientConfig>,
) -> Result<(BoxWire, Option<Vec<u8>>)> {
    let name = server_name(host)?;
    let connector = TlsConnector::from(config);
    match connector.connect(name, wire).await {
        Ok(stream) => {
            let protocol = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
            Ok((Box::new(stream), protocol))
        }
        Err(error) => Err(failure::of_handshake(&error)),
    }
}

fn server_name(host: &Host) -> Result<ServerName<'static>> {
    match host {
        Host::Ip(ip) => Ok(ServerName::from(*ip)),
        Host::Name(name) => {
            let name = name.strip_suffix('.').unwrap_or(name).to_owned();
            ServerName::try_from(name)
                .map_err(|_| crate::base::Error::usage(format!("{host} cannot be a TLS name")))
        }
    }
}
