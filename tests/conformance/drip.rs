//! A wire that moves one byte at a time and is often not ready.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tuncat::wire::{Abort, Wire};

pub struct Drip<W> {
    inner: W,
    calls: u32,
}

impl<W> Drip<W> {
    pub fn new(inner: W) -> Self {
        Drip { inner, calls: 0 }
    }

    /// Every third call finds the wire not ready, and is asked to come again.
    fn not_ready(&mut self, cx: &mut Context<'_>) -> bool {
        self.calls += 1;
        if self.calls.is_multiple_of(3) {
            cx.waker().wake_by_ref();
            return true;
        }
        false
    }
}

impl<W: Wire> Wire for Drip<W> {
    fn abort(&mut self, reason: Abort) {
        self.inner.abort(reason);
    }

    fn tcp(&self) -> Option<&TcpStream> {
        self.inner.tcp()
    }
}

impl<W: Wire> AsyncRead for Drip<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.not_ready(cx) {
            return Poll::Pending;
        }
        let mut byte = [0];
        let room = buf.remaining().min(1);
        let mut one = ReadBuf::new(&mut byte[..room]);
        let result = Pin::new(&mut self.inner).poll_read(cx, &mut one);
        buf.put_slice(one.filled());
        result
    }
}

impl<W: Wire> AsyncWrite for Drip<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.not_ready(cx) {
            return Poll::Pending;
        }
        Pin::new(&mut self.inner).poll_write(cx, &data[..data.len().min(1)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.not_ready(cx) {
            return Poll::Pending;
        }
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.not_ready(cx) {
            return Poll::Pending;
        }
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
