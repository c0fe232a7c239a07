//! What the kernel knows of a process and of a connection.

use super::LIMIT;
use crate::support::wait_until;
use rustix::fs::OFlags;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::Instant;

/// Waits until the process at the other end of `stream` has read everything that was written to it.
///
/// # Errors
/// When the connection is broken before that.
pub fn wait_until_read(stream: &TcpStream) -> io::Result<()> {
    let (us, it) = (stream.local_addr()?, stream.peer_addr()?);
    let deadline = Instant::now() + LIMIT;
    wait_until("the other end to read", deadline, || {
        match (queues(us, it), queues(it, us)) {
            (Some((0, _)), Some((_, 0))) => Some(Ok(())),
            (Some(_), Some(_)) => None,
            // One of the ends is gone; a broken connection shows an error of its own.
            _ => stream.take_error().ok().flatten().map(Err),
        }
    })
}

/// Octets not acknowledged and octets not read of the connection from `local` to `remote`; nothing if there is none.
fn queues(local: SocketAddr, remote: SocketAddr) -> Option<(u32, u32)> {
    ask(local, remote).ok().or_else(|| look_up(local, remote))
}

/// The fast way: sock_diag(7) finds one connection among any number.
fn ask(local: SocketAddr, remote: SocketAddr) -> rustix::io::Result<(u32, u32)> {
    const HEADER: usize = 16;
    /// Where the queues are in `struct inet_diag_msg`.
    const QUEUES: usize = 4 + 48 + 4;
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )?;
    let kernel = SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(
        &socket,
        &question(local, remote),
        SendFlags::empty(),
        &kernel,
    )?;
    let mut answer = [0; 512];
    let (_, len) = rustix::net::recv(&socket, &mut answer, RecvFlags::empty())?;
    let number = |at: usize| u32::from_ne_bytes([0, 1, 2, 3].map(|n| answer[at + n]));
    match answer[4] {
        // SOCK_DIAG_BY_FAMILY
        20 if len >= HEADER + QUEUES + 8 => {
            let queues = HEADER + QUEUES;
            Ok((number(queues + 4), number(queues)))
        }
        // NLMSG_ERROR, which may also mean that the kernel cannot do it: the slow way knows.
        _ => Err(rustix::io::Errno::NOENT),
    }
}

/// `struct nlmsghdr` and `struct inet_diag_req_v2` for exactly one TCP connection, in any state.
fn question(local: SocketAddr, remote: SocketAddr) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(72_u32.to_ne_bytes());
    bytes.extend(20_u16.to_ne_bytes());
    bytes.extend(1_u16.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([2, 6, 0, 0]);
    bytes.extend(u32::MAX.to_ne_bytes());
    bytes.extend(local.port().to_be_bytes());
    bytes.extend(remote.port().to_be_bytes());
    for addr in [local, remote] {
        bytes.extend(octets(addr));
        bytes.extend([0; 12]);
    }
    bytes.extend([0; 4]);
    bytes.extend([0xff; 8]);
    bytes
}

fn octets(addr: SocketAddr) -> [u8; 4] {
    match addr.ip() {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(ip) => panic!("{ip} is not IPv4"),
    }
}

/// The slow way: a table with all connections of the machine.
fn look_up(local: SocketAddr, remote: SocketAddr) -> Option<(u32, u32)> {
    // Addresses are written as numbers in this machine's byte order.
    let written = |addr| {
        format!(
            "{:08X}:{:04X}",
            u32::from_ne_bytes(octets(addr)),
            addr.port()
        )
    };
    let ends = format!("{} {}", written(local), written(remote));
    let table = fs::read_to_string("/proc/net/tcp").expect("the table of TCP connections");
    let after = &table[table.find(&ends)? + ends.len()..];
    let (sending, receiving) = after.split_whitespace().nth(1)?.split_once(':')?;
    let number = |text| u32::from_str_radix(text, 16).ok();
    Some((number(sending)?, number(receiving)?))
}

/// The status flags of an open file description.
pub fn flags(fd: impl AsFd) -> OFlags {
    rustix::fs::fcntl_getfl(fd).expect("flags of a descriptor")
}

/// Both ways say the same of octets that nobody has read yet.
#[test]
fn both_ways_to_ask_agree() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let near = TcpStream::connect(listener.local_addr().expect("address")).expect("connect");
    let (far, _) = listener.accept().expect("accept");
    let (us, it) = (
        near.local_addr().expect("address"),
        near.peer_addr().expect("address"),
    );
    io::Write::write_all(&mut &near, b"hello").expect("send");
    assert_eq!(look_up(it, us), Some((0, 5)));
    if let Ok(found) = ask(it, us) {
        assert_eq!(found, (0, 5));
    }
    drop(far);
}
