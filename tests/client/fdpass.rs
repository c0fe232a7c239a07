//! `--fdpass`: the socket comes over stdout, whole and usable, and tuncat is gone.

use super::LIMIT;
use super::child::Tunnel;
use super::peer::{OK, Peer};
use crate::support::{Feed, Target, connect, pattern};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::io::{IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::thread;

/// Runs it as ssh does, with both ends of stdio on one socket; what was passed, and that it ended well and said nothing.
fn passed(args: &[&str]) -> TcpStream {
    let (ours, its) = UnixStream::pair().expect("a pair of sockets");
    ours.set_read_timeout(Some(LIMIT)).expect("a time limit");
    let stdin: OwnedFd = its.try_clone().expect("a second descriptor").into();
    let stdout: OwnedFd = its.into();
    let tunnel = Tunnel::start(args, stdin, stdout);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut octet = [9];
    let received = recvmsg(
        &ours,
        &mut [IoSliceMut::new(&mut octet)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC,
    );
    let received = received.map(|r| r.bytes);
    let ended = tunnel.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert_eq!((received, octet), (Ok(1), [0]), "one octet beside it");
    let descriptor = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    let mut rest = Vec::new();
    (&ours).read_to_end(&mut rest).expect("the end of stdout");
    assert!(rest.is_empty(), "nothing else on stdout");
    let stream = TcpStream::from(descriptor.expect("a descriptor"));
    stream.set_read_timeout(Some(LIMIT)).expect("a time limit");
    stream
}

/// Both ways, then half-close from this side.
fn carries(stream: &TcpStream) {
    let data = pattern(5, 3_000_000);
    let back = thread::scope(|scope| {
        scope.spawn(|| {
            (&*stream).write_all(&data).expect("write");
            stream.shutdown(Shutdown::Write).expect("our end");
        });
        let mut back = Vec::new();
        (&*stream).read_to_end(&mut back).expect("read");
        back
    });
    assert!(back == data);
}

#[test]
fn through_a_proxy() {
    let proxy = Peer::echo(OK);
    carries(&passed(&["--fdpass", "-x", &proxy.url(), "target.test:22"]));
    assert_eq!(proxy.accepted(), 1);
}

#[test]
fn through_a_chain() {
    let second = Peer::echo(OK);
    // The first one passes on what the second is to read.
    let address = second.addr();
    let first = Peer::new(move |conn| {
        let next = TcpStream::connect(&address)?;
        conn.send(OK)?;
        let (up, down) = (conn.stream.try_clone()?, next.try_clone()?);
        thread::scope(|scope| {
            scope.spawn(|| {
                std::io::copy(&mut &up, &mut &next).ok();
                next.shutdown(Shutdown::Write)
            });
            std::io::copy(&mut &down, &mut &conn.stream)?;
            conn.stream.shutdown(Shutdown::Write)
        })
    });
    let (a, b) = (first.url(), second.url());
    carries(&passed(&["--fdpass", "-x", &a, "-x", &b, "target.test:22"]));
}

#[test]
fn without_a_proxy() {
    let target = Target::start(|stream, _| {
        std::io::copy(&mut &stream, &mut &stream)?;
        stream.shutdown(Shutdown::Write)
    });
    carries(&passed(&["--fdpass", &target.addr()]));
}

/// An SSH server speaks first; its banner comes in one piece with the proxy's answer.
#[test]
fn what_came_with_the_answer_is_left_in_the_socket() {
    let proxy = Peer::new(|conn| {
        conn.send(format!(
            "HTTP/1.1 103 Early Hints\r\n\r\n{OK}SSH-2.0-early\r\n"
        ))?;
        let request = conn.read_exact(5)?;
        conn.send(&request)?;
        conn.end()?;
        conn.read_to_end().map(drop)
    });
    let stream = passed(&["--fdpass", "-x", &proxy.url(), "target.test:22"]);
    (&stream).write_all(b"hello").expect("write");
    let mut all = String::new();
    (&stream).read_to_string(&mut all).expect("read");
    assert_eq!(all, "SSH-2.0-early\r\nhello");
}

/// What cannot work is said before anybody is asked for anything.
#[test]
fn where_it_cannot_be() {
    let proxy = Peer::echo(OK);
    let (clear, tls) = (proxy.url(), proxy.url().replace("http:", "https:"));
    let h2c = proxy.url().replace("http:", "h2c:");
    for (args, why) in [
        (vec!["-x", &clear], "stdout is no unix socket"),
        (vec!["-x", &tls], "over TLS"),
        (vec!["-x", &tls, "-x", &clear], "over TLS"),
        (vec!["-x", &h2c], "used with h2"),
        (vec!["-x", &clear, "--via", "h1-post"], "used with h1-post"),
        (vec!["-x", "embedded:"], "inside this process"),
    ] {
        let args = [&["--fdpass"], &args[..], &["echo.test:1"]].concat();
        let output = connect(args).feed(Feed::Null).run().expect_code(2);
        assert!(output.stderr.contains(why), "{}", output.stderr);
        assert!(output.stderr.contains("--fdpass"), "{}", output.stderr);
    }
    assert_eq!(proxy.accepted(), 0);
}

#[test]
fn a_refusal_is_told_as_ever() {
    let proxy = Peer::answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    let (_ours, its) = UnixStream::pair().expect("a pair of sockets");
    let url = proxy.url();
    let stdout: OwnedFd = its.into();
    let args = ["--fdpass", "-x", &url, "target.test:22"];
    let ended = Tunnel::start(args, Stdio::null(), stdout).wait();
    assert_eq!(ended.code, 101, "{}", ended.stderr);
    assert!(ended.stderr.contains("403 Forbidden"), "{}", ended.stderr);
}
