//! What it means that no tunnel was opened.

use crate::auth::Challenge;
use crate::base::{Blame, Error, Kind, Stage};
use crate::carrier::h2::broken;
use h2::Reason;

/// No tunnel.
pub struct NotOpened {
    pub error: Error,
    pub why: Why,
    /// What the proxy wants to be shown.
    pub challenges: Option<Vec<Challenge>>,
}

/// Whether the request may be sent once more (RFC 9113 §8.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The proxy certainly did not process it: this session is full, or so it seems.
    SessionFull,
    /// Nor here: this session takes no more requests.
    SessionEnds,
    /// It may have been processed; and this session takes no more requests.
    SessionBroke,
    /// What is at the other end has never said anything in HTTP/2.
    NotHttp2,
    /// It was answered, or cannot be sent at all.
    Final,
}

impl NotOpened {
    /// Another session would not help.
    pub fn for_good(error: Error) -> Self {
        NotOpened {
            error,
            why: Why::Final,
            challenges: None,
        }
    }

    /// A request that could not be sent: it did not reach the proxy.
    pub fn unsent(error: &h2::Error, spoken: bool) -> Self {
        let why = match is_ours(error) {
            true => Why::Final,
            false if spoken => Why::SessionEnds,
            false => Why::NotHttp2,
        };
        NotOpened {
            why,
            error: failed(error),
            challenges: None,
        }
    }

    /// A request that was sent and not answered. `spoken` says that the proxy has said something in HTTP/2
    /// in this session.
    pub fn unanswered(error: &h2::Error, spoken: bool) -> Self {
        let reason = error.reason().filter(|_| error.is_remote());
        let why = match reason {
            Some(Reason::REFUSED_STREAM) => Why::SessionFull,
            Some(Reason::NO_ERROR) if error.is_go_away() => Why::SessionEnds,
            _ if !spoken => Why::NotHttp2,
            _ if error.is_go_away() || error.is_io() => Why::SessionBroke,
            _ => Why::Final,
        };
        NotOpened {
            why,
            error: failed(error),
            challenges: None,
        }
    }
}

/// The request itself is one that HTTP/2 does not have.
fn is_ours(error: &h2::Error) -> bool {
    error.reason().is_none() && !error.is_io()
}

/// What an error before the answer means for the user.
pub fn failed(error: &h2::Error) -> Error {
    let new = |kind, cause: String| Error::new(kind, Stage::Request, Blame::Proxy, cause);
    if is_ours(error) {
        return Error::usage(format!("cannot ask for this over HTTP/2: {error}"))
            .hint("check the fields of -H");
    }
    if error.is_io() {
        let cause = "closed the connection before answering";
        return new(Kind::CannotConnect, cause.into())
            .hint("check that this proxy speaks HTTP/2; --via h1 asks over HTTP/1.1");
    }
    match error.reason() {
        Some(Reason::HTTP_1_1_REQUIRED) => new(
            Kind::Unsupported,
            "the proxy wants HTTP/1.1 for this".into(),
        )
        .hint("try --via h1"),
        Some(Reason::CONNECT_ERROR) => new(
            Kind::TargetUnreachable,
            "the proxy could not connect: CONNECT_ERROR".into(),
        ),
        Some(Reason::PROTOCOL_ERROR | Reason::FRAME_SIZE_ERROR) if !error.is_remote() => {
            new(Kind::NotHttp, format!("the answer is not HTTP/2 ({error})")).hint("try --via h1")
        }
        _ => new(
            Kind::Reset,
            format!("the request was ended: {}", broken(error)),
        ),
    }
}
