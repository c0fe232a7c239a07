//! `source:BYTES` sends that many octets of the pattern, then its end; what it gets is dropped.

use crate::base::pattern;
use crate::wire::{Abort, Wire};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub struct Source {
    sent: u64,
    total: u64,
}

impl Source {
    pub fn new(total: u64) -> Self {
        Source { sent: 0, total }
    }
}

impl Wire for Source {
    fn abort(&mut self, _reason: Abort) {}
}

impl AsyncRead for Source {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = usize::try_from(self.total - self.sent).unwrap_or(usize::MAX);
        let n = left.min(buf.remaining());
        pattern::fill(self.sent, buf.initialize_unfilled_to(n));
        buf.advance(n);
        self.sent += n as u64;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Source {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
