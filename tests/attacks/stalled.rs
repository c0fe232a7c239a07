//! Tunnels whose target reads nothing: what they hold, each and all together, and when they let it go.

use super::frames::{code, reset};
use super::peer::{Peer, WINDOW};
use super::scene::{MIB, Scene};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// Tunnels that are filled to the brim.
struct Stalled {
    peer: Peer,
    streams: Vec<u32>,
    /// Their other ends.
    far: Vec<TcpStream>,
}

impl Stalled {
    fn new(port: u16, count: usize) -> Stalled {
        let target = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
        let buffer = socket2::SockRef::from(&target).set_recv_buffer_size(4096);
        buffer.expect("a small buffer");
        let address = target.local_addr().expect("an address").to_string();
        let mut peer = Peer::connect(port);
        let tunnels = (0..count).map(|_| {
            let stream = peer.tunnel(&address);
            (stream, target.accept().expect("accept").0)
        });
        let (streams, far): (Vec<u32>, Vec<TcpStream>) = tunnels.unzip();
        for &stream in &streams {
            let sent = peer.pour(stream);
            assert!(sent < 16 * WINDOW, "{sent} octets, and more would go");
        }
        Stalled { peer, streams, far }
    }
}

/// A window for each, and somewhat for buffers.
#[test]
fn each() {
    const TUNNELS: usize = 10;
    let scene = Scene::new();
    drop(Stalled::new(scene.port, TUNNELS));
    scene.end(
        "stalled tunnels",
        2 * TUNNELS as u64 * MIB,
        &format!("{TUNNELS} tunnels"),
    );
}

/// The session's window grows with what stalled tunnels hold, but not without end.
#[test]
fn all_together() {
    const TUNNELS: usize = 150;
    let scene = Scene::new();
    drop(Stalled::new(scene.port, TUNNELS));
    scene.end(
        "many stalled tunnels",
        90 * MIB,
        &format!("{TUNNELS} tunnels"),
    );
}

/// A stream that was reset no longer counts, so what it holds has to go although its target still does not read.
#[test]
fn reset_by_the_client() {
    let scene = Scene::new();
    let mut stalled = Stalled::new(scene.port, 5);
    for &stream in &stalled.streams {
        stalled
            .peer
            .send(&reset(stream, code::CANCEL))
            .expect("reset");
    }
    // The connection itself is still there.
    scene.wait_for_connections(1);
    drop(stalled);
    scene.end("stalled and reset", 16 * MIB, "5 tunnels");
}

/// The same where the whole connection is gone.
#[test]
fn left_by_the_client() {
    let scene = Scene::new();
    let Stalled { peer, far, .. } = Stalled::new(scene.port, 5);
    drop(peer);
    scene.wait_for_connections(0);
    drop(far);
    scene.end("stalled and left", 16 * MIB, "5 tunnels");
}
