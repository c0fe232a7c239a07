//! What stands at the end of every lane: sends and takes bytes as it is asked to.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use tuncat::base::pattern::{fill, mismatch};

/// Bytes that are sent or checked at a time.
pub const PIECE: usize = 256 * 1024;

/// What a client asks for, as one byte and a number of eight.
#[derive(Clone, Copy)]
pub enum Ask {
    /// One byte back.
    Ping,
    /// So many bytes of no meaning.
    Load(u64),
    /// So many bytes of the pattern.
    Pattern(u64),
    /// Takes so many bytes, which have to be the pattern, and says so with one byte.
    Check(u64),
}

impl Ask {
    pub fn send(self, stream: &mut impl Write) -> io::Result<()> {
        let (kind, len) = match self {
            Ask::Ping => (b'p', 1),
            Ask::Load(len) => (b'l', len),
            Ask::Pattern(len) => (b'P', len),
            Ask::Check(len) => (b'c', len),
        };
        let mut octets = vec![kind];
        octets.extend(len.to_le_bytes());
        stream.write_all(&octets)
    }
}

/// A server on a loopback port, with a thread for each connection, until the process ends.
pub struct Peer {
    pub port: u16,
}

impl Peer {
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
        let port = listener.local_addr().expect("address").port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || answer(stream).ok());
            }
        });
        Peer { port }
    }
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    loop {
        let mut octets = [0; 9];
        stream.read_exact(&mut octets)?;
        let len = u64::from_le_bytes(octets[1..].try_into().expect("eight octets"));
        match octets[0] {
            b'p' => stream.write_all(b"p")?,
            b'l' => send(&mut stream, len, false)?,
            b'P' => send(&mut stream, len, true)?,
            b'c' => {
                let right = receive(&mut stream, len, true)?;
                stream.write_all(if right { b"y" } else { b"n" })?;
            }
            other => return Err(io::Error::other(format!("asked for {other}"))),
        }
    }
}

/// Writes `len` bytes, of the pattern if it is asked for.
pub fn send(stream: &mut impl Write, len: u64, pattern: bool) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut sent = 0;
    while sent < len {
        let part = usize::try_from(len - sent).unwrap_or(PIECE).min(PIECE);
        if pattern {
            fill(sent, &mut piece[..part]);
        }
        stream.write_all(&piece[..part])?;
        sent += part as u64;
    }
    Ok(())
}

/// Reads `len` bytes; whether they are the pattern, if that is asked.
pub fn receive(stream: &mut impl Read, len: u64, pattern: bool) -> io::Result<bool> {
    let mut piece = vec![0; PIECE];
    let (mut got, mut right) = (0, true);
    while got < len {
        let part = usize::try_from(len - got).unwrap_or(PIECE).min(PIECE);
        let n = match stream.read(&mut piece[..part])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => n,
        };
        right &= !pattern || mismatch(got, &piece[..n]).is_none();
        got += n as u64;
    }
    Ok(right)
}
