//! Memory that is free in the process but not yet the system's again.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Fewer connections than this are not worth a walk over the heap.
const WORTH_IT: usize = 512;

/// Decides when to give memory back: whenever connections have fallen to half of the most since
/// the last time. So it is rare, and rarer the busier the process is.
#[derive(Debug, Default)]
pub struct Tide {
    high: AtomicUsize,
}

impl Tide {
    /// One more; `count` are there now.
    pub fn rose(&self, count: usize) {
        self.high.fetch_max(count, Ordering::Relaxed);
    }

    /// One less; `count` are left.
    pub fn fell(&self, count: usize) {
        let high = self.high.load(Ordering::Relaxed);
        if high < WORTH_IT || count > high / 2 {
            return;
        }
        let swap = self
            .high
            .compare_exchange(high, count, Ordering::Relaxed, Ordering::Relaxed);
        if swap.is_ok() {
            give_back();
        }
    }
}

/// glibc keeps what lies below the last live allocation of an arena until it is told otherwise.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_back() {
    // SAFETY: malloc_trim has no precondition and may be called from any thread.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back() {}
