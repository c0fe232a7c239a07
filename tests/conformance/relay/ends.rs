//! Whose end means what, and that every byte is counted.

use super::{ROOM, SECOND, counts, start, start_with};
use crate::conformance::transfer::{expect, expect_to_end, load, send, send_to_end};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, advance, sleep, timeout};
use tuncat::relay::{End, Near, Options, Side};

#[tokio::test(start_paused = true)]
async fn a_clean_relay_counts_both_ways() {
    for room in [1, 7, 1000, 100_000] {
        let mut bench = start_with(Options::default(), room, |w| w, |w| w);
        let (there, back) = (load(1, 20_003), load(2, 10_001));
        let (mut near_read, mut near_write) = tokio::io::split(&mut bench.near);
        let (mut far_read, mut far_write) = tokio::io::split(&mut bench.far);
        let (a, b, (), ()) = tokio::join!(
            send_to_end(&mut near_write, there),
            send_to_end(&mut far_write, back),
            expect_to_end(&mut far_read, there),
            expect_to_end(&mut near_read, back)
        );
        a.and(b).expect("send");
        let outcome = bench.over().await;
        let (near, far) = (&bench.near_notes, &bench.far_notes);
        assert_eq!(counts(&outcome), (20_003, 10_001));
        assert!(matches!(outcome.end, End::Clean), "{outcome:?}");
        assert!(outcome.first_end.is_some());
        assert_eq!((near.aborted(), far.aborted()), (None, None));
    }
}

#[tokio::test(start_paused = true)]
async fn whose_end_came_first_is_known() {
    for first in [Side::Near, Side::Far] {
        let mut bench = start(Options::default());
        let (one, other) = match first {
            Side::Near => (&mut bench.near, &mut bench.far),
            Side::Far => (&mut bench.far, &mut bench.near),
        };
        send_to_end(one, load(1, 10)).await.expect("send");
        expect_to_end(other, load(1, 10)).await;
        send_to_end(other, load(2, 3)).await.expect("send");
        expect_to_end(one, load(2, 3)).await;
        let outcome = bench.over().await;
        assert_eq!(outcome.first_end, Some(first));
        assert_eq!(outcome.to_far + outcome.to_near, 13);
    }
}

/// A relay takes no more from a fast side than a buffer beyond what the slow side takes.
#[tokio::test(start_paused = true)]
async fn a_side_that_does_not_read_holds_the_other_back() {
    let mut bench = start(Options::default());
    let mut sent = 0;
    let piece = [0; 1000];
    while timeout(SECOND, bench.near.write_all(&piece)).await.is_ok() {
        sent += piece.len();
        assert!(sent < 200_000, "nothing holds the sender back");
    }
    assert!(sent >= 2 * ROOM);
    drop((bench.near, bench.far));
    bench.relay.abort();
}

#[tokio::test(start_paused = true)]
async fn stdio_ends_with_the_far_side() {
    let options = Options {
        near: Near::Stdio,
        ..Options::default()
    };
    let mut bench = start(options);
    let began = Instant::now();
    send_to_end(&mut bench.far, load(1, 5000))
        .await
        .expect("send");
    expect(&mut bench.near, load(1, 5000)).await;
    let notes = bench.far_notes.clone();
    let outcome = bench.over().await;
    assert!(matches!(outcome.end, End::Clean), "{outcome:?}");
    assert_eq!(counts(&outcome), (0, 5000));
    assert_eq!(outcome.first_end, Some(Side::Far));
    assert!(notes.ended(), "the far side gets our end");
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
}

/// What stdin has ready when the far side ends is still sent.
#[tokio::test(start_paused = true)]
async fn what_stdin_has_ready_is_sent_before_all_is_over() {
    let options = Options {
        near: Near::Stdio,
        ..Options::default()
    };
    let mut bench = start(options);
    // Both are there before the relay gets to run.
    send(&mut bench.near, load(2, 3000)).await.expect("send");
    send_to_end(&mut bench.far, load(1, 50))
        .await
        .expect("send");
    expect(&mut bench.near, load(1, 50)).await;
    expect_to_end(&mut bench.far, load(2, 3000)).await;
    let outcome = bench.over().await;
    assert_eq!(counts(&outcome), (3000, 50));
}

/// Input that keeps coming is sent to its end, also to a far side that has ended.
#[tokio::test(start_paused = true)]
async fn input_that_keeps_coming_is_sent_to_its_end() {
    let options = Options {
        near: Near::Stdio,
        ..Options::default()
    };
    let mut bench = start(options);
    send_to_end(&mut bench.far, load(1, 50))
        .await
        .expect("send");
    expect(&mut bench.near, load(1, 50)).await;
    for seed in 10..20 {
        advance(SECOND / 20).await;
        send(&mut bench.near, load(seed, 3000)).await.expect("send");
        expect(&mut bench.far, load(seed, 3000)).await;
    }
    bench.near.shutdown().await.expect("end");
    expect_to_end(&mut bench.far, load(0, 0)).await;
    let outcome = bench.over().await;
    assert_eq!(counts(&outcome), (30_000, 50));
    assert!(matches!(outcome.end, End::Clean), "{outcome:?}");
}

/// Between peers each direction lives until its own end, however late.
#[tokio::test(start_paused = true)]
async fn a_peer_may_go_on_long_after_the_other_has_ended() {
    let mut bench = start(Options::default());
    bench.far.shutdown().await.expect("end");
    expect_to_end(&mut bench.near, load(0, 0)).await;
    sleep(100_000 * SECOND).await;
    send_to_end(&mut bench.near, load(1, 5))
        .await
        .expect("send");
    expect_to_end(&mut bench.far, load(1, 5)).await;
    let outcome = bench.over().await;
    assert!(matches!(outcome.end, End::Clean), "{outcome:?}");
}

/// The error of a read that never comes: a relay that is given up drops both wires and says nothing.
#[tokio::test(start_paused = true)]
async fn a_relay_that_is_dropped_ends_no_half() {
    let mut bench = start(Options::default());
    send(&mut bench.near, load(1, 5)).await.expect("send");
    expect(&mut bench.far, load(1, 5)).await;
    bench.relay.abort();
    assert_eq!(bench.far.read(&mut [0]).await.expect("duplexes end"), 0);
    assert!(!bench.near_notes.ended() && !bench.far_notes.ended());
}
