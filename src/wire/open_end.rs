//! An end that only those see who speak inside.

use crate::wire::{Abort, Wire};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A wire under TLS whose FIN would be taken for the end of both ways by something between: the close_notify that
/// was written says enough. The FIN leaves when the wire is dropped.
pub struct OpenEnd {
    wire: Box<dyn Wire>,
    ended: bool,
}

impl OpenEnd {
    pub fn new(wire: Box<dyn Wire>) -> Self {
        OpenEnd { wire, ended: false }
    }
}

impl Drop for OpenEnd {
    fn drop(&mut self) {
        if self.ended {
            self.wire.let_go();
        }
    }
}

impl Wire for OpenEnd {
    fn abort(&mut self, reason: Abort) {
        self.ended = false;
        self.wire.abort(reason);
    }

    fn poll_absorb(&mut self, cx: &mut Context<'_>) {
        self.wire.poll_absorb(cx);
    }

    fn broken(&mut self) -> Option<io::Error> {
        self.wire.broken()
    }

    fn has_input(&self) -> bool {
        self.wire.has_input()
    }

    fn tcp(&self) -> Option<&TcpStream> {
        self.wire.tcp()
    }
}

impl AsyncRead for OpenEnd {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_read(cx, buf)
    }
}

impl AsyncWrite for OpenEnd {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ended = true;
        Pin::new(&mut self.wire).poll_flush(cx)
    }
}
