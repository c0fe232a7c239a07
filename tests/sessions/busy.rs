//! One session that moves much, and a proxy that takes no second connection: company for it is a wish, which no tunnel
//! waits for.

use super::{ping, tunnel};
use crate::support::{Listen, Serve, Target, wait_for};
use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// "At once", also on a busy machine; the time that a connection may take is longer.
const AT_ONCE: Duration = Duration::from_secs(8);

/// The way to the terminator at `port`, for one connection: each further one is taken up and left without an answer,
/// or ended.
fn one_only(port: u16, others_hang: bool) -> (Target, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    let path = Target::start(move |near, _| {
        if seen.fetch_add(1, Ordering::SeqCst) > 0 {
            return match others_hang {
                true => io::copy(&mut &near, &mut io::sink()).map(drop),
                false => Ok(()),
            };
        }
        let far = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        let (from, to) = (far.try_clone()?, near.try_clone()?);
        thread::spawn(move || io::copy(&mut &from, &mut &to));
        io::copy(&mut &near, &mut &far).map(drop)
    });
    (path, count)
}

fn tunnels_go_on(others_hang: bool) {
    // One session is enough for one core.
    if thread::available_parallelism().map_or(1, usize::from) < 2 {
        return;
    }
    let serve = Serve::with(&["-v"]);
    let (path, connections) = one_only(serve.port, others_hang);
    let url = format!("h2c://{}", path.addr());
    let specs = ["0:echo:", "0:source:1000000000000"];
    let listen = Listen::start(&["-x", &url, "-w", "25"], &specs);
    let bulk = tunnel(listen.ports[1]);
    thread::scope(|scope| {
        let reader = &bulk;
        scope.spawn(move || io::copy(&mut { reader }, &mut io::sink()));
        let one_more = || {
            let began = Instant::now();
            ping(&tunnel(listen.ports[0]), 1);
            let took = began.elapsed();
            assert!(took < AT_ONCE, "{took:?}");
        };
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for("the wish for a second session", || {
                one_more();
                (connections.load(Ordering::SeqCst) >= 2).then_some(())
            });
            (0..20).for_each(|_| one_more());
        }));
        bulk.shutdown(Shutdown::Both).expect("end");
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    assert_eq!(super::sessions(&serve).len(), 1);
}

#[test]
fn tunnels_go_on_where_no_second_connection_is_answered() {
    tunnels_go_on(true);
}

#[test]
fn tunnels_go_on_where_every_second_connection_is_ended() {
    tunnels_go_on(false);
}
