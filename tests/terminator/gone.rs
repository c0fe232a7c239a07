//! Clients that had ended their side, waited, and are gone, while the target has nothing to say: nothing arrives that
//! would tell, so the terminator looks every now and then.

use super::post::path_to;
use super::request::{connect, read_head};
use crate::attacks::frames::{
    block, code, connect as connect_block, flag, frame, kind, reset, status,
};
use crate::attacks::peer::Peer;
use crate::support::process::descriptors;
use crate::support::{Serve, wait_for};
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::time::Duration;

/// How a client has ended its side and then gone.
struct Case {
    name: &'static str,
    /// The connection, if it is still there.
    _left: Option<Peer>,
    target: TcpStream,
}

/// What the target sees of a client's end; it does not end its own side.
#[track_caller]
fn ended(target: &TcpListener) -> TcpStream {
    let mut stream = target.accept().expect("the terminator's dial").0;
    let end = stream.read_to_end(&mut Vec::new());
    end.expect("the client's end");
    stream
}

/// Over HTTP/1.1: `request` and the end of the client's side, then a reset.
fn over_h1(port: u16, target: &TcpListener, name: &'static str, request: &str) -> Case {
    let mut stream = connect(port);
    stream.write_all(request.as_bytes()).expect("ask");
    let head = read_head(&stream).expect("an answer");
    assert!(head.starts_with("HTTP/1.1 200 "), "{name}: {head}");
    if request.starts_with("CONNECT") {
        stream.shutdown(Shutdown::Write).expect("end");
    }
    let target = ended(target);
    let linger = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    linger.expect("a reset at the end");
    drop(stream);
    Case {
        name,
        _left: None,
        target,
    }
}

/// Over HTTP/2: a request with END_STREAM, then RST_STREAM or the end of the connection.
fn over_h2(
    port: u16,
    target: &TcpListener,
    name: &'static str,
    fields: &[u8],
    stays: bool,
) -> Case {
    let mut peer = Peer::connect(port);
    let stream = peer.stream();
    let flags = flag::END_HEADERS | flag::END_STREAM;
    let request = frame(kind::HEADERS, flags, stream, fields);
    peer.send(&request).expect("ask");
    let answer = peer.until(kind::HEADERS, stream);
    assert_eq!(status(&answer.payload), 200, "{name}");
    let target = ended(target);
    if stays {
        peer.send(&reset(stream, code::CANCEL)).expect("reset");
        peer.settled();
    }
    Case {
        name,
        _left: stays.then_some(peer),
        target,
    }
}

/// Half a minute is three looks.
#[test]
fn a_target_is_let_go() {
    let mut serve = Serve::start();
    let port = serve.port;
    let pid = serve.process().pid();
    let base = descriptors(pid);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
    let at = listener.local_addr().expect("an address").to_string();
    let path = path_to(&at);
    let post = block(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "proxy.test"),
        (":path", &path),
    ]);
    let asked = connect_block(&at);
    let h1 = |name, request: &str| over_h1(port, &listener, name, request);
    let h2 = |name, fields: &[u8], stays| over_h2(port, &listener, name, fields, stays);
    let host = "HTTP/1.1\r\nHost: proxy.test\r\n";
    let cases = [
        h1(
            "the last chunk",
            &format!("POST {path} {host}Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
        ),
        h1(
            "a length",
            &format!("POST {path} {host}Content-Length: 2\r\n\r\nhi"),
        ),
        h1(
            "CONNECT",
            &format!("CONNECT {at} HTTP/1.1\r\nHost: {at}\r\n\r\nhi"),
        ),
        h2("CONNECT on HTTP/2, reset", &asked, true),
        h2("CONNECT on HTTP/2, gone", &asked, false),
        h2("POST on HTTP/2, reset", &post, true),
        h2("POST on HTTP/2, gone", &post, false),
    ];
    for Case { name, target, .. } in &cases {
        // The reset that lets a target go shows as a pending error: nothing else ends this wait.
        wait_for(name, || {
            let error = SockRef::from(target).take_error().expect("ask the socket");
            error.is_some().then_some(())
        });
    }
    drop(cases);
    wait_for("the descriptors to be back at the base", || {
        (descriptors(pid) <= base).then_some(())
    });
}
