//! SIGTERM while a session still has to send what a tunnel has left to it.

use super::{Way, tunnel};
use crate::support::{Listen, Serve, Target, pattern, sha256};
use rustix::process::Signal;
use socket2::SockRef;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

/// Less than a tunnel's window, so that all of it is out of the tunnel's hands before it is on its way.
const SENT: usize = 900_000;

/// To the terminator by a path that takes a second for what the tunnel sends.
fn slow_path(port: u16) -> Target {
    Target::start(move |near, _| {
        // Otherwise the kernel would take all of it from `listen`, whatever becomes of that.
        SockRef::from(&near).set_recv_buffer_size(64 * 1024)?;
        let far = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        let (mut from, mut to) = (far.try_clone()?, near.try_clone()?);
        thread::spawn(move || io::copy(&mut from, &mut to));
        let mut piece = vec![0; 16 * 1024];
        loop {
            let count = (&near).read(&mut piece)?;
            if count == 0 {
                return far.shutdown(Shutdown::Write);
            }
            // The pace of the path.
            thread::sleep(Duration::from_millis(20));
            (&far).write_all(&piece[..count])?;
        }
    })
}

/// The target had ended its side before, so with the client's end the tunnel is over for `listen`, but not for the
/// session: the last octets of a good transfer must not go with the process.
fn every_byte_arrives(way: Way) {
    let target = Target::ends_first(1, 0);
    let serve = Serve::start();
    let path = slow_path(serve.port);
    let url = format!("h2c://{}", path.addr());
    let via = way.via();
    let spec = format!("0:{}", target.addr());
    let mut listen = Listen::start(&["-x", &url, "--via", via, "--drain", "25"], &[&spec]);
    let mut client = tunnel(listen.ports[0]);
    let bytes = pattern(3, SENT);
    client.write_all(&bytes).expect("send");
    client.shutdown(Shutdown::Write).expect("end");
    assert_eq!(client.read(&mut [0]).expect("the target's end"), 0);
    listen.process().signal(Signal::TERM);
    assert_eq!(listen.process().wait_exit().code(), Some(0));
    assert_eq!(target.received(1), (SENT as u64, sha256(&bytes)));
}

#[test]
fn every_byte_arrives_by_connect() {
    every_byte_arrives(Way::H2);
}

#[test]
fn every_byte_arrives_by_post() {
    every_byte_arrives(Way::H2Post);
}
