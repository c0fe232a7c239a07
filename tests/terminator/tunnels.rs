//! Many tunnels at once, with both ends in the test.

use super::request::open;
use crate::support::TIMEOUT;
use crate::support::process::raise_descriptor_limit;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// An open tunnel: the client's end and the target's.
pub struct Tunnel {
    pub near: TcpStream,
    pub far: TcpStream,
}

/// `count` tunnels through the terminator at `port`, each known to carry bytes both ways.
#[track_caller]
pub fn tunnels(port: u16, count: usize) -> Vec<Tunnel> {
    raise_descriptor_limit();
    let target = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind a target");
    let address = target.local_addr().expect("address").to_string();
    let tunnel = |_| {
        let near = open(port, &address);
        let (far, _) = target.accept().expect("accept");
        far.set_read_timeout(Some(TIMEOUT)).expect("set a limit");
        let mut tunnel = Tunnel { near, far };
        tunnel.carry(b"hello");
        tunnel
    };
    (0..count).map(tunnel).collect()
}

impl Tunnel {
    /// A few bytes there and back.
    #[track_caller]
    pub fn carry(&mut self, bytes: &[u8]) {
        let mut got = vec![0; bytes.len()];
        self.near.write_all(bytes).expect("send");
        self.far.read_exact(&mut got).expect("receive");
        assert_eq!(got, bytes);
        self.far.write_all(bytes).expect("answer");
        self.near.read_exact(&mut got).expect("receive");
        assert_eq!(got, bytes);
    }
}

/// How a stream that has nothing more to say stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Clean,
    Reset,
}

#[track_caller]
pub fn stop(mut stream: &TcpStream) -> Stop {
    match stream.read(&mut [0]) {
        Ok(0) => Stop::Clean,
        Ok(_) => panic!("a byte that nobody sent"),
        Err(e) if e.kind() == ErrorKind::ConnectionReset => Stop::Reset,
        Err(e) => panic!("{e}"),
    }
}
