//! SIGTERM in the middle of a thousand transfers.

use crate::support::process::raise_descriptor_limit;
use crate::support::{Serve, Target, pattern, wait_for};
use crate::terminator::request::connect_request;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

const TUNNELS: usize = 1000;
const HALF: usize = 50_000;

/// Opens a tunnel, carries one half, waits, carries the other and ends.
async fn transfer(
    port: u16,
    address: String,
    seed: u64,
    half_way: &Semaphore,
    mut go: watch::Receiver<bool>,
) {
    let data = pattern(seed, 2 * HALF);
    let mut stream = TcpStream::connect(("127.0.0.1", port))
        .await
        .expect("connect");
    let request = connect_request(&address);
    stream.write_all(request.as_bytes()).await.expect("ask");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
    assert!(
        head.starts_with(b"HTTP/1.1 200 "),
        "{}",
        String::from_utf8_lossy(&head)
    );
    let mut got = vec![0; 2 * HALF];
    let (mut reading, mut writing) = stream.split();
    let (sent, read) = tokio::join!(
        writing.write_all(&data[..HALF]),
        reading.read_exact(&mut got[..HALF])
    );
    sent.expect("send");
    read.expect("receive");
    half_way.add_permits(1);
    go.wait_for(|go| *go).await.expect("a word to go on");
    let (sent, read) = tokio::join!(
        async {
            writing.write_all(&data[HALF..]).await?;
            writing.shutdown().await
        },
        reading.read_exact(&mut got[HALF..])
    );
    sent.expect("send");
    read.expect("receive");
    let mut rest = Vec::new();
    reading.read_to_end(&mut rest).await.expect("a clean end");
    assert!(rest.is_empty() && got == data);
}

#[test]
fn none_of_a_thousand_transfers_is_cut() {
    raise_descriptor_limit();
    let mut serve = Serve::start();
    let target = Target::echo();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let half_way = std::sync::Arc::new(Semaphore::new(0));
    let (word, go) = watch::channel(false);
    let mut running = JoinSet::new();
    for seed in 0..TUNNELS {
        let (port, address, half_way, go) =
            (serve.port, target.addr(), half_way.clone(), go.clone());
        running.spawn_on(
            async move { transfer(port, address, seed as u64, &half_way, go).await },
            runtime.handle(),
        );
    }
    let all = runtime.block_on(half_way.acquire_many(TUNNELS as u32));
    all.expect("all of them half way").forget();
    serve.process().signal(Signal::TERM);
    let port = serve.port;
    wait_for("new connections to be refused", || {
        std::net::TcpStream::connect(("127.0.0.1", port))
            .is_err()
            .then_some(())
    });
    word.send(true).expect("somebody waits");
    runtime.block_on(async {
        while let Some(done) = running.join_next().await {
            done.expect("a transfer");
        }
    });
    assert_eq!(serve.process().wait_exit().code(), Some(0));
}
