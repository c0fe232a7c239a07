//! Who may connect to a terminator at all.

use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Client addresses that are served. With an empty list: loopback ones only, unless clients
/// authenticate.
#[derive(Clone, Debug, Default)]
pub struct Clients {
    pub allow: Vec<IpNet>,
    /// Clients prove who they are, so any address may try.
    pub authenticated: bool,
}

impl Clients {
    /// Whether a client at `ip` is served; nothing for a unix socket, whose file modes decide.
    pub fn admits(&self, ip: Option<IpAddr>) -> bool {
        let Some(ip) = ip.map(|ip| ip.to_canonical()) else {
            return true;
        };
        if self.allow.is_empty() {
            return self.authenticated || ip.is_loopback();
        }
        self.allow.iter().any(|net| net.contains(&ip))
    }

    /// A terminator that others can reach must know whom it serves, or it is an open proxy.
    pub fn check_bind(&self, address: SocketAddr) -> Result<(), String> {
        if address.ip().is_loopback() || self.authenticated || !self.allow.is_empty() {
            return Ok(());
        }
        Err(format!(
            "refusing to listen on {address}: everybody who reaches it could use it; give \
             --auth-file (users) or --allow-clients (addresses), or listen on a loopback address"
        ))
    }
}
