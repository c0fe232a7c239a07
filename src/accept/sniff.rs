//! HTTP/1.1 or HTTP/2 with prior knowledge, on one clear port: the first octets tell.

use crate::carrier::h2::server::PREFACE;
use crate::wire::{BoxWire, Deadline};
use tokio::io::AsyncReadExt;

/// What was read to find out, and whether HTTP/2 is spoken. Nothing where the client said nothing in
/// time, or until `not_wanted` was done.
pub async fn preface(
    wire: &mut BoxWire,
    deadline: Deadline,
    not_wanted: impl Future<Output = ()>,
) -> Option<(Vec<u8>, bool)> {
    let mut read = Vec::with_capacity(2048);
    let mut not_wanted = std::pin::pin!(not_wanted);
    while PREFACE.starts_with(&read) && read.len() < PREFACE.len() {
        let more = async {
            tokio::select! {
                biased;
                more = wire.read_buf(&mut read) => more.unwrap_or(0),
                () = &mut not_wanted => 0,
            }
        };
        if deadline.run(more).await.unwrap_or(0) == 0 {
            break;
        }
    }
    if read.is_empty() {
        return None;
    }
    let http2 = read.starts_with(PREFACE);
    Some((read, http2))
}
