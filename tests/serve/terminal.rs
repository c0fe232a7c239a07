//! On a terminal: lines to copy, which work, and the table of tunnels.

use crate::client::pty::Terminal;
use crate::support::proc::guarded;
use crate::support::tuncat::TUNCAT;
use crate::support::{Run, Target, wait_for};
use crate::terminator::request::{ask_for, open};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

struct OnTerminal {
    terminal: Terminal,
    child: std::process::Child,
    port: u16,
}

impl OnTerminal {
    fn start(args: &[&str]) -> Self {
        let terminal = Terminal::new();
        let size = rustix::termios::Winsize {
            ws_row: 24,
            ws_col: 120,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        rustix::termios::tcsetwinsize(terminal.fd(), size).expect("a size");
        let mut command = guarded(&TUNCAT);
        command.args(["serve", "-l", "127.0.0.1:0"]).args(args);
        command
            .stdin(Stdio::null())
            .stdout(terminal.stdio())
            .stderr(terminal.stdio());
        let child = command.spawn().expect("serve");
        let port = wait_for("its address", || {
            let shown = terminal.shown();
            let (_, rest) = shown.split_once("tuncat: listening on ")?;
            let (url, _) = rest.split_once("\r\n")?;
            url.rsplit(':').next()?.parse().ok()
        });
        OnTerminal {
            terminal,
            child,
            port,
        }
    }

    /// The line that begins with `word`, without it.
    fn line(&self, word: &str) -> String {
        wait_for(word, || {
            let shown = self.terminal.shown();
            let line = shown.lines().find_map(|line| {
                let rest = line.trim_start().strip_prefix(word)?;
                rest.starts_with(' ').then(|| rest.trim().to_owned())
            });
            line.filter(|_| shown.contains("Envoy"))
        })
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn lines_to_copy_work() {
    let target = Target::http("hello from the target");
    for args in [&[][..], &["--self-signed"]] {
        let serve = OnTerminal::start(args);
        let host_port = format!("127.0.0.1 {}", target.port);
        let line = serve.line("tuncat").replace("HOST PORT", &host_port);
        assert!(line.starts_with("tuncat connect -x http"), "{line}");
        let shell = |line: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", line]);
            Run::new(command)
        };
        let own = line.replacen("tuncat", TUNCAT, 1);
        let request = *b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let output = shell(&own).stdin(request).run().expect_clean();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.ends_with("hello from the target"), "{text}");
        let line = serve.line("curl");
        let line = line.replace(
            "https://HOST/",
            &format!("http://127.0.0.1:{}/", target.port),
        );
        let output = shell(&format!("{line} -sS")).run().expect_clean();
        assert_eq!(output.stdout, b"hello from the target", "{line}");
        let line = serve.line("ssh");
        assert!(line.contains("%h %p"), "{line}");
    }
}

#[test]
fn the_table() {
    let mut serve = OnTerminal::start(&[]);
    let target = Target::echo();
    serve.terminal.wait_shown("0 tunnels");
    let mut stream = open(serve.port, &target.addr());
    let client = stream.local_addr().expect("address").to_string();
    stream.write_all(&[b'x'; 5000]).expect("send");
    stream.read_exact(&mut [0; 5000]).expect("echo");
    serve.terminal.wait_shown("1 tunnels");
    serve.terminal.wait_shown("4.88 KiB");
    let shown = serve.terminal.shown();
    for text in [client.as_str(), &target.addr(), "CLIENT", "TARGET"] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    // A line that is too wide would break the picture.
    assert!(
        shown
            .lines()
            .all(|line| console::measure_text_width(line) <= 120 || line.contains("ProxyCommand"))
    );
    drop(stream);
    ask_for(serve.port, "10.0.0.1:1");
    serve.terminal.wait_shown("0 tunnels");
    let pid = Pid::from_child(&serve.child);
    kill_process(pid, Signal::TERM).expect("SIGTERM");
    assert_eq!(serve.child.wait().expect("wait").code(), Some(0));
}

/// With nobody to look there are plain lines, and few.
#[test]
fn without_a_terminal() {
    let mut serve = crate::support::Serve::start();
    let target = Target::echo();
    drop(open(serve.port, &target.addr()));
    let lines = serve.process().lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("tuncat: listening on http://127.0.0.1:"));
}
