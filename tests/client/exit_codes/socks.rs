//! A SOCKS proxy that says no.

use crate::client::expect::{Failure, Row, Scene, TARGET, row};
use crate::client::peer::Peer;

pub fn rows() -> Vec<Row> {
    let refusing = |reply: u8| {
        move || {
            let peer = Peer::raw(move |conn| {
                conn.read_exact(3)?;
                conn.send([5, 0])?;
                conn.read_exact(4 + 1 + "host.invalid".len() + 2)?;
                conn.send([5, reply, 0, 1, 0, 0, 0, 0, 0, 0])?;
                conn.read_to_end().map(drop)
            });
            let url = peer.url().replace("http://", "socks5h://");
            let mut scene = Scene::new(&["-x", &url, TARGET]);
            scene = scene.hop(format!("proxy {url}"), peer.addr());
            scene.proxy = Some(peer);
            scene
        }
    };
    vec![
        row(
            "rules",
            refusing(2),
            Failure::new(
                97,
                "SOCKS",
                "proxy",
                "its rules do not allow host.invalid:22",
            )
            .hint("ask the proxy's owner, or try another port"),
        ),
        row(
            "a target that refuses",
            refusing(5),
            Failure::new(
                97,
                "SOCKS",
                "target",
                "the proxy could not reach host.invalid:22: connection refused",
            )
            .hint("check name and port, and that it is up"),
        ),
    ]
}

#[test]
fn every_row() {
    crate::client::expect::check_all(rows());
}
