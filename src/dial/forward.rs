//! A request that the last proxy is asked to make itself, rather than a tunnel: for `http` URLs, for which many proxies
//! give no tunnels.

use crate::auth::Asked;
use crate::base::{Error, Kind, Result, Scheme, Secret, Stage};
use crate::carrier::h1::client::{self, Answered};
use crate::carrier::{Carrier, Version};
use crate::dial::Dialer;
use crate::wire::{BoxWire, Deadline};
use tokio::io::AsyncWriteExt;

impl Dialer {
    /// The last hop is an HTTP proxy that can be spoken to in HTTP/1.1.
    pub fn forwards(&self) -> bool {
        let last = self.hops.last();
        last.is_some_and(|hop| matches!(hop.proxy.scheme, Scheme::Http | Scheme::Https))
    }

    /// There is something to show to the last hop, and it is not known yet how it wants to be shown.
    pub fn has_unproven_login(&self) -> bool {
        let last = self.hops.last();
        last.is_some_and(|hop| hop.login.has_means() && !hop.login.is_proven())
    }

    /// Sends the head that `head` makes of the credentials to use, and of whether its connection is to stay open for
    /// more of them; the wire begins with the proxy's answer. With
    /// `whole`, a request without content, challenges are answered.
    pub async fn forward(
        &self,
        asked: Asked,
        whole: bool,
        head: impl Fn(Option<&Secret>, bool) -> Vec<u8>,
    ) -> Result<BoxWire> {
        let last = self.hops.len().checked_sub(1);
        let last = last.ok_or_else(|| Error::internal("no proxy to ask"))?;
        let mut way = self.way();
        way.deadline = Deadline::after(self.connect_timeout);
        let mut conversation = self.hops[last].login.begin(asked, true);
        let unusable = |why| Error::usage(format!("credentials for the proxy: {why}"));
        let mut value = conversation.first().map_err(unusable)?;
        let mut kept: Option<BoxWire> = None;
        loop {
            let mut wire = match kept.take() {
                Some(wire) => wire,
                None => {
                    let at = way.reach(last, &[Carrier::H1]).await?;
                    debug_assert!(at.version == Version::Http1);
                    at.wire
                }
            };
            let octets = head(value.as_ref(), conversation.has_more());
            let sending = async {
                wire.write_all(&octets).await?;
                wire.flush().await
            };
            let sent = way.deadline.run(sending).await;
            let sent = sent.map_err(|_| way.name(last, self.timeout(Stage::Request)))?;
            sent.map_err(|e| {
                let told = Error::new(
                    Kind::CannotConnect,
                    Stage::Request,
                    crate::base::Blame::Proxy,
                    e.to_string(),
                );
                way.name(last, told)
            })?;
            if !whole {
                return Ok(wire);
            }
            let answered = way.deadline.run(client::answered(wire)).await;
            let answered = answered
                .map_err(|_| self.timeout(Stage::Request))
                .flatten()
                .map_err(|e| way.name(last, e))?;
            match answered {
                Answered::Content(wire) => {
                    conversation.accepted();
                    return Ok(wire);
                }
                Answered::Challenged { challenges, wire } => {
                    let same = wire.is_some();
                    let next = conversation.next(&challenges, same);
                    value = Some(next.map_err(|failure| {
                        way.name(last, super::credentials::unanswered(&challenges, failure))
                    })?);
                    kept = wire;
                }
            }
        }
    }
}
