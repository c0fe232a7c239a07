//! How one hop carries the bytes of a tunnel. This file is the registry: a carrier is a folder
//! beside it and an arm in each function here.

mod greeting;
pub mod h1;
pub mod h2;
pub mod h3;
pub mod refused;
mod signature;
pub mod socks;
pub mod ws;

use crate::base::{Signature, Target};
use crate::http::{Field, Refusal};
use crate::wire::BoxWire;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::str::FromStr;
use std::time::Duration;

/// A way of carrying a tunnel over a connection to a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// CONNECT on HTTP/1.1 (RFC 9110 §9.3.6).
    H1,
    /// CONNECT on HTTP/2 (RFC 9113 §8.5).
    H2,
    /// The content of a POST and of its answer, on HTTP/1.1.
    H1Post,
    /// The same on HTTP/2.
    H2Post,
    /// CONNECT on HTTP/3 (RFC 9114 §4.4).
    H3,
    /// The content of a POST on HTTP/3.
    H3Post,
    /// WebSocket messages (RFC 6455), after an Upgrade on HTTP/1.1.
    H1Ws,
    /// The same in an extended CONNECT on HTTP/2 (RFC 8441).
    H2Ws,
    /// SOCKS 4 or 5: no HTTP at all. What the proxy's URL says, and never chosen.
    Socks,
}

/// An HTTP version with its own connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// One tunnel a connection.
    Http1,
    /// Sessions of many tunnels.
    Http2,
    /// Connections of many tunnels over QUIC.
    Http3,
    /// SOCKS, one tunnel a connection.
    Socks,
}

impl Version {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Version::Http1 => "HTTP/1.1",
            Version::Http2 => "HTTP/2",
            Version::Http3 => "HTTP/3",
            Version::Socks => "SOCKS",
        }
    }

    /// The protocol's name in ALPN (RFC 7301).
    pub fn alpn(self) -> &'static str {
        match self {
            Version::Http1 => "http/1.1",
            Version::Http2 => "h2",
            Version::Http3 => "h3",
            // There is none with TLS.
            Version::Socks => "socks",
        }
    }
}

impl Carrier {
    /// Those of HTTP that are there wherever a terminator is: what is measured and looked at unasked.
    pub const ALL: [Carrier; 4] = [Carrier::H1, Carrier::H2, Carrier::H1Post, Carrier::H2Post];

    /// `--via auto`: the order in which they are tried, the best one first.
    pub const LADDER: [Carrier; 7] = [
        Carrier::H3,
        Carrier::H2,
        Carrier::H1,
        Carrier::H2Post,
        Carrier::H1Post,
        Carrier::H1Ws,
        Carrier::H2Ws,
    ];

    /// That of a request with this method, as far as it is one of ours.
    pub fn of(method: &str, version: Version) -> Carrier {
        match (method, version) {
            ("POST", Version::Http3) => Carrier::H3Post,
            (_, Version::Http3) => Carrier::H3,
            ("POST", Version::Http2) => Carrier::H2Post,
            ("GET", Version::Http1) => Carrier::H1Ws,
            // None of ours, but for an origin as well.
            ("GET" | "HEAD", Version::Http2) => Carrier::H2Ws,
            (_, Version::Http2) => Carrier::H2,
            ("POST", _) => Carrier::H1Post,
            _ => Carrier::H1,
        }
    }

    pub fn version(self) -> Version {
        match self {
            Carrier::H1 | Carrier::H1Post | Carrier::H1Ws => Version::Http1,
            Carrier::H2 | Carrier::H2Post | Carrier::H2Ws => Version::Http2,
            Carrier::H3 | Carrier::H3Post => Version::Http3,
            Carrier::Socks => Version::Socks,
        }
    }

    /// Of its request.
    pub fn method(self) -> &'static str {
        match self {
            Carrier::H1Post | Carrier::H2Post | Carrier::H3Post => "POST",
            Carrier::H1Ws => "GET",
            Carrier::H1 | Carrier::H2 | Carrier::H3 | Carrier::H2Ws | Carrier::Socks => "CONNECT",
        }
    }

    pub fn is_http1(self) -> bool {
        self.version() == Version::Http1
    }

    pub fn is_quic(self) -> bool {
        self.version() == Version::Http3
    }

    pub fn is_post(self) -> bool {
        matches!(self, Carrier::H1Post | Carrier::H2Post | Carrier::H3Post)
    }

    pub fn is_websocket(self) -> bool {
        matches!(self, Carrier::H1Ws | Carrier::H2Ws)
    }

    /// At a path of an origin, as POST and WebSocket are.
    pub fn is_of_origin(self) -> bool {
        self.is_post() || self.is_websocket()
    }
}

impl FromStr for Carrier {
    type Err = String;

    fn from_str(text: &str) -> Result<Carrier, String> {
        let all = Carrier::ALL.into_iter().chain([
            Carrier::H1Ws,
            Carrier::H2Ws,
            Carrier::H3,
            Carrier::H3Post,
        ]);
        if let Some(known) = all.clone().find(|c| c.to_string() == text) {
            return Ok(known);
        }
        let names: Vec<String> = all.map(|c| c.to_string()).collect();
        let names = names.join(", ");
        Err(format!("there are auto, {names}"))
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Carrier::H1 => "h1",
            Carrier::H2 => "h2",
            Carrier::H1Post => "h1-post",
            Carrier::H2Post => "h2-post",
            Carrier::H3 => "h3",
            Carrier::H3Post => "h3-post",
            Carrier::H1Ws => "h1-ws",
            Carrier::H2Ws => "h2-ws",
            Carrier::Socks => "socks",
        })
    }
}

/// What is known of how a path treats the end of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HalfClose {
    /// The other direction lives on.
    Kept,
    /// Perhaps the whole tunnel is torn down, reply and all.
    Unknown,
}

impl HalfClose {
    /// Of a path that has this part and another.
    pub fn and(self, other: HalfClose) -> HalfClose {
        match (self, other) {
            (HalfClose::Kept, HalfClose::Kept) => HalfClose::Kept,
            _ => HalfClose::Unknown,
        }
    }
}

/// A tunnel that a proxy opened.
pub struct Opened {
    /// The bytes of the tunnel, those that came with the answer first.
    pub wire: BoxWire,
    pub half_close: HalfClose,
    /// The answer's status.
    pub status: u16,
    pub signature: Signature,
}

/// Where a terminator gets its connections to targets from.
pub trait Connector: Send + Sync {
    /// A connection to the target, or why there is none.
    fn connect<'a>(&'a self, errand: Errand<'a>) -> Connecting<'a>;
}

pub type Connecting<'a> = Pin<Box<dyn Future<Output = Result<Connected, Refusal>> + Send + 'a>>;

/// Where to, and for whom.
#[derive(Clone, Copy)]
pub struct Errand<'a> {
    pub target: &'a Target,
    /// Who the client proved to be.
    pub user: Option<&'a str>,
    /// The client's address, and ours as it sees it; nothing for a unix socket.
    pub client: Option<SocketAddr>,
    pub came_to: Option<SocketAddr>,
    /// What the request said of its way so far (RFC 9110 §7.6.3).
    pub via: &'a [Field],
}

/// A connection to a target.
pub struct Connected {
    pub wire: BoxWire,
    /// Of the target, or of the next proxy.
    pub address: Option<SocketAddr>,
    pub half_close: HalfClose,
    /// How long it took to resolve the name, and to connect.
    pub resolve: Duration,
    pub connect: Duration,
}

impl From<BoxWire> for Connected {
    /// Of something in this process, or on this machine.
    fn from(wire: BoxWire) -> Self {
        Connected {
            wire,
            address: None,
            half_close: HalfClose::Kept,
            resolve: Duration::ZERO,
            connect: Duration::ZERO,
        }
    }
}
