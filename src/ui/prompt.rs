//! A password asked for on the terminal.

use crate::base::Secret;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use std::io;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Octets of a line that a terminal delivers at most (its canonical mode's limit).
const LINE: usize = 4096;

/// Asks on /dev/tty with echo off. Dropping the future restores the terminal, so a signal that
/// ends the command does too.
pub async fn password(prompt: &str) -> io::Result<Secret> {
    // A description of our own: its flags are nobody else's.
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let tty = rustix::fs::open("/dev/tty", flags, Mode::empty())?;
    let tty = register(tty)?;
    let quiet = Quiet::new(&tty)?;
    rustix::io::write(&tty, prompt.as_bytes())?;
    let mut line = [0; LINE];
    let read = loop {
        let mut guard = tty.readable().await?;
        match guard.try_io(|tty| Ok(rustix::io::read(tty, &mut line)?)) {
            Ok(Err(e)) if e.kind() == io::ErrorKind::Interrupted => {}
            Ok(result) => break result,
            Err(_would_block) => {}
        }
    };
    drop(quiet);
    rustix::io::write(&tty, b"\n")?;
    let n = read?;
    if n == 0 {
        return Err(io::Error::other("end of input"));
    }
    let text = line[..n].strip_suffix(b"\n").unwrap_or(&line[..n]);
    let text = std::str::from_utf8(text).map_err(io::Error::other)?;
    let secret = Secret::new(text);
    line.fill(0);
    Ok(secret)
}

fn register(tty: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the descriptor is owned and open, and nothing replaces or closes it before the
    // AsyncFd is dropped at the end of `password`.
    Ok(unsafe { AsyncFd::register_with_interest(tty, Interest::READABLE) }?)
}

/// _POSIX_VDISABLE.
const DISABLED: u8 = if cfg!(target_os = "linux") { 0 } else { 0xff };

/// Echo is off while this lives.
struct Quiet<'a> {
    tty: &'a AsyncFd<OwnedFd>,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn new(tty: &'a AsyncFd<OwnedFd>) -> io::Result<Self> {
        let before = tcgetattr(tty)?;
        let mut during = before.clone();
        during
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ECHOE | LocalModes::ECHOK);
        // Suspended, we would leave the shell without echo.
        during.special_codes[SpecialCodeIndex::VSUSP] = DISABLED;
        tcsetattr(tty, OptionalActions::Flush, &during)?;
        Ok(Quiet { tty, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // What was typed and not read must not reach the shell.
        let _ = tcsetattr(self.tty, OptionalActions::Flush, &self.before);
    }
}
