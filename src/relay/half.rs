//! One direction of a relay.

use crate::relay::buffers;
use crate::wire::Wire;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::ReadBuf;

/// Copies from a source to a sink until the source's end, which it passes on.
#[derive(Default)]
pub struct Half {
    /// Octets the sink took.
    pub count: u64,
    /// Keep the source's end back (the FIN waits).
    pub hold_end: bool,
    /// The sink's peer has ended: take what the source has ready, then end.
    pub end_when_idle: bool,
    /// The source was reset, as writing to it showed. That used its error up, so what looks like an
    /// end from now on is none.
    pub source_reset: bool,
    state: State,
    /// Octets read and not yet written. Only there while the sink does not take them.
    pending: Option<Pending>,
    unflushed: bool,
    /// No large buffers: a pipe takes no more at a time than a small one holds.
    pub small: bool,
    /// The last read brought a small buffer's worth.
    bulk: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Copying,
    /// The source has ended and the sink has everything but the end.
    AtEnd,
    Done,
    Failed,
}

struct Pending {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

/// What one poll led to.
pub enum Progress {
    Pending,
    /// The sink has everything, the end included.
    Done,
    ReadFailed(io::Error),
    WriteFailed(io::Error),
}

impl Half {
    /// The source has ended; its end may still be held back.
    pub fn at_end(&self) -> bool {
        matches!(self.state, State::AtEnd | State::Done)
    }

    /// Done, or failed.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Done | State::Failed)
    }

    /// Octets wait for the sink to take them.
    pub fn is_blocked(&self) -> bool {
        self.pending.is_some()
    }

    pub fn poll<S: Wire, D: Wire>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
        sink: &mut D,
    ) -> Progress {
        let progress = self.step(cx, source, sink);
        if let Progress::ReadFailed(_) | Progress::WriteFailed(_) = progress {
            self.state = State::Failed;
            if let Some(pending) = self.pending.take() {
                buffers::give_back(pending.buffer);
            }
        }
        progress
    }

    fn step<S: Wire, D: Wire>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
        sink: &mut D,
    ) -> Progress {
        loop {
            match self.state {
                State::Copying => {
                    match self.write(cx, sink) {
                        Poll::Ready(Ok(())) => {}
                        Poll::Ready(Err(e)) => return Progress::WriteFailed(e),
                        Poll::Pending => {
                            source.poll_absorb(cx);
                            return Progress::Pending;
                        }
                    }
                    match self.read(cx, source) {
                        Poll::Ready(Ok(0)) if self.source_reset => self.state = State::Failed,
                        Poll::Ready(Ok(0)) => self.state = State::AtEnd,
                        Poll::Ready(Ok(_)) => {}
                        Poll::Ready(Err(e)) => return Progress::ReadFailed(e),
                        Poll::Pending if self.end_when_idle && source.has_input() => {
                            cx.waker().wake_by_ref();
                            return self.flush(cx, sink);
                        }
                        Poll::Pending if self.end_when_idle => self.state = State::AtEnd,
                        Poll::Pending => return self.flush(cx, sink),
                    }
                }
                State::AtEnd if self.hold_end => return self.flush(cx, sink),
                State::AtEnd => match Pin::new(&mut *sink).poll_shutdown(cx) {
                    Poll::Ready(Ok(())) => self.state = State::Done,
                    Poll::Ready(Err(e)) => return Progress::WriteFailed(e),
                    Poll::Pending => return Progress::Pending,
                },
                State::Done => return Progress::Done,
                State::Failed => return Progress::Pending,
            }
        }
    }

    /// Writes what is pending.
    fn write<D: Wire>(&mut self, cx: &mut Context<'_>, sink: &mut D) -> Poll<io::Result<()>> {
        while let Some(pending) = &mut self.pending {
            let data = &pending.buffer[pending.start..pending.end];
            match Pin::new(&mut *sink).poll_write(cx, data) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(n)) => {
                    self.count += n as u64;
                    self.unflushed = true;
                    pending.start += n;
                    if pending.start == pending.end
                        && let Some(pending) = self.pending.take()
                    {
                        buffers::give_back(pending.buffer);
                    }
                }
                Poll::Ready(Err(e)) => return Poll::Ready(Err(e)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Fills `pending`, which is empty; the number of octets, 0 at the end.
    fn read<S: Wire>(&mut self, cx: &mut Context<'_>, source: &mut S) -> Poll<io::Result<usize>> {
        let mut buffer = buffers::take(self.bulk && !self.small);
        let mut read = ReadBuf::new(&mut buffer);
        let result = Pin::new(source).poll_read(cx, &mut read);
        let end = read.filled().len();
        match result {
            Poll::Ready(Ok(())) if end > 0 => {
                self.bulk = end >= buffers::BULK;
                self.pending = Some(Pending {
                    buffer,
                    start: 0,
                    end,
                });
            }
            _ => buffers::give_back(buffer),
        }
        result.map_ok(|()| end)
    }

    fn flush<D: Wire>(&mut self, cx: &mut Context<'_>, sink: &mut D) -> Progress {
        if self.unflushed {
            match Pin::new(sink).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(e)) => return Progress::WriteFailed(e),
                Poll::Pending => {}
            }
        }
        Progress::Pending
    }
}
