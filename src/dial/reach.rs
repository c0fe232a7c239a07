//! A connection to the last hop alone, for whoever wants to look at the hop rather than use it.

use crate::base::{Error, Result, Setup};
use crate::carrier::{Carrier, Version};
use crate::dial::Dialer;
use crate::wire::BoxWire;
use std::net::SocketAddr;

/// A connection to the last hop on which it was asked for nothing yet.
pub struct Reached {
    pub wire: BoxWire,
    /// The first address on the way.
    pub peer: Option<SocketAddr>,
    pub setup: Setup,
    /// What TLS agreed on, or the first that was offered.
    pub version: Version,
}

impl Dialer {
    /// With TLS where the hop wants it, offering the versions of `offer`; without any offer the connection
    /// is handed out before TLS.
    pub async fn reach(&self, offer: &[Carrier]) -> Result<Reached> {
        let last = self.hops.len().checked_sub(1);
        let last = last.ok_or_else(|| Error::internal("no proxy to reach"))?;
        let mut way = self.way();
        let (wire, version) = match offer.is_empty() {
            true => (way.reach_clear(last).await?.0, Version::Http1),
            false => {
                let at = way.reach(last, offer).await?;
                (at.wire, at.version)
            }
        };
        Ok(Reached {
            wire,
            version,
            peer: way.peer,
            setup: way.setup,
        })
    }
}
