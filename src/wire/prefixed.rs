//! Octets that were read early come first.

use crate::wire::{Abort, Wire};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A wire with octets in front of those still to be read.
pub struct Prefixed<W> {
    /// Empty (and without memory of its own) once read.
    prefix: Vec<u8>,
    read: usize,
    inner: W,
}

impl<W> Prefixed<W> {
    pub fn new(prefix: Vec<u8>, inner: W) -> Self {
        Prefixed {
            prefix,
            read: 0,
            inner,
        }
    }
}

impl<W: Wire> Wire for Prefixed<W> {
    fn abort(&mut self, reason: Abort) {
        self.inner.abort(reason);
    }

    fn poll_absorb(&mut self, cx: &mut Context<'_>) {
        self.inner.poll_absorb(cx);
    }

    fn has_input(&self) -> bool {
        !self.prefix.is_empty() || self.inner.has_input()
    }

    fn broken(&mut self) -> Option<io::Error> {
        self.inner.broken()
    }

    fn tcp(&self) -> Option<&TcpStream> {
        self.inner.tcp()
    }

    fn is_raw(&self) -> bool {
        self.prefix.is_empty() && self.inner.is_raw()
    }

    fn let_go(&mut self) {
        self.inner.let_go();
    }
}

impl<W: Wire> AsyncRead for Prefixed<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.prefix.is_empty() {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        let rest = &self.prefix[self.read..];
        let n = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..n]);
        self.read += n;
        if self.read == self.prefix.len() {
            self.prefix = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<W: Wire> AsyncWrite for Prefixed<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
