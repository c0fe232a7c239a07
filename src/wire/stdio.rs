//! stdin and stdout as one wire, whatever they are: pipes, files, terminals, sockets, /dev/null.
//!
//! No thread is needed, and the descriptors we share with other processes keep their flags:
//! `O_NONBLOCK` belongs to the open file description, so setting it on a terminal would surprise
//! the shell. On Linux a pipe or terminal is opened once more through /proc, which gives a
//! description of our own; sockets take `MSG_DONTWAIT`; files never block for long; the rest is
//! waited for and then used in small pieces.

use crate::wire::{Abort, Wire};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

/// Octets that a blocking pipe takes once it says it is writable (POSIX's PIPE_BUF floor is 512;
/// a page on Linux and macOS).
const PIPE_PIECE: usize = 4096;

/// Each opening of a pseudo-terminal's master makes a new one.
const PTMX: (u32, u32) = (5, 2);

/// stdin and stdout of this process.
pub struct Stdio {
    input: Channel,
    output: Channel,
}

enum Channel {
    /// Read and written at once: files and devices that cannot be polled.
    Direct(OwnedFd),
    /// A non-blocking description of our own.
    Own(AsyncFd<OwnedFd>),
    Socket(AsyncFd<OwnedFd>),
    /// Blocking and shared: used only when ready.
    Shared(AsyncFd<OwnedFd>),
    Closed,
}

impl Stdio {
    /// Must be called within a tokio runtime with I/O. Fails only where descriptors run out.
    pub fn new() -> io::Result<Self> {
        let stdin = rustix::stdio::stdin();
        Ok(Stdio {
            input: Channel::open(stdin, Interest::READABLE)?,
            output: Channel::open(rustix::stdio::stdout(), Interest::WRITABLE)?,
        })
    }
}

impl Channel {
    fn open(fd: BorrowedFd<'_>, interest: Interest) -> io::Result<Self> {
        let status = rustix::fs::fstat(fd)?;
        let kind = FileType::from_raw_mode(status.st_mode);
        let duplicate = || Ok::<_, io::Error>(rustix::io::fcntl_dupfd_cloexec(fd, 3)?);
        match kind {
            FileType::RegularFile | FileType::Directory => {
                return Ok(Channel::Direct(duplicate()?));
            }
            FileType::Socket => {
                let fd = register(duplicate()?, interest)?;
                return Ok(Channel::Socket(fd));
            }
            _ => {}
        }
        let device = (
            rustix::fs::major(status.st_rdev),
            rustix::fs::minor(status.st_rdev),
        );
        let terminal = || rustix::termios::isatty(fd) && device != PTMX;
        if (kind == FileType::Fifo || terminal())
            && let Some(own) = reopen(fd, interest)
            && let Ok(own) = register(own, interest)
        {
            return Ok(Channel::Own(own));
        }
        match register(duplicate()?, interest) {
            Ok(fd) => Ok(Channel::Shared(fd)),
            // Not pollable: /dev/null and its like.
            Err(_) => Ok(Channel::Direct(duplicate()?)),
        }
    }

    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = |fd: &OwnedFd, buf: &mut [u8]| match self {
            Channel::Socket(_) => rustix::net::recv(fd, buf, RecvFlags::DONTWAIT).map(|(n, _)| n),
            _ => rustix::io::read(fd, buf),
        };
        let fd = match self {
            Channel::Closed => return Poll::Ready(Ok(())),
            Channel::Direct(fd) => {
                let n = retry(|| read(fd, buf.initialize_unfilled()))?;
                buf.advance(n);
                return Poll::Ready(Ok(()));
            }
            Channel::Own(fd) | Channel::Socket(fd) | Channel::Shared(fd) => fd,
        };
        loop {
            let mut guard = ready!(fd.poll_read_ready(cx))?;
            if !self.is_ready(PollFlags::IN)? {
                guard.clear_ready();
                continue;
            }
            match retry(|| read(fd.get_ref(), buf.initialize_unfilled())) {
                Ok(n) => {
                    buf.advance(n);
                    return Poll::Ready(Ok(()));
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                // The other end of a terminal is gone: Linux says EIO.
                Err(e) if e.raw_os_error() == Some(Errno::IO.raw_os_error()) => {
                    return Poll::Ready(Ok(()));
                }
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
    }

    /// Whether a call on a shared blocking descriptor would return at once. The others say so
    /// themselves.
    fn is_ready(&self, flags: PollFlags) -> io::Result<bool> {
        match self {
            Channel::Shared(fd) => poll_now(fd, flags),
            _ => Ok(true),
        }
    }

    fn poll_write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let fd = match self {
            Channel::Closed => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Channel::Direct(fd) => return Poll::Ready(retry(|| rustix::io::write(fd, data))),
            Channel::Own(fd) | Channel::Socket(fd) | Channel::Shared(fd) => fd,
        };
        loop {
            let mut guard = ready!(fd.poll_write_ready(cx))?;
            if !self.is_ready(PollFlags::OUT)? {
                guard.clear_ready();
                continue;
            }
            let result = match self {
                Channel::Socket(fd) => retry(|| {
                    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                    rustix::net::send(fd, data, flags)
                }),
                Channel::Shared(fd) => {
                    let piece = &data[..data.len().min(PIPE_PIECE)];
                    retry(|| rustix::io::write(fd, piece))
                }
                _ => retry(|| rustix::io::write(fd, data)),
            };
            match result {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                done => return Poll::Ready(done),
            }
        }
    }
}

/// What the kernel says at this moment.
fn poll_now(fd: &AsyncFd<OwnedFd>, flags: PollFlags) -> io::Result<bool> {
    let mut fds = [PollFd::new(fd, flags)];
    match rustix::event::poll(&mut fds, Some(&Timespec::default())) {
        Ok(n) => Ok(n > 0),
        Err(Errno::INTR) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// Fails where the descriptor cannot be polled.
fn register(fd: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the descriptor is owned, open, and nothing replaces or closes it before the AsyncFd
    // is dropped: `get_mut` and `into_inner` are not used in this file.
    Ok(unsafe { AsyncFd::register_with_interest(fd, interest) }?)
}

/// A description of our own for the pipe or terminal behind `fd`.
#[cfg(target_os = "linux")]
fn reopen(fd: BorrowedFd<'_>, interest: Interest) -> Option<OwnedFd> {
    use rustix::fd::AsRawFd;
    let access = if interest.is_readable() {
        OFlags::RDONLY
    } else {
        OFlags::WRONLY
    };
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).ok()
}

/// Elsewhere /dev/fd duplicates, flags and all.
#[cfg(not(target_os = "linux"))]
fn reopen(_fd: BorrowedFd<'_>, _interest: Interest) -> Option<OwnedFd> {
    let _ = OFlags::empty();
    None
}

fn retry(mut call: impl FnMut() -> Result<usize, Errno>) -> io::Result<usize> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            done => return Ok(done?),
        }
    }
}

impl Wire for Stdio {
    fn has_input(&self) -> bool {
        let (Channel::Own(fd) | Channel::Socket(fd) | Channel::Shared(fd)) = &self.input else {
            return false;
        };
        matches!(poll_now(fd, PollFlags::IN), Ok(true))
    }

    fn abort(&mut self, _reason: Abort) {
        self.input = Channel::Closed;
        self.output = Channel::Closed;
    }
}

impl AsyncRead for Stdio {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.input.poll_read(cx, buf)
    }
}

impl AsyncWrite for Stdio {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.output.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Lets whoever reads our stdout see its end while we may go on reading stdin.
    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match std::mem::replace(&mut self.output, Channel::Closed) {
            Channel::Closed => {}
            Channel::Socket(fd) => match rustix::net::shutdown(&fd, Shutdown::Write) {
                Ok(()) | Err(Errno::NOTCONN) => {}
                Err(e) => return Poll::Ready(Err(e.into())),
            },
            _ => {
                // Descriptor 1 itself is one more holder of the pipe.
                let flags = OFlags::WRONLY | OFlags::CLOEXEC;
                // Without it (in a bare chroot) the reader has to wait for our exit.
                if let Ok(null) = rustix::fs::open("/dev/null", flags, Mode::empty()) {
                    rustix::stdio::dup2_stdout(&null)?;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}
