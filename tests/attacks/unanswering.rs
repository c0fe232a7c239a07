//! A target that leaves whoever dials it waiting.

use socket2::{Domain, Socket, Type};
use std::net::{Ipv4Addr, SocketAddr};

/// A port whose queue is full, so that a dial gets no answer.
pub struct Unanswering {
    pub address: String,
    _listener: Socket,
    _queued: Vec<Socket>,
}

impl Unanswering {
    pub fn new() -> Self {
        let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let listener = socket();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        listener.bind(&any.into()).expect("bind");
        listener.listen(0).expect("listen");
        let address = listener.local_addr().expect("an address");
        let queued = (0..4).map(|_| {
            let queued = socket();
            queued.set_nonblocking(true).expect("non-blocking");
            // It is in progress, and stays so.
            queued.connect(&address).ok();
            queued
        });
        Unanswering {
            address: address.as_socket().expect("an IP address").to_string(),
            _queued: queued.collect(),
            _listener: listener,
        }
    }
}
