//! Which carrier of several a proxy was found to take, and for how long that is believed.

use crate::carrier::{Carrier, Version};
use crate::dial::memory::Memory;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Mutex as Turn;

/// Then all of them are tried again: paths and proxies change.
pub const BELIEVED: Duration = Duration::from_secs(600);

/// Empty at first.
#[derive(Default)]
pub struct Ladder {
    learned: Mutex<Learned>,
    /// One finds out what the proxy is reached over, the others wait. When the last of them found nothing.
    pub finding: Turn<Option<Instant>>,
}

#[derive(Default)]
struct Learned {
    /// What a tunnel was opened with, and until when that counts.
    won: Option<(Carrier, Instant)>,
    /// TCP was faster than QUIC, which may be blocked.
    tcp: Option<Instant>,
    memory: Option<Memory>,
}

impl Ladder {
    /// `via` in the order to try, and whether the first of them is what worked last over TCP.
    pub fn order(&self, via: &[Carrier]) -> (Vec<Carrier>, bool) {
        let mut order = via.to_vec();
        let won = self.learned().won;
        let won = won.filter(|(_, until)| Instant::now() < *until);
        if let Some(at) = order.iter().position(|c| won.is_some_and(|(w, _)| *c == w)) {
            order[..=at].rotate_right(1);
            let over_tcp = !order[0].is_quic();
            return (order, over_tcp);
        }
        (order, false)
    }

    /// A tunnel was opened with this one. What is believed already is not believed for longer by that.
    pub fn won(&self, carrier: Option<Carrier>) {
        let (Some(carrier), mut learned) = (carrier, self.learned()) else {
            return;
        };
        let now = Instant::now();
        if learned
            .won
            .is_some_and(|(known, until)| known == carrier && now < until)
        {
            return;
        }
        learned.won = Some((carrier, now + BELIEVED));
        if let Some(memory) = &learned.memory {
            memory.keep(carrier, BELIEVED);
        }
    }

    /// The handshakes were raced, and this came first.
    pub fn reached_over(&self, version: Version) {
        let tcp = version != Version::Http3;
        self.learned().tcp = tcp.then(|| Instant::now() + BELIEVED);
    }

    /// QUIC has lost lately.
    pub fn is_over_tcp(&self) -> bool {
        let until = self.learned().tcp;
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Nothing of what was learned holds any more.
    pub fn forget(&self) {
        let mut learned = self.learned();
        (learned.won, learned.tcp) = (None, None);
    }

    /// Begins with what `memory` has kept, and keeps there what is learned.
    pub fn remember(&mut self, memory: Memory) {
        let mut learned = self.learned();
        if let Some((carrier, left)) = memory.recall() {
            learned.won = Some((carrier, Instant::now() + left.min(BELIEVED)));
        }
        learned.memory = Some(memory);
    }

    fn learned(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_winner_comes_first() {
        let via = [Carrier::H2, Carrier::H1, Carrier::H1Post];
        let ladder = Ladder::default();
        assert_eq!(ladder.order(&via), (via.to_vec(), false));
        ladder.won(Some(Carrier::H1Post));
        let order = vec![Carrier::H1Post, Carrier::H2, Carrier::H1];
        assert_eq!(ladder.order(&via), (order, true));
        ladder.won(Some(Carrier::H2Post));
        assert_eq!(ladder.order(&via), (via.to_vec(), false));
        ladder.won(Some(Carrier::H1));
        ladder.forget();
        assert_eq!(ladder.order(&via), (via.to_vec(), false));
    }

    #[test]
    fn the_race_is_not_run_again_soon() {
        let ladder = Ladder::default();
        assert!(!ladder.is_over_tcp());
        ladder.reached_over(Version::Http1);
        assert!(ladder.is_over_tcp());
        ladder.reached_over(Version::Http3);
        assert!(!ladder.is_over_tcp());
    }
}
