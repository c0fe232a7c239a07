//! The head of the answer: however it is cut, dripped, padded or inflated, the bytes behind it belong to the tunnel, and
//! none of ours leave before it.

mod cuts;
mod early;
mod limits;

use super::expect::Scene;
use super::peer::{Conn, Peer};
use crate::support::pattern;
use std::io;

/// What a hasty reader could take for a part of the head, and then bytes of all kinds.
fn payload() -> Vec<u8> {
    let mut bytes = b"\r\n\r\nHTTP/1.1 500 No\r\n\r\n".to_vec();
    bytes.extend(pattern(5, 64));
    bytes
}

/// Opens a tunnel with this script, in which `payload` is all that comes.
fn opens(name: &str, script: impl Fn(&Conn) -> io::Result<()> + Send + Sync + 'static) {
    let peer = Peer::new(move |conn| {
        script(&conn)?;
        conn.end()?;
        conn.read_to_end().map(drop)
    });
    let scene = Scene::through(peer);
    let output = scene.run(&[]);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{name}");
    assert!(output.stdout == payload(), "{name}: {output:?}");
    let proxy = scene.proxy.expect("a proxy");
    assert_eq!(proxy.accepted(), 1, "{name}");
}
