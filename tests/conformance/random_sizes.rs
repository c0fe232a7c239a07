//! 10,000 tunnels through a real `serve`, with random sizes from 0 to 1 MiB each way and the FIN right behind the last
//! byte: every byte arrives, in its place, before a clean end.
//!
//! Half of the sizes are uniform over the whole range; of the others every order of magnitude comes often, and what lies
//! around the sizes of buffers. The set moves about 6 GiB.

use super::transfer::{expect_to_end, load, send_to_end};
use crate::support::{Pattern, Serve};
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const TUNNELS: u64 = 10_000;
const AT_ONCE: u64 = 16;
const MAX: u64 = 1 << 20;
const LIMIT: Duration = Duration::from_secs(110);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_byte_before_an_end_is_lost() {
    let mut serve = Serve::start();
    let port = serve.port;
    let workers = (0..AT_ONCE).map(|worker| tokio::spawn(work(worker, port)));
    let workers: Vec<_> = workers.collect();
    let all = async {
        for worker in workers {
            worker.await.expect("a tunnel");
        }
    };
    tokio::time::timeout(LIMIT, all).await.expect("in time");
    assert!(serve.process().status().is_none(), "serve has ended");
}

/// One tunnel after the other, to a target of its own.
async fn work(worker: u64, serve: u16) {
    let target = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let target = target.expect("bind a target");
    for round in (worker..TUNNELS).step_by(AT_ONCE as usize) {
        let (there, back) = (size(2 * round), size(2 * round + 1));
        let tunnel = tunnel(&target, serve, round, there, back);
        if let Err(error) = tunnel.await {
            panic!("tunnel {round}, {there} bytes there, {back} back: {error}");
        }
    }
}

async fn tunnel(
    target: &TcpListener,
    serve: u16,
    round: u64,
    there: u64,
    back: u64,
) -> io::Result<()> {
    let (there, back) = (load(2 * round, there), load(2 * round + 1, back));
    let address = target.local_addr()?;
    let near = async {
        let mut near = TcpStream::connect((Ipv4Addr::LOCALHOST, serve)).await?;
        let request = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        near.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(near.read_u8().await?);
        }
        assert!(head.starts_with(b"HTTP/1.1 200 "), "{head:?}");
        let (mut read, mut write) = near.split();
        let (sent, ()) = tokio::join!(
            send_to_end(&mut write, there),
            expect_to_end(&mut read, back)
        );
        sent
    };
    let far = async {
        let (mut far, _) = target.accept().await?;
        let (mut read, mut write) = far.split();
        // Who answers when changes what ends first.
        match round % 3 {
            0 => {
                expect_to_end(&mut read, there).await;
                send_to_end(&mut write, back).await
            }
            1 => {
                send_to_end(&mut write, back).await?;
                expect_to_end(&mut read, there).await;
                Ok(())
            }
            _ => {
                let (sent, ()) = tokio::join!(
                    send_to_end(&mut write, back),
                    expect_to_end(&mut read, there)
                );
                sent
            }
        }
    };
    let (near, far) = tokio::join!(near, far);
    near.and(far)
}

/// The same in every run.
fn size(seed: u64) -> u64 {
    let mut bytes = [0; 16];
    Pattern::new(seed, 16).fill(&mut bytes);
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
    let (choice, random) = (word(0), word(8));
    match choice % 16 {
        0..8 => random % (MAX + 1),
        8 => random % 3,
        // Around the sizes of buffers.
        9 | 10 => (1 << (10 + random % 11)) - 1 + (random >> 32) % 3,
        _ => {
            let exponent = random % 17;
            (1 << exponent) + (random >> 8) % (1 << exponent)
        }
    }
    .min(MAX)
}

/// The sizes are what the first lines say of them.
#[test]
fn sizes_cover_the_range() {
    let sizes: Vec<u64> = (0..2 * TUNNELS).map(size).collect();
    let count = |from, to| sizes.iter().filter(|&&s| (from..to).contains(&s)).count();
    assert!(count(0, 1) > 100 && count(MAX, MAX + 1) > 10);
    for sixteenth in 0..16 {
        let from = sixteenth * MAX / 16;
        assert!(count(from, from + MAX / 16) > 500, "from {from}");
    }
    let total: u64 = sizes.iter().sum();
    assert!((5 << 30..7 << 30).contains(&total), "{total}");
}
