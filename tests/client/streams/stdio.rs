//! stdin and stdout are what they are: closed, empty, files, pipes, sockets. What is shared with others is left as it was.

use crate::client::LIMIT;
use crate::client::child::{Ended, Tunnel, within};
use crate::client::expect::TARGET;
use crate::client::kernel::flags;
use crate::client::peer::{OK, OK_KEEPS, Peer};
use crate::support::proc::{find, is_root};
use crate::support::tuncat::TUNCAT;
use crate::support::{Digest, Feed, Pattern, connect, pattern};
use rustix::fs::OFlags;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::thread;

/// A proxy that reads to the end and then answers with what it got.
fn after_the_end() -> Peer {
    Peer::new(|conn| {
        conn.send(OK_KEEPS)?;
        conn.send(conn.read_to_end()?)
    })
}

/// A proxy that sends a line, and after the end its answer.
fn talks_to_nobody() -> Peer {
    Peer::new(|conn| {
        conn.send(OK_KEEPS)?;
        conn.send("hello, ")?;
        assert_eq!(conn.read_to_end()?, b"");
        conn.send("nobody")
    })
}

#[test]
fn stdin_is_closed() {
    let peer = talks_to_nobody();
    let mut command = Command::new("sh");
    command.args(["-c", r#"exec "$0" "$@" <&-"#, TUNCAT, "connect"]);
    command.args(["-x", &peer.url(), TARGET]);
    let mut tunnel = Tunnel::command(command, Stdio::null(), Stdio::piped());
    assert_eq!(tunnel.read_stdout(), b"hello, nobody");
    tunnel.wait().expect_clean();
}

#[test]
fn stdin_is_dev_null() {
    let peer = talks_to_nobody();
    let args = ["-x", &peer.url(), TARGET];
    let output = connect(args).feed(Feed::Null).limit(LIMIT).run();
    assert_eq!(output.expect_clean().stdout, b"hello, nobody");
}

/// Both closed is as good as both /dev/null.
#[test]
fn stdin_and_stdout_are_dev_null() {
    let peer = talks_to_nobody();
    let args = ["-x", &peer.url(), TARGET];
    let tunnel = Tunnel::start(args, Stdio::null(), Stdio::null());
    tunnel.wait().expect_clean();
}

/// A file is read from where it stands, and what comes is written to where it stands.
#[test]
fn files_are_used_at_their_offsets() {
    const LEN: usize = 1 << 20;
    let peer = after_the_end();
    let mut input = tempfile::tempfile().expect("a temporary file");
    input.write_all(&pattern(40, LEN)).expect("write a file");
    input.seek(SeekFrom::Start(1000)).expect("seek");
    let mut output = tempfile::tempfile().expect("a temporary file");
    output.write_all(b"before|").expect("write a file");
    let args = ["-x", &peer.url(), TARGET];
    let tunnel = Tunnel::start(args, input, output.try_clone().expect("clone"));
    tunnel.wait().expect_clean();
    output.write_all(b"|after").expect("write a file");
    let mut all = Vec::new();
    output.rewind().expect("rewind");
    output.read_to_end(&mut all).expect("read a file");
    let wanted = [b"before|", &pattern(40, LEN)[1000..], b"|after"].concat();
    assert!(all == wanted, "{} bytes", all.len());
}

#[test]
fn stdout_appends_to_a_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("log");
    fs::write(&path, "before|").expect("write a file");
    let file = File::options().append(true).open(&path).expect("open");
    for _ in 0..2 {
        let peer = after_the_end();
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let args = ["-x", &peer.url(), TARGET];
        let tunnel = Tunnel::start(args, reader, file.try_clone().expect("clone"));
        // Somebody else writes to the same file meanwhile.
        (&file).write_all(b"other|").expect("append to a file");
        writer.write_all(b"tunnel|").expect("write to a pipe");
        drop(writer);
        tunnel.wait().expect_clean();
    }
    let text = fs::read_to_string(&path).expect("read a file");
    assert_eq!(text, "before|other|tunnel|other|tunnel|");
    assert!(flags(&file).contains(OFlags::APPEND));
}

#[test]
fn pipes_carry_megabytes_both_ways() {
    const LEN: u64 = 16 << 20;
    let peer = Peer::echo(OK);
    let args = ["-x", &peer.url(), TARGET];
    let run = connect(args).feed(Feed::Pattern(41, LEN)).hash_only();
    let output = run.limit(LIMIT).run().expect_clean();
    assert_eq!(output.stdout_sha256, Pattern::sha256(41, LEN));
}

/// Runs an echo with these descriptors, of which the test keeps copies; the flags of the copies, which are those of all
/// copies, stay as they are all the time.
fn leaves_flags_alone(
    stdin: OwnedFd,
    stdout: OwnedFd,
    mut far_in: impl Write,
    mut far_out: impl Read + Send + 'static,
) -> Ended {
    let peer = Peer::echo(OK_KEEPS);
    let copies = [&stdin, &stdout].map(|fd| fd.try_clone().expect("copy a descriptor"));
    let now = || [&copies[0], &copies[1]].map(flags);
    let before = now();
    assert!(!before[0].union(before[1]).contains(OFlags::NONBLOCK));
    let tunnel = Tunnel::start(["-x", &peer.url(), TARGET], stdin, stdout);
    far_in.write_all(b"hello").expect("write to stdin");
    let (echo, _far_out) = within("an echo", move || {
        let mut echo = [0; 5];
        far_out.read_exact(&mut echo).expect("read stdout");
        (echo, far_out)
    });
    assert_eq!(&echo, b"hello");
    assert_eq!(now(), before, "during the run");
    drop(far_in);
    let ended = tunnel.wait();
    assert_eq!(now(), before, "after the run");
    ended
}

#[test]
fn flags_of_pipes_are_left_alone() {
    let (stdin, far_in) = io::pipe().expect("a pipe");
    let (far_out, stdout) = io::pipe().expect("a pipe");
    leaves_flags_alone(stdin.into(), stdout.into(), far_in, far_out).expect_clean();
}

#[test]
fn flags_of_sockets_are_left_alone() {
    let (stdin, far_in) = UnixStream::pair().expect("a pair of sockets");
    let (far_out, stdout) = UnixStream::pair().expect("a pair of sockets");
    leaves_flags_alone(stdin.into(), stdout.into(), far_in, far_out).expect_clean();
}

/// One socket for both, as inetd and socat do it: half-close works in both directions.
fn one_socket_for_both(
    near: OwnedFd,
    mut far: impl Read + Write + Send + 'static,
    end: impl FnOnce(),
) {
    let peer = after_the_end();
    let copy = near.try_clone().expect("copy a descriptor");
    let before = flags(&copy);
    let stdout = near.try_clone().expect("copy a descriptor");
    let tunnel = Tunnel::start(["-x", &peer.url(), TARGET], near, stdout);
    let bytes = pattern(42, 100_000);
    far.write_all(&bytes).expect("write to stdin");
    end();
    // It ends although the test has a copy open: the program has said so.
    let echo = within("the end of stdout", move || {
        let mut echo = Vec::new();
        far.read_to_end(&mut echo).map(|_| echo)
    });
    let echo = echo.expect("read stdout");
    assert!(echo == bytes, "{} bytes", echo.len());
    assert_eq!(flags(&copy), before);
    assert!(!before.contains(OFlags::NONBLOCK));
    tunnel.wait().expect_clean();
}

#[test]
fn a_unix_socket_for_both() {
    let (near, far) = UnixStream::pair().expect("a pair of sockets");
    let handle = far.try_clone().expect("clone a socket");
    one_socket_for_both(near.into(), far, move || {
        handle.shutdown(Shutdown::Write).expect("shut down")
    });
}

#[test]
fn a_tcp_socket_for_both() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind a loopback port");
    let addr = listener.local_addr().expect("local address");
    let far = TcpStream::connect(addr).expect("connect");
    let (near, _) = listener.accept().expect("accept");
    let handle = far.try_clone().expect("clone a socket");
    one_socket_for_both(near.into(), far, move || {
        handle.shutdown(Shutdown::Write).expect("shut down")
    });
}

/// A pipe that cannot be opened a second time, since it belongs to somebody else (`sudo -u other tuncat … | less`). Its
/// flags are left alone all the same, and a full one does not block the program.
#[test]
fn pipes_of_another_user() {
    if !is_root() {
        // Nobody else may become another user: there is nothing to test then.
        return;
    }
    const LEN: u64 = 4 << 20;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path(), mode).expect("open a folder");
    let program = folder.path().join("tuncat");
    fs::copy(TUNCAT, &program).expect("copy the program");
    let peer = Peer::echo(OK);
    let (stdin, mut far_in) = io::pipe().expect("a pipe");
    let (mut far_out, stdout) = io::pipe().expect("a pipe");
    let copies = (
        stdin.try_clone().expect("copy a descriptor"),
        stdout.try_clone().expect("copy a descriptor"),
    );
    let mut command = Command::new(find("setpriv", "util-linux"));
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
    command.arg(&program).arg("connect");
    command.args(["-x", &peer.url(), TARGET]);
    let tunnel = Tunnel::command(command, stdin, stdout);
    let feeder = thread::spawn(move || io::copy(&mut Pattern::new(43, LEN), &mut far_in));
    let (digest, _far_out) = within("all of the echo", move || {
        let mut digest = Digest::new();
        io::copy(&mut (&mut far_out).take(LEN), &mut digest).expect("read stdout");
        (digest.finish(), far_out)
    });
    assert_eq!(digest, (LEN, Pattern::sha256(43, LEN)));
    for flags in [flags(&copies.0), flags(&copies.1)] {
        assert!(!flags.contains(OFlags::NONBLOCK));
    }
    drop(copies);
    feeder.join().expect("feeder").expect("write to stdin");
    tunnel.wait().expect_clean();
}

/// Every byte goes at once, in both directions: nothing waits for more.
#[test]
fn single_bytes_back_and_forth() {
    let peer = Peer::echo(OK);
    let mut tunnel = Tunnel::piped(["-x", &peer.url(), TARGET]);
    for n in 0..1000_u32 {
        let byte = n.to_le_bytes()[0];
        tunnel.write([byte]);
        assert_eq!(tunnel.read_exact(1), [byte], "byte {n}");
    }
    tunnel.end_stdin();
    tunnel.wait().expect_clean();
}
