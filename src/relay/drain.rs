//! A reset that does not overtake the data before it.

use crate::wire::Wire;
use std::time::Duration;

/// How long a peer may take to acknowledge what it is owed before it is reset anyway.
const LIMIT: Duration = Duration::from_secs(10);

/// Returns once the peer's kernel has everything that was written, or after a limit. Without a
/// TCP connection there is nothing to wait for.
///
/// Closing with a reset throws away what is still in the send queue, and no event tells when the
/// queue is empty: so it is asked, ever less often.
pub async fn sent<W: Wire>(wire: &mut W) {
    let Some(tcp) = wire.tcp() else { return };
    let give_up = tokio::time::Instant::now() + LIMIT;
    let mut pause = Duration::from_micros(200);
    while unsent(tcp) > 0 && tokio::time::Instant::now() < give_up {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// Octets the peer has not acknowledged; 0 where that cannot be known.
#[cfg(target_os = "linux")]
fn unsent(tcp: &tokio::net::TcpStream) -> u32 {
    use rustix::ioctl::{Getter, ioctl};
    /// SIOCOUTQ of tcp(7), the same number as TIOCOUTQ.
    const SIOCOUTQ: rustix::ioctl::Opcode = 0x5411;
    // SAFETY: SIOCOUTQ on a socket writes one C int, which is what the getter provides.
    let queued = unsafe { ioctl(tcp, Getter::<SIOCOUTQ, u32>::new()) };
    queued.unwrap_or(0)
}

#[cfg(not(target_os = "linux"))]
fn unsent(_tcp: &tokio::net::TcpStream) -> u32 {
    0
}
