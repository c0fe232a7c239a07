//! The PROXY protocol: from HAProxy in front, towards targets, and what is wrong of it.

use super::{Files, records};
use crate::support::peers::{Front, Haproxy};
use crate::support::{Serve, Target, connect as run, wait_for};
use crate::terminator::request::{connect, connect_request, open, read_head};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, channel};

/// `serve` behind a real HAProxy knows the clients by their own addresses.
#[test]
fn behind_haproxy() {
    let files = Files::new();
    let log = files.arg("log");
    for version in [
        "send-proxy",
        "send-proxy-v2",
        "send-proxy-v2 proxy-v2-options crc32c",
    ] {
        let serve = Serve::with(&[
            "--proxy-protocol-from",
            "127.0.0.1",
            "--access-log",
            &log,
            "--access-log-format",
            "json",
        ]);
        let behind = serve.port;
        let haproxy = Haproxy::start(Front::Clear, |port, _| {
            format!(
                "defaults\n mode tcp\n timeout connect 5s\n timeout client 1d\n timeout server 1d\n\
                 listen tunnels\n bind 127.0.0.1:{port}\n server serve 127.0.0.1:{behind} {version}\n"
            )
        });
        let target = Target::echo();
        let mut stream = open(haproxy.port, &target.addr());
        let client = stream.local_addr().expect("address").to_string();
        stream.write_all(b"hello").expect("send");
        stream.shutdown(Shutdown::Write).expect("end");
        let mut got = Vec::new();
        stream.read_to_end(&mut got).expect("echo");
        assert_eq!(got, b"hello", "{version}");
        let told = records(&files.path("log"), "tunnel", 1);
        assert_eq!(told[0]["client"], client, "{version}");
        std::fs::remove_file(files.path("log")).expect("remove the log");
    }
}

/// Rules about clients hold for those in the header, not for the load balancer.
#[test]
fn the_client_is_who_the_header_says() {
    let serve = Serve::with(&[
        "--proxy-protocol-from",
        "127.0.0.0/8",
        "--allow-clients",
        "192.0.2.0/24",
    ]);
    let target = Target::echo();
    let ask = |header: &[u8]| {
        let mut stream = connect(serve.port);
        let request = connect_request(&target.addr());
        // In pieces: nothing behind the header may be taken for part of it.
        for octet in header.iter().chain(request.as_bytes()) {
            if stream.write_all(&[*octet]).is_err() {
                break;
            }
        }
        read_head(&stream).ok().map(|head| head[9..12].to_owned())
    };
    let (good, bad) = (
        "TCP4 192.0.2.7 192.0.2.1 1000 80",
        "TCP4 198.51.100.7 192.0.2.1 1000 80",
    );
    assert_eq!(
        ask(format!("PROXY {good}\r\n").as_bytes()).as_deref(),
        Some("200")
    );
    for header in [
        format!("PROXY {bad}\r\n").as_bytes(),
        // The load balancer itself is no client of ours.
        b"PROXY UNKNOWN\r\n",
        b"",
        b"PROXY TCP4 192.0.2.7\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.1 1000 80\n\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x02aa",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        format!("PROXY TCP4 {}\r\n", "1".repeat(200)).as_bytes(),
    ] {
        assert_eq!(ask(header), None, "{:?}", String::from_utf8_lossy(header));
    }
    assert_eq!(target.accepted(), 1);
}

/// Nobody else may say who he is.
#[test]
fn others_are_not_believed() {
    let serve = Serve::with(&["--proxy-protocol-from", "192.0.2.1"]);
    let mut stream = connect(serve.port);
    stream
        .write_all(b"PROXY TCP4 192.0.2.7 192.0.2.1 1000 80\r\nCONNECT x:1 HTTP/1.1\r\n\r\n")
        .expect("ask");
    let head = read_head(&stream).expect("a head");
    assert!(
        head.starts_with("HTTP/1.1 400 ") || head.starts_with("HTTP/1.1 505 "),
        "{head}"
    );
}

/// An echo behind a header of so many octets, or else a line; and the headers that come.
fn headed_echo(length: Option<usize>) -> (Target, Receiver<Vec<u8>>) {
    let (sender, headers) = channel();
    let target = Target::start(move |mut stream: TcpStream, _| {
        let mut header = Vec::new();
        let whole = |h: &[u8]| length.map_or(h.ends_with(b"\r\n"), |n| h.len() == n);
        while !whole(&header) {
            let mut octet = [0];
            stream.read_exact(&mut octet)?;
            header.push(octet[0]);
        }
        sender.send(header).ok();
        std::io::copy(&mut &stream, &mut &stream).map(drop)
    });
    (target, headers)
}

#[test]
fn towards_targets() {
    for (version, length) in [("v1", None), ("v2", Some(28))] {
        let serve = Serve::with(&["--proxy-protocol", version]);
        let (target, headers) = headed_echo(length);
        let mut stream = open(serve.port, &target.addr());
        let (client, came_to) = (stream.local_addr().expect("address"), serve.port);
        stream.write_all(b"hello").expect("send");
        let mut got = [0; 5];
        stream.read_exact(&mut got).expect("echo");
        assert_eq!(&got, b"hello");
        let header = headers.recv().expect("a header");
        let (parsed, _) =
            proxy_header::ProxyHeader::parse(&header, Default::default()).expect("a header");
        let ends = parsed.proxied_address().expect("addresses");
        assert_eq!(
            (ends.source, ends.destination.port()),
            (client, came_to),
            "{version}"
        );
        if version == "v1" {
            let line = format!(
                "PROXY TCP4 127.0.0.1 127.0.0.1 {} {came_to}\r\n",
                client.port()
            );
            assert_eq!(String::from_utf8_lossy(&header), line);
        }
    }
}

/// Through HAProxy as the target's front: it takes the header of ours, and hands it on.
#[test]
fn haproxy_takes_ours() {
    let serve = Serve::with(&["--proxy-protocol", "v2"]);
    let (target, headers) = headed_echo(None);
    let behind = target.port;
    let haproxy = Haproxy::start(Front::Clear, |port, _| {
        format!(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 1d\n timeout server 1d\n\
             listen targets\n bind 127.0.0.1:{port} accept-proxy\n server t 127.0.0.1:{behind} send-proxy\n"
        )
    });
    let address = format!("127.0.0.1:{}", haproxy.port);
    let output = run(["-x", &serve.url, &address]).stdin(*b"hello").run();
    assert_eq!(output.expect_clean().stdout, b"hello");
    let line = wait_for("the header", || headers.try_recv().ok());
    let line = String::from_utf8_lossy(&line);
    assert!(
        line.starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 "),
        "{line}"
    );
}

/// `listen` takes headers and makes some: through a tunnel the target is told who the client is.
#[test]
fn through_listen() {
    let serve = Serve::start();
    let (target, headers) = headed_echo(None);
    let args = ["-x", &serve.url, "--proxy-protocol", "v1"];
    let spec = format!("0:{}", target.addr());
    let listen = crate::support::Listen::start(&args, &[&spec]);
    let mut stream = connect(listen.ports[0]);
    stream.write_all(b"hello").expect("send");
    stream.read_exact(&mut [0; 5]).expect("echo");
    let (client, port) = (
        stream.local_addr().expect("address").port(),
        listen.ports[0],
    );
    let line = headers.recv().expect("a header");
    let line = String::from_utf8_lossy(&line);
    assert_eq!(
        line,
        format!("PROXY TCP4 127.0.0.1 127.0.0.1 {client} {port}\r\n")
    );
    let args = [&args[..], &["--proxy-protocol-from", "127.0.0.1"]].concat();
    let listen = crate::support::Listen::start(&args, &[&spec]);
    let mut stream = connect(listen.ports[0]);
    stream
        .write_all(b"PROXY TCP4 192.0.2.7 192.0.2.1 1000 80\r\nhello")
        .expect("send");
    stream.read_exact(&mut [0; 5]).expect("echo");
    assert_eq!(
        String::from_utf8_lossy(&headers.recv().expect("a header")),
        "PROXY TCP4 192.0.2.7 192.0.2.1 1000 80\r\n"
    );
    let mut wrong = connect(listen.ports[0]);
    wrong
        .write_all(b"hello, this is no header at all")
        .expect("send");
    assert!(wrong.read(&mut [0]).map_or(true, |n| n == 0));
}
