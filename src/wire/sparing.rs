//! Nothing is read early.

use crate::wire::{Abort, Wire};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A wire that gives one octet a read, so that whoever looks for the end of a head leaves all that
/// follows it in the socket.
pub struct Sparing<W>(pub W);

impl<W: Wire> Wire for Sparing<W> {
    fn abort(&mut self, reason: Abort) {
        self.0.abort(reason);
    }

    fn poll_absorb(&mut self, cx: &mut Context<'_>) {
        self.0.poll_absorb(cx);
    }

    fn broken(&mut self) -> Option<io::Error> {
        self.0.broken()
    }

    fn has_input(&self) -> bool {
        self.0.has_input()
    }

    fn tcp(&self) -> Option<&TcpStream> {
        self.0.tcp()
    }

    fn is_raw(&self) -> bool {
        self.0.is_raw()
    }

    fn let_go(&mut self) {
        self.0.let_go();
    }
}

impl<W: Wire> AsyncRead for Sparing<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut octet = [0];
        let wanted = octet.len().min(buf.remaining());
        let mut one = ReadBuf::new(&mut octet[..wanted]);
        let polled = Pin::new(&mut self.0).poll_read(cx, &mut one);
        buf.put_slice(one.filled());
        polled
    }
}

impl<W: Wire> AsyncWrite for Sparing<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
