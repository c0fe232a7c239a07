//! TCP and unix sockets as wires.

use crate::base::defaults::{KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES};
use crate::wire::{Abort, Wire};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A connected socket.
pub struct Socket {
    io: Io,
    /// Our FIN is on its way, or the socket is somebody else's: dropping is no longer an abort.
    finished: bool,
}

enum Io {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl From<TcpStream> for Socket {
    /// Sets the options that every TCP connection of ours has.
    fn from(io: TcpStream) -> Self {
        tune(&io);
        let io = Io::Tcp(io);
        Socket {
            io,
            finished: false,
        }
    }
}

impl From<UnixStream> for Socket {
    fn from(io: UnixStream) -> Self {
        let io = Io::Unix(io);
        Socket {
            io,
            finished: false,
        }
    }
}

impl Socket {
    /// The other end; nothing for unix sockets or when it is gone already.
    pub fn peer(&self) -> Option<SocketAddr> {
        match &self.io {
            Io::Tcp(tcp) => tcp.peer_addr().ok(),
            Io::Unix(_) => None,
        }
    }

    /// This end; nothing for unix sockets.
    pub fn local(&self) -> Option<SocketAddr> {
        match &self.io {
            Io::Tcp(tcp) => tcp.local_addr().ok(),
            Io::Unix(_) => None,
        }
    }

    /// Makes closing a reset (`SO_LINGER` 0).
    fn reset_on_close(&self) {
        if let Io::Tcp(tcp) = &self.io {
            // It fails only on a socket that is dead already.
            let _ = SockRef::from(tcp).set_linger(Some(Duration::ZERO));
        }
    }
}

/// No Nagle (bytes go when they come), and keepalive to find dead paths. Both are improvements
/// only: a system that refuses one still carries the tunnel.
fn tune(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
}

impl Wire for Socket {
    fn abort(&mut self, _reason: Abort) {
        self.finished = false;
        match &self.io {
            // The RST leaves when the socket is dropped, which comes right after every abort.
            Io::Tcp(_) => self.reset_on_close(),
            Io::Unix(unix) => {
                let _ = SockRef::from(unix).shutdown(std::net::Shutdown::Both);
            }
        }
    }

    fn broken(&mut self) -> Option<io::Error> {
        match &self.io {
            Io::Tcp(tcp) => tcp.take_error().ok()?,
            Io::Unix(unix) => unix.take_error().ok()?,
        }
    }

    fn tcp(&self) -> Option<&TcpStream> {
        match &self.io {
            Io::Tcp(tcp) => Some(tcp),
            Io::Unix(_) => None,
        }
    }

    fn is_raw(&self) -> bool {
        true
    }

    fn let_go(&mut self) {
        self.finished = true;
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if !self.finished {
            self.reset_on_close();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Tcp(io) => Pin::new(io).poll_read(cx, buf),
            Io::Unix(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Tcp(io) => Pin::new(io).poll_write(cx, buf),
            Io::Unix(io) => Pin::new(io).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Tcp(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Io::Unix(io) => Pin::new(io).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = match &mut self.io {
            Io::Tcp(io) => Pin::new(io).poll_shutdown(cx),
            Io::Unix(io) => Pin::new(io).poll_shutdown(cx),
        };
        match ready!(result) {
            // It is closed on both sides already.
            Err(e) if e.kind() != io::ErrorKind::NotConnected => return Poll::Ready(Err(e)),
            _ => self.finished = true,
        }
        Poll::Ready(Ok(()))
    }
}

/// Octets the peer has not acknowledged; 0 where that cannot be known.
#[cfg(target_os = "linux")]
pub fn unsent(tcp: &TcpStream) -> u32 {
    use rustix::ioctl::{Getter, Opcode, ioctl};
    /// SIOCOUTQ of tcp(7), the same number as TIOCOUTQ.
    const SIOCOUTQ: Opcode = 0x5411;
    // SAFETY: SIOCOUTQ on a socket writes one C int, which is what the getter provides.
    let queued = unsafe { ioctl(tcp, Getter::<SIOCOUTQ, u32>::new()) };
    queued.unwrap_or(0)
}

#[cfg(not(target_os = "linux"))]
pub fn unsent(_tcp: &TcpStream) -> u32 {
    0
}

/// What the system knows of a connection's path (`TCP_INFO`, tcp(7)).
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpFacts {
    /// Segments, since the connection began.
    pub retransmits: u32,
    /// Smoothed, in microseconds.
    pub rtt_us: u32,
    /// Octets that may be on their way.
    pub cwnd: u64,
}

#[cfg(target_os = "linux")]
pub fn tcp_facts(tcp: &TcpStream) -> Option<TcpFacts> {
    use std::os::fd::AsRawFd;
    // SAFETY: all fields of tcp_info are integers, for which zero is a value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the descriptor is open as long as the stream is borrowed; the kernel writes no more than `length` octets,
    // which is the size of what `info` points to.
    let result = unsafe {
        libc::getsockopt(
            tcp.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    };
    (result == 0).then(|| TcpFacts {
        retransmits: info.tcpi_total_retrans,
        rtt_us: info.tcpi_rtt,
        cwnd: u64::from(info.tcpi_snd_cwnd) * u64::from(info.tcpi_snd_mss),
    })
}

#[cfg(not(target_os = "linux"))]
pub fn tcp_facts(_tcp: &TcpStream) -> Option<TcpFacts> {
    None
}
