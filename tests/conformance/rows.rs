//! How each kind of wire is made: one function a row.

use super::drip::Drip;
use super::{Making, Pair, Start};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tuncat::accept::{Address, Listener, Rules, Server, Terminator};
use tuncat::auth::Login;
use tuncat::base::{Host, Proxy, Scheme, Target};
use tuncat::carrier::{self, Carrier, Version};
use tuncat::dial::{Congestion, Dialer, Hop, Network, TargetDialer};
use tuncat::http::TunnelRequest;
use tuncat::http::post::Template;
use tuncat::http::request::Method;
use tuncat::policy::{Baseline, Policy};
use tuncat::tls::{ClientTls, Identity};
use tuncat::wire::{BoxWire, Deadline, Prefixed, Socket};

/// A TCP connection.
pub fn tcp(start: Start) -> Making {
    Box::pin(async move {
        let (near, mut far) = sockets().await;
        far.write_all(&start.early).await.expect("early bytes");
        Pair {
            near: boxed(near, &start),
            far: Box::new(far),
        }
    })
}

/// A TCP connection some of whose bytes were read early.
pub fn prefixed(start: Start) -> Making {
    Box::pin(async move {
        let (near, far) = sockets().await;
        Pair {
            near: Box::new(Prefixed::new(start.early.clone(), boxed(near, &start))),
            far: Box::new(far),
        }
    })
}

/// TLS with a pinned self-signed certificate: the client is near.
pub fn tls(start: Start) -> Making {
    Box::pin(async move {
        let (near, far) = sockets().await;
        let (client, acceptor) = identities();
        let connector = TlsConnector::from(client.config().expect("client's settings"));
        let name = Ipv4Addr::LOCALHOST.to_string();
        let name = name.try_into().expect("a server's name");
        let (near, far) = tokio::join!(
            connector.connect(name, boxed(near, &start)),
            acceptor.accept(boxed(far, &start))
        );
        let mut far = far.expect("server's handshake");
        far.write_all(&start.early).await.expect("early bytes");
        far.flush().await.expect("early bytes");
        Pair {
            near: Box::new(near.expect("client's handshake")),
            far: Box::new(far),
        }
    })
}

/// HTTP/1.1 CONNECT to a terminator that is a script: it glues the early bytes to its answer.
pub fn h1_client(start: Start) -> Making {
    Box::pin(async move {
        let (near, mut far) = sockets().await;
        let request = TunnelRequest {
            target: "target.test:1".into(),
            method: Method::Connect,
            authorization: None,
            for_proxy: true,
            fields: Vec::new(),
        };
        let near = boxed(near, &start);
        let terminator = async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(far.read_u8().await.expect("a request"));
            }
            assert!(head.starts_with(b"CONNECT target.test:1 HTTP/1.1\r\n"));
            let mut answer = b"HTTP/1.1 200 OK\r\nVia: 1.1 script\r\n\r\n".to_vec();
            answer.extend_from_slice(&start.early);
            far.write_all(&answer).await.expect("answer");
        };
        let opening = carrier::h1::client::open(near, &request, Deadline::after(Duration::ZERO));
        let (opened, ()) = tokio::join!(opening, terminator);
        Pair {
            near: opened.expect("a tunnel").wire,
            far: Box::new(far),
        }
    })
}

/// A tunnel from this program's client through its terminator: near is the client's wire, far the target's socket.
pub fn h1_end_to_end(start: Start) -> Making {
    Box::pin(end_to_end(start, false, Carrier::H1))
}

/// The same over TLS.
pub fn h1_end_to_end_tls(start: Start) -> Making {
    Box::pin(end_to_end(start, true, Carrier::H1))
}

/// The same on HTTP/2 with prior knowledge.
pub fn h2_end_to_end(start: Start) -> Making {
    Box::pin(end_to_end(start, false, Carrier::H2))
}

/// The same on HTTP/2 over TLS, by ALPN.
pub fn h2_end_to_end_tls(start: Start) -> Making {
    Box::pin(end_to_end(start, true, Carrier::H2))
}

/// In the content of a POST on HTTP/1.1.
pub fn h1_post_end_to_end(start: Start) -> Making {
    Box::pin(end_to_end(start, false, Carrier::H1Post))
}

/// The same over TLS.
pub fn h1_post_end_to_end_tls(start: Start) -> Making {
    Box::pin(end_to_end(start, true, Carrier::H1Post))
}

/// On HTTP/2.
pub fn h2_post_end_to_end(start: Start) -> Making {
    Box::pin(end_to_end(start, false, Carrier::H2Post))
}

/// The same over TLS.
pub fn h2_post_end_to_end_tls(start: Start) -> Making {
    Box::pin(end_to_end(start, true, Carrier::H2Post))
}

/// In WebSocket messages after an Upgrade on HTTP/1.1.
pub fn h1_ws_end_to_end(start: Start) -> Making {
    Box::pin(end_to_end(start, false, Carrier::H1Ws))
}

/// The same over TLS.
pub fn h1_ws_end_to_end_tls(start: Start) -> Making {
    Box::pin(end_to_end(start, true, Carrier::H1Ws))
}

/// In an extended CONNECT on HTTP/2.
pub fn h2_ws_end_to_end(start: Start) -> Making {
    Box::pin(end_to_end(start, false, Carrier::H2Ws))
}

/// The same over TLS.
pub fn h2_ws_end_to_end_tls(start: Start) -> Making {
    Box::pin(end_to_end(start, true, Carrier::H2Ws))
}

/// In a CONNECT on HTTP/3.
pub fn h3_end_to_end(start: Start) -> Making {
    Box::pin(end_to_end(start, true, Carrier::H3))
}

/// In the content of a POST on HTTP/3.
pub fn h3_post_end_to_end(start: Start) -> Making {
    Box::pin(end_to_end(start, true, Carrier::H3Post))
}

async fn end_to_end(start: Start, with_tls: bool, via: Carrier) -> Pair {
    let (client, acceptor) = identities();
    let proxy = match via {
        Carrier::H3 | Carrier::H3Post => quic_terminator(acceptor).await,
        _ => terminator(with_tls.then_some(acceptor)).await,
    };
    let tls = with_tls.then(|| client.config().expect("client's settings"));
    let mut dialer = dialer(proxy, tls);
    dialer.hops[0].via = vec![via];
    if via.version() == Version::Http3 {
        dialer.hops[0].proxy.scheme = Scheme::H3;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("bind a target");
    let port = listener.local_addr().expect("address").port();
    let target = Target::parse(&format!("127.0.0.1:{port}")).expect("a target");
    let far = async {
        let (far, _) = listener.accept().await.expect("the terminator's dial");
        let mut far = Socket::from(far);
        far.write_all(&start.early).await.expect("early bytes");
        far
    };
    let (tunnel, far) = tokio::join!(dialer.open(&target), far);
    Pair {
        near: boxed(tunnel.expect("a tunnel").wire, &start),
        far: boxed(far, &start),
    }
}

/// A terminator on the test's own runtime, which ends it.
pub async fn terminator(tls: Option<TlsAcceptor>) -> u16 {
    let any = Address::Tcp((Ipv4Addr::LOCALHOST, 0).into());
    let listener = Listener::bind(&any).await.expect("bind a terminator");
    let Address::Tcp(address) = *listener.address() else {
        panic!("a TCP listener");
    };
    let terminator = plain_terminator(tls);
    Server::start(vec![(listener, terminator)], Terminator::handle);
    address.port()
}

fn plain_terminator(tls: Option<TlsAcceptor>) -> Arc<Terminator> {
    let policy = Policy {
        allow: Vec::new(),
        deny: Vec::new(),
        baseline: Baseline::Loopback,
        builtin: true,
        exec: false,
    };
    let mut rules = Rules::new(Arc::new(TargetDialer::new(policy)));
    rules.tls = tls;
    Terminator::of(rules)
}

/// The same for HTTP/3: an endpoint of its own.
async fn quic_terminator(tls: TlsAcceptor) -> u16 {
    let config = carrier::h3::server::config(tls.config(), 100, Congestion::Cubic);
    let config = config.expect("settings");
    let server = Server::start(Vec::<(Listener, ())>::new(), |(), _| async {});
    let any = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
    let terminator = plain_terminator(Some(tls));
    let endpoint = terminator.start_quic(any, config, &server);
    let endpoint = endpoint.expect("bind a terminator");
    let port = endpoint.local_addr().expect("address").port();
    // Its drain would begin with its end.
    std::mem::forget(server);
    port
}

/// A client whose only hop is the proxy at `port`.
pub fn dialer(port: u16, tls: Option<Arc<rustls::ClientConfig>>) -> Dialer {
    let scheme = match tls {
        Some(_) => Scheme::Https,
        None => Scheme::Http,
    };
    Dialer::new(
        vec![Hop {
            proxy: Proxy {
                scheme,
                host: Host::Ip(Ipv4Addr::LOCALHOST.into()),
                port,
                credentials: None,
            },
            tls,
            sni: None,
            login: Login::nothing(Host::Ip(Ipv4Addr::LOCALHOST.into())),
            fields: Vec::new(),
            via: vec![Carrier::H1],
            path: Template::default(),
        }],
        Network::default(),
        Duration::from_secs(20),
        1,
    )
}

/// A terminator's identity, and the client's settings that pin it.
pub fn identities() -> (ClientTls, TlsAcceptor) {
    let identity = Identity::self_signed().expect("make a certificate");
    let client = ClientTls {
        pins: vec![identity.pin().expect("a pin")],
        ..ClientTls::default()
    };
    let config = identity.server_config(&[]).expect("server's settings");
    (client, TlsAcceptor::from(config))
}

/// Both ends of a TCP connection.
pub async fn sockets() -> (Socket, Socket) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("bind");
    let address = listener.local_addr().expect("address");
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    let far = far.expect("accept").0;
    (near.expect("connect").into(), far.into())
}

fn boxed(wire: impl tuncat::wire::Wire + 'static, start: &Start) -> BoxWire {
    match start.drip {
        true => Box::new(Drip::new(wire)),
        false => Box::new(wire),
    }
}
