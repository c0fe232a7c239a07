//! POST tunnels on HTTP/1.1 through scripted terminators: the tunnel is the content of the answer, chunked.

mod answers;
mod breaks;
mod content;
mod cuts;
mod request;
mod waits;

use super::expect::{Scene, TARGET};
use super::peer::Peer;

/// The head of an answer that opens a tunnel.
const OK: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
/// The same, with a greeting to come.
const GREETS: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTuncat-Greeting: ?1\r\n\r\n";
const GREETING: &[u8] = b"tuncat\n";
const LAST: &[u8] = b"0\r\n\r\n";

const POST: [&str; 2] = ["--via", "h1-post"];

/// A request that fails at this terminator.
fn through(proxy: Peer) -> Scene {
    Scene::through(proxy).args(&POST)
}

/// For a tunnel that opens: then the tunnel is what breaks.
fn tunnel(proxy: Peer) -> Scene {
    let addr = proxy.addr();
    through(proxy).hop(format!("tunnel to {TARGET}"), addr)
}

fn chunk(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

/// What a hasty reader could take for the end of the content, or for another answer.
fn payload() -> Vec<u8> {
    let mut bytes = b"\r\n0\r\n\r\nHTTP/1.1 500 No\r\n\r\n5\r\n".to_vec();
    bytes.extend(crate::support::pattern(5, 40));
    bytes
}
