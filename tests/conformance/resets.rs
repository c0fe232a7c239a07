//! A reset passes through a terminator behind the data that came before it, never in front of it.

use super::rows::{h1_end_to_end, h1_end_to_end_tls};
use super::transfer::{Load, load, send};
use super::{Make, Pair, Start, limited};
use crate::support::Pattern;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tuncat::wire::{Abort, BoxWire, Break};

/// More than the buffers of the kernels on the way hold, so that the terminator still has some when the reset comes.
const MANY: Load = Load {
    seed: 1,
    len: 16 << 20,
};
/// Fits into the buffers of any kernel, so the reader need not read before the reset.
const FEW: Load = Load {
    seed: 2,
    len: 50_000,
};

#[derive(Clone, Copy)]
enum Reader {
    /// Reads all the time, slower than the sender writes.
    Slow,
    /// Begins after the sender has been reset.
    Late,
}

#[derive(Clone, Copy)]
enum Doomed {
    /// The target.
    Far,
    /// The client.
    Near,
}

async fn run(make: Make, doomed: Doomed, reader: Reader) {
    let Pair { near, far } = make(Start::default()).await;
    let (mut doomed, mut other) = match doomed {
        Doomed::Far => (far, near),
        Doomed::Near => (near, far),
    };
    let load = match reader {
        Reader::Slow => MANY,
        Reader::Late => FEW,
    };
    let sending = async {
        send(&mut doomed, load).await.expect("send");
        acknowledged(&doomed).await;
        doomed.abort(Abort::Cancel);
        drop(doomed);
    };
    match reader {
        Reader::Slow => drop(tokio::join!(sending, read_slowly(&mut other, load))),
        Reader::Late => {
            sending.await;
            read_slowly(&mut other, load).await;
        }
    }
}

/// Until the terminator's kernel has all that was sent.
async fn acknowledged(wire: &BoxWire) {
    let tcp = wire.tcp().expect("a TCP connection below");
    while unsent(tcp) > 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Octets that the peer has not acknowledged.
fn unsent(tcp: &TcpStream) -> u32 {
    use rustix::ioctl::{Getter, Opcode, ioctl};
    /// SIOCOUTQ of tcp(7).
    const SIOCOUTQ: Opcode = 0x5411;
    // SAFETY: on a TCP socket it writes one C int, which is what the getter provides.
    let queued = unsafe { ioctl(tcp, Getter::<SIOCOUTQ, u32>::new()) };
    queued.expect("the length of a send queue")
}

/// Gets every byte of `load`, in pieces with a pause between them, and then a reset.
async fn read_slowly(wire: &mut BoxWire, load: Load) {
    const PIECE: usize = 32 * 1024;
    let mut pattern = Pattern::new(load.seed, load.len);
    let (mut piece, mut expected) = (vec![0; PIECE], vec![0; PIECE]);
    let mut count = 0;
    loop {
        match wire.read(&mut piece).await {
            Ok(0) => panic!("a clean end after {count} bytes"),
            Ok(n) => {
                assert_eq!(pattern.fill(&mut expected[..n]), n, "too many bytes");
                assert!(piece[..n] == expected[..n], "a wrong byte after {count}");
                count += n as u64;
                // The pace of the reader, not a wait for anything.
                tokio::time::sleep(Duration::from_millis(4)).await;
            }
            Err(error) => {
                assert_eq!(Break::of(&error), Break::Reset, "{error:?}");
                assert_eq!(count, load.len, "the reset overtook data");
                return;
            }
        }
    }
}

macro_rules! tests {
    ($($name:ident: $make:ident $doomed:ident $reader:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                limited(run($make, Doomed::$doomed, Reader::$reader)).await;
            }
        )*
    };
}

tests! {
    target_resets_a_slow_client: h1_end_to_end Far Slow,
    target_resets_a_slow_client_over_tls: h1_end_to_end_tls Far Slow,
    target_resets_before_the_client_reads: h1_end_to_end Far Late,
    target_resets_before_the_client_reads_over_tls: h1_end_to_end_tls Far Late,
    client_resets_a_slow_target: h1_end_to_end Near Slow,
    client_resets_a_slow_target_over_tls: h1_end_to_end_tls Near Slow,
    client_resets_before_the_target_reads: h1_end_to_end Near Late,
    client_resets_before_the_target_reads_over_tls: h1_end_to_end_tls Near Late,
}

/// Both sides at once: whatever comes out, nobody sees a clean end, and nothing hangs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_reset_at_once() {
    for make in [h1_end_to_end as Make, h1_end_to_end_tls] {
        limited(async {
            for _ in 0..20 {
                let Pair { mut near, mut far } = make(Start::default()).await;
                let (sent, got) = tokio::join!(send(&mut near, load(1, 1000)), far.read_u8());
                sent.expect("send");
                got.expect("receive");
                far.abort(Abort::Cancel);
                near.abort(Abort::Cancel);
                drop((near, far));
            }
        })
        .await;
    }
}
