//! The requests of one HTTP/2 session.

use crate::accept::client::{Client, Kept};
use crate::accept::terminator::Pair;
use crate::accept::{Draining, Terminator};
use crate::carrier::h2;
use crate::carrier::h2::server::Ending;
use std::sync::Arc;
use std::time::Duration;

impl Terminator {
    /// Answers the requests of one session, each in a task of its own, until the connection is over.
    pub async fn serve_session(
        self: Arc<Self>,
        mut session: Box<h2::server::Session>,
        client: Client,
        mut draining: Draining,
        kept: Kept,
    ) {
        let mut live = true;
        let mut should_end = std::pin::pin!(session.should_end());
        let mut stranger = std::pin::pin!(self.is_stranger(&client));
        loop {
            let asked = tokio::select! {
                asked = session.next() => asked,
                () = draining.begun(), if live => {
                    live = false;
                    session.drain();
                    continue;
                }
                ending = &mut should_end => return session.end(ending).await,
                () = &mut stranger => {
                    tracing::info!("{client}: the session ended: no credentials in time");
                    return session.end(Ending::Unknown).await;
                }
            };
            if session.is_abused() {
                tracing::info!("{client}: the session ended: too many withdrawn requests");
                return session.end(Ending::Withdrawals).await;
            }
            match asked {
                Some(Ok(asking)) => {
                    let (this, client, kept) = (self.clone(), client.clone(), kept.tunnel());
                    tokio::spawn(async move {
                        if let Some(pair) = this.open_stream(asking, &client).await {
                            this.start(pair, kept);
                        }
                    });
                }
                Some(Err(error)) => {
                    tracing::info!("{client}: the session ended: {error}");
                    return;
                }
                None => return,
            }
        }
    }

    /// Returns when the time to prove who one is has passed, if it has to be proven and was not.
    pub async fn is_stranger(&self, client: &Client) {
        let limit = self.shares.limits().auth_timeout;
        if !limit.is_zero() && self.rules.get().users.is_some() {
            let left = limit.saturating_sub(client.since.elapsed());
            tokio::time::sleep(left.max(Duration::from_millis(1))).await;
            if !client.is_known() {
                return;
            }
        }
        std::future::pending().await
    }

    async fn open_stream(&self, mut asking: h2::server::Asking, client: &Client) -> Option<Pair> {
        let rules = self.rules.get();
        let fields = asking.fields();
        let mut who = client.who(asking.carrier());
        let asked = asking.asked(&fields, rules.forward.as_ref());
        let admitted = tokio::select! {
            admitted = async { self.admit(&rules, asked?, &fields, client, &mut who).await } => admitted,
            () = asking.withdrawn() => return None,
        };
        match admitted {
            Ok(admitted) => {
                let near = asking.accept(admitted.asked.method);
                self.opened(near, admitted, client, who)
            }
            Err(refusal) => {
                self.note_refusal(&who, &asking.shown(), &refusal);
                let refusal = self.with_alternative(&refusal, &who);
                let _ = asking.refuse(&refusal).await;
                None
            }
        }
    }
}
