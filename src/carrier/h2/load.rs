//! What the tunnels of one session share, and how many they are.

use crate::carrier::h2::window::Window;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// Of one session.
pub struct Load {
    pub window: Window,
    tunnels: AtomicUsize,
    /// Told of every tunnel that ends.
    changed: Option<Arc<Notify>>,
}

impl Load {
    pub fn new(window: Window, changed: Option<Arc<Notify>>) -> Self {
        Load {
            window,
            tunnels: AtomicUsize::new(0),
            changed,
        }
    }

    /// Tunnels that are open or being opened.
    pub fn tunnels(&self) -> usize {
        self.tunnels.load(Ordering::Acquire)
    }

    /// Tells one who waits that there may be room.
    pub fn tell(&self) {
        if let Some(changed) = &self.changed {
            changed.notify_one();
        }
    }
}

/// A tunnel's place in its session.
pub struct Slot(Arc<Load>);

impl Slot {
    pub fn new(load: &Arc<Load>) -> Self {
        load.tunnels.fetch_add(1, Ordering::AcqRel);
        Slot(load.clone())
    }
}

impl Deref for Slot {
    type Target = Load;

    fn deref(&self) -> &Load {
        &self.0
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.tunnels.fetch_sub(1, Ordering::AcqRel);
        self.0.tell();
    }
}
