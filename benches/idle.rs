//! Memory and descriptors of tunnels that carry nothing.
//!
//! The way is `listen -> serve -> target`, so one run measures both commands; each carries 5,000 tunnels.

use crate::figures::{settled_rss, table};
use crate::lanes::Hop;
use crate::support::process::descriptors;
use crate::support::{Listen, wait_until};
use rustix::process::Pid;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

const TUNNELS: usize = 5000;
/// HTTP/2 sessions that this many tunnels need, as `serve` takes 1000 in each.
const SESSIONS: usize = TUNNELS / 1000;
/// What goes through each tunnel before it idles for the second time, each way.
const PAYLOAD: usize = 64 * 1024;

pub fn run() {
    let mut rows = Vec::new();
    for hop in &Hop::ALL {
        rows.extend(measure(hop));
    }
    let head = [
        "process",
        "start MiB",
        "kB/tunnel",
        "later ones",
        "after 64 KiB each way",
        "fd start",
        "fd full",
        "fd closed",
        "closed MiB",
        "kB/tunnel again",
        "closed again MiB",
    ];
    let title = format!(
        "{TUNNELS} idle tunnels in one process: resident memory beyond the start (later ones: the last four fifths); \
         then all closed, and all of it once more"
    );
    table(&title, &head, &rows);
}

struct Measured {
    name: String,
    pid: Pid,
    start: u64,
    fds: usize,
    figures: Vec<String>,
}

impl Measured {
    fn new(name: String, pid: Pid) -> Self {
        Measured {
            name,
            pid,
            start: settled_rss(pid),
            fds: descriptors(pid),
            figures: Vec::new(),
        }
    }

    /// Takes what is there once nothing moves any more for the start.
    fn settle(&mut self) {
        self.start = settled_rss(self.pid);
        self.fds = descriptors(self.pid);
    }

    /// Waits until every descriptor that the tunnels took is closed, but for those of sessions, which stay for a
    /// while.
    fn wait_closed(&self) -> usize {
        let what = format!("the descriptors of {} to close", self.name);
        let deadline = Instant::now() + Duration::from_secs(30);
        wait_until(&what, deadline, || {
            let now = descriptors(self.pid);
            (now <= self.fds + SESSIONS).then_some(now)
        })
    }
}

fn measure(hop: &Hop) -> Vec<Vec<String>> {
    let kind = hop.name;
    let (mut serve, args) = hop.serve();
    let target = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
    let spec = format!("0:{}", target.local_addr().expect("address"));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut listen = Listen::start(&args, &[&spec]);
    let port = listen.ports[0];
    let mut both = [
        Measured::new(format!("serve, {kind}"), serve.process().pid()),
        Measured::new(format!("listen, {kind}"), listen.process().pid()),
    ];

    // A session stays when its tunnels have gone; here it is part of the start.
    drop(open(1, port, &target));
    both.iter_mut().for_each(Measured::settle);

    let mut tunnels = open(TUNNELS / 5, port, &target);
    let early: Vec<u64> = both.iter().map(|m| settled_rss(m.pid)).collect();
    tunnels.extend(open(TUNNELS - TUNNELS / 5, port, &target));
    for (m, early) in both.iter_mut().zip(early) {
        let rss = settled_rss(m.pid);
        m.figures.push(mib(m.start));
        m.figures.push(kib(rss, m.start, TUNNELS));
        m.figures.push(kib(rss, early, TUNNELS - TUNNELS / 5));
    }
    use_all(&mut tunnels);
    for m in &mut both {
        m.figures.push(kib(settled_rss(m.pid), m.start, TUNNELS));
        m.figures.push(m.fds.to_string());
        m.figures.push(descriptors(m.pid).to_string());
    }
    drop(tunnels);
    for m in &mut both {
        m.figures.push(m.wait_closed().to_string());
        m.figures.push(mib(settled_rss(m.pid)));
    }
    let tunnels = open(TUNNELS, port, &target);
    for m in &mut both {
        m.figures.push(kib(settled_rss(m.pid), m.start, TUNNELS));
    }
    drop(tunnels);
    for m in &mut both {
        m.wait_closed();
        m.figures.push(mib(settled_rss(m.pid)));
    }
    let rows = both.map(|m| {
        let mut row = vec![m.name];
        row.extend(m.figures);
        row
    });
    rows.into()
}

/// Tunnels that have carried one byte each way: both ends of each.
fn open(count: usize, port: u16, target: &TcpListener) -> Vec<(TcpStream, TcpStream)> {
    let one = |_| {
        let mut near = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connect");
        near.write_all(b"a").expect("write");
        let (mut far, _) = target.accept().expect("accept");
        let mut byte = [0];
        far.read_exact(&mut byte).expect("read");
        assert_eq!(byte, *b"a");
        far.write_all(b"b").expect("write");
        near.read_exact(&mut byte).expect("read");
        assert_eq!(byte, *b"b");
        (near, far)
    };
    (0..count).map(one).collect()
}

fn use_all(tunnels: &mut [(TcpStream, TcpStream)]) {
    let mut payload = vec![0; PAYLOAD];
    tuncat::base::pattern::fill(0, &mut payload);
    let mut got = vec![0; PAYLOAD];
    for (near, far) in tunnels {
        for (from, to) in [(&*near, &*far), (&*far, &*near)] {
            std::thread::scope(|scope| {
                scope.spawn(|| (&mut &*from).write_all(&payload).expect("write"));
                (&mut &*to).read_exact(&mut got).expect("read");
            });
            assert!(got == payload, "a tunnel changed its bytes");
        }
    }
}

fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / (1 << 20) as f64)
}

fn kib(now: u64, before: u64, tunnels: usize) -> String {
    let grown = now as f64 - before as f64;
    format!("{:.2}", grown / tunnels as f64 / 1000.0)
}
