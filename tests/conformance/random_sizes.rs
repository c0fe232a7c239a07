//! 10,000 tunnels with each carrier, with random sizes each way and the FIN right behind the last byte: every byte arrives,
//! in its place, before a clean end.
//!
//! Half of the sizes are uniform over the whole range; of the others every order of magnitude comes often, and what lies
//! around the sizes of buffers. The range is 0 to 1 MiB for clients that ask a real `serve` themselves (about 6 GiB), and to
//! 256 KiB where a real `listen` does it for them, which carries everything once more.

use super::transfer::{expect_to_end, load, send_to_end};
use crate::support::{Listen, Pattern, Serve};
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const TUNNELS: u64 = 10_000;
const AT_ONCE: u64 = 16;
const MAX: u64 = 1 << 20;
const LIMIT: Duration = Duration::from_secs(110);

/// What the clients connect to.
enum Near {
    /// A `serve`, which is asked with CONNECT.
    Serve(Serve),
    /// A `listen` with a port for each worker.
    Listen(Serve, Listen),
}

impl Near {
    /// With `via` as the carrier of a `listen`, or none.
    fn start(via: Option<&str>, targets: &[TcpListener]) -> Near {
        let serve = Serve::start();
        let Some(via) = via else {
            return Near::Serve(serve);
        };
        let address = |t: &TcpListener| t.local_addr().expect("address");
        let specs = targets.iter().map(|t| format!("0:{}", address(t)));
        let specs: Vec<String> = specs.collect();
        let specs: Vec<&str> = specs.iter().map(String::as_str).collect();
        let listen = Listen::start(&["-x", &serve.url, "--via", via], &specs);
        Near::Listen(serve, listen)
    }

    fn port(&self, worker: usize) -> u16 {
        match self {
            Near::Serve(serve) => serve.port,
            Near::Listen(_, listen) => listen.ports[worker],
        }
    }

    fn has_ended(&mut self) -> bool {
        let serve = match self {
            Near::Serve(serve) => serve,
            Near::Listen(serve, listen) => {
                assert!(listen.process().status().is_none(), "listen has ended");
                serve
            }
        };
        serve.process().status().is_some()
    }
}

async fn no_byte_before_an_end_is_lost(via: Option<&str>) {
    let mut targets = Vec::new();
    for _ in 0..AT_ONCE {
        let target = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        targets.push(target.expect("bind a target"));
    }
    let mut near = Near::start(via, &targets);
    let workers = targets.into_iter().enumerate().map(|(worker, target)| {
        let port = near.port(worker);
        tokio::spawn(work(worker as u64, target, port, via.is_none()))
    });
    let workers: Vec<_> = workers.collect();
    let all = async {
        for worker in workers {
            worker.await.expect("a tunnel");
        }
    };
    tokio::time::timeout(LIMIT, all).await.expect("in time");
    assert!(!near.has_ended(), "serve has ended");
}

macro_rules! carriers {
    ($($name:ident $via:expr;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                no_byte_before_an_end_is_lost($via).await;
            }
        )*
    };
}

carriers! {
    h1 None;
    h2 Some("h2");
    h1_post Some("h1-post");
    h2_post Some("h2-post");
}

/// One tunnel after the other. `ask` with CONNECT, or be led to the target anyway.
async fn work(worker: u64, target: TcpListener, port: u16, ask: bool) {
    for round in (worker..TUNNELS).step_by(AT_ONCE as usize) {
        let limit = if ask { MAX } else { MAX / 4 };
        let (there, back) = (
            size(2 * round) % (limit + 1),
            size(2 * round + 1) % (limit + 1),
        );
        let tunnel = tunnel(&target, port, ask, round, there, back);
        if let Err(error) = tunnel.await {
            panic!("tunnel {round}, {there} bytes there, {back} back: {error}");
        }
    }
}

async fn tunnel(
    target: &TcpListener,
    port: u16,
    ask: bool,
    round: u64,
    there: u64,
    back: u64,
) -> io::Result<()> {
    let (there, back) = (load(2 * round, there), load(2 * round + 1, back));
    let address = target.local_addr()?;
    let near = async {
        let mut near = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        if ask {
            let request = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\n");
            near.write_all(request.as_bytes()).await?;
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(near.read_u8().await?);
            }
            assert!(head.starts_with(b"HTTP/1.1 200 "), "{head:?}");
        }
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
