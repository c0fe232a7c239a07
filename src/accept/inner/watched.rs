//! A wire whose octets count for a tunnel.

use crate::accept::ledger::Tunnel;
use crate::relay::Watch;
use crate::wire::BoxWire;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection to a target.
pub struct Watched {
    pub wire: BoxWire,
    pub tunnel: Arc<Tunnel>,
}

/// Counts on from what a tunnel has carried already.
pub struct Beyond {
    tunnel: Arc<Tunnel>,
    before: (u64, u64),
}

impl Beyond {
    pub fn new(tunnel: Arc<Tunnel>) -> Self {
        let before = tunnel.bytes();
        Beyond { tunnel, before }
    }
}

impl Watch for Beyond {
    fn moved(&self, to_far: u64, to_near: u64) {
        let (to, from) = self.before;
        self.tunnel.moved(to + to_far, from + to_near);
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.wire).poll_read(cx, buf))?;
        self.tunnel.add(0, buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.wire).poll_write(cx, data))?;
        self.tunnel.add(written, 0);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}
