//! `exec:COMMAND`: a command of this machine, whose stdin and stdout are the target.

use crate::wire::{Abort, Wire};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A running command. It and whatever it started is killed when this goes.
pub struct Exec {
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
}

impl Exec {
    /// Has `sh` run it, in a process group of its own. Its stderr is ours.
    pub fn start(command: &str) -> io::Result<Self> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let missing = || io::Error::other("no pipe to the command");
        Ok(Exec {
            input: Some(child.stdin.take().ok_or_else(missing)?),
            output: child.stdout.take().ok_or_else(missing)?,
            child,
        })
    }

    fn kill_group(&mut self) {
        use rustix::process::{Pid, Signal, kill_process_group};
        // It has an id until it was waited for, and so long nobody else has that id.
        let group = self.child.id().and_then(|id| Pid::from_raw(id as i32));
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Exec {
    fn drop(&mut self) {
        self.kill_group();
    }
}

impl Wire for Exec {
    fn abort(&mut self, _reason: Abort) {
        self.input = None;
        self.kill_group();
    }
}

impl AsyncRead for Exec {
    /// The end of its output is a clean one unless a signal killed it.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.output).poll_read(cx, buf))?;
        if buf.filled().len() > before || buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let status = {
            let wait = std::pin::pin!(self.child.wait());
            ready!(wait.poll(cx))?
        };
        match status.signal() {
            Some(number) => {
                let text = format!("the command was killed by signal {number}");
                Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionReset, text)))
            }
            None => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Exec {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.input {
            Some(input) => Pin::new(input).poll_write(cx, data),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.input {
            Some(input) => Pin::new(input).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input = None;
        Poll::Ready(Ok(()))
    }
}
