//! One tunnel: a request stream after its success, DATA frames both ways.

use crate::carrier::h3::{code, frame, lost};
use crate::wire::{Abort, Wire};
use quinn::{Connection, RecvStream, SendStream};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets of one frame of ours.
const FRAME: usize = 64 * 1024;

/// How the tunnel was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Connect,
    Post,
}

/// The tunnels of a connection.
#[derive(Default)]
pub struct Tunnels {
    count: AtomicUsize,
    /// The other side took no more of them, and none has ended since.
    full: AtomicBool,
}

impl Tunnels {
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    pub fn are_all(&self) {
        self.full.store(true, Ordering::Release);
    }
}

/// A tunnel among those of a connection, as long as this is held.
pub struct Counted {
    tunnels: Arc<Tunnels>,
    /// A client's: the end of a control stream is the connection's (RFC 9114 §6.2.1).
    _control: Option<Arc<SendStream>>,
}

impl Counted {
    pub fn new(tunnels: &Arc<Tunnels>, control: Option<Arc<SendStream>>) -> Self {
        tunnels.count.fetch_add(1, Ordering::AcqRel);
        Counted {
            tunnels: tunnels.clone(),
            _control: control,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.tunnels.count.fetch_sub(1, Ordering::AcqRel);
        self.tunnels.full.store(false, Ordering::Release);
    }
}

pub struct Stream {
    kind: Kind,
    connection: Connection,
    send: SendStream,
    receive: RecvStream,
    /// Octets of the DATA frame that is being read.
    left: u64,
    /// What was read of a frame's head.
    head: Vec<u8>,
    /// Octets of a frame that is to be passed over.
    skip: u64,
    read_ended: bool,
    /// The head of the frame that is being written, as far as it is not; and the octets that it promises.
    promise: Vec<u8>,
    owed: usize,
    finished: bool,
    /// Done once the peer has acknowledged all of it, or wants no more.
    arrived: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    _counted: Counted,
}

impl Stream {
    pub fn new(
        kind: Kind,
        connection: Connection,
        (send, receive): (SendStream, RecvStream),
        counted: Counted,
    ) -> Self {
        Stream {
            kind,
            connection,
            send,
            receive,
            left: 0,
            head: Vec::new(),
            skip: 0,
            read_ended: false,
            promise: Vec::new(),
            owed: 0,
            finished: false,
            arrived: None,
            _counted: counted,
        }
    }

    fn give_up(&mut self, code: u32) {
        // They fail on a stream that is over already.
        if !self.finished {
            let _ = self.send.reset(code.into());
            self.finished = true;
        }
        if !self.read_ended {
            let _ = self.receive.stop(code.into());
            self.read_ended = true;
        }
    }

    fn wrong(&mut self, code: u32, why: &'static str) -> io::Error {
        super::connection::close(&self.connection, code, why);
        io::Error::new(io::ErrorKind::InvalidData, why)
    }

    /// Octets into `into`; 0 at the end of the stream.
    fn poll_octets(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let read = ready!(self.receive.poll_read(cx, into));
        Poll::Ready(read.map_err(|e| match e {
            quinn::ReadError::ConnectionLost(e) => lost(&e),
            other => frame::read_error(&other),
        }))
    }

    /// Reads on to the next DATA frame with something in it, or to the end.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.left == 0 && !self.read_ended {
            while self.skip > 0 {
                let mut scratch = [0; 1024];
                let most = scratch.len().min(self.skip as usize);
                match ready!(self.poll_octets(cx, &mut scratch[..most]))? {
                    0 => {
                        return Poll::Ready(Err(
                            self.wrong(code::FRAME_ERROR, "a frame is cut off")
                        ));
                    }
                    n => self.skip -= n as u64,
                }
            }
            let kind = self.head.first().map(|first| frame::length_of(*first));
            let whole =
                kind.and_then(|kind| Some((kind, kind + frame::length_of(*self.head.get(kind)?))));
            match whole {
                Some((kind, whole)) if self.head.len() == whole => {
                    let (kind, length) = self.head.split_at(kind);
                    let (kind, length) = (frame::value_of(kind), frame::value_of(length));
                    self.head.clear();
                    match kind {
                        frame::DATA => self.left = length,
                        // Only DATA after a CONNECT (RFC 9114 §4.4); trailers of a POST mean nothing to us.
                        frame::HEADERS if self.kind == Kind::Connect => {
                            let why = "a frame that has no place in a tunnel";
                            return Poll::Ready(Err(self.wrong(code::FRAME_UNEXPECTED, why)));
                        }
                        _ if frame::is_misplaced(kind) => {
                            let why = "a frame that has no place in a tunnel";
                            return Poll::Ready(Err(self.wrong(code::FRAME_UNEXPECTED, why)));
                        }
                        _ => self.skip = length,
                    }
                }
                _ => {
                    let mut octet = [0];
                    match ready!(self.poll_octets(cx, &mut octet))? {
                        0 if self.head.is_empty() => self.read_ended = true,
                        0 => {
                            let why = "a frame is cut off";
                            return Poll::Ready(Err(self.wrong(code::FRAME_ERROR, why)));
                        }
                        _ => self.head.push(octet[0]),
                    }
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what is left of a frame's head.
    fn poll_promise(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.promise.is_empty() {
            let written = ready!(Pin::new(&mut self.send).poll_write(cx, &self.promise));
            let written = written.map_err(|e| write_error(&e))?;
            self.promise.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

fn write_error(error: &quinn::WriteError) -> io::Error {
    match error {
        quinn::WriteError::Stopped(code) => {
            let name = super::name(code.into_inner());
            io::Error::new(
                io::ErrorKind::ConnectionReset,
                format!("STOP_SENDING {name}"),
            )
        }
        quinn::WriteError::ConnectionLost(error) => lost(error),
        other => io::Error::new(io::ErrorKind::BrokenPipe, other.to_string()),
    }
}

impl Drop for Stream {
    /// quinn ends a stream that is dropped, which would look like a clean end.
    fn drop(&mut self) {
        self.give_up(code::REQUEST_CANCELLED);
    }
}

impl Wire for Stream {
    fn abort(&mut self, reason: Abort) {
        let code = match (reason, self.kind) {
            (Abort::Cancel, _) => code::REQUEST_CANCELLED,
            (Abort::Connect, Kind::Connect) => code::CONNECT_ERROR,
            (Abort::Connect, Kind::Post) => code::INTERNAL_ERROR,
        };
        // Also where our end was said already: it may not have arrived.
        let _ = self.send.reset(code.into());
        self.finished = true;
        self.give_up(code);
    }

    fn broken(&mut self) -> Option<io::Error> {
        self.connection.close_reason().map(|reason| lost(&reason))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_head(cx))?;
        if this.read_ended {
            return Poll::Ready(Ok(()));
        }
        let most = usize::try_from(this.left).unwrap_or(usize::MAX);
        let room = buf.initialize_unfilled_to(buf.remaining().min(most));
        let read = ready!(this.poll_octets(cx, room))?;
        if read == 0 && !room_is_empty(buf) {
            return Poll::Ready(Err(this.wrong(code::FRAME_ERROR, "a frame is cut off")));
        }
        this.left -= read as u64;
        buf.advance(read);
        Poll::Ready(Ok(()))
    }
}

fn room_is_empty(buf: &ReadBuf<'_>) -> bool {
    buf.remaining() == 0
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if this.owed == 0 {
            this.owed = data.len().min(FRAME);
            frame::put(&mut this.promise, frame::DATA);
            frame::put(&mut this.promise, this.owed as u64);
        }
        ready!(this.poll_promise(cx))?;
        let data = &data[..data.len().min(this.owed)];
        let written = ready!(Pin::new(&mut this.send).poll_write(cx, data));
        let written = written.map_err(|e| write_error(&e))?;
        this.owed -= written;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Done when it has arrived: what ends with this process, or connection, would be lost otherwise.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.owed > 0 || !this.promise.is_empty() {
            // A frame was begun whose octets did not come: that is no end.
            this.give_up(code::INTERNAL_ERROR);
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if !std::mem::replace(&mut this.finished, true) && this.send.finish().is_err() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let arrived = match &mut this.arrived {
            Some(arrived) => arrived,
            None => {
                let stopped = this.send.stopped();
                this.arrived.insert(Box::pin(async move {
                    let _ = stopped.await;
                }))
            }
        };
        arrived.as_mut().poll(cx).map(Ok)
    }
}
