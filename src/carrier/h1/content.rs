//! The content of a POST and of its answer as one wire (RFC 9112 §7.1).
//!
//! The last chunk is FIN. A connection that ends before it was cut off. A wire that is dropped, or
//! aborted, resets the connection below, and so no last chunk is ever seen.

use crate::http::asked::Framing;
use crate::http::chunked::{ChunkError, Decoder, LAST_CHUNK, chunk_head};
use crate::wire::{Abort, BoxWire, Wire};
use socket2::SockRef;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Octets of one chunk that we send.
const CHUNK: usize = 64 * 1024;
/// Octets behind the content that are thrown away; a peer that sends more has itself to blame.
const SURPLUS: usize = 1024 * 1024;

/// How the content that comes in ends.
#[derive(Debug)]
pub enum Receiving {
    Chunked(Decoder),
    /// After so many octets more.
    Length(u64),
    /// With the connection: an answer that has neither.
    UntilClose,
    Over,
}

impl From<Framing> for Receiving {
    fn from(framing: Framing) -> Self {
        match framing {
            Framing::Chunked => Receiving::Chunked(Decoder::default()),
            Framing::Length(octets) => Receiving::Length(octets),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sending {
    Open,
    /// The last chunk is in `held` or gone.
    Ending,
    /// It is gone.
    Over,
}

/// A connection whose heads are done with.
pub struct Content {
    wire: BoxWire,
    receiving: Receiving,
    sending: Sending,
    /// Framed octets that were taken and that the connection has not; from `written` on.
    held: Vec<u8>,
    written: usize,
    /// Nothing more goes over the connection, and it knows.
    closed: bool,
    /// See [`Content::heeding_the_close`].
    heeds_close: bool,
    /// Some of our content went out after the peer's had ended.
    late: bool,
}

impl Content {
    /// What is sent is chunked.
    pub fn new(wire: BoxWire, receiving: Receiving) -> Self {
        Content {
            wire,
            receiving,
            sending: Sending::Open,
            held: Vec::new(),
            written: 0,
            closed: false,
            heeds_close: false,
            late: false,
        }
    }

    /// For a client: whoever closes the connection after an answer that has its own end, and before the
    /// end of the request, takes no more of it. nginx does that; what we send it is lost.
    pub fn heeding_the_close(mut self) -> Self {
        self.heeds_close = true;
        self
    }

    /// Nobody takes the rest of our content.
    fn is_abandoned(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.heeds_close || !matches!(self.receiving, Receiving::Over) {
            return false;
        }
        let mut octet = [0];
        let mut octet = ReadBuf::new(&mut octet);
        match Pin::new(&mut self.wire).poll_read(cx, &mut octet) {
            Poll::Ready(Ok(())) => octet.filled().is_empty(),
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        }
    }

    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.held.len() {
            let rest = &self.held[self.written..];
            match ready!(Pin::new(&mut self.wire).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.written += n,
            }
        }
        // An idle tunnel owns no buffer.
        self.held = Vec::new();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Both contents are over: the connection ends as it should. Before, a FIN would tell many
    /// proxies that we have gone away.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let over = matches!(self.receiving, Receiving::Over) && self.sending == Sending::Over;
        if over && !self.closed {
            // Both sides have all they wait for, whatever becomes of the connection.
            let _ = ready!(Pin::new(&mut self.wire).poll_shutdown(cx));
            self.closed = true;
        }
        Poll::Ready(Ok(()))
    }
}

/// Takes the framing out of what was read into `octets`: the content's length, and whether that was
/// all. No octets are the end of the connection.
fn content(receiving: &mut Receiving, octets: &mut [u8]) -> io::Result<(usize, bool)> {
    let ended = octets.is_empty();
    Ok(match receiving {
        Receiving::Over => (0, true),
        Receiving::UntilClose => (octets.len(), ended),
        Receiving::Chunked(_) | Receiving::Length(_) if ended => {
            let text = "the content was cut off before its end";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        Receiving::Chunked(decoder) => {
            let content = decoder.compact(octets).map_err(wrong)?;
            (content, decoder.is_over())
        }
        Receiving::Length(left) => {
            let content = octets
                .len()
                .min(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= content as u64;
            (content, *left == 0)
        }
    })
}

fn wrong(error: ChunkError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

impl Wire for Content {
    fn abort(&mut self, reason: Abort) {
        self.closed = true;
        self.wire.abort(reason);
    }

    fn poll_absorb(&mut self, cx: &mut Context<'_>) {
        self.wire.poll_absorb(cx);
    }

    fn has_input(&self) -> bool {
        self.wire.has_input()
    }

    fn broken(&mut self) -> Option<io::Error> {
        self.wire.broken()
    }

    fn tcp(&self) -> Option<&TcpStream> {
        self.wire.tcp()
    }
}

impl AsyncRead for Content {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        // Found behind content that was given before.
        if let Receiving::Chunked(decoder) = &this.receiving
            && let Some(error) = decoder.error()
        {
            return Poll::Ready(Err(wrong(error)));
        }
        loop {
            match this.receiving {
                Receiving::Over => return this.poll_close(cx),
                Receiving::Length(0) => this.receiving = Receiving::Over,
                _ => {
                    ready!(Pin::new(&mut this.wire).poll_read(cx, buf))?;
                    let read = &mut buf.filled_mut()[before..];
                    let (length, over) = content(&mut this.receiving, read)?;
                    buf.set_filled(before + length);
                    if over {
                        this.receiving = Receiving::Over;
                    }
                    if length > 0 {
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }
}

impl AsyncWrite for Content {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.sending != Sending::Open {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if this.is_abandoned(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        ready!(this.poll_held(cx))?;
        let data = &data[..data.len().min(CHUNK)];
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        this.late |= matches!(this.receiving, Receiving::Over);
        let head = chunk_head(data.len());
        let parts = [head.as_bytes(), data, b"\r\n"];
        if !this.wire.is_write_vectored() {
            // One write for all of it, not one for each part.
            this.held = parts.concat();
            return match this.poll_held(cx) {
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                _ => Poll::Ready(Ok(data.len())),
            };
        }
        let written =
            ready!(Pin::new(&mut this.wire).poll_write_vectored(cx, &parts.map(IoSlice::new)))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        // The chunk has begun with its size, so all of it has to follow: the rest is kept.
        let mut skip = written;
        for part in parts {
            let rest = &part[skip.min(part.len())..];
            skip = skip.saturating_sub(part.len());
            this.held.extend_from_slice(rest);
        }
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_held(cx))?;
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.sending == Sending::Open {
            if self.late && self.is_abandoned(cx) {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            ready!(self.poll_held(cx))?;
            self.held.extend_from_slice(LAST_CHUNK);
            self.sending = Sending::Ending;
        }
        match ready!(self.as_mut().poll_flush(cx)) {
            Ok(()) => {}
            // Its own content is whole, and all of ours had gone but for the end, which nobody waits
            // for any more.
            Err(_) if matches!(self.receiving, Receiving::Over) => self.closed = true,
            Err(error) => return Poll::Ready(Err(error)),
        }
        self.sending = Sending::Over;
        self.poll_close(cx)
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        if self.sending == Sending::Over && !self.closed {
            // All that we had to say has been said: no abort.
            let mut cx = Context::from_waker(Waker::noop());
            let _ = Pin::new(&mut self.wire).poll_shutdown(&mut cx);
        }
        if let (Receiving::Over, Some(tcp)) = (&self.receiving, self.wire.tcp()) {
            discard(tcp);
        }
    }
}

/// Throws away what has come behind the content. Closing with it unread would reset the connection
/// (RFC 9112 §9.6), and what the peer has not got yet would be lost.
fn discard(tcp: &TcpStream) {
    let socket = SockRef::from(tcp);
    let mut scratch = [MaybeUninit::uninit(); 4096];
    for _ in 0..SURPLUS / scratch.len() {
        match socket.recv(&mut scratch) {
            Ok(1..) => {}
            _ => return,
        }
    }
}
