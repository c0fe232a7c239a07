//! More tunnels than a session takes, and sessions that are there before anybody comes.

use super::scripted::Proxy;
use super::{ping, tunnel};
use crate::support::{Listen, Serve, free_port, wait_for};
use std::collections::HashSet;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;

const TUNNELS: usize = 100;

fn listen(proxy: &str, args: &[&str]) -> Listen {
    Listen::start(&[&["-x", proxy], args].concat(), &["0:echo:"])
}

/// Opens so many at once; each is asked for a byte only when all are there.
fn open_all(port: u16) -> Vec<TcpStream> {
    let all: Vec<TcpStream> = (0..TUNNELS).map(|_| tunnel(port)).collect();
    all.iter().for_each(|stream| ping(stream, 1));
    all
}

#[test]
fn one_stream_a_session_makes_as_many_sessions_as_tunnels() {
    let proxy = Proxy::start(1);
    let listen = listen(&proxy.url, &[]);
    let live = open_all(listen.ports[0]);
    live.iter().for_each(|stream| ping(stream, 2));
    assert_eq!(proxy.sessions(), TUNNELS);
}

/// The sessions are kept: tunnels that come later need no new ones.
#[test]
fn sessions_with_room_are_used_again() {
    let proxy = Proxy::start(10);
    let listen = listen(&proxy.url, &[]);
    for _ in 0..3 {
        open_all(listen.ports[0]);
        let counts = &proxy.counts;
        wait_for("the tunnels to end", || counts.idle().then_some(()));
    }
    let sessions = proxy.sessions();
    assert!((10..=13).contains(&sessions), "{sessions} sessions");
}

#[test]
fn at_the_limit_tunnels_wait_for_room() {
    for (streams, connections) in [(1, 1), (1, 3), (4, 2)] {
        let proxy = Proxy::start(streams);
        let listen = listen(&proxy.url, &["--connections", &connections.to_string()]);
        let port = listen.ports[0];
        let waiting: Vec<TcpStream> = (0..TUNNELS).map(|_| tunnel(port)).collect();
        std::thread::scope(|scope| {
            for stream in &waiting {
                scope.spawn(move || {
                    ping(stream, 3);
                    stream.shutdown(Shutdown::Both).expect("end");
                });
            }
        });
        assert_eq!(proxy.sessions(), connections, "{streams} {connections}");
        let most = proxy.counts.most_at_once.load(Ordering::SeqCst);
        assert!(most <= streams as usize * connections, "{most}");
        assert_eq!(proxy.counts.tunnels.load(Ordering::SeqCst), TUNNELS);
    }
}

/// A stream that is refused was not processed (RFC 9113 §8.7): it goes to another session.
#[test]
fn a_refused_stream_goes_to_another_session() {
    let proxy = Proxy::start(100);
    let listen = listen(&proxy.url, &[]);
    let first = tunnel(listen.ports[0]);
    ping(&first, 1);
    proxy.refuse_one();
    ping(&tunnel(listen.ports[0]), 5);
    ping(&first, 5);
    assert_eq!(proxy.sessions(), 2);
}

/// With room for one session only the second attempt has to go to the same one.
#[test]
fn a_refused_stream_is_sent_again_at_the_limit() {
    let proxy = Proxy::start(100);
    let listen = listen(&proxy.url, &["--connections", "1"]);
    let first = tunnel(listen.ports[0]);
    ping(&first, 1);
    proxy.refuse_one();
    ping(&tunnel(listen.ports[0]), 5);
    assert_eq!(proxy.sessions(), 1);
}

#[test]
fn sessions_are_warm_before_any_client() {
    let proxy = Proxy::start(100);
    let mut listen = listen(&proxy.url, &["--warm", "3", "-v"]);
    wait_for("three sessions", || (proxy.sessions() == 3).then_some(()));
    wait_for("listen to know of them", || {
        let lines = listen.process().lines();
        let open = lines.iter().filter(|l| l.contains("a session is open in"));
        (open.count() == 3).then_some(())
    });
    let live = open_all(listen.ports[0]);
    assert_eq!(proxy.sessions(), 3, "the tunnels found room");
    drop(live);
}

/// The first tunnel pays for no connection and no handshake: these phases took no time at all.
#[test]
fn the_first_tunnel_in_a_warm_session_pays_for_its_request_only() {
    let mut serve = Serve::with(&["--self-signed"]);
    let pin = serve.pin();
    let args = ["-x", &serve.url, "--pin", &pin, "--warm", "1", "-v"];
    let mut listen = Listen::start(&args, &["0:echo:"]);
    let line = |listen: &mut Listen, what: &str| {
        wait_for(what, || {
            let lines = listen.process().lines();
            lines.into_iter().find(|l| l.contains(what))
        })
    };
    let warm = line(&mut listen, "a session is open in");
    assert!(!warm.contains("tls 0.0"), "{warm}");
    ping(&tunnel(listen.ports[0]), 1);
    let first = line(&mut listen, "-> echo:: open in");
    assert!(
        first.contains("(resolve 0.0, tcp 0.0, tls 0.0, request "),
        "{first}"
    );
}

/// Where one session moves much, what comes next gets another one, so that they share the cores.
#[test]
fn a_busy_session_gets_company() {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return;
    }
    let serve = Serve::with(&["-v"]);
    let url = serve.url.replace("http:", "h2c:");
    let specs = ["0:echo:", "0:source:1000000000000"];
    let listen = Listen::start(&["-x", &url], &specs);
    let bulk = tunnel(listen.ports[1]);
    std::thread::scope(|scope| {
        let reader = &bulk;
        scope.spawn(move || std::io::copy(&mut { reader }, &mut std::io::sink()));
        wait_for("a second session", || {
            ping(&tunnel(listen.ports[0]), 1);
            let clients: HashSet<String> = serve.tunnels().into_iter().map(|t| t.0).collect();
            (clients.len() == 2).then_some(())
        });
        bulk.shutdown(Shutdown::Both).expect("end");
    });
}

/// What ended is opened again, also before the next client.
#[test]
fn a_warm_session_that_ends_is_replaced() {
    let address = format!("127.0.0.1:{}", free_port());
    let serve = Serve::with(&["-l", &address]);
    let proxy = format!("h2c://{address}");
    let mut listen = listen(&proxy, &["--warm", "1", "-v"]);
    let mut told = |what: &'static str, times: usize| {
        wait_for(what, || {
            let lines = listen.process().lines();
            let count = lines.iter().filter(|l| l.contains(what)).count();
            (count >= times).then_some(())
        });
    };
    told("a session is open in", 1);
    drop(serve);
    told("a warm session is over", 1);
    let _again = Serve::with(&["-l", &address]);
    told("a session is open in", 2);
}

#[test]
fn warm_is_for_ways_with_sessions() {
    let serve = Serve::start();
    let mut listen = listen(&serve.url, &["--warm", "1"]);
    wait_for("a warning", || {
        let lines = listen.process().lines();
        let warning = "tuncat: warning: --warm: this way has no sessions to keep open";
        lines.iter().any(|l| l == warning).then_some(())
    });
    ping(&tunnel(listen.ports[0]), 2);
}

/// A session that no longer answers is not handed out, although its connection stands.
#[test]
fn a_session_that_has_fallen_silent_is_not_handed_out() {
    let proxy = Proxy::start(100);
    let listen = listen(&proxy.url, &[]);
    let first = tunnel(listen.ports[0]);
    ping(&first, 1);
    proxy.freeze();
    // It gets this one, and freezes with it.
    let frozen = tunnel(listen.ports[0]);
    // Silence is what this is about: longer than a PING may go without its answer.
    std::thread::sleep(std::time::Duration::from_millis(6500));
    ping(&tunnel(listen.ports[0]), 5);
    assert_eq!(proxy.sessions(), 2);
    drop(frozen);
}
