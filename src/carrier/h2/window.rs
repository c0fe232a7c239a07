//! The flow-control window of a whole session, kept above what stalled tunnels hold.
//!
//! Credit for octets that nobody has read yet is withheld, per stream and thereby also for the
//! connection. With a fixed connection window one tunnel whose reader stands still would use it up and
//! freeze all others, so the window grows by what is withheld. Each tunnel stays bounded by its own
//! window.

use crate::carrier::h2::SESSION_WINDOW;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::task::Waker;

/// The window grows in steps of this many octets.
const STEP: usize = 1024 * 1024;

/// Shared by a session's tunnels and whoever drives its connection.
pub struct Window {
    /// It grows by no more than this.
    most: usize,
    withheld: AtomicUsize,
    /// The target that the driver was last told.
    told: AtomicU32,
    driver: Mutex<Option<Waker>>,
}

impl Window {
    /// `most` is what all tunnels together may withhold without holding up the others.
    pub fn new(most: usize) -> Self {
        Window {
            most,
            withheld: AtomicUsize::new(0),
            told: AtomicU32::new(SESSION_WINDOW),
            driver: Mutex::default(),
        }
    }

    /// A tunnel took in `octets` and keeps their credit back.
    pub fn withhold(&self, octets: usize) {
        let before = self.withheld.fetch_add(octets, Ordering::AcqRel);
        if before / STEP != (before + octets) / STEP
            && let Ok(mut driver) = self.driver.lock()
            && let Some(driver) = driver.take()
        {
            driver.wake();
        }
    }

    /// Their credit goes back to the peer.
    pub fn release(&self, octets: usize) {
        self.withheld.fetch_sub(octets, Ordering::AcqRel);
    }

    /// What the connection's window should be from now on, where that has changed; to be asked whenever
    /// the connection is driven.
    pub fn new_target(&self, driver: &Waker) -> Option<u32> {
        let target = self.target(driver);
        (self.told.swap(target, Ordering::Relaxed) != target).then_some(target)
    }

    fn target(&self, driver: &Waker) -> u32 {
        if let Ok(mut slot) = self.driver.lock() {
            match &*slot {
                Some(known) if known.will_wake(driver) => {}
                _ => *slot = Some(driver.clone()),
            }
        }
        let steps = self.withheld.load(Ordering::Acquire).div_ceil(STEP);
        let target = SESSION_WINDOW as usize + (steps * STEP).min(self.most);
        u32::try_from(target).unwrap_or(SESSION_WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_by_what_is_withheld() {
        let window = Window::new(100 * STEP);
        let waker = Waker::noop();
        assert_eq!(window.target(waker), SESSION_WINDOW);
        window.withhold(1);
        assert_eq!(window.target(waker), SESSION_WINDOW + 1024 * 1024);
        window.withhold(usize::MAX / 4);
        let most = SESSION_WINDOW as usize + 100 * STEP;
        assert_eq!(window.target(waker) as usize, most);
        window.release(usize::MAX / 4 + 1);
        assert_eq!(window.target(waker), SESSION_WINDOW);
    }
}
