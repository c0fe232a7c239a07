//! `echo:` sends back what it gets, and ends after its peer has ended.

use crate::wire::{Abort, Wire};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets on their way back, at most.
const CAPACITY: usize = 64 * 1024;

/// What is written can be read.
#[derive(Default)]
pub struct Echo {
    /// Without memory while nothing is on its way.
    held: Vec<u8>,
    read: usize,
    ended: bool,
    aborted: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

impl Wire for Echo {
    fn abort(&mut self, _reason: Abort) {
        self.aborted = true;
        wake(&mut self.reader);
        wake(&mut self.writer);
    }
}

impl AsyncRead for Echo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.aborted {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let rest = &self.held[self.read..];
        if rest.is_empty() {
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let n = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..n]);
        self.read += n;
        if self.read == self.held.len() {
            self.held = Vec::new();
            self.read = 0;
        }
        wake(&mut self.writer);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Echo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.aborted || self.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = CAPACITY - self.held.len();
        if room == 0 {
            self.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let n = room.min(data.len());
        self.held.extend_from_slice(&data[..n]);
        wake(&mut self.reader);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ended = true;
        wake(&mut self.reader);
        Poll::Ready(Ok(()))
    }
}
