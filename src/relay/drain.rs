//! What has been written and has not arrived yet.

use crate::wire::Wire;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// How long a peer may go without acknowledging anything before it is reset all the same.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Returns once the peer's kernel has everything that was written, or when it has stopped taking
/// it. So a reset that follows does not overtake the data before it.
///
/// Closing with a reset throws away what is still in the send queue, and no event tells when the
/// queue is empty: so it is asked, ever less often.
pub async fn sent<W: Wire>(wire: &mut W) {
    // TLS may hold octets of its own.
    if !matches!(
        tokio::time::timeout(PATIENCE, wire.flush()).await,
        Ok(Ok(()))
    ) {
        return;
    }
    let mut least = u32::MAX;
    let mut progress = Instant::now();
    let mut pause = Duration::from_micros(200);
    loop {
        let Some(left) = wire.tcp().map(unsent) else {
            return;
        };
        if left < least {
            least = left;
            progress = Instant::now();
        }
        // Nothing arrives any more where the connection broke.
        if left == 0 || progress.elapsed() >= PATIENCE || wire.broken().is_some() {
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// Octets the peer has not acknowledged; 0 where that cannot be known.
#[cfg(target_os = "linux")]
pub fn unsent(tcp: &TcpStream) -> u32 {
    use rustix::ioctl::{Getter, Opcode, ioctl};
    /// SIOCOUTQ of tcp(7), the same number as TIOCOUTQ.
    const SIOCOUTQ: Opcode = 0x5411;
    // SAFETY: SIOCOUTQ on a socket writes one C int, which is what the getter provides.
    let queued = unsafe { ioctl(tcp, Getter::<SIOCOUTQ, u32>::new()) };
    queued.unwrap_or(0)
}

#[cfg(not(target_os = "linux"))]
pub fn unsent(_tcp: &TcpStream) -> u32 {
    0
}
