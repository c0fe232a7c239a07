//! What has to be true of every wire.

use super::transfer::{exchange, expect, expect_to_end, load, receive, send, send_to_end};
use super::{Make, Pair, Start};
use crate::support::pattern;
use tokio::io::AsyncWriteExt;
use tuncat::wire::{Abort, BoxWire, Break};

/// More than one buffer of anything on the way, and not a multiple of any.
const SOME: u64 = 300_007;
const BULK: u64 = 64 << 20;

async fn pair(make: Make) -> Pair {
    make(Start::default()).await
}

/// One side sends everything and its end; only then the other one answers. Shutdown is one half only.
async fn one_after_the_other(first: &mut BoxWire, second: &mut BoxWire, len: u64) {
    let (sent, ()) = tokio::join!(
        send_to_end(first, load(1, len)),
        expect_to_end(second, load(1, len))
    );
    sent.expect("send to the end");
    let (sent, ()) = tokio::join!(
        send_to_end(second, load(2, len)),
        expect_to_end(first, load(2, len))
    );
    sent.expect("answer after the other end");
}

pub async fn near_ends_first(make: Make) {
    let Pair { mut near, mut far } = pair(make).await;
    one_after_the_other(&mut near, &mut far, SOME).await;
}

pub async fn far_ends_first(make: Make) {
    let Pair { mut near, mut far } = pair(make).await;
    one_after_the_other(&mut far, &mut near, SOME).await;
}

pub async fn both_end_at_once(make: Make) {
    let Pair { mut near, mut far } = pair(make).await;
    let (there, back) = (load(1, SOME), load(2, SOME / 2));
    tokio::join!(
        exchange(&mut near, there, back),
        exchange(&mut far, back, there)
    );
}

pub async fn empty_both_ways(make: Make) {
    let Pair { mut near, mut far } = pair(make).await;
    one_after_the_other(&mut near, &mut far, 0).await;
}

/// A byte each way, many times: nothing is held back until there is more of it.
pub async fn a_dialogue(make: Make) {
    let Pair { mut near, mut far } = pair(make).await;
    for round in 0..100 {
        send(&mut near, load(round, 1)).await.expect("ask");
        expect(&mut far, load(round, 1)).await;
        send(&mut far, load(!round, 1)).await.expect("answer");
        expect(&mut near, load(!round, 1)).await;
    }
    one_after_the_other(&mut far, &mut near, 1).await;
}

pub async fn one_byte_at_a_time(make: Make) {
    let start = Start {
        early: pattern(3, 100),
        drip: true,
    };
    let Pair { mut near, mut far } = make(start.clone()).await;
    expect(&mut near, load(3, 100)).await;
    one_after_the_other(&mut near, &mut far, 1_503).await;
    let Pair { mut near, mut far } = make(start).await;
    expect(&mut near, load(3, 100)).await;
    let (there, back) = (load(1, 1_503), load(2, 701));
    tokio::join!(
        exchange(&mut near, there, back),
        exchange(&mut far, back, there)
    );
}

pub async fn bulk_both_ways(make: Make) {
    let Pair { mut near, mut far } = pair(make).await;
    let (there, back) = (load(1, BULK), load(2, BULK));
    // Tasks of their own, so that both cores work.
    let near = tokio::spawn(async move { exchange(&mut near, there, back).await });
    let far = tokio::spawn(async move { exchange(&mut far, back, there).await });
    near.await.expect("near");
    far.await.expect("far");
}

/// In front of what comes later, whatever the sizes, and none of it lost when the stream ends right behind.
pub async fn early_bytes_come_first(make: Make) {
    for len in [1, 2, 100, 4_096, 20_000] {
        let start = Start {
            early: pattern(3, len),
            drip: false,
        };
        let Pair { mut near, mut far } = make(start).await;
        let later = async {
            send_to_end(&mut far, load(4, SOME)).await.expect("send");
        };
        let whole = async {
            expect(&mut near, load(3, len as u64)).await;
            expect_to_end(&mut near, load(4, SOME)).await;
        };
        tokio::join!(later, whole);
        send_to_end(&mut near, load(1, 10)).await.expect("send");
        expect_to_end(&mut far, load(1, 10)).await;
    }
}

/// What `reader` read before sees its stream break, and as a reset.
async fn expect_reset(reader: &mut BoxWire) {
    let got = receive(reader, load(0, 0), true).await;
    let error = got.error.expect("a reset, not a clean end");
    assert_eq!(Break::of(&error), Break::Reset, "{error:?}");
}

/// Both ways once, so that the tunnel is known to be whole.
async fn greet(one: &mut BoxWire, other: &mut BoxWire) {
    send(one, load(1, SOME / 10)).await.expect("greet");
    expect(other, load(1, SOME / 10)).await;
    send(other, load(2, SOME / 10)).await.expect("greet back");
    expect(one, load(2, SOME / 10)).await;
}

async fn aborted(mut doomed: BoxWire, mut other: BoxWire) {
    greet(&mut doomed, &mut other).await;
    doomed.abort(Abort::Cancel);
    drop(doomed);
    expect_reset(&mut other).await;
}

pub async fn near_aborts(make: Make) {
    let Pair { near, far } = pair(make).await;
    aborted(near, far).await;
}

pub async fn far_aborts(make: Make) {
    let Pair { near, far } = pair(make).await;
    aborted(far, near).await;
}

async fn dropped(mut doomed: BoxWire, mut other: BoxWire) {
    greet(&mut doomed, &mut other).await;
    drop(doomed);
    expect_reset(&mut other).await;
}

pub async fn near_is_dropped(make: Make) {
    let Pair { near, far } = pair(make).await;
    dropped(near, far).await;
}

pub async fn far_is_dropped(make: Make) {
    let Pair { near, far } = pair(make).await;
    dropped(far, near).await;
}

/// The end that the other side gave does not make up for ours.
async fn dropped_after_the_other_end(mut doomed: BoxWire, mut other: BoxWire) {
    greet(&mut doomed, &mut other).await;
    other.shutdown().await.expect("end the other half");
    expect_to_end(&mut doomed, load(0, 0)).await;
    drop(doomed);
    expect_reset(&mut other).await;
}

pub async fn near_is_dropped_after_the_far_end(make: Make) {
    let Pair { near, far } = pair(make).await;
    dropped_after_the_other_end(near, far).await;
}

pub async fn far_is_dropped_after_the_near_end(make: Make) {
    let Pair { near, far } = pair(make).await;
    dropped_after_the_other_end(far, near).await;
}

/// Whoever only writes learns of it too.
pub async fn writing_to_a_peer_that_is_gone(make: Make) {
    let Pair { mut near, mut far } = pair(make).await;
    greet(&mut near, &mut far).await;
    far.abort(Abort::Connect);
    drop(far);
    let piece = vec![0; 10_000];
    loop {
        if let Err(error) = near.write_all(&piece).await {
            assert_eq!(Break::of(&error), Break::Reset, "{error:?}");
            return;
        }
        tokio::task::yield_now().await;
    }
}
