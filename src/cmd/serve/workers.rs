//! Threads that each have a runtime of their own, for listeners that share a port.

use crate::base::{Error, Result};
use crate::cmd::runtime;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The threads end when this goes, and what is still open on them is aborted.
pub struct Workers {
    stops: Vec<oneshot::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
    pub handles: Vec<Handle>,
}

impl Workers {
    pub fn start(count: usize) -> Result<Self> {
        let mut workers = Workers {
            stops: Vec::new(),
            threads: Vec::new(),
            handles: Vec::new(),
        };
        for n in 0..count {
            let runtime = runtime(Builder::new_current_thread())?;
            workers.handles.push(runtime.handle().clone());
            let (stop, stopped) = oneshot::channel();
            workers.stops.push(stop);
            let thread = thread::Builder::new().name(format!("worker-{n}"));
            let thread = thread.spawn(move || {
                let _ = runtime.block_on(stopped);
                runtime.shutdown_timeout(Duration::from_secs(1));
            });
            let thread = thread.map_err(|e| Error::internal(format!("no thread: {e}")))?;
            workers.threads.push(thread);
        }
        Ok(workers)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stops.clear();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
