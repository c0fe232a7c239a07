//! The program with its stdio in the test's hands.

use super::LIMIT;
use crate::support::tuncat::TUNCAT;
use crate::support::wait_until;
use rustix::process::{
    Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open, pidfd_send_signal,
};
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// `tuncat connect` while it runs.
///
/// It is killed when it hangs, so that whoever reads its output does not hang with it.
pub struct Tunnel {
    child: Child,
    /// Calls the watchdog off when it is dropped.
    _watchdog: Sender<()>,
    stderr: Option<JoinHandle<String>>,
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code, or 128 + the signal.
    pub code: i32,
    pub stderr: String,
}

impl Tunnel {
    /// With pipes for stdin and stdout.
    pub fn piped(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        Self::start(args, Stdio::piped(), Stdio::piped())
    }

    pub fn start(
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        stdin: impl Into<Stdio>,
        stdout: impl Into<Stdio>,
    ) -> Self {
        let mut command = Command::new(TUNCAT);
        command.arg("connect").args(args);
        command.process_group(0);
        Self::command(command, stdin, stdout)
    }

    /// Any command that becomes the program.
    pub fn command(
        mut command: Command,
        stdin: impl Into<Stdio>,
        stdout: impl Into<Stdio>,
    ) -> Self {
        for name in ["https_proxy", "all_proxy", "no_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        let mut child = command
            .stdin(stdin)
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .expect("start the program");
        // The command holds copies of descriptors, whose ends the tests wait for.
        drop(command);
        let mut stream = child.stderr.take().expect("piped stderr");
        let stderr = thread::spawn(move || {
            let mut text = Vec::new();
            stream.read_to_end(&mut text).ok();
            String::from_utf8_lossy(&text).into_owned()
        });
        Self {
            _watchdog: watch(&child),
            child,
            stderr: Some(stderr),
        }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub fn running(&mut self) -> bool {
        self.child.try_wait().expect("state of a child").is_none()
    }

    pub fn signal(&mut self, signal: Signal) {
        assert!(self.running(), "it has ended before the signal");
        kill_process(self.pid(), signal).expect("signal a child");
    }

    pub fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let stdin = self.child.stdin.as_mut().expect("stdin is a pipe");
        stdin.write_all(bytes.as_ref()).expect("write to stdin");
    }

    /// Closes stdin.
    pub fn end_stdin(&mut self) {
        drop(self.child.stdin.take().expect("stdin is a pipe"));
    }

    pub fn read_exact(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let stdout = self.child.stdout.as_mut().expect("stdout is a pipe");
        stdout.read_exact(&mut bytes).expect("read stdout");
        bytes
    }

    pub fn take_stdin(&mut self) -> impl Write + Send + 'static {
        self.child.stdin.take().expect("stdin is a pipe")
    }

    pub fn take_stdout(&mut self) -> impl Read + Send + 'static {
        self.child.stdout.take().expect("stdout is a pipe")
    }

    /// Everything that comes on stdout until its end.
    pub fn read_stdout(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.take_stdout()
            .read_to_end(&mut bytes)
            .expect("read stdout");
        bytes
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Ended {
        let status = wait_until("the end of the program", Instant::now() + LIMIT, || {
            self.child.try_wait().expect("state of a child")
        });
        let stderr = self.stderr.take().expect("stderr is gathered");
        Ended {
            code: status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
            stderr: stderr.join().expect("reader of stderr"),
        }
    }
}

/// Kills `child` after twice the time that it may take.
fn watch(child: &Child) -> Sender<()> {
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).expect("open a child");
    let (called_off, waits) = channel();
    thread::spawn(move || {
        if waits.recv_timeout(2 * LIMIT) == Err(RecvTimeoutError::Timeout) {
            // It fails where the child has ended in the meantime.
            pidfd_send_signal(&process, Signal::KILL).ok();
        }
    });
    called_off
}

/// Does something that may block, for as long as anything may take.
pub fn within<T: Send + 'static>(what: &str, act: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, done) = channel();
    thread::spawn(move || sender.send(act()));
    done.recv_timeout(LIMIT)
        .unwrap_or_else(|error| panic!("{what}: {error}"))
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        if self.running() {
            kill_process_group(Pid::from_child(&self.child), Signal::KILL).ok();
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

impl Ended {
    /// Panics unless it ended with 0 and said nothing.
    #[track_caller]
    pub fn expect_clean(self) -> Self {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""));
        self
    }

    /// Panics unless it ended with `code` and one object on stderr, which is given back.
    #[track_caller]
    pub fn expect_json(&self, code: i32) -> Value {
        assert_eq!(self.code, code, "stderr: {}", self.stderr);
        object(&self.stderr)
    }
}

/// The one JSON object that is all of `stderr`.
#[track_caller]
pub fn object(stderr: &str) -> Value {
    let line = stderr.trim_end_matches('\n');
    assert!(!line.contains('\n'), "one line, not:\n{stderr}");
    serde_json::from_str(line).unwrap_or_else(|e| panic!("no JSON ({e}): {stderr}"))
}
