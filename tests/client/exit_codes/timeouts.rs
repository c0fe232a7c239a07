//! One deadline over everything until the tunnel is open, and the idle limit after that.

use crate::client::expect::{Failure, Row, Scene, TARGET, check, check_all, row};
use crate::client::peer::{OK, Peer};
use crate::client::tls::Authority;
use crate::support::{Feed, Output, Serve, wait_for};
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

pub fn rows() -> Vec<Row> {
    let late = |stage| {
        Failure::new(28, stage, "network", "no answer within 0.4 s").hint("-w sets the limit")
    };
    vec![
        row("no TCP connection", full_backlog, late("connect")),
        row(
            "no TLS handshake",
            || silent("https"),
            late("TLS handshake"),
        ),
        row("no answer", || silent("http"), late("CONNECT")),
        row(
            "half of a TLS handshake",
            half_a_handshake,
            late("TLS handshake"),
        ),
        row("half an answer", half_an_answer, late("CONNECT")),
        row("no answer of a second hop", second_hop, late("CONNECT")),
        row("only interim answers", interim_answers, late("CONNECT")),
        row(
            "an idle tunnel",
            || {
                let peer = Peer::new(|conn| {
                    conn.send(OK)?;
                    conn.send("hi")?;
                    // The client goes without an end of its side.
                    match conn.read_to_end() {
                        Err(e) if e.kind() == io::ErrorKind::ConnectionReset => Ok(()),
                        other => panic!("the client ended with {other:?}"),
                    }
                });
                let addr = peer.addr();
                Scene::through(peer)
                    .args(&["-i", "0.4"])
                    .stdin(|| Feed::Open(Vec::new()))
                    .stdout(b"hi")
                    .hop(format!("tunnel to {TARGET}"), addr)
            },
            Failure::new(
                28,
                "tunnel",
                "network",
                "nothing came or went for the idle time, after 0 bytes sent and 2 received",
            )
            .hint("-i sets the idle time"),
        ),
    ]
}

const LIMITS: [&str; 2] = ["-w", "0.4"];

/// Accepts and then says nothing.
fn silent(scheme: &str) -> Scene {
    let peer = Peer::raw(|conn| conn.read_to_end().map(drop));
    let url = peer.url().replace("http", scheme);
    let addr = peer.addr();
    let scene = Scene::new(&["-x", &url, TARGET]).args(&LIMITS);
    Scene {
        proxy: Some(peer),
        ..scene.hop(format!("proxy {url}"), addr)
    }
}

fn half_a_handshake() -> Scene {
    let peer = Peer::raw(|conn| {
        // A record of 80 octets of which only the first few ever come.
        conn.send([22, 3, 3, 0, 80, 2, 0, 0, 76])?;
        conn.read_to_end().map(drop)
    });
    let url = peer.url().replace("http", "https");
    let addr = peer.addr();
    let scene = Scene::new(&["-x", &url, TARGET]).args(&LIMITS);
    Scene {
        proxy: Some(peer),
        ..scene.hop(format!("proxy {url}"), addr)
    }
}

fn half_an_answer() -> Scene {
    Scene::through(Peer::new(|conn| {
        conn.send("HTTP/1.1 200 OK\r\nVia: 1.1 x\r\n")?;
        conn.read_to_end().map(drop)
    }))
    .args(&LIMITS)
}

fn interim_answers() -> Scene {
    Scene::through(Peer::new(|conn| {
        conn.send("HTTP/1.1 103 Early Hints\r\n\r\n")?;
        conn.read_to_end().map(drop)
    }))
    .args(&LIMITS)
}

/// The hop that is silent is the one that is named, without an address that nobody knows.
fn second_hop() -> Scene {
    let serve = Serve::start();
    let silent = Peer::raw(|conn| conn.read_to_end().map(drop));
    Scene::new(&["-x", &serve.url, "-x", &silent.url(), TARGET])
        .args(&LIMITS)
        .far_hop(format!("proxy {}", silent.url()))
        .keep((serve, silent))
}

/// A listener whose queue is full: the kernel drops every SYN.
fn full_backlog() -> Scene {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("make a socket");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    listener.bind(&any.into()).expect("bind a loopback port");
    listener.listen(0).expect("listen");
    let addr = listener.local_addr().expect("local address");
    let addr = addr.as_socket().expect("an IP address");
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&addr, Duration::from_millis(100)) {
        queue.push(stream);
    }
    let url = format!("http://{addr}");
    Scene::new(&["-x", &url, TARGET])
        .args(&LIMITS)
        .hop(format!("proxy {url}"), addr.to_string())
        .keep((listener, queue))
}

#[test]
fn every_deadline() {
    check_all(rows());
}

/// The deadline is kept: not earlier, and not much later.
fn ends_in_time(output: &Output, limit: Duration) {
    let late = limit + Duration::from_secs(2);
    assert!(
        (limit..late).contains(&output.elapsed),
        "{:?} for a limit of {limit:?}",
        output.elapsed
    );
}

#[test]
fn deadlines_are_kept() {
    for scene in [
        full_backlog(),
        silent("https"),
        silent("http"),
        half_a_handshake(),
        half_an_answer(),
        second_hop(),
    ] {
        let output = scene.run(&[]).expect_code(28);
        ends_in_time(&output, Duration::from_millis(400));
    }
}

/// The deadline covers all steps together: each of these takes less than it, all of them more.
#[test]
fn one_deadline_for_all_steps() {
    let authority = Authority::new();
    let config = authority.config("127.0.0.1", 2100);
    let peer = Peer::raw(move |conn| {
        let pause = || std::thread::sleep(Duration::from_millis(600));
        pause();
        let session = rustls::ServerConnection::new(config.clone()).map_err(io::Error::other)?;
        let mut tls = rustls::StreamOwned::new(session, conn.stream);
        crate::client::peer::read_head(&mut tls)?;
        pause();
        io::Write::write_all(&mut tls, OK.as_bytes())
    });
    let url = peer.url().replace("http", "https");
    let root = authority.file();
    let root = root.to_str().expect("a path in UTF-8");
    let args = ["-x", &url, "--cacert", root, TARGET];
    let scene = Scene::new(&args).args(&["-w", "1"]);
    let scene = scene.hop(format!("proxy {url}"), peer.addr());
    let failure = Failure::new(28, "CONNECT", "network", "no answer within 1 s");
    check("all steps", &scene, &failure.hint("-w sets the limit"));
    // With a longer one the same proxy is fine.
    let output = Scene::new(&args).run(&["-w", "9"]);
    assert!(
        output.code == 18 || output.code == 0,
        "the tunnel opens: {output:?}"
    );
}

/// `-w` is over once the tunnel is open.
#[test]
fn an_open_tunnel_has_no_deadline() {
    let peer = Peer::new(|conn| {
        conn.send(OK)?;
        std::thread::sleep(Duration::from_secs(1));
        conn.send("late")?;
        conn.end()?;
        conn.read_to_end().map(drop)
    });
    let output = Scene::through(peer).run(&["-w", "0.3"]).expect_clean();
    assert_eq!(output.stdout, b"late");
}

/// No deadline at all with 0, and one of 30 s without `-w`: neither is over in a second.
#[test]
fn no_deadline_and_the_default() {
    for limit in [&["-w", "0"][..], &[]] {
        let peer = Peer::new(|conn| {
            std::thread::sleep(Duration::from_secs(1));
            conn.send(OK)?;
            conn.end()?;
            conn.read_to_end().map(drop)
        });
        Scene::through(peer).run(limit).expect_code(0);
    }
}

/// Silence is what counts for `-i`, not time: a drip in either direction keeps the tunnel.
#[test]
fn a_drip_keeps_the_tunnel() {
    let from_far = Peer::new(|conn| {
        conn.send(OK)?;
        for _ in 0..10 {
            conn.send("x")?;
            std::thread::sleep(Duration::from_millis(120));
        }
        conn.end()?;
        conn.read_to_end().map(drop)
    });
    let scene = Scene::through(from_far).stdin(|| Feed::Open(Vec::new()));
    let output = scene.run(&["-i", "0.6"]).expect_clean();
    assert_eq!(output.stdout, b"xxxxxxxxxx");

    let from_near = Peer::new(|conn| {
        conn.send(OK)?;
        conn.read_exact(10)?;
        conn.end()?;
        conn.read_to_end().map(drop)
    });
    let args = ["-x", &from_near.url(), TARGET, "-i", "0.6"];
    let mut tunnel = crate::client::child::Tunnel::piped(args);
    wait_for("the tunnel", || (from_near.accepted() > 0).then_some(()));
    for _ in 0..10 {
        tunnel.write("x");
        std::thread::sleep(Duration::from_millis(120));
    }
    tunnel.wait().expect_clean();
}
