//! How one hop carries the bytes of a tunnel. This file is the registry: a carrier is a folder
//! beside it and an arm in each function here.

pub mod h1;

use crate::base::{Error, Target};
use crate::http::Refusal;
use crate::http::connect::ConnectRequest;
use crate::wire::BoxWire;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// A way of carrying a tunnel over a connection to a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// CONNECT on HTTP/1.1 (RFC 9110 §9.3.6).
    H1,
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Carrier::H1 => "h1",
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

/// Asks the proxy at the other end of `wire` for a tunnel.
///
/// The error knows its stage but neither hop nor peer.
pub async fn open(
    carrier: Carrier,
    wire: BoxWire,
    request: &ConnectRequest,
) -> Result<Opened, Error> {
    match carrier {
        Carrier::H1 => h1::client::open(wire, request).await,
    }
}

/// Where a terminator gets its connections to targets from.
pub trait Connector: Send + Sync {
    /// A wire to the target, or why there is none.
    fn connect<'a>(&'a self, target: &'a Target) -> Connecting<'a>;
}

pub type Connecting<'a> = Pin<Box<dyn Future<Output = Result<BoxWire, Refusal>> + Send + 'a>>;
