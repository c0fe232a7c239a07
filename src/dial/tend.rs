//! Sessions that are there before a tunnel wants them, and those that nobody wants any more.

use crate::base::Result;
use crate::base::Setup;
use crate::carrier::h3;
use crate::dial::{Dialer, Session};
use std::time::Duration;

/// Between two looks at sessions without tunnels.
const LOOK: Duration = Duration::from_secs(20);
/// After one more session could not be opened for a busy one, for so long no other is.
const NOT_AGAIN: Duration = Duration::from_secs(30);

/// A session that is there.
pub enum Warm {
    Http2(Session),
    Http3(h3::client::Session),
}

impl Warm {
    /// Returns when no more tunnels can be opened in it.
    pub async fn over(&mut self) {
        match self {
            Warm::Http2(session) => session.over().await,
            Warm::Http3(session) => session.over().await,
        }
    }
}

impl Dialer {
    /// Opens a session with the last hop for tunnels to come; nothing where it has none, or has as many as
    /// there may be. How long that took is told too.
    pub async fn warm_up(&self) -> Result<Option<(Warm, Setup)>> {
        if self.hops.is_empty() {
            return Ok(None);
        }
        let Some(making) = self.sessions.make().await else {
            return Ok(None);
        };
        // The clock starts when it is our turn.
        let mut way = self.way();
        let session = way.warm_up(making).await?;
        Ok(session.map(|session| (session, way.setup)))
    }

    /// For as long as tunnels are opened: opens another session where one is busy, and lets those go that
    /// have long been without tunnels, all but `keep`.
    pub async fn tend_sessions(&self, keep: usize) {
        loop {
            tokio::select! {
                () = self.sessions.wanted() => match self.warm_up().await {
                    Ok(Some((_, setup))) => {
                        tracing::info!("another session, beside a busy one, is open in {setup}");
                    }
                    Ok(None) => {}
                    Err(error) => {
                        tracing::info!("no other session beside a busy one: {error}");
                        tokio::time::sleep(NOT_AGAIN).await;
                    }
                },
                () = tokio::time::sleep(LOOK) => self.sessions.prune(keep),
            }
        }
    }
}
