//! Requests that a proxy wants credentials for: the answer to its challenges, on the same connection where it stays open.

use crate::auth::{Asked, Challenge, Conversation, Failure, Scheme};
use crate::base::{Blame, Error, Kind, Result, Secret, Stage, Target};
use crate::carrier::Carrier;
use crate::carrier::refused::Refused;
use crate::dial::way::{OnHop, Way};
use crate::http::TunnelRequest;
use crate::wire::BoxWire;

/// One request of a hop, however often it has to be made.
pub struct Asking {
    conversation: Option<Conversation>,
    /// What goes with the next request.
    authorization: Option<Secret>,
    for_proxy: bool,
}

/// How to go on.
pub enum Again {
    /// On the connection that stayed open.
    On(BoxWire),
    Anew,
}

impl Way<'_> {
    /// Begins with what hop `n` is known to take.
    pub async fn asking(&self, n: usize, carrier: Carrier, target: &Target) -> Result<Asking> {
        let hop = &self.dialer.hops[n];
        let for_proxy = !carrier.is_of_origin();
        // What the user typed is sent as it is.
        if self.request(n, carrier, target)?.has_own_credentials() {
            return Ok(Asking {
                conversation: None,
                authorization: None,
                for_proxy,
            });
        }
        let asked = match carrier.is_of_origin() {
            false => Asked {
                method: "CONNECT".into(),
                uri: target.authority(),
            },
            true => Asked {
                method: carrier.method().into(),
                uri: hop.path.expand(target),
            },
        };
        let conversation = hop.login.begin(asked, carrier.is_http1());
        let waits = conversation.may_wait_first();
        let (conversation, first) = self.think(conversation, waits, Conversation::first).await?;
        let unusable = |why| Error::usage(format!("credentials for the proxy: {why}"));
        Ok(Asking {
            conversation: Some(conversation),
            authorization: first.map_err(unusable)?,
            for_proxy,
        })
    }

    /// What the refusal of a request means for the next one; the error where there is none. `reused` says that
    /// the request went out on a connection that an earlier one had used.
    pub async fn answer(
        &self,
        asking: &mut Asking,
        refused: Refused,
        reused: bool,
    ) -> Result<Again> {
        let Refused {
            error,
            challenges,
            wire,
        } = refused;
        let Some(mut conversation) = asking.conversation.take() else {
            return Err(hinted(error, &[], Failure::TurnedDown(Scheme::Basic)));
        };
        let Some(challenges) = challenges else {
            let closed = match error.kind() {
                Kind::CannotConnect => conversation.closed(reused),
                _ => None,
            };
            return match closed {
                None => Err(error),
                Some(Err(failure)) => Err(hinted(error, &[], failure)),
                Some(Ok(value)) => {
                    asking.authorization = Some(value);
                    asking.conversation = Some(conversation);
                    Ok(Again::Anew)
                }
            };
        };
        let waits = conversation.may_wait(&challenges);
        let same = wire.is_some();
        let offered = challenges.clone();
        let next = move |c: &mut Conversation| c.next(&offered, same);
        let (conversation, next) = self.think(conversation, waits, next).await?;
        match next {
            Ok(value) => {
                asking.for_proxy = error.answered().is_none_or(|a| a.status == 407);
                asking.authorization = Some(value);
                asking.conversation = Some(conversation);
                Ok(wire.map_or(Again::Anew, Again::On))
            }
            Err(failure) => Err(hinted(error, &challenges, failure)),
        }
    }

    /// Another connection to hop `n`, for HTTP/1.1.
    pub async fn reach_again(&mut self, n: usize, carrier: Carrier) -> Result<OnHop> {
        tracing::debug!("the proxy wants the request on another connection");
        // Boxed: the way to this hop may need the same at an earlier one.
        Box::pin(self.reach(n, &[carrier])).await
    }

    /// Lets the conversation go on, in a thread where it may have to wait.
    async fn think<T: Send + 'static>(
        &self,
        mut conversation: Conversation,
        waits: bool,
        step: impl FnOnce(&mut Conversation) -> T + Send + 'static,
    ) -> Result<(Conversation, T)> {
        if !waits {
            let done = step(&mut conversation);
            return Ok((conversation, done));
        }
        let thread = tokio::task::spawn_blocking(move || {
            let done = step(&mut conversation);
            (conversation, done)
        });
        match self.deadline.run(thread).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(_)) => Err(Error::internal("the authentication broke off")),
            Err(_) => Err(self
                .dialer
                .timeout(Stage::Request)
                .hint("Kerberos gives no answer: is its KDC reachable?")),
        }
    }
}

impl Asking {
    /// The request with what goes with it.
    pub fn sign(&self, request: TunnelRequest) -> TunnelRequest {
        TunnelRequest {
            authorization: self.authorization.clone(),
            for_proxy: self.for_proxy,
            ..request
        }
    }

    /// The tunnel is open.
    pub fn accepted(self) {
        if let Some(conversation) = self.conversation {
            conversation.accepted();
        }
    }
}

/// The same for a request that is no tunnel's.
pub fn unanswered(challenges: &[Challenge], failure: Failure) -> Error {
    let cause = "407 Proxy Authentication Required";
    let error = Error::new(Kind::ProxyAuth, Stage::Request, Blame::User, cause);
    hinted(error, challenges, failure)
}

/// The refusal, and what to do about it.
fn hinted(error: Error, challenges: &[Challenge], failure: Failure) -> Error {
    let mut names: Vec<&str> = challenges.iter().map(Challenge::name).collect();
    names.dedup();
    let offered = names.join(", ");
    match failure {
        Failure::NoMeans => error.hint(format!(
            "give a user with -U USER and a password (see --proxy-pass-file); it takes {offered}"
        )),
        Failure::TurnedDown(Scheme::Negotiate) => {
            error.hint("it does not accept the Kerberos ticket; ask which service name it has")
        }
        Failure::TurnedDown(Scheme::Bearer) => error.hint("it does not accept the token"),
        Failure::TurnedDown(Scheme::Basic) => error.hint("check user name and password"),
        Failure::TurnedDown(scheme) => {
            error.hint(format!("check user name and password (sent with {scheme})"))
        }
        Failure::NoScheme { .. } if challenges.is_empty() => {
            error.hint("the proxy does not say which scheme it wants")
        }
        Failure::NoScheme { reasons } if reasons.is_empty() => error.hint(format!(
            "it asks for {offered}; there are negotiate, ntlm, digest, basic and bearer"
        )),
        Failure::NoScheme { reasons } => {
            error.hint(format!("it asks for {offered}; {}", reasons.join("; ")))
        }
        Failure::NoEnd(scheme) => Error::new(
            Kind::ProxyAuth,
            Stage::Request,
            Blame::Proxy,
            format!("the proxy begins {scheme} and does not go on with it"),
        )
        .hint("try another scheme with --proxy-auth"),
        Failure::ClosesBetween(scheme) => Error::new(
            Kind::ProxyAuth,
            Stage::Request,
            Blame::Proxy,
            format!(
                "the proxy closes the connection between the steps of {scheme}, which needs one"
            ),
        )
        .hint(
            "try another scheme with --proxy-auth; something between may not keep connections open",
        ),
    }
}
