//! Sending and checking bytes whose every position differs.

use crate::support::Pattern;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tuncat::wire::BoxWire;

const PIECE: usize = 64 * 1024;

/// One direction's bytes, named by a seed.
#[derive(Clone, Copy)]
pub struct Load {
    pub seed: u64,
    pub len: u64,
}

pub fn load(seed: u64, len: u64) -> Load {
    Load { seed, len }
}

/// Writes all of `load`, and no end.
pub async fn send(wire: &mut (impl AsyncWrite + Unpin), load: Load) -> io::Result<()> {
    let mut pattern = Pattern::new(load.seed, load.len);
    let mut piece = vec![0; PIECE];
    loop {
        match pattern.fill(&mut piece) {
            0 => return wire.flush().await,
            n => wire.write_all(&piece[..n]).await?,
        }
    }
}

/// Writes all of `load` and the end.
pub async fn send_to_end(wire: &mut (impl AsyncWrite + Unpin), load: Load) -> io::Result<()> {
    send(wire, load).await?;
    wire.shutdown().await
}

/// What came before a stream stopped, checked byte by byte.
pub struct Got {
    pub count: u64,
    /// Nothing if the end was clean.
    pub error: Option<io::Error>,
}

/// Reads until the end or an error, or until `load` is complete and `to_end` is false. Panics at the first wrong byte,
/// and when more comes than `load` has.
pub async fn receive(wire: &mut (impl AsyncRead + Unpin), load: Load, to_end: bool) -> Got {
    let mut pattern = Pattern::new(load.seed, load.len);
    let (mut piece, mut expected) = (vec![0; PIECE], vec![0; PIECE]);
    let mut count = 0;
    loop {
        if !to_end && count == load.len {
            return Got { count, error: None };
        }
        let room = match to_end {
            true => PIECE,
            false => PIECE.min(usize::try_from(load.len - count).unwrap_or(PIECE)),
        };
        match wire.read(&mut piece[..room]).await {
            Ok(0) => return Got { count, error: None },
            Ok(n) => {
                let expected = &mut expected[..n];
                assert_eq!(
                    pattern.fill(expected),
                    n,
                    "more than {} bytes came",
                    load.len
                );
                assert!(piece[..n] == *expected, "a wrong byte after {count} bytes");
                count += n as u64;
            }
            Err(error) => {
                let error = Some(error);
                return Got { count, error };
            }
        }
    }
}

/// Reads exactly `load`; what follows it is left.
pub async fn expect(wire: &mut (impl AsyncRead + Unpin), load: Load) {
    let got = receive(wire, load, false).await;
    assert!(got.error.is_none(), "{:?}", got.error);
    assert_eq!(got.count, load.len, "the stream ended early");
}

/// Reads all of `load` and a clean end.
pub async fn expect_to_end(wire: &mut (impl AsyncRead + Unpin), load: Load) {
    let got = receive(wire, load, true).await;
    assert!(
        got.error.is_none(),
        "after {} bytes: {:?}",
        got.count,
        got.error
    );
    assert_eq!(got.count, load.len, "the stream ended early");
    let more = wire.read(&mut [0; 10]).await;
    assert_eq!(more.expect("an end stays an end"), 0);
}

/// Sends one load and its end while it reads the other and its end.
pub async fn exchange(wire: &mut BoxWire, out: Load, back: Load) {
    let (mut read, mut write) = tokio::io::split(wire);
    let (sent, ()) = tokio::join!(send_to_end(&mut write, out), expect_to_end(&mut read, back));
    sent.expect("send to the end");
}
