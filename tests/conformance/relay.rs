//! The relay between two wires in memory. Time is the runtime's and stands still while anything can move.

mod clocks;
mod ends;
mod faults;

use super::memory::{Memory, Notes};
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tuncat::relay::{Options, Outcome, relay};

const SECOND: Duration = Duration::from_secs(1);
/// tokio's timers tick in milliseconds.
const TICK: Duration = Duration::from_millis(2);
const ROOM: usize = 16 * 1024;

/// A relay at work, and what the test holds of it.
struct Bench {
    relay: JoinHandle<Outcome>,
    /// The peer of the relay's near side.
    near: DuplexStream,
    far: DuplexStream,
    near_notes: Notes,
    far_notes: Notes,
    began: Instant,
}

fn start(options: Options) -> Bench {
    start_with(options, ROOM, |near| near, |far| far)
}

fn start_with(
    options: Options,
    room: usize,
    near: impl FnOnce(Memory) -> Memory,
    far: impl FnOnce(Memory) -> Memory,
) -> Bench {
    let (near_wire, near_peer, near_notes) = Memory::new(room);
    let (far_wire, far_peer, far_notes) = Memory::new(room);
    let (near_wire, far_wire) = (near(near_wire), far(far_wire));
    Bench {
        relay: tokio::spawn(relay(near_wire, far_wire, options)),
        near: near_peer,
        far: far_peer,
        near_notes,
        far_notes,
        began: Instant::now(),
    }
}

impl Bench {
    /// Waits until the relay is over; both peers stay open.
    async fn over(&mut self) -> Outcome {
        // Longer than any timer of a test; the clock jumps there if nothing else is left to wait for.
        let outcome = timeout(3600 * SECOND, &mut self.relay).await;
        outcome.expect("the relay hangs").expect("the relay")
    }

    /// So long after the beginning it is now.
    #[track_caller]
    fn at(&self, expected: Duration) {
        let now = self.began.elapsed();
        let right = now >= expected && now <= expected + TICK;
        assert!(right, "after {now:?} instead of {expected:?}");
    }
}

fn counts(outcome: &Outcome) -> (u64, u64) {
    (outcome.to_far, outcome.to_near)
}
