//! How long nothing has moved.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// Runs while there is something to wait for.
#[derive(Default)]
pub struct Timer {
    quiet_since: Option<Instant>,
    /// How often it was looked since then whether a side that is not read still lives.
    pub looks: u32,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Something moved: the time begins anew.
    pub fn restart(&mut self) {
        self.quiet_since = None;
        self.looks = 0;
    }

    /// There is nothing to wait for.
    pub fn rest(&mut self, cx: &mut Context<'_>) {
        self.restart();
        // It may be wanted again soon, but an idle tunnel has none.
        let sleep = self.sleep.as_mut();
        if sleep.is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready()) {
            self.sleep = None;
        }
    }

    /// Ready once nothing has moved for `wait`.
    pub fn poll_quiet(&mut self, cx: &mut Context<'_>, wait: Duration) -> Poll<()> {
        let since = *self.quiet_since.get_or_insert_with(Instant::now);
        let Some(at) = since.checked_add(wait) else {
            return Poll::Pending;
        };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        // One that is due earlier is left to come: most are put off before.
        if sleep.deadline() > at {
            sleep.as_mut().reset(at);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if Instant::now() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
    }
}
