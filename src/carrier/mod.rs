//! How one hop carries the bytes of a tunnel. This file is the registry: a carrier is a folder
//! beside it and an arm in each function here.

pub mod h1;
pub mod h2;
mod refused;

use crate::base::Target;
use crate::http::Refusal;
use crate::wire::BoxWire;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;

/// A way of carrying a tunnel over a connection to a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// CONNECT on HTTP/1.1 (RFC 9110 §9.3.6).
    H1,
    /// CONNECT on HTTP/2 (RFC 9113 §8.5).
    H2,
}

impl Carrier {
    /// The protocol's name in ALPN (RFC 7301).
    pub fn alpn(self) -> &'static str {
        match self {
            Carrier::H1 => "http/1.1",
            Carrier::H2 => "h2",
        }
    }
}

impl FromStr for Carrier {
    type Err = String;

    fn from_str(text: &str) -> Result<Carrier, String> {
        match text {
            "h1" => Ok(Carrier::H1),
            "h2" => Ok(Carrier::H2),
            "h3" | "h1-post" | "h2-post" | "h3-post" | "post" | "ws" | "auto" => {
                Err(format!("{text} is not supported yet; there are h1 and h2"))
            }
            _ => Err("there are h1 and h2".into()),
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Carrier::H1 => "h1",
            Carrier::H2 => "h2",
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
}

/// Where a terminator gets its connections to targets from.
pub trait Connector: Send + Sync {
    /// A wire to the target, or why there is none.
    fn connect<'a>(&'a self, target: &'a Target) -> Connecting<'a>;
}

pub type Connecting<'a> = Pin<Box<dyn Future<Output = Result<BoxWire, Refusal>> + Send + 'a>>;
