//! A proxy that is still connected and no longer answers.

use crate::attacks::frames::{data, flag, frame, kind, settings, settings_ack};
use crate::conformance::memory::Memory;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::Instant;
use tuncat::carrier::h2::client::Session;
use tuncat::http::TunnelRequest;
use tuncat::http::request::Method;
use tuncat::wire::{BoxWire, Deadline};

/// A tunnel in a session of its own.
async fn tunnel(near: Memory) -> (Session, BoxWire) {
    let begun = Session::begin(Box::new(near), Default::default());
    let session = begun.await.expect("session");
    let request = TunnelRequest {
        target: "target.test:1".into(),
        method: Method::Connect,
        authorization: None,
        for_proxy: true,
        fields: Vec::new(),
    };
    let no_limit = Deadline::after(Duration::ZERO);
    let opened = session.open(&request, session.reserve(), no_limit).await;
    let wire = opened.map_err(|not| not.error).expect("a tunnel").wire;
    (session, wire)
}

/// PINGs find it out: the tunnel breaks, and the session is not used again.
#[tokio::test(start_paused = true)]
async fn a_dead_session_is_found_in_seconds() {
    let (near, far, _notes) = Memory::new(64 * 1024);
    let proxy = tokio::spawn(async move {
        let mut connection = h2::server::handshake(far).await.expect("handshake");
        let (_request, mut respond) = connection.accept().await.expect("open").expect("asked");
        let tunnel = respond
            .send_response(http::Response::new(()), false)
            .expect("answer");
        // The answer has to leave; after that nobody drives the connection.
        let _ = tokio::time::timeout(Duration::from_secs(1), connection.accept()).await;
        (connection, respond, tunnel)
    });
    let (session, mut wire) = tunnel(near).await;
    let held = proxy.await.expect("the proxy's part");
    let began = Instant::now();
    let end = wire.read(&mut [0]).await;
    assert!(end.is_err(), "{end:?}");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(25), "{took:?}");
    assert!(session.is_over());
    drop(held);
}

/// A proxy that answers no PING, behind a full queue say, but from which something arrives again and again, is alive; and
/// dead when that ends.
#[tokio::test(start_paused = true)]
async fn whatever_arrives_is_a_sign_of_life() {
    const BEATS: usize = 30;
    let (near, mut far, _notes) = Memory::new(64 * 1024);
    let proxy = tokio::spawn(async move {
        // 0x88 is `:status: 200` (RFC 7541 appendix A).
        let answer = frame(kind::HEADERS, flag::END_HEADERS, 1, &[0x88]);
        let settings = [settings(&[]), settings_ack()].concat();
        far.write_all(&settings).await.expect("settings");
        // The clock moves only once the request is under way.
        tokio::time::sleep(Duration::from_secs(1)).await;
        far.write_all(&answer).await.expect("answer");
        for _ in 0..BEATS {
            tokio::time::sleep(Duration::from_secs(4)).await;
            far.write_all(&data(1, b"x")).await.expect("a beat");
        }
        far
    });
    let (session, mut wire) = tunnel(near).await;
    let mut beats = [0; BEATS];
    wire.read_exact(&mut beats).await.expect("every beat");
    assert!(session.is_alive().await);
    let began = Instant::now();
    assert!(wire.read(&mut [0]).await.is_err());
    let took = began.elapsed();
    assert!(took < Duration::from_secs(16), "{took:?}");
    drop(proxy.await.expect("the proxy's part"));
}

/// Nobody drives the connection: when it has been silent for longer than a PING takes, it is asked, and not used.
#[tokio::test(start_paused = true)]
async fn a_silent_session_has_to_prove_that_it_lives() {
    let (near, far, _notes) = Memory::new(64 * 1024);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let proxy = tokio::spawn(async move {
        let mut connection = h2::server::handshake(far).await.expect("handshake");
        let (_request, mut respond) = connection.accept().await.expect("open").expect("asked");
        let answered = respond.send_response(http::Response::new(()), false);
        let tunnel = answered.expect("answer");
        tokio::select! {
            _ = connection.accept() => panic!("nothing more is asked"),
            _ = stopped => {}
        }
        (connection, respond, tunnel)
    });
    let (session, _wire) = tunnel(near).await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert!(session.is_alive().await, "it answers PINGs");
    stop.send(()).expect("the proxy waits");
    let held = proxy.await.expect("the proxy's part");
    tokio::time::sleep(Duration::from_millis(6_500)).await;
    assert!(!session.is_alive().await);
    drop(held);
}

/// A session that was doubted is as good as any other once it speaks again, and whoever waits for room is told.
#[tokio::test(start_paused = true)]
async fn a_session_that_speaks_again_is_doubted_no_more() {
    let (near, far, _notes) = Memory::new(64 * 1024);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (resume, resumed) = tokio::sync::oneshot::channel::<()>();
    let proxy = tokio::spawn(async move {
        let mut connection = h2::server::handshake(far).await.expect("handshake");
        tokio::select! {
            _ = connection.accept() => panic!("nothing is asked"),
            _ = stopped => {}
        }
        resumed.await.expect("to be resumed");
        connection.accept().await
    });
    let changed = Arc::new(Notify::new());
    let begun = Session::begin(Box::new(near), changed.clone());
    let session = begun.await.expect("session");
    session.settled().await;
    stop.send(()).expect("the proxy listens");
    tokio::time::sleep(Duration::from_millis(6_500)).await;
    assert!(!session.is_alive().await);
    assert!(session.is_doubted());
    // Told of the settings at the latest; nobody waited.
    let told = tokio::time::timeout(Duration::ZERO, changed.notified()).await;
    assert!(told.is_ok(), "the settings are news");
    resume.send(()).expect("the proxy waits");
    let told = tokio::time::timeout(Duration::from_secs(1), changed.notified());
    told.await.expect("to be told that it speaks again");
    assert!(!session.is_doubted());
    assert!(session.is_alive().await);
    assert!(!session.is_over());
    drop(session);
    assert!(proxy.await.expect("the proxy's part").is_none());
}
