//! A proxy that is still connected and no longer answers.

use crate::conformance::memory::Memory;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::Instant;
use tuncat::carrier::h2::client::Session;
use tuncat::http::TunnelRequest;
use tuncat::http::request::Method;
use tuncat::wire::Deadline;

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
    let session = Session::begin(Box::new(near), Default::default())
        .await
        .expect("session");
    let request = TunnelRequest {
        target: "target.test:1".into(),
        method: Method::Connect,
        authorization: None,
        fields: Vec::new(),
    };
    let opened = session
        .open(&request, session.reserve(), Deadline::after(Duration::ZERO))
        .await;
    let mut wire = opened.map_err(|not| not.error).expect("a tunnel").wire;
    let held = proxy.await.expect("the proxy's part");
    let began = Instant::now();
    let end = wire.read(&mut [0]).await;
    assert!(end.is_err(), "{end:?}");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(25), "{took:?}");
    assert!(session.is_over());
    drop(held);
}
