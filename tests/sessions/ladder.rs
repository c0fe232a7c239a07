//! Which carrier a proxy was found to take, and what later tunnels make of it.

use super::raw::{not_allowed, opened, session};
use super::{ping, tunnel};
use crate::client::peer::read_head;
use crate::client::tls::{Authority, with_alpn};
use crate::support::{Listen, Target};
use rustls::{ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

type Stream = StreamOwned<ServerConnection, std::net::TcpStream>;

/// The authority's file must outlive the program that reads it.
struct Proxy {
    authority: Authority,
    target: Target,
}

impl Proxy {
    /// Over TLS with this ALPN. `before` runs before each handshake.
    fn start(
        alpn: &[&str],
        before: impl Fn() + Send + Sync + 'static,
        script: impl Fn(Stream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Proxy {
        let authority = Authority::new();
        let config = with_alpn(&authority.config("127.0.0.1", 2100), alpn);
        let target = Target::start(move |socket, _| {
            socket.set_nodelay(true)?;
            before();
            let connection = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
            let mut stream = StreamOwned::new(connection, socket);
            stream.conn.complete_io(&mut stream.sock)?;
            script(stream)
        });
        Proxy { authority, target }
    }

    fn listen(&self, args: &[&str]) -> Listen {
        let url = format!("https://{}", self.target.addr());
        let file = self.authority.file();
        let file = file.to_str().expect("a path in UTF-8");
        let trust = ["-x", &url, "--cacert", file, "-w", "15"];
        Listen::start(&[&trust, args].concat(), &["0:target.test:1"])
    }
}

/// Opens the tunnel that is asked for, and sends back what comes in it.
fn echo(mut stream: Stream) -> io::Result<()> {
    read_head(&mut stream)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let mut byte = [0];
    loop {
        stream.read_exact(&mut byte)?;
        stream.write_all(&byte)?;
    }
}

/// It takes CONNECT over HTTP/1.1 only, and offers both: the second tunnel does not ask in vain.
#[test]
fn the_version_that_worked_is_remembered() {
    let requests: Arc<[AtomicUsize; 2]> = Arc::default();
    let counts = requests.clone();
    let both = move |mut stream: Stream| match stream.conn.alpn_protocol() {
        Some(b"h2") => session(stream, &[], |stream, asked| {
            counts[1].fetch_add(1, Ordering::SeqCst);
            stream.write_all(&not_allowed(asked.stream))
        }),
        _ => {
            counts[0].fetch_add(1, Ordering::SeqCst);
            stream.flush()?;
            echo(stream)
        }
    };
    let proxy = Proxy::start(&["h2", "http/1.1"], || {}, both);
    let listen = proxy.listen(&[]);
    let seen = || [0, 1].map(|n: usize| requests[n].load(Ordering::SeqCst));
    for n in 1..=3 {
        ping(&tunnel(listen.ports[0]), 2);
        assert_eq!(seen(), [n, 1], "over HTTP/1.1, over HTTP/2");
    }
}

/// The same between two methods of one version.
#[test]
fn the_method_that_worked_is_remembered() {
    /// `:method: POST` (RFC 7541 appendix A).
    const POST: u8 = 0x83;
    let methods: Arc<Mutex<Vec<&str>>> = Arc::default();
    let seen = methods.clone();
    let proxy = Target::start(move |stream, _| {
        stream.set_nodelay(true)?;
        session(&stream, &[], |stream, asked| {
            let post = asked.payload.contains(&POST) && asked.payload[0] != 0x42;
            let method = if post { "POST" } else { "CONNECT" };
            seen.lock().expect("methods").push(method);
            stream.write_all(&match post {
                true => opened(asked.stream),
                false => not_allowed(asked.stream),
            })
        })
    });
    let url = format!("http://{}", proxy.addr());
    let args = ["-x", &url, "--via", "h2,post", "-w", "15"];
    let listen = Listen::start(&args, &["0:target.test:1"]);
    for _ in 0..3 {
        ping(&tunnel(listen.ports[0]), 2);
    }
    let methods = methods.lock().expect("methods").clone();
    assert_eq!(methods, ["CONNECT", "POST", "POST", "POST"]);
}

/// Once a proxy is seen to choose HTTP/1.1, handshakes no longer wait for each other: here each needs all the others.
#[test]
fn without_sessions_tunnels_are_opened_in_parallel() {
    const CLIENTS: usize = 10;
    let count = AtomicUsize::new(0);
    let others = Barrier::new(CLIENTS - 1);
    let slow = move || {
        if count.fetch_add(1, Ordering::SeqCst) > 0 {
            others.wait();
        }
    };
    let proxy = Proxy::start(&["http/1.1"], slow, echo);
    let listen = proxy.listen(&[]);
    let port = listen.ports[0];
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(move || ping(&tunnel(port), 2));
        }
    });
}
