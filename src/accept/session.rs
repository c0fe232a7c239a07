//! The requests of one HTTP/2 session.

use crate::accept::terminator::{Client, Pair, Terminator, carry, log_refusal, opened};
use crate::accept::{Draining, Held};
use crate::carrier::h2;
use crate::carrier::h2::server::Ending;
use std::sync::Arc;

impl Terminator {
    /// Answers the requests of one session, each in a task of its own, until the connection is over.
    pub async fn serve_session(
        self: Arc<Self>,
        mut session: Box<h2::server::Session>,
        client: Client,
        mut draining: Draining,
        held: Held,
    ) {
        let mut live = true;
        let mut should_end = std::pin::pin!(session.should_end());
        loop {
            let asked = tokio::select! {
                asked = session.next() => asked,
                () = draining.begun(), if live => {
                    live = false;
                    session.drain();
                    continue;
                }
                ending = &mut should_end => return session.end(ending).await,
            };
            if session.is_abused() {
                tracing::info!("{client}: the session ended: too many withdrawn requests");
                return session.end(Ending::Withdrawals).await;
            }
            match asked {
                Some(Ok(asking)) => {
                    let (this, client, held) = (self.clone(), client.clone(), held.another());
                    tokio::spawn(async move {
                        if let Some(pair) = this.open_stream(asking, &client).await {
                            tokio::spawn(carry(pair, client, held));
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

    async fn open_stream(&self, mut asking: h2::server::Asking, client: &Client) -> Option<Pair> {
        let fields = asking.fields();
        let asked = asking.asked(&fields, self.forward.as_ref());
        let open = tokio::select! {
            open = async { self.answer(asked?, &fields, client).await } => open,
            () = asking.withdrawn() => return None,
        };
        match open {
            Ok((asked, far)) => {
                let near = asking.accept(asked.method);
                opened(near, far, asked, client, "HTTP/2")
            }
            Err(refusal) => {
                log_refusal(client, &asking.shown(), &refusal);
                let _ = asking.refuse(&refusal).await;
                None
            }
        }
    }
}
