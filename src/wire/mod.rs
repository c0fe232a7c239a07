//! The one stream type. Whatever carries bytes (a socket, TLS, an HTTP tunnel, stdio, a built-in
//! target) is a [`Wire`], and every wire keeps the same contract, so that layers above never ask
//! what is below.

pub mod deadline;
pub mod handover;
mod open_end;
pub mod prefixed;
pub mod socket;
pub mod sparing;
pub mod stdio;
pub mod tls;

pub use deadline::Deadline;
pub use open_end::OpenEnd;
pub use prefixed::Prefixed;
pub use socket::Socket;
pub use sparing::Sparing;

use std::io;
use std::task::Context;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A bidirectional byte stream with half-close.
///
/// - A read of 0 octets means a clean end only (FIN, close_notify, …). A reset is an error of kind
///   `ConnectionReset`, an end that was not announced one of kind `UnexpectedEof`.
/// - `poll_shutdown` ends our half only; reading goes on.
/// - Dropping a wire whose sending half was not shut down aborts it: the peer must not see a clean
///   end. (A unix socket has no way to say so; there the peer sees an end.)
/// - Octets that arrived early come first.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {
    /// Ends both directions, when the wire is dropped at the latest, so that the peer cannot take it
    /// for a clean end. Data not yet delivered may be lost.
    fn abort(&mut self, reason: Abort);

    /// Takes in what has arrived although nobody reads it yet, within the wire's own bound, and arranges
    /// to be woken for more. For wires that share a connection with others.
    fn poll_absorb(&mut self, _cx: &mut Context<'_>) {}

    /// How the wire broke, where that shows without reading what is left in it. To be asked when the
    /// wire is about to be given up: it may be the only time that this is told.
    fn broken(&mut self) -> Option<io::Error> {
        None
    }

    /// Octets are there although a read was pending: the runtime has not looked yet, or wanted
    /// others to have their turn.
    fn has_input(&self) -> bool {
        false
    }

    /// The TCP connection that carries this wire and nothing else.
    fn tcp(&self) -> Option<&TcpStream> {
        None
    }

    /// The octets on [`Wire::tcp`] are exactly the wire's and none was read ahead, so the socket
    /// may be given to somebody else instead.
    fn is_raw(&self) -> bool {
        false
    }

    /// Somebody else has [`Wire::tcp`] too and goes on with it: dropping this wire ends nothing.
    fn let_go(&mut self) {}
}

pub type BoxWire = Box<dyn Wire>;

impl Wire for BoxWire {
    fn abort(&mut self, reason: Abort) {
        (**self).abort(reason);
    }

    fn poll_absorb(&mut self, cx: &mut Context<'_>) {
        (**self).poll_absorb(cx);
    }

    fn broken(&mut self) -> Option<io::Error> {
        (**self).broken()
    }

    fn has_input(&self) -> bool {
        (**self).has_input()
    }

    fn tcp(&self) -> Option<&TcpStream> {
        (**self).tcp()
    }

    fn is_raw(&self) -> bool {
        (**self).is_raw()
    }

    fn let_go(&mut self) {
        (**self).let_go();
    }
}

/// Why a wire is aborted; carriers with reset codes tell the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abort {
    /// We no longer want it.
    Cancel,
    /// The connection at the other end of the tunnel broke.
    Connect,
}

/// How a wire broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// The peer, or something on the way, reset it.
    Reset,
    /// It ended without saying so.
    Truncated,
    /// The path died: keepalive or retransmission gave up.
    Timeout,
    Other,
}

impl Break {
    pub fn of(error: &io::Error) -> Break {
        match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Break::Reset,
            io::ErrorKind::UnexpectedEof => Break::Truncated,
            io::ErrorKind::TimedOut
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable => Break::Timeout,
            _ => Break::Other,
        }
    }
}
