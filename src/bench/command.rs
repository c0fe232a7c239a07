//! A tunnel that is another program's stdin and stdout.

use crate::base::{Blame, Error, Kind, Result, Setup, Stage};
use crate::bench::lane::{Opened, Opener, Opening};
use crate::wire::{Abort, Wire};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Runs a command line with sh, once for each connection.
pub struct CommandOpener {
    line: String,
    live: Live,
}

/// Process ids of those that run.
type Live = Arc<Mutex<Vec<u32>>>;

impl CommandOpener {
    pub fn new(line: String) -> Self {
        CommandOpener {
            line,
            live: Live::default(),
        }
    }

    fn start(&self) -> Result<Opened> {
        let started = Instant::now();
        let mut command = Command::new("sh");
        command
            .args(["-c", &exec(&self.line)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Whatever it starts in turn ends with it.
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn().map_err(|e| cannot(&e.to_string()))?;
        let mut wire = CommandWire {
            pid: child.id(),
            child,
            stdin: None,
            stdout: None,
            live: self.live.clone(),
        };
        wire.stdin = wire.child.stdin.take();
        wire.stdout = wire.child.stdout.take();
        if let Some(pid) = wire.pid {
            lock(&self.live).push(pid);
        }
        // A process has no phases that we could see: all of it is the request, until the first octet.
        let setup = Setup {
            request: started.elapsed(),
            ..Setup::default()
        };
        Ok(Opened {
            wire: Box::new(wire),
            setup,
        })
    }
}

/// A command that is nothing but one is run in the place of its shell.
fn exec(line: &str) -> String {
    let first = line.split_ascii_whitespace().next().unwrap_or("");
    match line.contains([';', '&', '|', '<', '>', '(', '\n', '`']) || first.contains('=') {
        true => line.into(),
        false => format!("exec {line}"),
    }
}

fn lock(live: &Live) -> std::sync::MutexGuard<'_, Vec<u32>> {
    live.lock().unwrap_or_else(PoisonError::into_inner)
}

fn cannot(why: &str) -> Error {
    let cause = format!("cannot run the command: {why}");
    Error::new(Kind::Usage, Stage::Connect, Blame::User, cause)
}

impl Opener for CommandOpener {
    fn open(&self) -> Opening<'_> {
        Box::pin(async { self.start() })
    }

    fn processes(&self) -> Vec<u32> {
        lock(&self.live).clone()
    }

    fn is_costly(&self) -> bool {
        true
    }
}

struct CommandWire {
    child: Child,
    pid: Option<u32>,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    live: Live,
}

impl Wire for CommandWire {
    fn abort(&mut self, _reason: Abort) {
        self.stdin = None;
        self.stdout = None;
    }
}

impl Drop for CommandWire {
    fn drop(&mut self) {
        let Some(pid) = self.pid else { return };
        lock(&self.live).retain(|live| *live != pid);
        let group = i32::try_from(pid).ok().and_then(Pid::from_raw);
        // One that has ended, but was not waited for yet, still has its group.
        if let Some(group) = group.filter(|_| !matches!(self.child.try_wait(), Ok(Some(_)))) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl AsyncRead for CommandWire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stdout {
            Some(stdout) => Pin::new(stdout).poll_read(cx, buf),
            None => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }
}

impl AsyncWrite for CommandWire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stdin {
            Some(stdin) => Pin::new(stdin).poll_write(cx, data),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stdin {
            Some(stdin) => Pin::new(stdin).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stdin = None;
        Poll::Ready(Ok(()))
    }
}
