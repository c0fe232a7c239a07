//! Sessions that a proxy ends with GOAWAY (RFC 9113 §6.8), and settings that it changes in one.

use super::raw::{goaway, opened, session};
use super::{h2c, ping, tunnel};
use crate::attacks::frames::{code, setting, settings};
use crate::support::{Listen, Serve, Target, accepts, free_port, wait_for};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// All sessions are about to end, and each still carries a tunnel: a new one tries none of them twice, and finds the
/// proxy that is there again.
#[test]
fn a_new_tunnel_leaves_all_ending_sessions_behind() {
    const SESSIONS: usize = 3;
    let address = format!("127.0.0.1:{}", free_port());
    let mut serve = Serve::with(&["-l", &address, "--drain", "60", "-v"]);
    let url = h2c(&serve).replace(&serve.port.to_string(), &address["127.0.0.1:".len()..]);
    let mut listen = Listen::start(&["-x", &url, "--warm", "3", "-v"], &["0:echo:"]);
    wait_for("warm sessions", || {
        let lines = listen.process().lines();
        let open = lines.iter().filter(|l| l.contains("a session is open in"));
        (open.count() == SESSIONS).then_some(())
    });
    let live: Vec<_> = (0..SESSIONS).map(|_| tunnel(listen.ports[0])).collect();
    live.iter().for_each(|stream| ping(stream, 1));
    assert_eq!(super::sessions(&serve).len(), SESSIONS);
    serve.process().signal(Signal::TERM);
    let port = serve.port;
    wait_for("the listener to go", || (!accepts(port)).then_some(()));
    let _again = Serve::with(&["-l", &address]);
    for _ in 0..4 {
        ping(&tunnel(listen.ports[0]), 2);
    }
    live.iter().for_each(|stream| ping(stream, 2));
}

/// The proxy has had enough of this connection, but a tunnel keeps it open.
#[test]
fn a_session_with_an_error_gets_no_new_tunnels() {
    let requests = Arc::new(AtomicUsize::new(0));
    let count = requests.clone();
    let proxy = Target::start(move |stream, _| {
        stream.set_nodelay(true)?;
        session(&stream, &[], |stream, asked| {
            stream.write_all(&opened(asked.stream))?;
            match count.fetch_add(1, Ordering::SeqCst) {
                0 => stream.write_all(&goaway(asked.stream, code::ENHANCE_YOUR_CALM)),
                _ => Ok(()),
            }
        })
    });
    let url = format!("h2c://{}", proxy.addr());
    let listen = Listen::start(&["-x", &url, "-w", "10"], &["0:target.test:1"]);
    let mut first = tunnel(listen.ports[0]);
    // Once the byte is back, or the tunnel has broken, the GOAWAY before it has been taken in.
    let _ = first.write_all(b"x");
    let _ = first.read(&mut [0]);
    for _ in 0..3 {
        ping(&tunnel(listen.ports[0]), 2);
    }
    assert_eq!(requests.load(Ordering::SeqCst), 4);
    assert_eq!(proxy.accepted(), 2);
}

/// A raised SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113 §5.1.2) is room for those that wait.
#[test]
fn a_raised_limit_wakes_whoever_waits() {
    let connection: Arc<Mutex<Option<TcpStream>>> = Arc::default();
    let shown = connection.clone();
    let proxy = Target::start(move |stream, _| {
        stream.set_nodelay(true)?;
        *shown.lock().expect("connection") = Some(stream.try_clone()?);
        let one = [(setting::MAX_CONCURRENT_STREAMS, 1)];
        session(&stream, &one, |stream, asked| {
            stream.write_all(&opened(asked.stream))
        })
    });
    let url = format!("h2c://{}", proxy.addr());
    let args = ["-x", &url, "--connections", "1", "-w", "25"];
    let listen = Listen::start(&args, &["0:target.test:1"]);
    let first = tunnel(listen.ports[0]);
    ping(&first, 1);
    let waiting: Vec<_> = (0..20).map(|_| tunnel(listen.ports[0])).collect();
    // Time to begin to wait, which nothing outside can see. Without it the test would ask for less.
    std::thread::sleep(Duration::from_millis(500));
    let raised = settings(&[(setting::MAX_CONCURRENT_STREAMS, 100)]);
    let connection = connection.lock().expect("connection").take();
    let mut connection = connection.expect("a session");
    connection.write_all(&raised).expect("raise the limit");
    waiting.iter().for_each(|stream| ping(stream, 2));
    ping(&first, 2);
    assert_eq!(proxy.accepted(), 1);
}
