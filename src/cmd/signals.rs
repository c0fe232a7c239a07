//! The signals that end a command.

use std::io::{self, IsTerminal};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM, SIGINT, SIGHUP and SIGQUIT. While this lives they do not kill the process. Those that
/// were ignored when it started (by nohup, or a shell for its background jobs) stay so.
pub struct Signals {
    terminate: Option<Signal>,
    interrupt: Option<Signal>,
    hangup: Option<Signal>,
    quit: Option<Signal>,
}

impl Signals {
    pub fn new() -> io::Result<Self> {
        Signals::listen(true)
    }

    /// SIGHUP is for [`Hangups`].
    pub fn without_hangup() -> io::Result<Self> {
        Signals::listen(false)
    }

    fn listen(hangup: bool) -> io::Result<Self> {
        let ignored = ignored();
        let listen = |kind: SignalKind| {
            let bit = 1 << (kind.as_raw_value() - 1);
            (ignored & bit == 0).then(|| signal(kind)).transpose()
        };
        Ok(Signals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: match hangup {
                true => listen(SignalKind::hangup())?,
                false => None,
            },
            quit: listen(SignalKind::quit())?,
        })
    }

    /// The number of the next one.
    pub async fn next(&mut self) -> i32 {
        let kind = tokio::select! {
            () = received(&mut self.terminate) => SignalKind::terminate(),
            () = received(&mut self.interrupt) => SignalKind::interrupt(),
            () = received(&mut self.hangup) => SignalKind::hangup(),
            () = received(&mut self.quit) => SignalKind::quit(),
        };
        kind.as_raw_value()
    }
}

/// SIGHUP as daemons take it: read your files again. It also comes when a terminal is closed; then it ends the command that
/// was started there.
pub struct Hangups {
    signal: Signal,
    terminal: bool,
}

impl Hangups {
    pub fn new() -> io::Result<Self> {
        Ok(Hangups {
            signal: signal(SignalKind::hangup())?,
            terminal: io::stderr().is_terminal(),
        })
    }

    /// The next one that means reading; false once the terminal is gone.
    pub async fn next(&mut self) -> bool {
        if self.signal.recv().await.is_none() {
            return std::future::pending().await;
        }
        !self.terminal || io::stderr().is_terminal()
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Bit n-1 for signal n. Nothing where the system does not tell.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}
