//! Octets handed to the connection and not yet written by it.
//!
//! The connection queues DATA frames and throws a stream's queue away when the stream is reset. So
//! that a reset does not overtake data, each frame's payload counts itself out when the connection has
//! written it and lets go of it.

use bytes::Bytes;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// What one tunnel has on its way out.
#[derive(Default)]
pub struct Outgoing {
    octets: AtomicUsize,
    waiting: Mutex<Option<Waker>>,
}

struct Payload {
    data: Vec<u8>,
    outgoing: Arc<Outgoing>,
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        let octets = &self.outgoing.octets;
        if octets.fetch_sub(self.data.len(), Ordering::AcqRel) == self.data.len()
            && let Ok(mut waiting) = self.outgoing.waiting.lock()
            && let Some(waiting) = waiting.take()
        {
            waiting.wake();
        }
    }
}

impl Outgoing {
    /// A copy of `data` that is counted until it has been written.
    pub fn payload(self: &Arc<Self>, data: &[u8]) -> Bytes {
        self.octets.fetch_add(data.len(), Ordering::AcqRel);
        Bytes::from_owner(Payload {
            data: data.to_vec(),
            outgoing: self.clone(),
        })
    }

    /// Ready once all of it has been written (or thrown away with the stream).
    pub fn poll_written(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.octets.load(Ordering::Acquire) == 0 {
            return Poll::Ready(());
        }
        if let Ok(mut waiting) = self.waiting.lock() {
            *waiting = Some(cx.waker().clone());
        }
        // The last payload may have gone in between.
        match self.octets.load(Ordering::Acquire) {
            0 => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}
