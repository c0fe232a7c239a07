//! HTTP/3 below its requests: handshakes in great number, paths that change, and what is said of it over TCP.

use crate::support::{Feed, Listen, Pattern, Run, Serve, Target, connect};
use crate::terminator::request::connect as tcp;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// How long a client's tasks are run at a time.
const TURN: Duration = Duration::from_millis(2);

/// The first packets of clients of quinn's.
fn first_flights(count: usize) -> Vec<Vec<Vec<u8>>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
    let to = socket.local_addr().expect("address");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let _on = runtime.enter();
    let tls = tuncat::tls::ClientTls::default();
    let tls = tls.config().expect("settings");
    let config = tuncat::carrier::h3::client::config(&tls, tuncat::dial::Congestion::Cubic);
    let config = config.expect("settings");
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut datagram = [0; 2048];
    let flight = |_| {
        let endpoint = quinn::Endpoint::client(here).expect("an endpoint");
        let connecting = endpoint.connect_with(config.clone(), to, "localhost");
        let connecting = connecting.expect("to connect");
        let mut packets: Vec<Vec<u8>> = Vec::new();
        runtime.block_on(async {
            let mut connecting = std::pin::pin!(connecting);
            // The hello may take more than one, and they leave together. No answer comes.
            for _ in 0..2 {
                let before = packets.len();
                while packets.len() == before {
                    let _ = tokio::time::timeout(TURN, &mut connecting).await;
                    while let Ok(length) = socket.recv(&mut datagram) {
                        packets.push(datagram[..length].to_vec());
                    }
                    if before > 0 {
                        break;
                    }
                }
            }
        });
        packets
    };
    socket.set_nonblocking(true).expect("to ask");
    (0..count).map(flight).collect()
}

/// A long header that says Retry (RFC 9000 §17.2.5).
fn is_retry(packet: &[u8]) -> bool {
    packet.first().is_some_and(|first| first & 0xf0 == 0xf0)
}

/// The first answer to them.
fn answer(port: u16, packets: &[Vec<u8>]) -> Vec<u8> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
    let limit = Some(Duration::from_secs(10));
    socket.set_read_timeout(limit).expect("to ask");
    let to = (Ipv4Addr::LOCALHOST, port);
    for packet in packets {
        socket.send_to(packet, to).expect("send");
    }
    let mut datagram = [0; 2048];
    let length = socket.recv(&mut datagram).expect("an answer");
    datagram[..length].to_vec()
}

/// RFC 9000 §8.1.2: where many handshakes are under way, an address is proved first; and who can do that is served.
#[test]
fn many_handshakes_at_a_time() {
    let mut serve = Serve::with(&["--self-signed", "--allow-builtin"]);
    let pin = serve.pin();
    let flights = first_flights(80);
    let retries: Vec<bool> = flights
        .iter()
        .map(|packets| is_retry(&answer(serve.port, packets)))
        .collect();
    assert!(retries[..60].iter().all(|retry| !retry), "{retries:?}");
    assert!(retries[70..].iter().all(|retry| *retry), "{retries:?}");
    let url = serve.url.replace("https", "h3");
    let output = connect(["-x", &url, "--pin", &pin, "echo:"])
        .feed(Feed::Pattern(1, 100_000))
        .hash_only()
        .run();
    let hash = output.expect_clean().stdout_sha256;
    assert_eq!(hash, Pattern::sha256(1, 100_000));
}

/// Between client and terminator: an address translator, which may forget and then gives another port.
struct Translator {
    port: u16,
    passed: Arc<AtomicU64>,
    forget: Arc<AtomicBool>,
}

impl Translator {
    fn start(to: u16) -> Self {
        let near = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
        let translator = Translator {
            port: near.local_addr().expect("address").port(),
            passed: Arc::default(),
            forget: Arc::default(),
        };
        let (passed, forget) = (translator.passed.clone(), translator.forget.clone());
        thread::spawn(move || {
            let mut far: Option<UdpSocket> = None;
            let mut datagram = [0; 65536];
            while let Ok((length, client)) = near.recv_from(&mut datagram) {
                if forget.swap(false, Ordering::SeqCst) {
                    far = None;
                }
                let far = far.get_or_insert_with(|| outside(&near, client, to, &Arc::default()));
                let _ = far.send(&datagram[..length]);
                passed.fetch_add(1, Ordering::SeqCst);
            }
        });
        translator
    }
}

/// A socket of a client's own towards `to`; what comes back goes to the client.
fn outside(near: &UdpSocket, client: SocketAddr, to: u16, answered: &Arc<AtomicBool>) -> UdpSocket {
    let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
    far.connect((Ipv4Addr::LOCALHOST, to)).expect("a peer");
    let limit = Some(Duration::from_secs(40));
    far.set_read_timeout(limit).expect("to ask");
    let (back, near) = (far.try_clone(), near.try_clone());
    let (back, near) = (back.expect("a copy"), near.expect("a copy"));
    let answered = answered.clone();
    thread::spawn(move || {
        let mut datagram = [0; 65536];
        while let Ok(length) = back.recv(&mut datagram) {
            answered.store(true, Ordering::SeqCst);
            let _ = near.send_to(&datagram[..length], client);
        }
    });
    far
}

/// A proxy that gave up before its side of the handshake was done has not seen the request, which is made again.
#[test]
fn a_handshake_whose_end_is_lost() {
    // Before it says anything again, which it may do three times as much as it has heard (RFC 9000 §8.1): to say that it
    // gives up, it needs some of that.
    let args = [
        "--self-signed",
        "--allow-builtin",
        "--header-timeout",
        "500ms",
    ];
    let mut serve = Serve::with(&args);
    let pin = serve.pin();
    let near = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
    let port = near.local_addr().expect("address").port();
    let (lost, to) = (Arc::new(AtomicU64::new(0)), serve.port);
    let counted = lost.clone();
    thread::spawn(move || {
        // The client, its socket outside, and whether the terminator has answered.
        let mut clients: Vec<(SocketAddr, UdpSocket, Arc<AtomicBool>)> = Vec::new();
        let mut datagram = [0; 65536];
        while let Ok((length, client)) = near.recv_from(&mut datagram) {
            let known = clients.iter().position(|(known, ..)| *known == client);
            let at = known.unwrap_or_else(|| {
                let answered = Arc::new(AtomicBool::new(false));
                let far = outside(&near, client, to, &answered);
                clients.push((client, far, answered));
                clients.len() - 1
            });
            let (_, far, answered) = &clients[at];
            // Of the first client only what comes before the answer gets through.
            match at == 0 && answered.load(Ordering::SeqCst) {
                true => drop(counted.fetch_add(1, Ordering::SeqCst)),
                false => drop(far.send(&datagram[..length])),
            }
        }
    });
    let url = format!("h3://127.0.0.1:{port}");
    let output = connect(["-x", &url, "--pin", &pin, "echo:"])
        .feed(Feed::Pattern(4, 10_000))
        .hash_only()
        .run();
    let hash = output.expect_clean().stdout_sha256;
    assert_eq!(hash, Pattern::sha256(4, 10_000));
    assert!(lost.load(Ordering::SeqCst) > 0);
}

/// RFC 9000 §9.3.1: a tunnel goes on where the client's address changes on the way.
#[test]
fn an_address_translator_that_forgets() {
    let mut serve = Serve::with(&["--self-signed"]);
    let pin = serve.pin();
    let translator = Translator::start(serve.port);
    let echo = Target::echo();
    let url = format!("h3://127.0.0.1:{}", translator.port);
    let listen = Listen::start(
        &["-x", &url, "--pin", &pin],
        &[&format!("0:{}", echo.addr())],
    );
    let mut stream = tcp(listen.ports[0]);
    for round in 0..4_u8 {
        let bytes = vec![round; 300_000];
        let mut writing = stream.try_clone().expect("a copy");
        let sent = bytes.clone();
        let writer = thread::spawn(move || writing.write_all(&sent));
        let mut back = vec![0; bytes.len()];
        stream.read_exact(&mut back).expect("the echo");
        writer.join().expect("the writer").expect("send");
        assert!(back == bytes, "round {round}");
        translator.forget.store(true, Ordering::SeqCst);
    }
    assert!(translator.passed.load(Ordering::SeqCst) > 100);
    stream.shutdown(std::net::Shutdown::Write).expect("an end");
    assert_eq!(stream.read(&mut [0]).expect("a clean end"), 0);
}

#[test]
fn either_congestion_control() {
    for (near, far) in [("bbr", "bbr"), ("bbr", "cubic"), ("cubic", "bbr")] {
        let mut serve = Serve::with(&["--self-signed", "--allow-builtin", "--congestion", far]);
        let pin = serve.pin();
        let url = serve.url.replace("https", "h3");
        let output = connect(["-x", &url, "--pin", &pin, "--congestion", near, "echo:"])
            .feed(Feed::Pattern(2, 20_000_000))
            .hash_only()
            .run();
        let hash = output.expect_clean().stdout_sha256;
        assert_eq!(hash, Pattern::sha256(2, 20_000_000), "{near} {far}");
    }
    let output = connect(["--congestion", "vegas", "a.test:1"]).run();
    let output = output.expect_code(2);
    let told = output.stderr.contains("there are cubic and bbr");
    assert!(told, "{}", output.stderr);
}

/// What curl keeps of `Alt-Svc` (RFC 7838) is where HTTP/3 is.
#[test]
fn it_is_announced_to_origins_clients() {
    let folder = tempfile::tempdir().expect("a folder");
    let ask = |serve: &Serve, more: &[&str]| {
        let mut command = Command::new("curl");
        let url = format!("{}/", serve.url);
        command.args(["-sk", "-i", &url]).args(more);
        let run = Run::new(command).env("HOME", folder.path());
        String::from_utf8_lossy(&run.run().expect_code(0).stdout).to_lowercase()
    };
    let serve = Serve::with(&["--self-signed"]);
    let expected = format!("alt-svc: h3=\":{}\"; ma=86400\r\n", serve.port);
    for version in ["--http1.1", "--http2"] {
        let answer = ask(&serve, &[version]);
        assert!(answer.contains(&expected), "{answer}");
    }
    // Not where there is none, and not of a target.
    let without = Serve::with(&["--self-signed", "--via", "h1,h2"]);
    assert!(!ask(&without, &["--http1.1"]).contains("alt-svc"));
    let connecting = ask(
        &serve,
        &["--http1.1", "-X", "CONNECT", "--request-target", "a.test:1"],
    );
    assert!(!connecting.contains("alt-svc"), "{connecting}");
}

/// `serve --via`: what is left out is not offered, and refused with the methods that are not.
#[test]
fn carriers_that_are_left_out() {
    let mut serve = Serve::with(&["--self-signed", "--via", "h2,h1-post"]);
    let pin = serve.pin();
    let closed = UdpSocket::bind((Ipv4Addr::LOCALHOST, serve.port));
    closed.expect("no UDP port is taken");
    let run = |via: &str| connect(["-x", &serve.url, "--pin", &pin, "--via", via, "echo:"]).run();
    for via in ["h2", "h1-post"] {
        run(via).expect_code(0);
    }
    for via in ["h1", "h2-post", "h1-ws", "h2-ws"] {
        let line = run(via).expect_failure(102);
        let why = format!("tunnels by {via} are not for this proxy");
        assert!(line.contains(&why), "{line}");
    }
    let h1_only = Serve::with(&["--self-signed", "--via", "h1"]);
    let line = connect(["-x", &h1_only.url, "-k", "--via", "h2", "echo:"]).run();
    let line = line.expect_failure(35);
    assert!(line.contains("ALPN"), "{line}");
}
