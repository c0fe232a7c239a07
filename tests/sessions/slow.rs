//! A slow reader whose target ends first: the end must wait for the bytes.

use super::{h2c, tunnel};
use crate::support::{Digest, Listen, Pattern, Serve, Target};
use std::io::Read;
use std::thread;

const MIB: u64 = 1024 * 1024;

/// Downloads of 4 MiB through a small receive buffer, read in pieces with other work in between; many
/// at once in one session.
#[test]
fn downloads_are_whole() {
    let serve = Serve::start();
    let target = Target::ends_first(9, 4 * MIB);
    let listen = Listen::start(&["-x", &h2c(&serve)], &[&format!("0:{}", target.addr())]);
    let port = listen.ports[0];
    thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(move || {
                for _ in 0..4 {
                    let mut stream = tunnel(port);
                    socket2::SockRef::from(&stream)
                        .set_recv_buffer_size(64 * 1024)
                        .expect("a small buffer");
                    let mut digest = Digest::new();
                    let mut piece = vec![0; 40_000];
                    loop {
                        let n = stream.read(&mut piece).expect("no reset");
                        if n == 0 {
                            break;
                        }
                        digest.update(&piece[..n]);
                        thread::yield_now();
                    }
                    assert_eq!(digest.finish(), (4 * MIB, Pattern::sha256(9, 4 * MIB)));
                }
            });
        }
    });
}
