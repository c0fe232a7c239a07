//! Connection attempts to several addresses, staggered (Happy Eyeballs, RFC 8305 §5).

use crate::wire::Socket;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Between the starts of two attempts, unless the earlier one failed.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// No address let us connect; the error that came first.
#[derive(Debug)]
pub struct Failed {
    pub address: SocketAddr,
    pub error: io::Error,
    pub attempts: usize,
}

/// The first connection that comes about. The others are closed, and nothing but the handshake
/// was sent on them.
pub async fn connect(addresses: &[SocketAddr]) -> Result<Socket, Failed> {
    if let [address] = *addresses {
        return open(address).await.map_err(|error| Failed {
            address,
            error,
            attempts: 1,
        });
    }
    let mut waiting = addresses.iter().copied();
    let mut running = JoinSet::new();
    let mut first_failure = None;
    let mut next_start = Instant::now();
    loop {
        tokio::select! {
            biased;
            Some(joined) = running.join_next() => match joined {
                Ok((_, Ok(socket))) => return Ok(socket),
                Ok((address, Err(error))) => {
                    first_failure.get_or_insert((address, error));
                    next_start = Instant::now();
                }
                Err(_) => {}
            },
            () = tokio::time::sleep_until(next_start), if waiting.len() > 0 => {
                if let Some(address) = waiting.next() {
                    running.spawn(async move { (address, open(address).await) });
                }
                next_start = Instant::now() + ATTEMPT_DELAY;
            }
            else => break,
        }
    }
    let unusable = || {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        (nowhere, io::Error::other("no address"))
    };
    let (address, error) = first_failure.unwrap_or_else(unusable);
    Err(Failed {
        address,
        error,
        attempts: addresses.len(),
    })
}

async fn open(address: SocketAddr) -> io::Result<Socket> {
    Ok(Socket::from(TcpStream::connect(address).await?))
}
