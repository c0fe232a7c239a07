//! Both sides of a tunnel as hyper has them: octets that count, and ends that can be told apart.

use crate::accept::ledger::Tunnel;
use crate::relay::{Watch, drain};
use crate::wire::{Abort, BoxWire, Wire};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Handle;

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

/// A client's side of a tunnel. Where it is given up without its end, what was written before still arrives, and then
/// that it broke.
pub struct Near {
    wire: Option<BoxWire>,
    ended: bool,
}

impl Near {
    pub fn new(wire: BoxWire) -> Self {
        Near {
            wire: Some(wire),
            ended: false,
        }
    }

    /// The wire itself, for whoever knows how to end it.
    pub fn take(mut self) -> Option<BoxWire> {
        self.wire.take()
    }

    fn wire(&mut self) -> io::Result<Pin<&mut BoxWire>> {
        let wire = self.wire.as_mut().map(Pin::new);
        wire.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for Near {
    fn drop(&mut self) {
        if let Some(mut wire) = self.wire.take().filter(|_| !self.ended)
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(async move {
                drain::sent(&mut wire).await;
                wire.abort(Abort::Connect);
            });
        }
    }
}

impl AsyncRead for Near {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.wire()?.poll_read(cx, buf)
    }
}

impl AsyncWrite for Near {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.wire()?.poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.wire()?.poll_shutdown(cx))?;
        self.ended = true;
        Poll::Ready(Ok(()))
    }
}
