//! Scripted proxies in the clear.

use super::kernel::wait_until_read;
use crate::support::Target;
use socket2::SockRef;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The plain answer that opens a tunnel.
pub const OK: &str = "HTTP/1.1 200 OK\r\n\r\n";
/// The same from a proxy that keeps half-closed connections.
pub const OK_KEEPS: &str = "HTTP/1.1 200 OK\r\nProxy-Agent: tuncat/0\r\n\r\n";

/// A proxy on a loopback port that runs a script on every connection.
pub struct Peer {
    target: Target,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    /// `script` begins with a connection on which nothing was read yet. An error of it ends the connection.
    pub fn raw(script: impl Fn(Conn) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let heads = Arc::default();
        let recorded = Arc::clone(&heads);
        let target = Target::start(move |stream, _| {
            stream.set_nodelay(true)?;
            let heads = Arc::clone(&recorded);
            script(Conn { stream, heads })
        });
        Self { target, heads }
    }

    /// `script` begins once the head of the request has been read.
    pub fn new(script: impl Fn(Conn) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self::raw(move |conn| {
            conn.read_head()?;
            script(conn)
        })
    }

    /// Gives this answer to every request, then ends its side and waits for the other one.
    pub fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::new(move |conn| {
            conn.send(&answer)?;
            conn.end()?;
            conn.read_to_end().map(drop)
        })
    }

    /// Opens every tunnel and echoes what comes through.
    pub fn echo(answer: &'static str) -> Self {
        Self::new(move |conn| {
            conn.send(answer)?;
            io::copy(&mut &conn.stream, &mut &conn.stream).map(drop)
        })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.target.addr())
    }

    /// `127.0.0.1:PORT`.
    pub fn addr(&self) -> String {
        self.target.addr()
    }

    /// Connections so far.
    pub fn accepted(&self) -> usize {
        self.target.accepted()
    }

    /// The requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("heads").clone()
    }
}

/// One connection of a client.
pub struct Conn {
    pub stream: TcpStream,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Conn {
    /// The head of a request and nothing behind it. It is recorded too.
    pub fn read_head(&self) -> io::Result<String> {
        let head = read_head(&self.stream)?;
        self.heads.lock().expect("heads").push(head.clone());
        Ok(head)
    }

    pub fn send(&self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        (&self.stream).write_all(bytes.as_ref())
    }

    /// As [`Self::send`], and returns only when the client has read all of it.
    pub fn send_alone(&self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.send(bytes)?;
        wait_until_read(&self.stream)
    }

    pub fn read_exact(&self, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        (&self.stream).read_exact(&mut bytes)?;
        Ok(bytes)
    }

    pub fn read_to_end(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        (&self.stream).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// What arrives within `time`; empty if nothing does.
    pub fn read_within(&self, time: Duration) -> io::Result<Vec<u8>> {
        self.stream.set_read_timeout(Some(time))?;
        let mut bytes = vec![0; 4096];
        let result = (&self.stream).read(&mut bytes);
        self.stream.set_read_timeout(None)?;
        match result {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(Vec::new()),
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            result => {
                bytes.truncate(result?);
                Ok(bytes)
            }
        }
    }

    /// The FIN.
    pub fn end(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// The RST, once the client has read what was sent.
    pub fn reset(self) -> io::Result<()> {
        wait_until_read(&self.stream)?;
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))
    }
}

/// Reads up to the first empty line, byte by byte, so that what follows stays in the stream.
pub fn read_head(mut stream: impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    String::from_utf8(head).map_err(io::Error::other)
}
