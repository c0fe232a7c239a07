//! What moves on a connection. What arrives is a sign of life, whatever it is.

use crate::base::defaults::LINGER;
use crate::tls::failure;
use crate::wire::socket::unsent;
use crate::wire::{Abort, BoxWire, Wire};
use rustls::AlertDescription;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

/// Where the first frame has its type, and what that is (RFC 9113 §4.1, §6.5).
const KIND_AT: usize = 3;
const SETTINGS: u8 = 4;

/// What moved, and when something came from the peer. Shared by the wire and whoever wants to know.
pub struct Heard {
    began: Instant,
    /// Milliseconds from `began` to the last time.
    last: AtomicU64,
    /// The same on the clock that goes on while the machine sleeps.
    last_awake: AtomicU64,
    /// Octets so far.
    octets: AtomicU64,
    /// Octets that went the other way.
    sent: AtomicU64,
    /// The peer began with SETTINGS, as HTTP/2 does.
    speaks: AtomicBool,
    /// How the peer ended TLS, where it said why.
    alert: OnceLock<AlertDescription>,
    news: Notify,
}

impl Default for Heard {
    fn default() -> Self {
        Heard {
            began: Instant::now(),
            last: AtomicU64::new(0),
            last_awake: AtomicU64::new(since_boot()),
            octets: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            speaks: AtomicBool::new(false),
            alert: OnceLock::new(),
            news: Notify::new(),
        }
    }
}

impl Heard {
    fn note(&self, bytes: &[u8]) {
        let before = usize::try_from(self.octets()).unwrap_or(usize::MAX);
        let kind = KIND_AT.checked_sub(before).and_then(|at| bytes.get(at));
        if kind == Some(&SETTINGS) {
            self.speaks.store(true, Ordering::Release);
        }
        self.last
            .store(millis(self.began.elapsed()), Ordering::Release);
        self.last_awake.store(since_boot(), Ordering::Release);
        self.octets.fetch_add(bytes.len() as u64, Ordering::AcqRel);
        self.news.notify_waiters();
    }

    fn note_failure(&self, error: &io::Error) {
        if let Some(alert) = failure::late_alert(error) {
            let _ = self.alert.set(alert);
        }
    }

    /// h2 keeps only the text of what broke its connection.
    pub fn alert(&self) -> Option<AlertDescription> {
        self.alert.get().copied()
    }

    pub fn octets(&self) -> u64 {
        self.octets.load(Ordering::Acquire)
    }

    /// The peer's first frame was SETTINGS; nothing else is HTTP/2 (RFC 9113 §3.4).
    pub fn speaks(&self) -> bool {
        self.speaks.load(Ordering::Acquire)
    }

    /// Octets that went to the peer.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    fn note_sent(&self, result: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(n)) = result {
            self.sent.fetch_add(*n as u64, Ordering::Relaxed);
        }
    }

    /// Since the last octet; since the beginning where there was none.
    pub fn silence(&self) -> Duration {
        let last = self.last.load(Ordering::Acquire);
        let silent = millis(self.began.elapsed()).saturating_sub(last);
        let last_awake = self.last_awake.load(Ordering::Acquire);
        let asleep = since_boot().saturating_sub(last_awake);
        Duration::from_millis(silent.max(asleep))
    }

    /// Returns once more than `octets` have come.
    pub async fn more_than(&self, octets: u64) {
        loop {
            let news = self.news.notified();
            if self.octets() > octets {
                return;
            }
            news.await;
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds since the machine was started, sleep included.
#[cfg(target_os = "linux")]
fn since_boot() -> u64 {
    use rustix::time::{ClockId, clock_gettime};
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds * 1000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000
}

#[cfg(not(target_os = "linux"))]
fn since_boot() -> u64 {
    0
}

/// A wire whose reads and writes are noted.
///
/// It does not end before the peer has all that was sent, or has ended its side, or was silent for
/// [`LINGER`]: what the peer still says, WINDOW_UPDATE above all, is answered with a reset by a socket
/// that is closed, and a reset throws away what is still on its way there (RFC 9112 §9.6 has the same for
/// HTTP/1.1).
pub struct Tap {
    wire: BoxWire,
    heard: Arc<Heard>,
    lingering: Option<Lingering>,
}

/// Our own side has ended.
struct Lingering {
    heard_last: Instant,
    /// No event tells when the peer has everything, so it is asked, ever less often.
    pause: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl Tap {
    pub fn new(wire: BoxWire, heard: Arc<Heard>) -> Self {
        Tap {
            wire,
            heard,
            lingering: None,
        }
    }

    /// Reads on after our end, for nobody.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let first = Duration::from_micros(200);
        let lingering = self.lingering.get_or_insert_with(|| Lingering {
            heard_last: Instant::now(),
            pause: first,
            sleep: Box::pin(tokio::time::sleep(first)),
        });
        let mut space = [0; 4096];
        loop {
            let mut buf = ReadBuf::new(&mut space);
            match Pin::new(&mut self.wire).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    self.heard.note(buf.filled());
                    lingering.heard_last = Instant::now();
                    continue;
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {}
            }
            let all_there = self.wire.tcp().is_none_or(|tcp| unsent(tcp) == 0);
            if all_there || lingering.heard_last.elapsed() >= LINGER {
                return Poll::Ready(());
            }
            ready!(lingering.sleep.as_mut().poll(cx));
            lingering.pause = (lingering.pause * 2).min(Duration::from_millis(50));
            lingering.sleep.set(tokio::time::sleep(lingering.pause));
        }
    }
}

impl Wire for Tap {
    fn abort(&mut self, reason: Abort) {
        self.wire.abort(reason);
    }

    fn broken(&mut self) -> Option<io::Error> {
        self.wire.broken()
    }

    fn tcp(&self) -> Option<&TcpStream> {
        self.wire.tcp()
    }
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.wire).poll_read(cx, buf);
        let read = &buf.filled()[before..];
        if !read.is_empty() {
            self.heard.note(read);
        }
        if let Poll::Ready(Err(error)) = &result {
            self.heard.note_failure(error);
        }
        result
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.wire).poll_write(cx, buf);
        self.heard.note_sent(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.wire).poll_write_vectored(cx, bufs);
        self.heard.note_sent(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.wire).poll_shutdown(cx))?;
        }
        self.poll_linger(cx).map(Ok)
    }
}
