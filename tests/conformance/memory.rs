//! A wire in memory that notes what is done to it and fails when told to.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tuncat::wire::{Abort, Wire};

/// What was done to a wire.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<(Option<Abort>, bool)>>);

impl Notes {
    pub fn aborted(&self) -> Option<Abort> {
        self.0.lock().expect("notes").0
    }

    /// Its sending half was shut down.
    pub fn ended(&self) -> bool {
        self.0.lock().expect("notes").1
    }
}

/// After so many bytes, this error.
pub type Fault = Option<(usize, ErrorKind)>;

pub struct Memory {
    io: DuplexStream,
    notes: Notes,
    read_fault: Fault,
    write_fault: Fault,
    /// What was taken and not yet passed on, where that is how it works.
    held: Option<Vec<u8>>,
}

impl Memory {
    /// The wire, the other end of it, and the notes on it. At most `room` bytes are on their way in each direction.
    pub fn new(room: usize) -> (Memory, DuplexStream, Notes) {
        let (io, other) = tokio::io::duplex(room);
        let notes = Notes::default();
        let memory = Memory {
            io,
            notes: notes.clone(),
            read_fault: None,
            write_fault: None,
            held: None,
        };
        (memory, other, notes)
    }

    /// Takes everything at once and passes it on when it is flushed, as TLS may.
    pub fn holds_back(mut self) -> Self {
        self.held = Some(Vec::new());
        self
    }

    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(held) = self.held.as_mut().filter(|held| !held.is_empty()) {
            let n = ready!(Pin::new(&mut self.io).poll_write(cx, held))?;
            held.drain(..n);
        }
        Poll::Ready(Ok(()))
    }

    pub fn fails_reading(mut self, after: usize, kind: ErrorKind) -> Self {
        self.read_fault = Some((after, kind));
        self
    }

    pub fn fails_writing(mut self, after: usize, kind: ErrorKind) -> Self {
        self.write_fault = Some((after, kind));
        self
    }
}

impl Wire for Memory {
    fn abort(&mut self, reason: Abort) {
        self.notes.0.lock().expect("notes").0 = Some(reason);
    }
}

impl AsyncRead for Memory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut piece = [0; 16 * 1024];
        let room = buf.remaining().min(piece.len());
        let room = match self.read_fault {
            Some((0, kind)) => return Poll::Ready(Err(kind.into())),
            Some((left, _)) => left.min(room),
            None => room,
        };
        let mut part = ReadBuf::new(&mut piece[..room]);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut part))?;
        let n = part.filled().len();
        buf.put_slice(part.filled());
        if let Some((left, _)) = &mut self.read_fault {
            *left -= n;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Memory {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(held) = &mut self.held {
            held.extend_from_slice(data);
            return Poll::Ready(Ok(data.len()));
        }
        let left = match self.write_fault {
            Some((0, kind)) => return Poll::Ready(Err(kind.into())),
            Some((left, _)) => left.min(data.len()),
            None => data.len(),
        };
        let n = ready!(Pin::new(&mut self.io).poll_write(cx, &data[..left]))?;
        if let Some((left, _)) = &mut self.write_fault {
            *left -= n;
        }
        Poll::Ready(Ok(n))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_held(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.notes.0.lock().expect("notes").1 = true;
        ready!(self.poll_held(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
