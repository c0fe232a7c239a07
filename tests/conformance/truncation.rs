//! An end that nobody announced is an error, never a clean end: TCP's FIN without TLS's close_notify (RFC 8446 §6.1,
//! RFC 9112 §9.8).

use super::limited;
use super::rows::{dialer, identities, sockets, terminator};
use super::transfer::{expect, load, receive, send};
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsConnector, client, server};
use tuncat::base::Target;
use tuncat::wire::{Break, Socket, Wire};

const SOME: u64 = 100_003;

async fn tls_pair() -> (client::TlsStream<Socket>, server::TlsStream<Socket>) {
    let (near, far) = sockets().await;
    let (client, acceptor) = identities();
    let connector = TlsConnector::from(client.config().expect("client's settings"));
    let name = Ipv4Addr::LOCALHOST.to_string();
    let name = name.try_into().expect("a server's name");
    let (near, far) = tokio::join!(connector.connect(name, near), acceptor.accept(far));
    (near.expect("handshake"), far.expect("handshake"))
}

/// All that was sent, and then a truncation.
async fn expect_truncated(wire: &mut impl Wire) {
    let got = receive(wire, load(1, SOME), true).await;
    assert_eq!(got.count, SOME);
    let error = got.error.expect("an error, not a clean end");
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{error:?}");
    assert_eq!(Break::of(&error), Break::Truncated);
}

#[tokio::test]
async fn a_tls_server_that_only_closes_tcp() {
    limited(async {
        let (mut near, mut far) = tls_pair().await;
        send(&mut far, load(1, SOME)).await.expect("send");
        far.get_mut().0.shutdown().await.expect("FIN");
        expect_truncated(&mut near).await;
    })
    .await;
}

#[tokio::test]
async fn a_tls_client_that_only_closes_tcp() {
    limited(async {
        let (mut near, mut far) = tls_pair().await;
        send(&mut near, load(1, SOME)).await.expect("send");
        near.get_mut().0.shutdown().await.expect("FIN");
        expect_truncated(&mut far).await;
    })
    .await;
}

/// A proxy behind TLS opens the tunnel and goes away in the middle.
#[tokio::test]
async fn a_tunnel_whose_proxy_only_closes_tcp() {
    limited(async {
        let (client, acceptor) = identities();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("bind");
        let port = listener.local_addr().expect("address").port();
        let proxy = async {
            let (socket, _) = listener.accept().await.expect("accept");
            let mut wire = acceptor.accept(socket).await.expect("handshake");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(wire.read_u8().await.expect("a request"));
            }
            let answer = b"HTTP/1.1 200 OK\r\n\r\n";
            wire.write_all(answer).await.expect("answer");
            send(&mut wire, load(1, SOME)).await.expect("send");
            wire.get_mut().0.shutdown().await.expect("FIN");
            wire
        };
        let dialer = dialer(port, Some(client.config().expect("client's settings")));
        let target = Target::parse("target.test:1").expect("a target");
        let (tunnel, _wire) = tokio::join!(dialer.open(&target), proxy);
        expect_truncated(&mut tunnel.expect("a tunnel").wire).await;
    })
    .await;
}

/// A client behind TLS goes away in the middle: its target gets all it had sent, and then a reset.
#[tokio::test]
async fn a_client_that_only_closes_tcp_is_reset_at_the_target() {
    limited(async {
        let (client, acceptor) = identities();
        let proxy = terminator(Some(acceptor)).await;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("bind");
        let target = listener.local_addr().expect("address");
        let connector = TlsConnector::from(client.config().expect("client's settings"));
        let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy)).await;
        let name = Ipv4Addr::LOCALHOST.to_string();
        let name = name.try_into().expect("a server's name");
        let wire = connector.connect(name, socket.expect("connect")).await;
        let mut wire = wire.expect("handshake");
        let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
        wire.write_all(request.as_bytes()).await.expect("ask");
        send(&mut wire, load(1, SOME)).await.expect("send");
        let (mut far, _) = listener.accept().await.expect("the terminator's dial");
        expect(&mut far, load(1, SOME)).await;
        wire.get_mut().0.shutdown().await.expect("FIN");
        let got = receive(&mut far, load(0, 0), true).await;
        let error = got.error.expect("a reset, not a clean end");
        assert_eq!(Break::of(&error), Break::Reset, "{error:?}");
    })
    .await;
}
