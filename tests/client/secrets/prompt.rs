//! The question for a password on the controlling terminal.

use super::basic;
use crate::client::child::Tunnel;
use crate::client::expect::TARGET;
use crate::client::peer::{OK, Peer};
use crate::client::pty::Terminal;
use crate::support::proc::find;
use crate::support::tuncat::TUNCAT;
use crate::support::{connect, wait_for};
use rustix::process::Signal;
use std::process::{Command, Stdio};

/// `tuncat connect` in a session of its own, with the terminal as the controlling one.
fn on(terminal: &Terminal, script: &str, args: &[&str]) -> Tunnel {
    let mut command = Command::new(find("setsid", "util-linux"));
    command.args(["--ctty", "sh", "-c", script, TUNCAT, "connect"]);
    command.args(args);
    Tunnel::command(command, terminal.stdio(), Stdio::piped())
}

const FROM_THE_TERMINAL: &str = r#"exec "$0" "$@""#;
const FROM_ELSEWHERE: &str = r#"exec "$0" "$@" </dev/null"#;

fn question(peer: &Peer) -> String {
    format!("Password for me at {}: ", peer.url())
}

fn wait_request(peer: &Peer) -> String {
    wait_for("a request", || peer.heads().into_iter().next())
}

#[test]
fn it_is_asked_without_echo() {
    let peer = Peer::echo(OK);
    let mut terminal = Terminal::new();
    let before = format!("{:?}", terminal.modes());
    assert!(terminal.echoes());
    let args = [
        "-N",
        "--proxy-auth",
        "basic",
        "-x",
        &peer.url(),
        "-U",
        "me",
        TARGET,
    ];
    let mut tunnel = on(&terminal, FROM_THE_TERMINAL, &args);
    terminal.wait_shown(&question(&peer));
    assert!(!terminal.echoes(), "echo during the question");
    assert_eq!(peer.accepted(), 0, "nobody is connected to meanwhile");
    terminal.type_in("s3cret p@ss\n");
    let head = wait_request(&peer);
    assert!(head.contains(&basic("me", "s3cret p@ss")), "{head}");
    assert!(terminal.echoes(), "echo after the question");
    assert_eq!(format!("{:?}", terminal.modes()), before);

    // From here on the terminal is stdin, from its next line on.
    terminal.type_in("hello\n");
    assert_eq!(tunnel.read_exact(6), b"hello\n");
    terminal.type_in("\x04");
    tunnel.wait().expect_clean();
    let shown = terminal.shown();
    assert!(!shown.contains("s3cret"), "{shown:?}");
    assert!(shown.contains("hello"), "echo is back: {shown:?}");
}

/// As with ssh: stdin is the tunnel's, and the terminal is asked all the same.
#[test]
fn it_is_asked_on_the_terminal_when_stdin_is_not() {
    let peer = Peer::echo(OK);
    let mut terminal = Terminal::new();
    // A user in the URL is asked for as well.
    let url = peer.url().replace("http://", "http://me@");
    let tunnel = on(
        &terminal,
        FROM_ELSEWHERE,
        &["-N", "--proxy-auth", "basic", "-x", &url, TARGET],
    );
    terminal.wait_shown(&question(&peer));
    terminal.type_in("secret\n");
    let head = wait_request(&peer);
    assert!(head.contains(&basic("me", "secret")), "{head}");
    assert_eq!(tunnel.wait().code, 0);
    assert!(!terminal.shown().contains("secret"));
}

/// Where the password is known nobody is asked.
#[test]
fn nobody_is_asked_without_need() {
    for (args, variable) in [(["-U", "me:secret"], None), (["-U", "me"], Some("secret"))] {
        let peer = Peer::echo(OK);
        let terminal = Terminal::new();
        let mut command = Command::new(find("setsid", "util-linux"));
        command.args(["--ctty", "sh", "-c", FROM_ELSEWHERE, TUNCAT, "connect"]);
        command
            .args(["-N", "--proxy-auth", "basic", "-x", &peer.url(), TARGET])
            .args(args);
        if let Some(password) = variable {
            command.env("TUNCAT_PROXY_PASSWORD", password);
        }
        let tunnel = Tunnel::command(command, terminal.stdio(), Stdio::piped());
        assert_eq!(tunnel.wait().code, 0);
        assert!(wait_request(&peer).contains(&basic("me", "secret")));
        assert_eq!(terminal.shown(), "");
    }
}

/// The signal is what the code says, and the terminal is as before.
#[test]
fn a_signal_during_the_question_restores_the_terminal() {
    type Act = fn(&mut Terminal, &mut Tunnel);
    let acts: [(i32, Act); 4] = [
        (130, |terminal, _| terminal.type_in("half a secr\x03")),
        (130, |_, tunnel| tunnel.signal(Signal::INT)),
        (143, |_, tunnel| tunnel.signal(Signal::TERM)),
        (129, |_, tunnel| tunnel.signal(Signal::HUP)),
    ];
    for (code, act) in acts {
        let peer = Peer::echo(OK);
        let mut terminal = Terminal::new();
        let before = format!("{:?}", terminal.modes());
        let args = ["-x", &peer.url(), "-U", "me", TARGET];
        let mut tunnel = on(&terminal, FROM_THE_TERMINAL, &args);
        terminal.wait_shown(&question(&peer));
        assert!(!terminal.echoes());
        act(&mut terminal, &mut tunnel);
        let ended = tunnel.wait();
        assert_eq!((ended.code, ended.stderr.as_str()), (code, ""));
        assert_eq!(format!("{:?}", terminal.modes()), before, "{code}");
        assert_eq!(peer.accepted(), 0);
        assert!(!terminal.shown().contains("secr"));
    }
}

/// A password with a letter that is not ASCII, and a corrected mistake.
#[test]
fn what_is_typed_is_what_is_sent() {
    let peer = Peer::echo(OK);
    let mut terminal = Terminal::new();
    let args = [
        "-N",
        "--proxy-auth",
        "basic",
        "-x",
        &peer.url(),
        "-U",
        "me",
        TARGET,
    ];
    let tunnel = on(&terminal, FROM_ELSEWHERE, &args);
    terminal.wait_shown(&question(&peer));
    terminal.type_in("wrong\x15sëcrx\x7f€t \n");
    let head = wait_request(&peer);
    assert!(head.contains(&basic("me", "sëcr€t ")), "{head}");
    assert_eq!(tunnel.wait().code, 0);
}

#[test]
fn without_a_terminal_it_is_an_error() {
    let peer = Peer::echo(OK);
    // A session of its own has no terminal.
    let mut command = Command::new(find("setsid", "util-linux"));
    command.args(["--wait", TUNCAT, "connect"]);
    command.args(["-x", &peer.url(), "-U", "me", TARGET]);
    let ended = Tunnel::command(command, Stdio::null(), Stdio::piped()).wait();
    assert_eq!(ended.code, 2, "{ended:?}");
    let line = ended.stderr.trim_end();
    assert!(
        line.starts_with("tuncat: arguments: no password for 'me', and none from the terminal ("),
        "{line}"
    );
    assert!(
        line.ends_with("; give --proxy-pass-file or TUNCAT_PROXY_PASSWORD"),
        "{line}"
    );
    assert_eq!((line.lines().count(), peer.accepted()), (1, 0));
    // What it advises works.
    let args = [
        "-N",
        "--proxy-auth",
        "basic",
        "-x",
        &peer.url(),
        "-U",
        "me",
        TARGET,
    ];
    let run = connect(args).env("TUNCAT_PROXY_PASSWORD", "secret");
    run.run().expect_code(0);
}

/// A password that is turned down is asked for once more, and then that is that.
#[test]
fn it_is_asked_once_more() {
    let fields = "Proxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0";
    let peer = Peer::raw(move |conn| {
        loop {
            let head = conn.read_head()?;
            if head.contains(&basic("me", "right")) {
                conn.send(OK)?;
                return std::io::copy(&mut &conn.stream, &mut &conn.stream).map(drop);
            }
            conn.send(format!("HTTP/1.1 407 Who\r\n{fields}\r\n\r\n"))?;
        }
    });
    for (second, code) in [("right", 0), ("wrong too", 67)] {
        let mut terminal = Terminal::new();
        let args = ["-N", "-x", &peer.url(), "-U", "me", TARGET];
        let tunnel = on(&terminal, FROM_ELSEWHERE, &args);
        terminal.wait_shown(&question(&peer));
        terminal.type_in("wrong\n");
        wait_for("the second question", || {
            (terminal.shown().matches(&question(&peer)).count() == 2).then_some(())
        });
        terminal.type_in(&format!("{second}\n"));
        let ended = tunnel.wait();
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert!(
            ended.stderr.contains("check user name and password"),
            "{}",
            ended.stderr
        );
    }
    let heads = peer.heads();
    let shown = heads.iter().filter(|h| h.contains("Authorization"));
    assert_eq!(shown.count(), 4, "{heads:?}");
}
