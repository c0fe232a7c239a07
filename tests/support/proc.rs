//! A long-running child process: its output lines are kept and can be waited for, and it ends with the value.

use super::wait::{TIMEOUT, wait_until};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

pub struct Proc {
    name: String,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Proc {
    /// Starts `command` in a process group of its own, so that what it forks ends with it. stdin is empty, and the
    /// lines of stdout and stderr are kept together.
    pub fn spawn(name: &str, mut command: Command) -> Self {
        command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        collect(child.stdout.take().expect("piped stdout"), &lines);
        collect(child.stderr.take().expect("piped stderr"), &lines);
        Self {
            name: name.to_owned(),
            child,
            lines,
        }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// What it wrote so far, a line each.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("lines of a child").clone()
    }

    /// Waits until `find` gives something for one of the lines. Panics when the process ends first.
    pub fn wait_line<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        self.try_wait_line(what, find).unwrap_or_else(|status| {
            panic!(
                "{} ended ({status}) before it wrote {what}:\n{}",
                self.name,
                self.lines().join("\n")
            )
        })
    }

    /// As [`Self::wait_line`], but an early end of the process is an error with its status.
    pub fn try_wait_line<T>(
        &mut self,
        what: &str,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T, ExitStatus> {
        let deadline = Instant::now() + TIMEOUT;
        let what = format!("{what} from {}", self.name);
        wait_until(&what, deadline, || {
            // The state first: the last lines of a process that has ended are worth a look.
            let status = self.status();
            let found = self.lines().iter().find_map(|line| find(line));
            match (found, status) {
                (Some(value), _) => Some(Ok(value)),
                (None, Some(status)) => Some(Err(status)),
                (None, None) => None,
            }
        })
    }

    /// The exit status, if it has ended.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("wait for a child")
    }

    /// Waits for the end by itself.
    pub fn wait_exit(&mut self) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        wait_until(&what, Instant::now() + TIMEOUT, || self.status())
    }

    /// Sends a signal to the process alone.
    pub fn signal(&mut self, signal: Signal) {
        if self.status().is_none() {
            kill_process(self.pid(), signal).expect("signal a child");
        }
    }
}

impl Drop for Proc {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- {}:\n{}", self.name, self.lines().join("\n"));
        }
        // Not yet reaped, so the number is still ours, and so is the group even when the leader has ended.
        kill_process_group(self.pid(), Signal::KILL).ok();
        self.child.wait().ok();
    }
}

fn collect(stream: impl Read + Send + 'static, lines: &Arc<Mutex<Vec<String>>>) {
    let lines = Arc::clone(lines);
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream
            .read_until(b'\n', &mut line)
            .is_ok_and(|count| count > 0)
        {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            lines.lock().expect("lines of a child").push(text);
            line.clear();
        }
    });
}

/// A command for `program`, which the test needs from the Debian package `package`. It is sent SIGKILL when the thread
/// that starts it ends, so nothing outlives a test run that is killed.
///
/// # Panics
/// When the program is not installed: a peer that is missing must not pass for one that was tested.
pub fn tool(program: &str, package: &str) -> Command {
    guarded(&find(program, package))
}

/// As [`tool`], but run as `user` when the tests run as root: for daemons that drop root by themselves, which would
/// clear the death signal and make them lose sight of their files.
pub fn tool_as(user: &str, program: &str, package: &str) -> Command {
    let path = find(program, package);
    if !is_root() {
        return guarded(&path);
    }
    let mut command = Command::new(find("setpriv", "util-linux"));
    command
        .arg(format!("--reuid={user}"))
        .arg(format!("--regid={user}"))
        .args(["--clear-groups", "--pdeathsig", "KILL", "--"])
        .arg(path);
    command
}

/// `program` under the same guard, for programs that come with the test (the binary under test).
pub fn guarded(program: &impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(find("setpriv", "util-linux"));
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Where `program` is: in PATH or in the places for daemons, which are not in everybody's PATH.
///
/// # Panics
/// When it is in none of them.
pub fn find(program: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .unwrap_or_else(|| missing(program, package))
}

/// A file that a package brings at a fixed place, such as a module or a helper.
///
/// # Panics
/// When it is not there.
pub fn packaged(file: &str, package: &str) -> PathBuf {
    match Path::new(file).metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => missing(file, package),
        _ => PathBuf::from(file),
    }
}

fn missing(what: &str, package: &str) -> ! {
    panic!(
        "{what} is missing: install the Debian package `{package}` (tests/run does it when it may)"
    )
}
