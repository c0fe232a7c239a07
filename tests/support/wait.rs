//! Waiting for a condition, with a deadline, and finding free ports.

use socket2::{Domain, Socket, Type};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything local may take before the test fails. Generous: the machine may be busy.
pub const TIMEOUT: Duration = Duration::from_secs(30);

const POLL: Duration = Duration::from_millis(5);

/// Polls `check` until it gives a value; panics with `what` after [`TIMEOUT`].
pub fn wait_for<T>(what: &str, check: impl FnMut() -> Option<T>) -> T {
    wait_until(what, Instant::now() + TIMEOUT, check)
}

/// Polls `check` until it gives a value; panics with `what` at `deadline`.
pub fn wait_until<T>(what: &str, deadline: Instant, mut check: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(Instant::now() < deadline, "gave up waiting for {what}");
        thread::sleep(POLL);
    }
}

/// A TCP port of 127.0.0.1 that was free a moment ago. Somebody else can take it before its user binds it, so the user
/// has to be ready to try another one.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind a loopback port");
    listener.local_addr().expect("local address").port()
}

/// A TCP port of 127.0.0.1 that refuses connections and that nobody else can take: it is bound and does not listen.
pub struct ClosedPort {
    pub port: u16,
    _socket: Socket,
}

impl ClosedPort {
    pub fn new() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("make a socket");
        socket.bind(&any.into()).expect("bind a loopback port");
        let addr = socket.local_addr().expect("local address").as_socket();
        Self {
            port: addr.expect("an IP address").port(),
            _socket: socket,
        }
    }

    /// `127.0.0.1:PORT`.
    pub fn addr(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// Whether something accepts on this port of 127.0.0.1.
pub fn accepts(port: u16) -> bool {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&addr, Duration::from_secs(1)).is_ok()
}
