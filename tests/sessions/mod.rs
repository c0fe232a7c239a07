//! Many tunnels in one HTTP/2 session: none of them may hurt another, and none may hold too much.

mod broken;
mod busy;
mod carriers;
mod chains;
mod drained;
mod goaway;
mod ladder;
mod pool;
mod raw;
mod scripted;
mod silent;
mod slow;
mod stalled;
mod stopped;
mod warm;

use crate::support::{Listen, Serve, accepts, free_port, pattern, wait_for};
use rustix::process::Signal;
use std::collections::HashSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};

const MIB: u64 = 1024 * 1024;
/// What a stalled tunnel may hold in one process: its window, twice while a buffer grows, and a buffer
/// on the way out; and what the allocator keeps of those, which two threads may have had.
const BOUND: u64 = 4 * MIB;

/// How tunnels are asked for.
#[derive(Clone, Copy)]
enum Way {
    H2,
    H2Post,
}

impl Way {
    fn via(self) -> &'static str {
        match self {
            Way::H2 => "h2",
            Way::H2Post => "h2-post",
        }
    }

    /// What leads a client through `serve`.
    fn args(self, serve: &Serve) -> Vec<String> {
        ["-x", &h2c(serve), "--via", self.via()]
            .map(str::to_owned)
            .into()
    }
}

/// A tunnel through `listen` at `port`.
fn tunnel(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connect to listen");
    stream.set_nodelay(true).expect("no delay");
    stream
}

/// One byte there and back, so often.
fn ping(mut stream: &TcpStream, times: u32) {
    for n in 0..times {
        let sent = [n.to_le_bytes()[0]];
        stream.write_all(&sent).expect("send");
        let mut got = [0];
        stream.read_exact(&mut got).expect("receive");
        assert_eq!(got, sent, "round trip {n}");
    }
}

fn h2c(serve: &Serve) -> String {
    serve.url.replace("http:", "h2c:")
}

/// The clients' addresses that the terminator has seen open a tunnel.
fn sessions(serve: &Serve) -> HashSet<String> {
    let tunnels = serve.tunnels().into_iter();
    tunnels.map(|(client, _)| client).collect()
}

#[test]
fn tunnels_share_one_session() {
    let serve = Serve::with(&["-v"]);
    let listen = Listen::start(&["-x", &h2c(&serve)], &["0:echo:"]);
    let tunnels: Vec<_> = (0..300).map(|_| tunnel(listen.ports[0])).collect();
    for stream in &tunnels {
        ping(stream, 2);
    }
    // And each has an end of its own.
    for (n, mut stream) in tunnels.iter().enumerate() {
        let sent = pattern(n as u64, 5000);
        stream.write_all(&sent).expect("send");
        stream.shutdown(Shutdown::Write).expect("end");
        let mut got = Vec::new();
        stream.read_to_end(&mut got).expect("a clean end");
        assert!(got == sent);
    }
    assert_eq!(sessions(&serve).len(), 1);
}

/// After SIGTERM the terminator says GOAWAY: what is open goes on to its own end.
#[test]
fn a_drain_lets_live_tunnels_end() {
    let mut serve = Serve::start();
    let listen = Listen::start(&["-x", &h2c(&serve)], &["0:echo:"]);
    let live = tunnel(listen.ports[0]);
    ping(&live, 1);
    serve.process().signal(Signal::TERM);
    let port = serve.port;
    wait_for("the listener to go", || (!accepts(port)).then_some(()));
    ping(&live, 100);
    // There is no way for a new one any more.
    let refused = tunnel(listen.ports[0]);
    assert!(matches!((&refused).read(&mut [0]), Err(e) if e.kind() == ErrorKind::ConnectionReset));
    live.shutdown(Shutdown::Write).expect("end");
    assert_eq!((&live).read(&mut [0]).expect("a clean end"), 0);
    assert_eq!(serve.process().wait_exit().code(), Some(0));
}

/// A session whose proxy died is not handed out again, and its tunnels are reset, not ended.
#[test]
fn a_proxy_that_comes_back_is_found_again() {
    let address = format!("127.0.0.1:{}", free_port());
    let mut serve = Serve::with(&["-l", &address]);
    let listen = Listen::start(&["-x", &format!("h2c://{address}")], &["0:echo:"]);
    let lost = tunnel(listen.ports[0]);
    ping(&lost, 1);
    serve.process().signal(Signal::KILL);
    serve.process().wait_exit();
    let end = (&lost).read(&mut [0]);
    assert!(
        matches!(end, Err(ref e) if e.kind() == ErrorKind::ConnectionReset),
        "{end:?}"
    );
    let _again = Serve::with(&["-l", &address]);
    ping(&tunnel(listen.ports[0]), 10);
}
