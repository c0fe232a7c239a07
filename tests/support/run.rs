//! A command that is run to its end, with its input fed and its output gathered at the same time.

use super::bytes::{Digest, Pattern};
use super::wait::wait_until;
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What goes into stdin.
pub enum Feed {
    /// /dev/null.
    Null,
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// The pattern of a seed and a length, then the end.
    Pattern(u64, u64),
    /// These bytes, and then it stays open until the command ends.
    Open(Vec<u8>),
}

/// What came out.
#[derive(Debug)]
pub struct Output {
    /// The exit code, or 128 + the signal.
    pub code: i32,
    /// Empty if only the hash was wanted.
    pub stdout: Vec<u8>,
    pub stdout_len: u64,
    pub stdout_sha256: String,
    pub stderr: String,
    pub elapsed: Duration,
}

pub struct Run {
    command: Command,
    feed: Feed,
    keep: bool,
    limit: Duration,
}

impl Run {
    /// `command` with no input. Variables that steer proxies are taken out of its environment.
    pub fn new(mut command: Command) -> Self {
        clear_proxy_environment(&mut command);
        Self {
            command,
            feed: Feed::Null,
            keep: true,
            limit: Duration::from_secs(60),
        }
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn feed(mut self, feed: Feed) -> Self {
        self.feed = feed;
        self
    }

    pub fn stdin(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.feed(Feed::Bytes(bytes.into()))
    }

    /// Hashes stdout instead of keeping it.
    pub fn hash_only(mut self) -> Self {
        self.keep = false;
        self
    }

    /// Another limit than 60 s, after which the command is killed and the test fails.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    pub fn run(mut self) -> Output {
        let start = Instant::now();
        let shown = format!("{:?}", self.command);
        let mut child = self
            .command
            .process_group(0)
            .stdin(match self.feed {
                Feed::Null => Stdio::null(),
                _ => Stdio::piped(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {shown}: {error}"));
        let (ended, end) = mpsc::channel();
        let feeder = feed(child.stdin.take(), self.feed, end);
        let stdout = gather(child.stdout.take().expect("piped stdout"), self.keep);
        let stderr = gather(child.stderr.take().expect("piped stderr"), true);
        let mut guard = Guard(Some(child));
        let status = wait_until(&format!("the end of {shown}"), start + self.limit, || {
            guard.0.as_mut()?.try_wait().expect("wait for a child")
        });
        let elapsed = start.elapsed();
        guard.0 = None;
        drop(ended);
        if let Some(feeder) = feeder {
            feeder.join().expect("feeder of stdin");
        }
        let (stdout, stdout_len, stdout_sha256) = stdout.join().expect("reader of stdout");
        let (stderr, ..) = stderr.join().expect("reader of stderr");
        Output {
            code: status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
            stdout,
            stdout_len,
            stdout_sha256,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            elapsed,
        }
    }
}

impl Output {
    /// Panics unless the exit code is `code`.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "exit code; {} bytes of stdout, stderr:\n{}",
            self.stdout_len, self.stderr
        );
        self
    }

    /// Panics unless it ended with 0 and wrote nothing to stderr.
    #[track_caller]
    pub fn expect_clean(self) -> Self {
        let output = self.expect_code(0);
        assert_eq!(output.stderr, "", "stderr is silent on success");
        output
    }

    /// Panics unless it failed with `code` and one line on stderr, which is given back.
    #[track_caller]
    pub fn expect_failure(self, code: i32) -> String {
        let output = self.expect_code(code);
        let line = output.stderr.trim_end_matches('\n');
        assert!(
            line.starts_with("tuncat: ") && !line.contains('\n'),
            "one line that begins with `tuncat: `, not:\n{}",
            output.stderr
        );
        line.to_owned()
    }
}

/// Kills the whole group if the test gives up before the child has ended.
struct Guard(Option<Child>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            kill_process_group(Pid::from_child(child), Signal::KILL).ok();
            child.wait().ok();
        }
    }
}

/// Takes every variable out that curl or tuncat would take a proxy or an exception from; nor is anything remembered: ports
/// are used again.
pub fn clear_proxy_environment(command: &mut Command) {
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.env_remove("TUNCAT_PROXY_PASSWORD");
    command.env("XDG_CACHE_HOME", "/dev/null");
}

fn feed(stdin: Option<ChildStdin>, feed: Feed, end: mpsc::Receiver<()>) -> Option<JoinHandle<()>> {
    let mut stdin = stdin?;
    Some(thread::spawn(move || {
        // A child that does not read to the end makes these writes fail, which is its right.
        match feed {
            Feed::Null => {}
            Feed::Bytes(bytes) => drop(stdin.write_all(&bytes)),
            Feed::Pattern(seed, len) => {
                io::copy(&mut Pattern::new(seed, len), &mut stdin).ok();
            }
            Feed::Open(bytes) => {
                stdin.write_all(&bytes).ok();
                end.recv().ok();
            }
        }
    }))
}

fn gather(
    mut stream: impl Read + Send + 'static,
    keep: bool,
) -> JoinHandle<(Vec<u8>, u64, String)> {
    thread::spawn(move || {
        let mut digest = Digest::new();
        let mut kept = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            digest.update(&buffer[..count]);
            if keep {
                kept.extend_from_slice(&buffer[..count]);
            }
        }
        let (len, hash) = digest.finish();
        (kept, len, hash)
    })
}
