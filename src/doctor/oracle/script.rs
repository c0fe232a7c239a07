//! What the oracle does with a connection, and what it sees meanwhile.

use crate::base::pattern;
use crate::wire::{Break, Socket};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

/// Octets that an order may ask for.
const MOST: u64 = 1024 * 1024;
/// Octets written or read at a time.
const PIECE: usize = 16 * 1024;
/// Between the client's end and the answer: as long as a target at some distance needs for it.
const ANSWER: Duration = Duration::from_millis(200);
/// Between the pieces of [`Order::Grow`].
const GROWTH: Duration = Duration::from_millis(150);

/// What to do; octets are those of [`pattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Read to the end, then send so many octets and end.
    AnswerAfterEnd(u64),
    /// Send so many octets and end, then read to the end.
    EndFirst(u64),
    /// Send so many octets, read one, then reset.
    Reset(u64),
    /// Read so many octets, send one, then read to whatever end there is.
    Watch(u64),
    /// Send back what comes.
    Echo,
    /// Read to the end.
    Sink,
    /// Send more and more, with pauses, up to so many octets in all, then end.
    Grow(u64),
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Octets of the client's.
    pub received: u64,
    /// They were the pattern.
    pub intact: bool,
    pub end: End,
}

/// How the client's direction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a FIN.
    Clean,
    Reset,
    /// We ended it ourselves.
    Ours,
}

impl Order {
    /// As it goes over the wire.
    pub fn written(self) -> String {
        match self {
            Order::AnswerAfterEnd(n) => format!("answer {n}"),
            Order::EndFirst(n) => format!("end {n}"),
            Order::Reset(n) => format!("reset {n}"),
            Order::Watch(n) => format!("watch {n}"),
            Order::Echo => "echo 0".into(),
            Order::Sink => "sink 0".into(),
            Order::Grow(n) => format!("grow {n}"),
        }
    }

    /// The reverse.
    pub fn read<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<Order> {
        let word = words.next()?;
        let n = words.next()?.parse().ok().filter(|n| *n <= MOST)?;
        Some(match word {
            "answer" => Order::AnswerAfterEnd(n),
            "end" => Order::EndFirst(n),
            "reset" => Order::Reset(n),
            "watch" => Order::Watch(n),
            "echo" => Order::Echo,
            "sink" => Order::Sink,
            "grow" => Order::Grow(n),
            _ => return None,
        })
    }

    /// Does it. `grown` counts what [`Order::Grow`] has sent.
    pub async fn carry_out(self, grown: &AtomicU64, mut wire: Socket) -> Seen {
        let mut seen = Seen {
            received: 0,
            intact: true,
            end: End::Ours,
        };
        let done = self.steps(grown, &mut wire, &mut seen).await;
        if let Err(error) = done {
            seen.end = match Break::of(&error) {
                Break::Reset => End::Reset,
                _ => End::Ours,
            };
        }
        seen
    }

    async fn steps(self, grown: &AtomicU64, wire: &mut Socket, seen: &mut Seen) -> io::Result<()> {
        match self {
            Order::AnswerAfterEnd(n) => {
                to_the_end(wire, seen).await?;
                sleep(ANSWER).await;
                send(wire, 0, n).await?;
                wire.shutdown().await
            }
            Order::EndFirst(n) => {
                send(wire, 0, n).await?;
                wire.shutdown().await?;
                to_the_end(wire, seen).await
            }
            Order::Reset(n) => {
                send(wire, 0, n).await?;
                seen.received += wire.read(&mut [0]).await? as u64;
                // Dropped with its own direction open: that is a reset.
                Ok(())
            }
            Order::Watch(n) => {
                while seen.received < n && some(wire, seen).await? {}
                wire.write_all(b"k").await?;
                to_the_end(wire, seen).await
            }
            Order::Echo => {
                let mut piece = vec![0; PIECE];
                loop {
                    let n = wire.read(&mut piece).await?;
                    if n == 0 {
                        seen.end = End::Clean;
                        return wire.shutdown().await;
                    }
                    seen.received += n as u64;
                    wire.write_all(&piece[..n]).await?;
                }
            }
            Order::Sink => to_the_end(wire, seen).await,
            Order::Grow(n) => {
                let (mut sent, mut next) = (0, 1024);
                grown.store(0, Ordering::SeqCst);
                while sent < n {
                    // Told before it is done: what arrives was sent by then.
                    grown.store(next.min(n), Ordering::SeqCst);
                    send(wire, sent, next.min(n) - sent).await?;
                    sent = next.min(n);
                    next *= 2;
                    sleep(GROWTH).await;
                }
                wire.shutdown().await
            }
        }
    }
}

async fn send(wire: &mut Socket, from: u64, octets: u64) -> io::Result<()> {
    let mut piece = [0; PIECE];
    let mut at = from;
    while at < from + octets {
        let here = usize::try_from(from + octets - at).map_or(PIECE, |left| left.min(PIECE));
        pattern::fill(at, &mut piece[..here]);
        wire.write_all(&piece[..here]).await?;
        at += here as u64;
    }
    wire.flush().await
}

async fn to_the_end(wire: &mut Socket, seen: &mut Seen) -> io::Result<()> {
    while some(wire, seen).await? {}
    Ok(())
}

/// Some more octets; false at the end.
async fn some(wire: &mut Socket, seen: &mut Seen) -> io::Result<bool> {
    let mut piece = [0; PIECE];
    let n = wire.read(&mut piece).await?;
    if n == 0 {
        seen.end = End::Clean;
        return Ok(false);
    }
    seen.intact &= pattern::mismatch(seen.received, &piece[..n]).is_none();
    seen.received += n as u64;
    Ok(true)
}
