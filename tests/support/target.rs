//! Scripted TCP servers that stand where a tunnel ends.

use super::bytes::{Digest, Pattern};
use super::wait::wait_for;
use socket2::{Domain, SockRef, Socket, Type};
use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What a target read, and the error that ended its reading, if one did.
pub type End = (Vec<u8>, Option<io::ErrorKind>);

/// Bytes and their SHA-256, per connection that was read to its end.
type Received = Arc<Mutex<Vec<(u64, String)>>>;

/// A server on 127.0.0.1 that runs one script per connection, each in a thread of its own, until it is dropped.
pub struct Target {
    pub port: u16,
    accepted: Arc<AtomicUsize>,
    received: Received,
    stop: Arc<AtomicBool>,
    /// Ports of connections of our own; see [`Target::accepted`].
    probes: Arc<Mutex<HashSet<u16>>>,
}

impl Target {
    /// Runs `script` on every connection. An error of a script ends its connection and nothing else.
    pub fn start(
        script: impl Fn(TcpStream, &Recorder) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind a target");
        let target = Self {
            port: listener.local_addr().expect("local address").port(),
            accepted: Arc::default(),
            received: Arc::default(),
            stop: Arc::default(),
            probes: Arc::default(),
        };
        let (stop, accepted) = (Arc::clone(&target.stop), Arc::clone(&target.accepted));
        let probes = Arc::clone(&target.probes);
        let recorder = Recorder(Arc::clone(&target.received));
        let script = Arc::new(script);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let from = stream.peer_addr().map_or(0, |peer| peer.port());
                if probes.lock().expect("probes").remove(&from) {
                    continue;
                }
                accepted.fetch_add(1, Ordering::SeqCst);
                let (script, recorder) = (Arc::clone(&script), recorder.clone());
                thread::spawn(move || script(stream, &recorder));
            }
        });
        target
    }

    /// Sends back what it gets, to the end.
    pub fn echo() -> Self {
        Self::start(|stream, _| io::copy(&mut &stream, &mut &stream).map(drop))
    }

    /// Reads to the end and only then sends `reply`, as a pattern of a seed and a length.
    pub fn answers_after_eof(seed: u64, len: u64) -> Self {
        Self::start(move |stream, recorder| {
            recorder.read_to_end(&stream)?;
            io::copy(&mut Pattern::new(seed, len), &mut &stream).map(drop)
        })
    }

    /// Reads `request` bytes, sends its reply at once, then reads to the end and closes.
    pub fn answers_promptly(request: usize, seed: u64, len: u64) -> Self {
        Self::start(move |stream, recorder| {
            (&stream).read_exact(&mut vec![0; request])?;
            io::copy(&mut Pattern::new(seed, len), &mut &stream)?;
            recorder.read_to_end(&stream)
        })
    }

    /// Reads `request` bytes, sends its reply and closes without waiting for the end of the other side.
    pub fn answers_and_closes(request: usize, seed: u64, len: u64) -> Self {
        Self::start(move |stream, _| {
            (&stream).read_exact(&mut vec![0; request])?;
            io::copy(&mut Pattern::new(seed, len), &mut &stream).map(drop)
        })
    }

    /// Reads to the end and closes; see [`Self::received`].
    pub fn sink() -> Self {
        Self::start(|stream, recorder| recorder.read_to_end(&stream))
    }

    /// Sends `first`, reads to whatever end there is, and tells of it.
    pub fn watcher(first: &'static [u8]) -> (Self, Receiver<End>) {
        let (sender, ends) = channel();
        let target = Self::start(move |mut stream, _| {
            stream.write_all(first)?;
            let mut bytes = Vec::new();
            let mut piece = [0; 4096];
            let kind = loop {
                match stream.read(&mut piece) {
                    Ok(0) => break None,
                    Ok(count) => bytes.extend_from_slice(&piece[..count]),
                    Err(error) => break Some(error.kind()),
                }
            };
            sender.send((bytes, kind)).map_err(io::Error::other)
        });
        (target, ends)
    }

    /// Sends its pattern, and a reset once it has read a byte.
    pub fn resets(seed: u64, len: usize) -> Self {
        Self::start(move |mut stream, _| {
            stream.write_all(&super::pattern(seed, len))?;
            stream.read_exact(&mut [0])?;
            SockRef::from(&stream).set_linger(Some(Duration::ZERO))
        })
    }

    /// Sends its pattern and its FIN first, then reads to the end; see [`Self::received`].
    pub fn ends_first(seed: u64, len: u64) -> Self {
        Self::start(move |stream, recorder| {
            io::copy(&mut Pattern::new(seed, len), &mut &stream)?;
            stream.shutdown(Shutdown::Write)?;
            recorder.read_to_end(&stream)
        })
    }

    /// A small HTTP origin: answers every GET with `body` and closes.
    pub fn http(body: &str) -> Self {
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        Self::start(move |stream, _| {
            let mut lines = BufReader::new(&stream).lines();
            while lines
                .next()
                .transpose()?
                .is_some_and(|line| !line.is_empty())
            {}
            (&stream).write_all(answer.as_bytes())
        })
    }

    /// `127.0.0.1:PORT`.
    pub fn addr(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Connections so far, those included that the kernel has accepted and the target's thread has not seen yet: they
    /// come out of the queue before one of our own, which is waited for and does not count.
    pub fn accepted(&self) -> usize {
        let probe = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        probe.bind(&any.into()).expect("bind a probe");
        let bound = probe.local_addr().expect("local address");
        let port = bound.as_socket().expect("an address").port();
        self.probes.lock().expect("probes").insert(port);
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        probe.connect(&target.into()).expect("connect a probe");
        wait_for("a target to take what came", || {
            let taken = !self.probes.lock().expect("probes").contains(&port);
            taken.then_some(())
        });
        self.accepted.load(Ordering::SeqCst)
    }

    /// Waits for the `count`th connection that was read to its end: its bytes and their SHA-256.
    pub fn received(&self, count: usize) -> (u64, String) {
        wait_for("a target to read to the end", || {
            let received = self.received.lock().expect("received");
            received.get(count - 1).cloned()
        })
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then sees the flag.
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok();
    }
}

/// Where scripts note what they received.
#[derive(Clone)]
pub struct Recorder(Received);

impl Recorder {
    /// Reads to a clean end and notes bytes and hash. A reset is an error and notes nothing.
    pub fn read_to_end(&self, mut stream: &TcpStream) -> io::Result<()> {
        let mut digest = Digest::new();
        io::copy(&mut stream, &mut digest)?;
        self.0.lock().expect("received").push(digest.finish());
        Ok(())
    }
}
