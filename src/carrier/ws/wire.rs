//! A WebSocket as a wire.

use crate::wire::{Abort, BoxWire, Wire};
use bytes::{Buf, Bytes};
use futures_core::Stream;
use futures_sink::Sink;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_websockets::{
    ClientBuilder, CloseCode, Config, Error, Limits, Message, ServerBuilder, WebSocketStream,
};

/// Octets of one message of ours.
const MESSAGE: usize = 64 * 1024;
/// Octets of one message of the other side's, which is there whole before any of it is passed on.
const LONGEST: usize = 16 * 1024 * 1024;

/// A client that has heard nothing for so long asks for a sign of life, so that nobody on the way takes the tunnel for
/// forgotten: 55 or 60 seconds are usual there. Silence is no proof of death, since who is held up does not answer.
const SILENCE: Duration = Duration::from_secs(20);

pub struct WebSocket {
    stream: WebSocketStream<BoxWire>,
    /// A client's next look at what was heard.
    look: Option<Pin<Box<Sleep>>>,
    /// Something came since the last one.
    heard: bool,
    /// Each direction has an end of its own.
    halves: bool,
    /// Of the message that is being read.
    inbox: Bytes,
    /// The other side has ended its direction.
    read_ended: bool,
    /// We have ended ours.
    write_ended: bool,
    /// Our Close is queued.
    closing: bool,
    /// And the connection below has its end.
    closed: bool,
    /// Nothing more comes from there.
    drained: bool,
}

impl WebSocket {
    /// After the handshake.
    pub fn client(wire: BoxWire, halves: bool) -> Self {
        let builder = ClientBuilder::new().config(config()).limits(limits());
        let look = Box::pin(tokio::time::sleep(SILENCE));
        WebSocket::new(builder.take_over(wire), halves, Some(look))
    }

    pub fn server(wire: BoxWire, halves: bool) -> Self {
        let builder = ServerBuilder::new().config(config()).limits(limits());
        WebSocket::new(builder.serve(wire), halves, None)
    }

    fn new(stream: WebSocketStream<BoxWire>, halves: bool, look: Option<Pin<Box<Sleep>>>) -> Self {
        WebSocket {
            stream,
            look,
            heard: false,
            halves,
            inbox: Bytes::new(),
            read_ended: false,
            write_ended: false,
            closing: false,
            closed: false,
            drained: false,
        }
    }

    fn stream(&mut self) -> Pin<&mut WebSocketStream<BoxWire>> {
        Pin::new(&mut self.stream)
    }

    /// Says that it is over; once the other side has said so, too, ends what is below and waits for its end there: what
    /// carries us may take anything else for a reset.
    fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.closing, true) {
            let close = Message::close(Some(CloseCode::NORMAL_CLOSURE), "");
            match self.stream().start_send(close) {
                Ok(()) | Err(Error::AlreadyClosed) => {}
                Err(error) => return Poll::Ready(Err(broken(error))),
            }
        }
        ready!(self.stream().poll_flush(cx)).map_err(broken)?;
        if !self.read_ended {
            return Poll::Ready(Ok(()));
        }
        let below = self.stream.get_mut();
        if !self.closed {
            ready!(Pin::new(&mut *below).poll_shutdown(cx))?;
            self.closed = true;
        }
        while !self.drained {
            // Its Close, and whatever it has to say after that.
            let mut scratch = [0; 512];
            let mut scratch = ReadBuf::new(&mut scratch);
            let read = ready!(Pin::new(&mut *below).poll_read(cx, &mut scratch));
            self.drained = read.is_err() || scratch.filled().is_empty();
        }
        Poll::Ready(Ok(()))
    }

    /// Asks for a sign of life where there was none for long; nothing else waits for the answer.
    fn poll_ping(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        while let Some(look) = &mut self.look
            && look.as_mut().poll(cx).is_ready()
        {
            look.as_mut().reset(Instant::now() + SILENCE);
            if std::mem::take(&mut self.heard) || self.closing {
                continue;
            }
            // Where our own messages wait to be taken there is no silence to be filled.
            if let Poll::Ready(ready) = self.stream().poll_ready(cx) {
                ready?;
                self.stream().start_send(Message::ping(Bytes::new()))?;
                if let Poll::Ready(flushed) = self.stream().poll_flush(cx) {
                    flushed?;
                }
            }
        }
        Ok(())
    }

    /// Takes the next message with octets, or the end.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let Poll::Ready(next) = self.stream().poll_next(cx) else {
                self.poll_ping(cx).map_err(broken)?;
                return Poll::Pending;
            };
            self.heard = true;
            let message = match next {
                Some(message) => message.map_err(broken)?,
                None => return Poll::Ready(Err(cut("the WebSocket ended without a Close"))),
            };
            if let Some((code, reason)) = message.as_close() {
                let normal = [CloseCode::NORMAL_CLOSURE, CloseCode::NO_STATUS_RECEIVED];
                if !normal.contains(&code) {
                    let code = u16::from(code);
                    let reason = crate::base::escape::escape(reason.as_bytes(), 120);
                    let text = format!("the WebSocket was closed with {code} \"{reason}\"");
                    let reset = io::ErrorKind::ConnectionReset;
                    return Poll::Ready(Err(io::Error::new(reset, text)));
                }
                if self.halves {
                    return Poll::Ready(Err(cut("the WebSocket was closed before its end")));
                }
                self.read_ended = true;
                return Poll::Ready(Ok(()));
            }
            if !(message.is_binary() || message.is_text()) {
                continue;
            }
            let octets = Bytes::from(message.into_payload());
            if !octets.is_empty() {
                self.inbox = octets;
                return Poll::Ready(Ok(()));
            }
            if self.halves {
                self.read_ended = true;
                return Poll::Ready(Ok(()));
            }
        }
    }
}

fn config() -> Config {
    Config::default()
        .frame_size(MESSAGE)
        .flush_threshold(MESSAGE)
}

fn limits() -> Limits {
    Limits::default().max_payload_len(Some(LONGEST))
}

fn cut(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, what)
}

fn broken(error: Error) -> io::Error {
    match error {
        // The framing's own word for an end in the middle of a frame.
        Error::Io(error) if error.kind() == io::ErrorKind::Other => {
            cut("the WebSocket was cut off")
        }
        Error::Io(error) => error,
        Error::AlreadyClosed => io::ErrorKind::BrokenPipe.into(),
        other => io::Error::new(
            io::ErrorKind::InvalidData,
            format!("not WebSocket: {other}"),
        ),
    }
}

impl Wire for WebSocket {
    fn abort(&mut self, reason: Abort) {
        self.stream.get_mut().abort(reason);
    }

    fn poll_absorb(&mut self, cx: &mut Context<'_>) {
        self.stream.get_mut().poll_absorb(cx);
    }

    fn broken(&mut self) -> Option<io::Error> {
        self.stream.get_mut().broken()
    }

    fn has_input(&self) -> bool {
        !self.inbox.is_empty() || self.stream.get_ref().has_input()
    }

    fn tcp(&self) -> Option<&TcpStream> {
        self.stream.get_ref().tcp()
    }
}

impl AsyncRead for WebSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.inbox.is_empty() && !this.read_ended {
            ready!(this.poll_message(cx))?;
        }
        if this.read_ended && this.write_ended {
            // Nothing is left to be lost where it cannot be said any more.
            let _ = ready!(this.poll_farewell(cx));
        }
        let count = this.inbox.len().min(buf.remaining());
        buf.put_slice(&this.inbox[..count]);
        this.inbox.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for WebSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(self.stream().poll_ready(cx)).map_err(broken)?;
        let data = &data[..data.len().min(MESSAGE)];
        let message = Message::binary(Bytes::copy_from_slice(data));
        self.stream().start_send(message).map_err(broken)?;
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx).map_err(broken)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.write_ended {
            ready!(this.stream().poll_ready(cx)).map_err(broken)?;
            if this.halves {
                let end = Message::binary(Bytes::new());
                this.stream().start_send(end).map_err(broken)?;
            }
            this.write_ended = true;
        }
        match this.read_ended || !this.halves {
            true => this.poll_farewell(cx),
            false => this.stream().poll_flush(cx).map_err(broken),
        }
    }
}
