//! A tunnel that is another program's stdin and stdout.

use crate::base::{Blame, Error, Kind, Result, Setup, Stage};
use crate::bench::lane::{Opened, Opener, Opening};
use crate::bench::meter::{Child, Commands, reap, used_by};
use crate::wire::{Abort, Wire};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::io;
use std::os::unix::process::CommandExt;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{ChildStdin, ChildStdout};

/// Runs a command line with sh, once for each connection.
pub struct CommandOpener {
    line: String,
    books: Books,
}

type Books = Arc<Mutex<Book>>;

/// The processes that were started, by their numbers. Nobody else waits for them, so until [`Book::reap`] does, each has
/// its number and its CPU time can be read, though it has ended.
#[derive(Default)]
struct Book {
    /// With a connection.
    live: Vec<u32>,
    /// Killed, and not yet waited for.
    dying: Vec<u32>,
    /// CPU time of those that were waited for.
    ended: Duration,
}

impl Book {
    fn reap(&mut self) {
        let ended = &mut self.ended;
        self.dying.retain(|pid| match reap(*pid) {
            Child::Running => true,
            Child::Ended(used) => {
                *ended += used;
                false
            }
            Child::Gone => false,
        });
    }
}

impl CommandOpener {
    pub fn new(line: String) -> Self {
        CommandOpener {
            line,
            books: Books::default(),
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
            .process_group(0);
        let mut child = command.spawn().map_err(|e| cannot(&e.to_string()))?;
        let mut book = lock(&self.books);
        book.live.push(child.id());
        // Else those that ended would pile up in a turn of opens.
        book.reap();
        drop(book);
        let mut wire = CommandWire {
            pid: child.id(),
            stdin: None,
            stdout: None,
            books: self.books.clone(),
        };
        let stdin = child.stdin.take().map(ChildStdin::from_std).transpose();
        let stdout = child.stdout.take().map(ChildStdout::from_std).transpose();
        wire.stdin = stdin.map_err(|e| cannot(&e.to_string()))?;
        wire.stdout = stdout.map_err(|e| cannot(&e.to_string()))?;
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

fn lock(books: &Books) -> MutexGuard<'_, Book> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

fn cannot(why: &str) -> Error {
    let cause = format!("cannot run the command: {why}");
    Error::new(Kind::Usage, Stage::Connect, Blame::User, cause)
}

impl Opener for CommandOpener {
    fn open(&self) -> Opening<'_> {
        Box::pin(async { self.start() })
    }

    fn processes(&self) -> Commands {
        // Read under the lock: none of them can pass from those that are read to those that have ended, or be in both.
        let mut book = lock(&self.books);
        book.reap();
        let there = [&book.live[..], &book.dying].concat();
        Commands {
            used: book.ended + used_by(&there),
            live: book.live.clone(),
        }
    }

    fn is_costly(&self) -> bool {
        true
    }
}

struct CommandWire {
    pid: u32,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    books: Books,
}

impl Wire for CommandWire {
    fn abort(&mut self, _reason: Abort) {
        self.stdin = None;
        self.stdout = None;
    }
}

impl Drop for CommandWire {
    fn drop(&mut self) {
        let mut book = lock(&self.books);
        book.live.retain(|live| *live != self.pid);
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        // It was not waited for, so its number is its own and its group's, even when it has ended and left others of its
        // group behind. Only where children are not to be waited for (SIGCHLD is ignored) both may be gone, and the
        // number a stranger's.
        if let Some(pid) = pid.filter(|pid| is_child(*pid)) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        book.dying.push(self.pid);
        book.reap();
    }
}

/// One that runs or has ended, and was not waited for; it is not waited for here either.
fn is_child(pid: Pid) -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(pid), look).is_ok()
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
