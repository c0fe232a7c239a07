//! A tunnel that nobody reads, beside one that is busy.

use super::{BOUND, Way, ping, tunnel};
use crate::support::process::resident;
use crate::support::{Listen, Serve, Target, wait_for};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

const MIB: u64 = 1024 * 1024;

/// Writes pieces of `size` until nothing is taken any more.
fn flood(mut stream: &TcpStream, size: usize, limit: u64) -> u64 {
    let piece = vec![7; size];
    stream.set_nonblocking(true).expect("non-blocking");
    let mut sent = 0;
    let mut refused = 0;
    // Full for a second, in steps of a millisecond, is full.
    wait_for("the tunnel to be full", || {
        while sent < limit {
            match stream.write(&piece) {
                Ok(n) => (sent, refused) = (sent + n as u64, 0),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) => panic!("{e}"),
            }
        }
        refused += 1;
        (sent >= limit || refused > 100).then_some(())
    });
    stream.set_nonblocking(false).expect("blocking");
    sent
}

struct Scene {
    way: Way,
    serve: Serve,
    listen: Listen,
    /// Accepts, and leaves it to the test what is read.
    target: TcpListener,
}

impl Scene {
    fn new(way: Way) -> Scene {
        let target = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
        let serve = Serve::start();
        let at = target.local_addr().expect("address");
        let specs = [&format!("0:{at}"), "0:echo:"];
        let args = way.args(&serve);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let listen = Listen::start(&args, &specs);
        Scene {
            way,
            serve,
            listen,
            target,
        }
    }

    fn stalled(&self) -> (TcpStream, TcpStream) {
        let near = tunnel(self.listen.ports[0]);
        let far = self.target.accept().expect("the terminator's dial").0;
        (near, far)
    }

    fn memory(&mut self) -> [u64; 2] {
        [
            resident(self.serve.process().pid()),
            resident(self.listen.process().pid()),
        ]
    }
}

/// Both directions stalled at once, in full frames: the sibling goes on, and memory stays bounded.
fn a_stalled_tunnel_holds_nobody_up(way: Way) {
    let mut scene = Scene::new(way);
    let busy = tunnel(scene.listen.ports[1]);
    ping(&busy, 500);
    let before = scene.memory();
    let (near, far) = scene.stalled();
    let up = flood(&near, 65_536, 1024 * MIB);
    let down = flood(&far, 65_536, 1024 * MIB);
    assert!(up < 64 * MIB && down < 64 * MIB, "{up} {down}");
    ping(&busy, 20_000);
    for (before, after) in before.into_iter().zip(scene.memory()) {
        assert!(after < before + 2 * BOUND, "{before} -> {after}");
    }
    // Nothing of it is lost once it is read.
    for (reader, writer, sent) in [(&far, &near, up), (&near, &far, down)] {
        writer.shutdown(std::net::Shutdown::Write).expect("end");
        let got = std::io::copy(&mut { reader }, &mut std::io::sink()).expect("a clean end");
        assert_eq!(got, sent);
    }
}

/// A byte at a time into a tunnel that nobody reads: many small frames must neither end the session nor
/// weigh more than their bytes.
fn many_small_frames_are_no_flood(way: Way) {
    let mut scene = Scene::new(way);
    let busy = tunnel(scene.listen.ports[1]);
    let (near, far) = scene.stalled();
    // First the socket behind the terminator has to be full.
    let filled = flood(&near, 65_536, 1024 * MIB);
    // Now there is room for frames only as far as the window goes, so the other end takes a little.
    let mut taken = vec![0; 600_000];
    { &far }.read_exact(&mut taken).expect("read a little");
    let before = scene.memory();
    let mut tiny = 0;
    for _ in 0..100_000 {
        near.set_nonblocking(true).expect("non-blocking");
        match { &near }.write(&[1]) {
            Ok(n) => tiny += n as u64,
            Err(e) => assert_eq!(e.kind(), ErrorKind::WouldBlock),
        }
        if tiny % 50 == 0 {
            ping(&busy, 1);
        }
    }
    near.set_nonblocking(false).expect("blocking");
    for (before, after) in before.into_iter().zip(scene.memory()) {
        assert!(after < before + BOUND, "{before} -> {after}");
    }
    near.shutdown(std::net::Shutdown::Write).expect("end");
    let rest = std::io::copy(&mut { &far }, &mut std::io::sink()).expect("a clean end");
    assert_eq!(rest + 600_000, filled + tiny);
}

/// A stalled tunnel that is given up leaves no debt: the session carries as much as before.
fn the_room_of_a_stalled_tunnel_comes_back(way: Way) {
    let scene = Scene::new(way);
    for _ in 0..12 {
        let (near, far) = scene.stalled();
        flood(&far, 65_536, 1024 * MIB);
        drop((near, far));
    }
    let target = Target::ends_first(5, 16 * MIB);
    let args = scene.way.args(&scene.serve);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let listen = Listen::start(&args, &[&format!("0:{}", target.addr())]);
    let stream = tunnel(listen.ports[0]);
    stream.shutdown(std::net::Shutdown::Write).expect("end");
    let got = std::io::copy(&mut { &stream }, &mut std::io::sink()).expect("a clean end");
    assert_eq!(got, 16 * MIB);
    ping(&tunnel(scene.listen.ports[1]), 1000);
}

macro_rules! ways {
    ($($module:ident $way:ident;)*) => {
        $(
            mod $module {
                ways!(tests $way: a_stalled_tunnel_holds_nobody_up many_small_frames_are_no_flood
                    the_room_of_a_stalled_tunnel_comes_back);
            }
        )*
    };
    (tests $way:ident: $($test:ident)*) => {
        $(
            #[test]
            fn $test() {
                super::$test(super::Way::$way);
            }
        )*
    };
}

ways! {
    h2 H2;
    h2_post H2Post;
}
