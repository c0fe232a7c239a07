//! TLS streams as wires: close_notify is the end, TCP's FIN alone is a truncation (RFC 8446 §6.1,
//! RFC 9112 §9.8).

use crate::wire::{Abort, Wire};
use std::io;
use std::task::Context;
use tokio::net::TcpStream;

/// The sides have types of their own and nothing else that differs.
macro_rules! wire {
    ($stream:path) => {
        impl<W: Wire> Wire for $stream {
            fn abort(&mut self, reason: Abort) {
                self.get_mut().0.abort(reason);
            }

            fn poll_absorb(&mut self, cx: &mut Context<'_>) {
                self.get_mut().0.poll_absorb(cx);
            }

            fn broken(&mut self) -> Option<io::Error> {
                self.get_mut().0.broken()
            }

            fn let_go(&mut self) {
                self.get_mut().0.let_go();
            }

            fn tcp(&self) -> Option<&TcpStream> {
                self.get_ref().0.tcp()
            }
        }
    };
}

wire!(tokio_rustls::client::TlsStream<W>);
wire!(tokio_rustls::server::TlsStream<W>);
