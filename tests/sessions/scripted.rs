//! An HTTP/2 proxy in the test that answers every tunnel with an echo, takes a given number of streams in a session, and
//! counts.

use bytes::Bytes;
use h2::RecvStream;
use h2::server::{Builder, SendResponse};
use http::{Request, Response};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

#[derive(Default)]
pub struct Counts {
    pub sessions: AtomicUsize,
    pub tunnels: AtomicUsize,
    live: AtomicUsize,
    pub most_at_once: AtomicUsize,
    /// The sessions that are there now are driven no more.
    frozen: AtomicUsize,
    /// Answer with REFUSED_STREAM, once.
    refuse: AtomicBool,
}

impl Counts {
    /// No tunnel is open.
    pub fn idle(&self) -> bool {
        self.live.load(Ordering::SeqCst) == 0
    }
}

pub struct Proxy {
    pub url: String,
    pub counts: Arc<Counts>,
    _runtime: Runtime,
}

impl Proxy {
    /// With this SETTINGS_MAX_CONCURRENT_STREAMS.
    pub fn start(streams: u32) -> Proxy {
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = listener.expect("bind");
        let port = listener.local_addr().expect("address").port();
        let counts = Arc::new(Counts::default());
        let seen = counts.clone();
        runtime.spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.expect("accept");
                tokio::spawn(session(socket, streams, seen.clone()));
            }
        });
        Proxy {
            url: format!("h2c://127.0.0.1:{port}"),
            counts,
            _runtime: runtime,
        }
    }

    pub fn sessions(&self) -> usize {
        self.counts.sessions.load(Ordering::SeqCst)
    }

    /// The sessions that are there stay connected and never answer again.
    pub fn freeze(&self) {
        self.counts.frozen.store(self.sessions(), Ordering::SeqCst);
    }

    /// The next request is refused before it is looked at.
    pub fn refuse_one(&self) {
        self.counts.refuse.store(true, Ordering::SeqCst);
    }
}

async fn session(socket: TcpStream, streams: u32, counts: Arc<Counts>) {
    socket.set_nodelay(true).expect("no delay");
    let number = counts.sessions.fetch_add(1, Ordering::SeqCst) + 1;
    let connection = Builder::new()
        .max_concurrent_streams(streams)
        .handshake(socket);
    let mut connection = connection.await.expect("handshake");
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        if counts.frozen.load(Ordering::SeqCst) >= number {
            // Held, and not polled any more.
            std::future::pending::<()>().await;
        }
        if counts.refuse.swap(false, Ordering::SeqCst) {
            respond.send_reset(h2::Reason::REFUSED_STREAM);
            continue;
        }
        tokio::spawn(echo(request, respond, counts.clone()));
    }
}

async fn echo(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, counts: Arc<Counts>) {
    counts.tunnels.fetch_add(1, Ordering::SeqCst);
    let live = counts.live.fetch_add(1, Ordering::SeqCst) + 1;
    counts.most_at_once.fetch_max(live, Ordering::SeqCst);
    let mut receive = request.into_body();
    let mut send = respond
        .send_response(Response::new(()), false)
        .expect("answer");
    while let Some(Ok(data)) = receive.data().await {
        let _ = receive.flow_control().release_capacity(data.len());
        send.send_data(data, false).expect("send back");
    }
    counts.live.fetch_sub(1, Ordering::SeqCst);
    let _ = send.send_data(Bytes::new(), true);
}
