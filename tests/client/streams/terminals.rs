//! stdin and stdout on a terminal: its modes and flags are left alone, and its end is an end.

use crate::client::LIMIT;
use crate::client::child::Tunnel;
use crate::client::expect::TARGET;
use crate::client::kernel::flags;
use crate::client::peer::{OK, OK_KEEPS, Peer};
use crate::client::pty::Terminal;
use rustix::fs::OFlags;
use rustix::termios::Termios;
use std::io;
use std::process::Stdio;
use std::sync::mpsc::channel;

/// What can be compared of the modes.
fn modes(terminal: &Terminal) -> String {
    let Termios {
        input_modes,
        output_modes,
        control_modes,
        local_modes,
        ..
    } = terminal.modes();
    format!("{input_modes:?} {output_modes:?} {control_modes:?} {local_modes:?}")
}

#[test]
fn lines_are_typed_and_an_end() {
    let (sender, received) = channel();
    let peer = Peer::new(move |conn| {
        conn.send(OK_KEEPS)?;
        let first = conn.read_exact(6)?;
        conn.send("first\n")?;
        let all = [first, conn.read_to_end()?].concat();
        sender.send(all).map_err(io::Error::other)?;
        conn.send("last\n")
    });
    let mut terminal = Terminal::new();
    let before = modes(&terminal);
    let args = ["-x", &peer.url(), TARGET];
    let tunnel = Tunnel::start(args, terminal.stdio(), terminal.stdio());
    terminal.type_in("hello\n");
    terminal.wait_shown("first");
    assert_eq!(modes(&terminal), before, "modes during the run");
    assert!(!flags(terminal.fd()).contains(OFlags::NONBLOCK));
    // The end is typed too, after half a line.
    terminal.type_in("bye\x04\x04");
    let received = received.recv_timeout(LIMIT).expect("an end");
    assert_eq!(received, b"hello\nbye");
    tunnel.wait().expect_clean();
    terminal.wait_shown("last");
    assert_eq!(modes(&terminal), before, "modes after the run");
    assert!(!flags(terminal.fd()).contains(OFlags::NONBLOCK));
}

/// More than a terminal takes at once.
#[test]
fn much_is_shown() {
    let lines: Vec<String> = (0..20_000).map(|n| format!("line {n}\n")).collect();
    let text = lines.concat();
    let sent = text.clone();
    let peer = Peer::new(move |conn| {
        conn.send(OK)?;
        conn.send(&sent)?;
        conn.end()?;
        conn.read_to_end().map(drop)
    });
    let terminal = Terminal::new();
    let args = ["-x", &peer.url(), TARGET];
    let tunnel = Tunnel::start(args, Stdio::null(), terminal.stdio());
    tunnel.wait().expect_clean();
    terminal.wait_shown("line 19999\r\n");
    assert!(terminal.shown().replace("\r\n", "\n") == text);
    assert!(!flags(terminal.fd()).contains(OFlags::NONBLOCK));
}

/// The far side ends while nobody types.
#[test]
fn the_far_side_ends_first() {
    let peer = Peer::new(|conn| {
        conn.send(OK)?;
        conn.send("bye\n")?;
        conn.end()?;
        conn.read_to_end().map(drop)
    });
    let terminal = Terminal::new();
    let before = modes(&terminal);
    let args = ["-x", &peer.url(), TARGET];
    let tunnel = Tunnel::start(args, terminal.stdio(), terminal.stdio());
    tunnel.wait().expect_clean();
    terminal.wait_shown("bye");
    assert_eq!(modes(&terminal), before);
}

/// The window is closed: that ends stdin, and what comes then still goes to a stdout that is elsewhere.
#[test]
fn a_terminal_that_hangs_up_has_ended() {
    let (sender, received) = channel();
    let peer = Peer::new(move |conn| {
        conn.send(OK_KEEPS)?;
        conn.read_exact(6)?;
        conn.send("x")?;
        sender.send(conn.read_to_end()?).map_err(io::Error::other)?;
        conn.send("rest")
    });
    let mut terminal = Terminal::new();
    let args = ["-x", &peer.url(), TARGET];
    let mut tunnel = Tunnel::start(args, terminal.stdio(), Stdio::piped());
    terminal.type_in("hello\n");
    assert_eq!(tunnel.read_exact(1), b"x");
    terminal.hang_up();
    let received = received.recv_timeout(LIMIT).expect("a clean end");
    assert_eq!(received, b"");
    assert_eq!(tunnel.read_stdout(), b"rest");
    tunnel.wait().expect_clean();
}
