//! What has been written and has not arrived yet.

use crate::wire::Wire;
use crate::wire::socket::unsent;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
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
