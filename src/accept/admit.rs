//! Whether a client gets the tunnel that it asks for.

use crate::accept::Terminator;
use crate::accept::client::Client;
use crate::accept::inner::Inner;
use crate::accept::ledger::Who;
use crate::accept::limits::{Share, Whose};
use crate::accept::rules::Rules;
use crate::auth::Checked;
use crate::carrier::{Carrier, Connected, Errand};
use crate::http::asked::Method;
use crate::http::{Asked, Field, Fields, ProxyError, Refusal, via};
use crate::wire::Deadline;
use std::sync::Arc;

/// A tunnel that a client may have, with its connection to the target.
pub struct Admitted {
    pub asked: Asked,
    pub connected: Connected,
    pub share: Share,
    pub inner: Option<Arc<Inner>>,
}

impl Terminator {
    /// A connection to the target, if the client may have it. `who` learns the user's name on the way.
    pub async fn admit(
        &self,
        rules: &Rules,
        asked: Asked,
        fields: &Fields,
        client: &Client,
        who: &mut Who,
    ) -> Result<Admitted, Refusal> {
        via::check(fields)?;
        if matches!(asked.method, Method::WebSocket { .. }) && who.carrier == Carrier::H2 {
            // Its method does not tell.
            who.carrier = Carrier::H2Ws;
        }
        let ip = client.address.map(|a| a.ip());
        self.shares.request(ip)?;
        rules.check_carrier(who.carrier)?;
        who.user = self
            .authenticate(rules, asked.method, fields, client)
            .await?;
        client.check_not_here(&asked)?;
        let share = self.shares.tunnel(Whose::of(who.user.as_ref(), ip))?;
        let passed: Vec<Field> = fields
            .0
            .iter()
            .filter(|field| field.name.eq_ignore_ascii_case("via"))
            .cloned()
            .collect();
        let connected = rules
            .connector
            .connect(Errand {
                target: &asked.target,
                user: who.user.as_deref(),
                client: client.address,
                came_to: client.came_to,
                via: &passed,
            })
            .await?;
        Ok(Admitted {
            asked,
            connected,
            share,
            inner: rules.inner.clone(),
        })
    }

    /// The user's name, where clients have one. A POST is answered as an origin would, whose fields other proxies pass
    /// on; but a client that takes us for its proxy is welcome too.
    async fn authenticate(
        &self,
        rules: &Rules,
        method: Method,
        fields: &Fields,
        client: &Client,
    ) -> Result<Option<Arc<str>>, Refusal> {
        let by_certificate = match &client.certificate {
            Some(identities) => rules.certificates.user(identities)?,
            None => None,
        };
        let Some(users) = &rules.users else {
            client.prove();
            return Ok(by_certificate);
        };
        let proxy = fields.get("proxy-authorization");
        let (sent, status, field) = match method {
            Method::Connect => (proxy, 407, "Proxy-Authenticate"),
            Method::Post { .. } | Method::WebSocket { .. } => (
                fields.get("authorization").or(proxy),
                401,
                "WWW-Authenticate",
            ),
        };
        let right = match sent.map(|value| users.check(value)) {
            Some(Checked::Right(user)) => Some(user),
            Some(Checked::Slow(slow)) => {
                // The turn is the computation's, which goes on when nobody waits for it any more.
                let patience = Deadline::after(self.shares.limits().auth_timeout);
                let turn = patience.run(self.verifying.clone().acquire_owned()).await;
                let Ok(Ok(turn)) = turn else {
                    let details = "too many passwords wait to be verified";
                    return Err(Refusal::new(ProxyError::ConnectionLimitReached, details));
                };
                let users = users.clone();
                let verified = tokio::task::spawn_blocking(move || {
                    let _turn = turn;
                    users.verify(&slow)
                });
                verified.await.ok().flatten()
            }
            Some(Checked::Wrong) | None => None,
        };
        if right.is_some() {
            client.prove();
            return Ok(right);
        }
        let details = match sent {
            Some(_) => "user name or password is wrong",
            None => "this proxy asks for a user name and password",
        };
        let challenge = "Basic realm=\"tuncat\", charset=\"UTF-8\"";
        Err(Refusal::new(ProxyError::HttpRequestDenied, details)
            .status(status)
            .field(field, challenge))
    }
}
