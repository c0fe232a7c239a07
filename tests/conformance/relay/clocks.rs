//! The relay's two timers, measured on the runtime's own clock: the idle limit, and the FIN that is held back.

use super::{SECOND, start};
use crate::conformance::memory::Memory;
use crate::conformance::transfer::{expect, expect_to_end, load, send};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};
use tuncat::relay::{End, INPUT_QUIET, Near, Options, relay_until};
use tuncat::wire::Abort;

fn idle(limit: Duration) -> Options {
    Options {
        idle: Some(limit),
        ..Options::default()
    }
}

fn fin_delay(delay: Duration) -> Options {
    Options {
        fin_delay: Some(delay),
        ..Options::default()
    }
}

#[tokio::test(start_paused = true)]
async fn silence_ends_a_relay_at_its_limit() {
    let mut bench = start(idle(5 * SECOND));
    let outcome = bench.over().await;
    bench.at(5 * SECOND);
    assert!(matches!(outcome.end, End::Idle), "{outcome:?}");
    let aborted = (bench.near_notes.aborted(), bench.far_notes.aborted());
    assert_eq!(aborted, (Some(Abort::Cancel), Some(Abort::Cancel)));
    assert!(!bench.near_notes.ended() && !bench.far_notes.ended());
}

/// A byte in either direction begins the silence anew.
#[tokio::test(start_paused = true)]
async fn a_byte_either_way_puts_the_limit_off() {
    let mut bench = start(idle(5 * SECOND));
    for round in 0..10 {
        sleep(3 * SECOND).await;
        let (from, to) = match round % 2 {
            0 => (&mut bench.near, &mut bench.far),
            _ => (&mut bench.far, &mut bench.near),
        };
        send(from, load(round, 1)).await.expect("send");
        expect(to, load(round, 1)).await;
    }
    let outcome = bench.over().await;
    bench.at(35 * SECOND);
    assert!(matches!(outcome.end, End::Idle), "{outcome:?}");
    assert_eq!((outcome.to_far, outcome.to_near), (5, 5));
}

/// Half-closed and silent is silent too.
#[tokio::test(start_paused = true)]
async fn the_limit_holds_after_one_end() {
    let mut bench = start(idle(5 * SECOND));
    sleep(SECOND).await;
    bench.near.shutdown().await.expect("end");
    expect_to_end(&mut bench.far, load(0, 0)).await;
    let outcome = bench.over().await;
    bench.at(6 * SECOND);
    assert!(matches!(outcome.end, End::Idle), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_silence_is_no_end() {
    let mut bench = start(Options::default());
    sleep(1_000_000 * SECOND).await;
    send(&mut bench.near, load(1, 1)).await.expect("send");
    expect(&mut bench.far, load(1, 1)).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_delay_the_end_passes_at_once() {
    let mut bench = start(Options::default());
    bench.near.shutdown().await.expect("end");
    expect_to_end(&mut bench.far, load(0, 0)).await;
    bench.at(Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_end_is_held_until_the_far_side_was_quiet_for_the_delay() {
    let mut bench = start(fin_delay(SECOND));
    sleep(3 * SECOND).await;
    send(&mut bench.near, load(1, 10)).await.expect("send");
    bench.near.shutdown().await.expect("end");
    // The bytes are not held.
    expect(&mut bench.far, load(1, 10)).await;
    bench.at(3 * SECOND);
    expect_to_end(&mut bench.far, load(0, 0)).await;
    bench.at(4 * SECOND);
}

/// An answer in pieces may take longer than the delay.
#[tokio::test(start_paused = true)]
async fn each_byte_of_an_answer_puts_the_end_off() {
    let mut bench = start(fin_delay(SECOND));
    bench.near.shutdown().await.expect("end");
    for seed in 0..20 {
        sleep(9 * SECOND / 10).await;
        assert!(!bench.far_notes.ended(), "the end came too early");
        send(&mut bench.far, load(seed, 3)).await.expect("send");
        expect(&mut bench.near, load(seed, 3)).await;
    }
    expect_to_end(&mut bench.far, load(0, 0)).await;
    bench.at(19 * SECOND);
    bench.far.shutdown().await.expect("end");
    let outcome = bench.over().await;
    assert!(matches!(outcome.end, End::Clean), "{outcome:?}");
    assert_eq!(outcome.to_near, 60);
}

/// Nothing is left that the end could cut off, so it need not wait.
#[tokio::test(start_paused = true)]
async fn the_end_passes_at_once_when_the_far_side_has_ended() {
    let mut bench = start(fin_delay(100 * SECOND));
    bench.near.shutdown().await.expect("end");
    sleep(SECOND).await;
    send(&mut bench.far, load(1, 3)).await.expect("send");
    bench.far.shutdown().await.expect("end");
    expect_to_end(&mut bench.near, load(1, 3)).await;
    let outcome = bench.over().await;
    bench.at(SECOND);
    assert!(matches!(outcome.end, End::Clean), "{outcome:?}");
    assert!(bench.far_notes.ended());
}

/// The far side's end is never held.
#[tokio::test(start_paused = true)]
async fn the_far_end_passes_at_once() {
    let mut bench = start(fin_delay(100 * SECOND));
    bench.far.shutdown().await.expect("end");
    expect_to_end(&mut bench.near, load(0, 0)).await;
    bench.at(Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_idle_limit_below_the_delay_wins() {
    let mut bench = start(Options {
        idle: Some(SECOND),
        fin_delay: Some(5 * SECOND),
        ..Options::default()
    });
    bench.near.shutdown().await.expect("end");
    let outcome = bench.over().await;
    bench.at(SECOND);
    assert!(matches!(outcome.end, End::Idle), "{outcome:?}");
}

/// The end goes out after the delay, and the idle limit counts on from the last byte.
#[tokio::test(start_paused = true)]
async fn an_idle_limit_above_the_delay_still_ends_the_relay() {
    let mut bench = start(Options {
        idle: Some(5 * SECOND),
        fin_delay: Some(SECOND),
        ..Options::default()
    });
    bench.near.shutdown().await.expect("end");
    expect_to_end(&mut bench.far, load(0, 0)).await;
    bench.at(SECOND);
    let outcome = bench.over().await;
    bench.at(5 * SECOND);
    assert!(matches!(outcome.end, End::Idle), "{outcome:?}");
}

/// Nothing moves: the limit does not ask whether there would be something to move if only the other side took it.
#[tokio::test(start_paused = true)]
async fn a_side_that_takes_nothing_is_silence() {
    for stuck_near in [true, false] {
        let mut bench = start(idle(5 * SECOND));
        let from = match stuck_near {
            true => &mut bench.far,
            false => &mut bench.near,
        };
        // More than fits anywhere on the way; what does not fit waits until the relay is over.
        let flood = tokio::time::timeout(SECOND, send(from, load(1, 1 << 20)));
        assert!(flood.await.is_err(), "all of it found room");
        let outcome = bench.over().await;
        bench.at(5 * SECOND);
        assert!(matches!(outcome.end, End::Idle), "{outcome:?}");
    }
}

/// After the far side's end stdin goes on being sent for as long as it has something to say.
#[tokio::test(start_paused = true)]
async fn stdin_is_sent_until_it_is_quiet_after_the_far_end() {
    let mut bench = start(Options {
        near: Near::Stdio,
        ..Options::default()
    });
    bench.far.shutdown().await.expect("end");
    expect_to_end(&mut bench.near, load(0, 0)).await;
    for seed in 0..10 {
        sleep(INPUT_QUIET * 9 / 10).await;
        send(&mut bench.near, load(seed, 3)).await.expect("send");
        expect(&mut bench.far, load(seed, 3)).await;
    }
    let outcome = bench.over().await;
    bench.at(INPUT_QUIET * 10);
    assert!(matches!(outcome.end, End::Clean), "{outcome:?}");
    assert_eq!(outcome.to_far, 30);
}

/// Whoever runs a relay can end it, and both sides are aborted.
#[tokio::test(start_paused = true)]
async fn a_relay_that_is_stopped() {
    let (near, mut near_peer, near_notes) = Memory::new(1000);
    let (far, mut far_peer, far_notes) = Memory::new(1000);
    let began = Instant::now();
    let relay = tokio::spawn(relay_until(near, far, Options::default(), sleep(SECOND)));
    send(&mut near_peer, load(1, 5)).await.expect("send");
    expect(&mut far_peer, load(1, 5)).await;
    let outcome = relay.await.expect("the relay");
    assert!(matches!(outcome.end, End::Stopped), "{outcome:?}");
    assert_eq!((outcome.to_far, outcome.to_near), (5, 0));
    assert!(began.elapsed() >= SECOND && began.elapsed() < 2 * SECOND);
    let aborted = (near_notes.aborted(), far_notes.aborted());
    assert_eq!(aborted, (Some(Abort::Cancel), Some(Abort::Cancel)));
    assert!(!near_notes.ended() && !far_notes.ended());
}
