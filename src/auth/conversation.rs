//! One authentication: a request, the challenges it met, the request again (RFC 9110 §11.2 ff.).

use crate::auth::digest::Digest;
use crate::auth::login::{Login, Means, Memory};
use crate::auth::negotiate::Negotiate;
use crate::auth::{Challenge, Scheme, basic, ntlm};
use crate::base::{Credentials, Secret};
use std::borrow::Cow;
use std::sync::Arc;

/// Requests with credentials for one tunnel, at most; Negotiate may take several (RFC 4559 §5).
const LEGS: usize = 4;

/// The request, as Digest hashes it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: Cow<'static, str>,
    /// The request target: `host:port` of a CONNECT (RFC 9112 §3.2.3), the path of a POST.
    pub uri: String,
}

/// Where one authentication stands. No I/O, but for what the system's Kerberos does.
pub struct Conversation {
    login: Arc<Login>,
    asked: Asked,
    http1: bool,
    state: State,
    legs: usize,
    /// It began anew because the proxy had closed between two legs.
    restarted: bool,
}

enum State {
    /// Nothing was shown yet.
    Fresh,
    /// All was shown; what comes is the verdict. `remembered` if it was shown without being asked for.
    Shown {
        scheme: Scheme,
        remembered: bool,
    },
    Digest {
        digest: Digest,
        remembered: bool,
        stale: bool,
    },
    /// The server's challenge is to come.
    Ntlm,
    Negotiate(Negotiate),
}

/// Why there is nothing to answer a proxy with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It wants credentials, and there are none.
    NoMeans,
    /// What was shown is not accepted.
    TurnedDown(Scheme),
    /// None of what it offers can be done; why, where it is known.
    NoScheme { reasons: Vec<String> },
    /// The proxy does not go on with what it began.
    NoEnd(Scheme),
    /// The proxy closes the connection between two legs of a scheme that needs it.
    ClosesBetween(Scheme),
}

impl Conversation {
    pub(super) fn new(login: Arc<Login>, asked: Asked, http1: bool) -> Self {
        Conversation {
            login,
            asked,
            http1,
            state: State::Fresh,
            legs: 0,
            restarted: false,
        }
    }

    /// What goes with the first request: what the user fixed, or what the proxy took before.
    pub fn first(&mut self) -> Result<Option<Secret>, String> {
        if let Means::Fixed(value) = &self.login.means {
            return Ok(Some(value.clone()));
        }
        let fixed = match self.login.allowed[..] {
            [scheme @ (Scheme::Basic | Scheme::Bearer)] => Some(scheme),
            _ => None,
        };
        let memory = std::mem::take(&mut *self.login.memory());
        let remembered = match memory {
            Memory::Nothing => fixed,
            Memory::Scheme(scheme) => {
                *self.login.memory() = Memory::Scheme(scheme);
                Some(scheme)
            }
            Memory::Digest(digest) => return self.with_digest(digest, true).map(Some),
        };
        match remembered {
            Some(scheme) if scheme.is_of_connection() && !self.http1 => Ok(None),
            Some(scheme) if !scheme.is_of_connection() && self.who().is_none() => Ok(None),
            Some(scheme) => self.begin_with(scheme, true).map(Some),
            None => Ok(None),
        }
    }

    /// What answers a 407 (or 401) with these challenges. `same` says that its connection goes on.
    ///
    /// May wait for a KDC where [`Conversation::may_wait`] says so.
    pub fn next(&mut self, challenges: &[Challenge], same: bool) -> Result<Secret, Failure> {
        self.legs += 1;
        let state = std::mem::replace(&mut self.state, State::Fresh);
        let offered = |scheme: Scheme| {
            let name = scheme.name().to_ascii_lowercase();
            challenges.iter().find(move |c| c.scheme == name)
        };
        match state {
            State::Fresh if matches!(self.login.means, Means::Fixed(_)) => {
                Err(self.turned_down(Scheme::Basic))
            }
            State::Fresh => self.choose(challenges),
            // It may have forgotten what it knew; that is no verdict yet.
            State::Shown {
                remembered: true, ..
            }
            | State::Digest {
                remembered: true, ..
            } => {
                *self.login.memory() = Memory::Nothing;
                self.choose(challenges)
            }
            State::Shown { scheme, .. } => Err(self.turned_down(scheme)),
            State::Digest { stale, .. } => {
                let fresh = best_digest(challenges).filter(|c| Digest::is_stale(c) && !stale);
                match fresh.map(Digest::new) {
                    Some(Ok(digest)) => {
                        let value = self.with_digest(digest, false);
                        if let State::Digest { stale, .. } = &mut self.state {
                            *stale = true;
                        }
                        value.map_err(|why| Failure::NoScheme { reasons: vec![why] })
                    }
                    _ => Err(self.turned_down(Scheme::Digest)),
                }
            }
            State::Ntlm => {
                let token = offered(Scheme::Ntlm).and_then(|c| c.token68.as_deref());
                let (Some(token), Some(who)) = (token, self.who()) else {
                    return self.again(Scheme::Ntlm, challenges);
                };
                if !same {
                    return self.again(Scheme::Ntlm, challenges);
                }
                let value = ntlm::answer(token, who);
                self.state = State::Shown {
                    scheme: Scheme::Ntlm,
                    remembered: false,
                };
                value.map_err(|why| Failure::NoScheme { reasons: vec![why] })
            }
            State::Negotiate(mut negotiate) => {
                let token = offered(Scheme::Negotiate).and_then(|c| c.token68.as_deref());
                let Some(token) = token else {
                    return Err(self.turned_down(Scheme::Negotiate));
                };
                if !same {
                    return self.again(Scheme::Negotiate, challenges);
                }
                if self.legs >= LEGS {
                    return Err(Failure::NoEnd(Scheme::Negotiate));
                }
                let value = negotiate.step(Some(token));
                self.state = State::Negotiate(negotiate);
                value.map_err(|why| Failure::NoScheme { reasons: vec![why] })
            }
        }
    }

    /// The connection was closed after credentials had gone out on it, without an answer: the value for
    /// another one, if that can help. `reused` says that an earlier request had gone out on it: then it may
    /// have been closed before ours came (RFC 9112 §9.3.1).
    pub fn closed(&mut self, reused: bool) -> Option<Result<Secret, Failure>> {
        match &self.state {
            State::Ntlm
            | State::Shown {
                scheme: Scheme::Ntlm,
                ..
            } => Some(self.again(Scheme::Ntlm, &[])),
            State::Negotiate(_) => Some(self.again(Scheme::Negotiate, &[])),
            State::Fresh => None,
            _ if !reused || std::mem::replace(&mut self.restarted, true) => None,
            State::Shown { scheme, .. } => self.begin_with(*scheme, false).ok().map(Ok),
            State::Digest { .. } => match std::mem::replace(&mut self.state, State::Fresh) {
                State::Digest { digest, .. } => self.with_digest(digest, false).ok().map(Ok),
                _ => None,
            },
        }
    }

    /// What was given last is not all: the same connection is needed for the rest.
    pub fn has_more(&self) -> bool {
        matches!(self.state, State::Ntlm)
    }

    /// The tunnel is open.
    pub fn accepted(self) {
        let memory = match self.state {
            State::Fresh => return,
            State::Shown { scheme, .. } => Memory::Scheme(scheme),
            State::Digest { digest, .. } => Memory::Digest(digest),
            State::Ntlm => Memory::Scheme(Scheme::Ntlm),
            State::Negotiate(_) => Memory::Scheme(Scheme::Negotiate),
        };
        *self.login.memory() = memory;
    }

    /// The next value may have to wait for a KDC.
    pub fn may_wait(&self, challenges: &[Challenge]) -> bool {
        let offered = challenges.iter().any(|c| c.scheme == "negotiate");
        offered && self.http1 && self.login.may(Scheme::Negotiate)
    }

    /// The first value may.
    pub fn may_wait_first(&self) -> bool {
        matches!(*self.login.memory(), Memory::Scheme(Scheme::Negotiate))
    }

    fn who(&self) -> Option<&Credentials> {
        match &self.login.means {
            Means::Password(who) => Some(who),
            _ => None,
        }
    }

    fn turned_down(&self, scheme: Scheme) -> Failure {
        self.login.turn_down();
        Failure::TurnedDown(scheme)
    }

    /// Begins with the same scheme once more, on another connection.
    fn again(&mut self, scheme: Scheme, challenges: &[Challenge]) -> Result<Secret, Failure> {
        if std::mem::replace(&mut self.restarted, true) {
            return Err(match challenges.is_empty() {
                true => Failure::ClosesBetween(scheme),
                false => Failure::NoEnd(scheme),
            });
        }
        let value = self.begin_with(scheme, false);
        value.map_err(|why| Failure::NoScheme { reasons: vec![why] })
    }

    /// The strongest scheme that is offered, allowed and possible here.
    fn choose(&mut self, challenges: &[Challenge]) -> Result<Secret, Failure> {
        let mut reasons = Vec::new();
        let mut wants_user = false;
        for scheme in Scheme::ALL {
            let name = scheme.name().to_ascii_lowercase();
            if !challenges.iter().any(|c| c.scheme == name) {
                continue;
            }
            if !self.login.may(scheme) {
                reasons.push(match scheme {
                    Scheme::Bearer => "Bearer is only used with --proxy-auth bearer".into(),
                    _ => format!("{scheme} is not among those of --proxy-auth"),
                });
                continue;
            }
            if scheme.is_of_connection() && !self.http1 {
                reasons.push(format!("{scheme} needs HTTP/1.1 (--via h1)"));
                continue;
            }
            match scheme {
                // A ticket stands for the user of this machine, not for one that was named.
                Scheme::Negotiate if self.who().is_some() && self.login.allowed.is_empty() => {
                    reasons.push("Negotiate takes a ticket, not a password".into());
                    continue;
                }
                Scheme::Negotiate => {}
                _ if self.who().is_none() => {
                    wants_user = true;
                    continue;
                }
                _ => {}
            }
            let begun = match scheme {
                Scheme::Digest => self.begin_digest(challenges),
                _ => self.begin_with(scheme, false),
            };
            match begun {
                Ok(value) => return Ok(value),
                Err(why) => reasons.push(format!("{scheme}: {why}")),
            }
        }
        Err(match wants_user && reasons.is_empty() {
            true => Failure::NoMeans,
            false => Failure::NoScheme { reasons },
        })
    }

    fn begin_digest(&mut self, challenges: &[Challenge]) -> Result<Secret, String> {
        let challenge = best_digest(challenges).ok_or("it is not offered")?;
        let digest = Digest::new(challenge)?;
        self.with_digest(digest, false)
    }

    fn with_digest(&mut self, mut digest: Digest, remembered: bool) -> Result<Secret, String> {
        let who = self.who().ok_or("no user is named")?;
        let value = digest.authorization(who, &self.asked)?;
        self.state = State::Digest {
            digest,
            remembered,
            stale: false,
        };
        Ok(value)
    }

    /// The first value of a scheme that needs no challenge for it.
    fn begin_with(&mut self, scheme: Scheme, remembered: bool) -> Result<Secret, String> {
        let shown = State::Shown { scheme, remembered };
        let who = self.who().ok_or("no user is named");
        let (state, value) = match scheme {
            Scheme::Basic => (shown, basic::authorization(who?)?),
            Scheme::Bearer => {
                let token = who?.password.as_ref().map_or("", |p| p.expose());
                (shown, Secret::new(format!("Bearer {token}")))
            }
            Scheme::Ntlm => (State::Ntlm, ntlm::begin()?),
            Scheme::Negotiate => {
                let mut negotiate = Negotiate::new(&self.login.host)?;
                let value = negotiate.step(None)?;
                (State::Negotiate(negotiate), value)
            }
            Scheme::Digest => return Err("it needs a challenge".into()),
        };
        self.state = state;
        Ok(value)
    }
}

fn best_digest(challenges: &[Challenge]) -> Option<&Challenge> {
    let digests = challenges.iter().filter(|c| c.scheme == "digest");
    // The first of the best; one that cannot be answered is not chosen over one that can.
    let usable = digests.filter(|c| Digest::new(c).is_ok());
    usable.rev().max_by_key(|c| Digest::rank(c))
}
