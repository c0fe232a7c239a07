//! One tunnel: a stream after its 2xx.

use crate::carrier::h2::load::Slot;
use crate::carrier::h2::outgoing::Outgoing;
use crate::carrier::h2::{STREAM_WINDOW, broken};
use crate::wire::{Abort, Wire};
use bytes::{Buf, Bytes, BytesMut};
use h2::{Reason, RecvStream, SendStream};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets of one write: a frame's worth, so that tunnels take turns.
const CHUNK: usize = 64 * 1024;

/// How the tunnel was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Connect,
    Post,
}

/// A stream as a wire.
pub struct Stream {
    kind: Kind,
    /// The peer is a client of ours.
    served: bool,
    send: SendStream<Bytes>,
    receive: RecvStream,
    /// Arrived and not read; their credit is withheld, so no more than [`STREAM_WINDOW`].
    inbox: BytesMut,
    /// How receiving ended, once it has: cleanly or not.
    ended: Option<io::Result<()>>,
    /// Our END_STREAM or RST_STREAM is on its way.
    finished: bool,
    outgoing: Arc<Outgoing>,
    slot: Slot,
}

impl Stream {
    pub fn new(kind: Kind, send: SendStream<Bytes>, receive: RecvStream, slot: Slot) -> Self {
        Stream {
            kind,
            served: false,
            send,
            receive,
            inbox: BytesMut::new(),
            ended: None,
            finished: false,
            outgoing: Arc::default(),
            slot,
        }
    }

    /// For a terminator.
    pub fn served(mut self) -> Self {
        self.served = true;
        self
    }

    /// The next DATA frame; its credit is not given back yet.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if self.ended.is_some() {
                return Poll::Ready(None);
            }
            match ready!(self.receive.poll_data(cx)) {
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => return Poll::Ready(Some(data)),
                Some(Err(error)) => self.ended = Some(Err(broken(&error))),
                // After DATA come trailers, or the end. RFC 9113 §8.5 allows DATA only; what trails
                // the content of a POST is none of the tunnel's.
                None => {
                    self.ended = Some(match ready!(self.receive.poll_trailers(cx)) {
                        Ok(_) if self.kind == Kind::Post => self.broken_off(cx).map_or(Ok(()), Err),
                        Ok(None) => Ok(()),
                        Ok(Some(_)) => {
                            self.reset(Reason::PROTOCOL_ERROR);
                            let text = "trailers on a connected stream";
                            Err(io::Error::new(io::ErrorKind::ConnectionReset, text))
                        }
                        Err(error) => Err(broken(&error)),
                    })
                }
            }
        }
    }

    /// How receiving failed, if it did.
    fn failure(&self) -> Option<io::Error> {
        let error = self.ended.as_ref()?.as_ref().err()?;
        Some(io::Error::new(error.kind(), error.to_string()))
    }

    /// Gives the peer credit for octets that were read.
    fn give_credit(&mut self, octets: usize) {
        // It fails only where the stream is gone and no credit is needed.
        let _ = self.receive.flow_control().release_capacity(octets);
    }

    /// The peer has reset the stream behind the end of its content, and not because it needs no more of
    /// ours (RFC 9113 §8.1: NO_ERROR). HAProxy ends a content that it has got only in part, and says so
    /// by CANCEL.
    fn broken_off(&mut self, cx: &mut Context<'_>) -> Option<io::Error> {
        match self.send.poll_reset(cx) {
            Poll::Ready(Ok(Reason::NO_ERROR)) | Poll::Pending => None,
            Poll::Ready(Ok(reason)) => Some(broken(&reason.into())),
            Poll::Ready(Err(error)) => Some(broken(&error)),
        }
    }

    fn reset(&mut self, reason: Reason) {
        self.finished = true;
        self.send.send_reset(reason);
    }
}

impl Wire for Stream {
    fn abort(&mut self, reason: Abort) {
        self.reset(match (reason, self.kind) {
            (Abort::Cancel, _) => Reason::CANCEL,
            (Abort::Connect, Kind::Connect) => Reason::CONNECT_ERROR,
            // CONNECT_ERROR is for CONNECT only (RFC 9113 §7).
            (Abort::Connect, Kind::Post) => Reason::INTERNAL_ERROR,
        });
    }

    fn broken(&mut self) -> Option<io::Error> {
        if let Some(error) = self.failure() {
            return Some(error);
        }
        // After its own end a client has no other way to say that it is gone. Proxies (nghttpx) also
        // let go of CONNECT streams like that whose ends were clean.
        match self.served || self.kind == Kind::Post {
            true => self.broken_off(&mut Context::from_waker(Waker::noop())),
            false => None,
        }
    }

    /// Takes frames out of the connection at once: those that lie there count against all tunnels of
    /// the session.
    fn poll_absorb(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(data)) = self.poll_frame(cx) {
            debug_assert!(self.inbox.len() + data.len() <= STREAM_WINDOW as usize);
            self.slot.window.withhold(data.len());
            // Copied: a small frame would keep the whole buffer alive that it arrived in.
            self.inbox.extend_from_slice(&data);
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        // As many frames as there are and fit: small ones must not pile up one read after the other.
        while self.inbox.is_empty() && buf.remaining() > 0 {
            let nothing_yet = buf.filled().len() == before;
            let mut data = match self.poll_frame(cx) {
                Poll::Ready(Some(data)) => data,
                Poll::Pending if nothing_yet => return Poll::Pending,
                Poll::Ready(None) if nothing_yet => {
                    return Poll::Ready(self.failure().map_or(Ok(()), Err));
                }
                // It shows again with the next read.
                Poll::Pending | Poll::Ready(None) => return Poll::Ready(Ok(())),
            };
            let n = data.len().min(buf.remaining());
            buf.put_slice(&data[..n]);
            data.advance(n);
            self.give_credit(n);
            if !data.is_empty() {
                self.slot.window.withhold(data.len());
                self.inbox.extend_from_slice(&data);
            }
        }
        if buf.filled().len() > before {
            return Poll::Ready(Ok(()));
        }
        let n = self.inbox.len().min(buf.remaining());
        buf.put_slice(&self.inbox[..n]);
        self.inbox.advance(n);
        if self.inbox.is_empty() {
            // An idle tunnel owns no buffer.
            self.inbox = BytesMut::new();
        }
        self.slot.window.release(n);
        self.give_credit(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.finished {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.send.reserve_capacity(data.len().min(CHUNK));
        while self.send.capacity() == 0 {
            match ready!(self.send.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(broken(&error))),
                None => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            }
        }
        let n = data.len().min(CHUNK).min(self.send.capacity());
        let payload = self.outgoing.payload(&data[..n]);
        match self.send.send_data(payload, false) {
            Ok(()) => Poll::Ready(Ok(n)),
            Err(error) => Poll::Ready(Err(broken(&error))),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.poll_written(cx).map(Ok)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.finished {
            return Poll::Ready(Ok(()));
        }
        self.finished = true;
        match self.send.send_data(Bytes::new(), true) {
            Ok(()) => Poll::Ready(Ok(())),
            // After its own end the peer may let the stream go by a reset (RFC 9113 §8.1): then it
            // waits for no end of ours, and nothing is missing.
            Err(_) if matches!(self.ended, Some(Ok(()))) => Poll::Ready(match self.kind {
                Kind::Connect => Ok(()),
                Kind::Post => self.broken_off(cx).map_or(Ok(()), Err),
            }),
            Err(error) => Poll::Ready(Err(broken(&error))),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.slot.window.release(self.inbox.len());
        let held = self.inbox.len();
        if held > 0 {
            self.give_credit(held);
        }
        if !self.finished {
            self.send.send_reset(Reason::CANCEL);
        }
    }
}
