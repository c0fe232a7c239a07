//! A scripted HTTP/2 client: it sends what it is told to, and notes what it gets.

use super::frames::{
    Frame, PREFACE, connect, data, headers, kind, ping, setting, settings, settings_ack, status,
    window_update,
};
use crate::support::{TIMEOUT, wait_for};
use std::collections::BTreeMap;
use std::io::{self, BufReader, ErrorKind, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::Duration;

pub const ECHO: &str = "echo.tuncat.invalid:7";
pub const DISCARD: &str = "discard.tuncat.invalid:9";
/// The server's SETTINGS_INITIAL_WINDOW_SIZE.
pub const WINDOW: usize = 1024 * 1024;

/// A connection.
pub struct Peer {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    next: u32,
    /// The server's SETTINGS_MAX_CONCURRENT_STREAMS.
    pub limit: u32,
    /// The window of the connection (RFC 9113 §6.9.2), as far as [`Peer::pour`] uses it up.
    window: usize,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Answer(u16),
    Reset(u32),
    /// The connection ended.
    Goaway(u32),
}

/// What came from the server on a connection that is over.
#[derive(Debug, Default)]
pub struct Seen {
    /// How many frames of each kind.
    pub frames: BTreeMap<u8, usize>,
    /// How many RST_STREAM of each code.
    pub resets: BTreeMap<u32, usize>,
    /// How many answers of each status.
    pub answers: BTreeMap<u16, usize>,
    /// The code of the last GOAWAY.
    pub goaway: Option<u32>,
}

impl Peer {
    /// Connects and says nothing.
    pub fn silent(port: u16) -> Peer {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connect");
        stream.set_nodelay(true).expect("no delay");
        for limit in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
            limit(&stream, Some(TIMEOUT)).expect("set a limit");
        }
        let reader = BufReader::new(stream.try_clone().expect("a second handle"));
        Peer {
            stream,
            reader,
            next: 1,
            limit: u32::MAX,
            window: 65_535,
        }
    }

    /// Connects and exchanges settings, with `values` of its own.
    pub fn with(port: u16, values: &[(u16, u32)]) -> Peer {
        let mut peer = Peer::silent(port);
        // Answers can be read without keeping a table.
        let values = [&[(setting::HEADER_TABLE_SIZE, 0)], values].concat();
        peer.send(&[PREFACE, &settings(&values)].concat())
            .expect("begin");
        let first = peer.read().expect("settings");
        assert_eq!((first.kind, first.flags), (kind::SETTINGS, 0), "{first:?}");
        let values = first.payload.chunks(6);
        for value in values.filter(|v| v[..2] == setting::MAX_CONCURRENT_STREAMS.to_be_bytes()) {
            peer.limit = u32::from_be_bytes(value[2..].try_into().expect("four octets"));
        }
        peer.send(&settings_ack()).expect("acknowledge");
        peer.until(kind::SETTINGS, 0);
        peer
    }

    pub fn connect(port: u16) -> Peer {
        Peer::with(port, &[])
    }

    pub fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.write_all(octets)
    }

    /// The next frame; an error at the end of the connection.
    pub fn read(&mut self) -> io::Result<Frame> {
        let frame = Frame::read(&mut self.reader)?;
        if (frame.kind, frame.stream) == (kind::WINDOW_UPDATE, 0) {
            self.window += frame.word(0) as usize;
        }
        Ok(frame)
    }

    /// Reads on until a frame of this kind on this stream.
    #[track_caller]
    pub fn until(&mut self, kind: u8, stream: u32) -> Frame {
        loop {
            match self.read() {
                Ok(frame) if (frame.kind, frame.stream) == (kind, stream) => return frame,
                Ok(frame) if frame.kind != kind::GOAWAY => {}
                other => panic!("waiting for a frame {kind} on {stream}: {other:?}"),
            }
        }
    }

    /// A stream that nobody has used yet.
    pub fn stream(&mut self) -> u32 {
        let stream = self.next;
        self.next += 2;
        stream
    }

    /// Asks for a tunnel. The answer is not awaited.
    pub fn ask(&mut self, authority: &str) -> u32 {
        let stream = self.stream();
        self.send(&headers(stream, &connect(authority)))
            .expect("ask");
        stream
    }

    /// What becomes of the request on `stream`.
    #[track_caller]
    pub fn outcome(&mut self, stream: u32) -> Outcome {
        loop {
            let frame = self.read().expect("an answer");
            match frame.kind {
                kind::HEADERS if frame.stream == stream => {
                    return Outcome::Answer(status(&frame.payload));
                }
                kind::RST_STREAM if frame.stream == stream => return Outcome::Reset(frame.code()),
                kind::GOAWAY => return Outcome::Goaway(frame.code()),
                _ => {}
            }
        }
    }

    /// Waits for so many answers that a tunnel is open.
    #[track_caller]
    pub fn answers(&mut self, count: usize) {
        let mut answered = 0;
        while answered < count {
            let frame = self.read().expect("an answer");
            if frame.kind == kind::HEADERS {
                assert_eq!(status(&frame.payload), 200);
                answered += 1;
            }
        }
    }

    /// A tunnel.
    #[track_caller]
    pub fn tunnel(&mut self, authority: &str) -> u32 {
        let stream = self.ask(authority);
        assert_eq!(self.outcome(stream), Outcome::Answer(200), "{authority}");
        stream
    }

    /// Sends `bytes` down the tunnel, takes as many, and gives back their credit.
    #[track_caller]
    pub fn echo(&mut self, stream: u32, bytes: &[u8]) -> Vec<u8> {
        self.send(&data(stream, bytes)).expect("send");
        let mut got = Vec::new();
        while got.len() < bytes.len() {
            got.extend(self.until(kind::DATA, stream).payload);
        }
        let octets = u32::try_from(got.len()).expect("a size");
        let credit = [window_update(0, octets), window_update(stream, octets)];
        self.send(&credit.concat()).expect("give credit");
        got
    }

    /// The server has dealt with all that was sent before.
    #[track_caller]
    pub fn settled(&mut self) {
        self.send(&ping(7)).expect("ping");
        self.until(kind::PING, 0);
    }

    /// Sends into a tunnel until its window, or the connection's, is used up and no credit comes: how many octets went.
    pub fn pour(&mut self, stream: u32) -> usize {
        const FRAME: usize = 16_384;
        self.patience(Duration::from_millis(50));
        let (mut sent, mut window) = (0, WINDOW);
        loop {
            while window >= FRAME && self.window >= FRAME {
                self.send(&data(stream, &[1; FRAME])).expect("send");
                (sent, window) = (sent + FRAME, window - FRAME);
                self.window -= FRAME;
            }
            match self.read() {
                Ok(credit) if (credit.kind, credit.stream) == (kind::WINDOW_UPDATE, stream) => {
                    window += credit.word(0) as usize;
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        self.patience(TIMEOUT);
        sent
    }

    /// How long to wait for a frame.
    pub fn patience(&mut self, limit: Duration) {
        self.stream
            .set_read_timeout(Some(limit))
            .expect("set a limit");
    }

    /// Sends `pieces` until there are no more or the server takes none, reading all the while. Then the connection is to
    /// end: by the server's doing, or else in a FRAME_SIZE_ERROR because of a frame that no server takes.
    pub fn flood(mut self, pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Seen {
        let reader = self.drained();
        let sent = pieces.into_iter().try_for_each(|p| self.send(p.as_ref()));
        if sent.is_ok() {
            self.send(&POISON).ok();
        }
        reader.join().expect("reader")
    }

    /// Reads to the end in another thread.
    fn drained(&mut self) -> thread::JoinHandle<Seen> {
        let stream = self.stream.try_clone().expect("a second handle");
        let rest = std::mem::replace(&mut self.reader, BufReader::new(stream));
        thread::spawn(move || Seen::read(rest))
    }

    /// Sends `piece` over and over until nothing more is taken, and reads nothing: how many octets went.
    pub fn fill(&mut self, piece: &[u8], limit: usize) -> io::Result<usize> {
        self.stream.set_nonblocking(true)?;
        let (mut sent, mut refused) = (0, 0);
        // Full for 50 looks, of 5 ms each, is full.
        let end = wait_for("the connection to be full", || {
            while sent < limit {
                match self.stream.write(&piece[sent % piece.len()..]) {
                    Ok(n) => (sent, refused) = (sent + n, 0),
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    Err(e) => return Some(Err(e)),
                }
            }
            refused += 1;
            (sent >= limit || refused > 50).then_some(Ok(()))
        });
        self.stream.set_nonblocking(false)?;
        end.map(|()| sent)
    }
}

impl Seen {
    fn read(mut from: BufReader<TcpStream>) -> Seen {
        let mut seen = Seen::default();
        loop {
            let frame = match Frame::read(&mut from) {
                Ok(frame) => frame,
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    panic!("the connection goes on: {seen:?}")
                }
                Err(_) => return seen,
            };
            *seen.frames.entry(frame.kind).or_default() += 1;
            match frame.kind {
                kind::RST_STREAM => *seen.resets.entry(frame.code()).or_default() += 1,
                kind::GOAWAY => seen.goaway = Some(frame.code()),
                kind::HEADERS => {
                    *seen.answers.entry(status(&frame.payload)).or_default() += 1;
                }
                _ => {}
            }
        }
    }

    pub fn count(&self, kind: u8) -> usize {
        self.frames.get(&kind).copied().unwrap_or(0)
    }
}

/// The head of a frame larger than any server takes: a connection error of type FRAME_SIZE_ERROR, which no flood here
/// earns by itself (RFC 9113 §4.2).
const POISON: [u8; 9] = [0xff, 0xff, 0xff, kind::DATA, 0, 0, 0, 0, 1];
