//! A slow reader whose target ends first: the end must wait for the bytes.

use super::{Way, tunnel};
use crate::support::{Digest, Listen, Pattern, Serve, Target};
use std::io::Read;
use std::thread;
use std::time::Duration;

const MIB: u64 = 1024 * 1024;
const SIZE: u64 = 16 * MIB;
const AT_ONCE: usize = 10;
const EACH: usize = 10;

/// A hundred downloads through a small receive buffer, read in pieces with pauses; many at once in one session.
fn downloads_are_whole(way: Way) {
    let serve = Serve::start();
    let target = Target::ends_first(9, SIZE);
    let args = way.args(&serve);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let listen = Listen::start(&args, &[&format!("0:{}", target.addr())]);
    let port = listen.ports[0];
    let whole = (SIZE, Pattern::sha256(9, SIZE));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                for _ in 0..EACH {
                    assert_eq!(download(port), whole);
                }
            });
        }
    });
}

fn download(port: u16) -> (u64, String) {
    let mut stream = tunnel(port);
    socket2::SockRef::from(&stream)
        .set_recv_buffer_size(64 * 1024)
        .expect("a small buffer");
    let mut digest = Digest::new();
    let mut piece = vec![0; 256 * 1024];
    loop {
        let n = stream.read(&mut piece).expect("no reset");
        if n == 0 {
            return digest.finish();
        }
        digest.update(&piece[..n]);
        // The pace of a slow reader, not a wait for anything.
        thread::sleep(Duration::from_micros(200));
    }
}

#[test]
fn h2() {
    downloads_are_whole(Way::H2);
}

#[test]
fn h2_post() {
    downloads_are_whole(Way::H2Post);
}
