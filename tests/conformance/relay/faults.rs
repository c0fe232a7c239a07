//! One side breaks: the other gets what it is owed, then an abort, and the counts are right.

use super::{ROOM, SECOND, counts, start_with};
use crate::conformance::memory::Memory;
use crate::conformance::transfer::{expect, load, send, send_to_end};
use std::io::ErrorKind;
use tokio::time::Instant;
use tuncat::relay::{End, Near, Options, Side};
use tuncat::wire::Abort;

#[tokio::test(start_paused = true)]
async fn a_side_that_breaks_while_it_is_read() {
    for (kind, side) in [
        (ErrorKind::ConnectionReset, Side::Near),
        (ErrorKind::UnexpectedEof, Side::Far),
    ] {
        let faulty = move |wire: Memory| wire.fails_reading(1000, kind);
        let mut bench = match side {
            Side::Near => start_with(Options::default(), ROOM, faulty, |w| w),
            Side::Far => start_with(Options::default(), ROOM, |w| w, faulty),
        };
        let (broken, whole) = match side {
            Side::Near => (&mut bench.near, &mut bench.far),
            Side::Far => (&mut bench.far, &mut bench.near),
        };
        send(whole, load(2, 300)).await.expect("send");
        expect(broken, load(2, 300)).await;
        send(broken, load(1, 5000)).await.expect("send");
        expect(whole, load(1, 1000)).await;
        let outcome = bench.over().await;
        let (near, far) = (&bench.near_notes, &bench.far_notes);
        let End::Broken {
            side: told, error, ..
        } = &outcome.end
        else {
            panic!("{outcome:?}");
        };
        assert_eq!((*told, error.kind()), (side, kind));
        let (counted, aborted, ended) = match side {
            Side::Near => ((1000, 300), far.aborted(), far.ended()),
            Side::Far => ((300, 1000), near.aborted(), near.ended()),
        };
        assert_eq!(counts(&outcome), counted);
        assert_eq!(
            aborted,
            Some(Abort::Connect),
            "the whole side must not see an end"
        );
        assert!(!ended, "the whole side saw an end");
    }
}

/// What a broken far side said before it broke still arrives.
#[tokio::test(start_paused = true)]
async fn a_far_side_that_takes_no_more() {
    let faulty = |wire: Memory| wire.fails_writing(777, ErrorKind::BrokenPipe);
    let mut bench = start_with(Options::default(), ROOM, |w| w, faulty);
    send(&mut bench.near, load(1, 5000)).await.expect("send");
    expect(&mut bench.far, load(1, 777)).await;
    send_to_end(&mut bench.far, load(2, 9000))
        .await
        .expect("send");
    expect(&mut bench.near, load(2, 9000)).await;
    let outcome = bench.over().await;
    let near = &bench.near_notes;
    assert_eq!(counts(&outcome), (777, 9000));
    let End::Broken { side, error, .. } = &outcome.end else {
        panic!("{outcome:?}");
    };
    assert_eq!((*side, error.kind()), (Side::Far, ErrorKind::BrokenPipe));
    assert_eq!(near.aborted(), Some(Abort::Connect));
}

#[tokio::test(start_paused = true)]
async fn a_near_peer_that_takes_no_more() {
    let faulty = |wire: Memory| wire.fails_writing(777, ErrorKind::ConnectionReset);
    let mut bench = start_with(Options::default(), ROOM, faulty, |w| w);
    send(&mut bench.far, load(1, 5000)).await.expect("send");
    expect(&mut bench.near, load(1, 777)).await;
    send_to_end(&mut bench.near, load(2, 400))
        .await
        .expect("send");
    expect(&mut bench.far, load(2, 400)).await;
    let outcome = bench.over().await;
    let far = &bench.far_notes;
    assert_eq!(counts(&outcome), (400, 777));
    assert!(matches!(
        outcome.end,
        End::Broken {
            side: Side::Near,
            ..
        }
    ));
    assert_eq!(far.aborted(), Some(Abort::Connect));
}

/// `tuncat connect … | head -c1`: nobody reads, so all is over although stdin goes on.
#[tokio::test(start_paused = true)]
async fn a_broken_stdout_ends_everything() {
    let options = Options {
        near: Near::Stdio,
        ..Options::default()
    };
    let faulty = |wire: Memory| wire.fails_writing(5, ErrorKind::BrokenPipe);
    let mut bench = start_with(options, ROOM, faulty, |w| w);
    let began = Instant::now();
    send(&mut bench.near, load(2, 40)).await.expect("send");
    expect(&mut bench.far, load(2, 40)).await;
    send(&mut bench.far, load(1, 100)).await.expect("send");
    let far = bench.far_notes.clone();
    let outcome = bench.over().await;
    assert_eq!(counts(&outcome), (40, 5));
    assert!(matches!(
        outcome.end,
        End::Broken {
            side: Side::Near,
            ..
        }
    ));
    assert_eq!(far.aborted(), Some(Abort::Connect));
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
}

/// What the other side has taken and not passed on yet is passed on before it is aborted.
#[tokio::test(start_paused = true)]
async fn an_abort_waits_for_what_is_held_back() {
    for broken in [Side::Near, Side::Far] {
        let faulty = |wire: Memory| wire.fails_reading(50_000, ErrorKind::ConnectionReset);
        let mut bench = match broken {
            Side::Near => start_with(Options::default(), ROOM, faulty, Memory::holds_back),
            Side::Far => start_with(Options::default(), ROOM, Memory::holds_back, faulty),
        };
        let (from, to, notes) = match broken {
            Side::Near => (&mut bench.near, &mut bench.far, &bench.far_notes),
            Side::Far => (&mut bench.far, &mut bench.near, &bench.near_notes),
        };
        send(from, load(1, 50_000)).await.expect("send");
        // Nobody reads for a while, so most of it is still held.
        tokio::time::sleep(SECOND).await;
        assert_eq!(notes.aborted(), None, "the abort did not wait");
        expect(to, load(1, 50_000)).await;
        let outcome = bench.over().await;
        assert_eq!(outcome.to_far + outcome.to_near, 50_000);
        let aborted = match broken {
            Side::Near => bench.far_notes.aborted(),
            Side::Far => bench.near_notes.aborted(),
        };
        assert_eq!(aborted, Some(Abort::Connect));
    }
}
