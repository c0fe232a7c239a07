//! A terminator under attack: what it costs it, and somebody else's tunnel through it at the same time.

use super::peer::{ECHO, Peer};
use crate::support::process::{cpu, descriptors, is_at_rest, peak_memory, resident, threads};
use crate::support::{Serve, pattern, wait_for};
use rustix::process::Pid;
use std::fs;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const KIB: u64 = 1024;
pub const MIB: u64 = 1024 * KIB;

pub struct Scene {
    _serve: Serve,
    pub port: u16,
    pid: Pid,
    bystander: Bystander,
    descriptors: usize,
    resident: u64,
    began: Instant,
}

impl Scene {
    pub fn new() -> Scene {
        let mut serve = Serve::start();
        let (port, pid) = (serve.port, serve.process().pid());
        let bystander = Bystander::start(port);
        let descriptors = descriptors(pid);
        // What the first connection of a kind costs is no attack's.
        drop(new_tunnel(port));
        let scene = Scene {
            _serve: serve,
            port,
            pid,
            bystander,
            descriptors,
            resident: 0,
            began: Instant::now(),
        };
        scene.wait_for_connections(0);
        // The peak counts from here (proc_pid_clear_refs(5)).
        fs::write(format!("/proc/{}/clear_refs", pid.as_raw_nonzero()), "5")
            .expect("reset the peak");
        Scene {
            resident: resident(pid),
            ..scene
        }
    }

    /// After the attack: the tunnel beside it was exact all the time, no more than `growth` octets were resident beyond
    /// those at the start, nothing of it is left open, and the next client is served.
    #[track_caller]
    pub fn end(self, name: &str, growth: u64, told: &str) {
        drop(new_tunnel(self.port));
        self.wait_for_connections(0);
        let cpu = cpu(self.pid);
        let trips = self.bystander.stop();
        let grew = peak_memory(self.pid)
            .expect("a peak")
            .saturating_sub(self.resident);
        eprintln!(
            "attack {name}: {told}; {:.2} s, peak +{} KiB, {:.2} s of CPU; beside it {} round trips, \
             median {:.1?}, 99 % {:.1?}, worst {:.1?}",
            self.began.elapsed().as_secs_f64(),
            grew / KIB,
            cpu.as_secs_f64(),
            trips.len(),
            trips[trips.len() / 2],
            trips[trips.len() * 99 / 100],
            trips[trips.len() - 1],
        );
        assert!(grew < growth, "{name}: {grew} octets, {growth} allowed");
    }

    /// The end of a scene that has been judged already.
    pub fn leave(self) {
        self.bystander.stop();
    }

    /// CPU time that the server has used.
    pub fn cpu(&self) -> Duration {
        cpu(self.pid)
    }

    /// The share of one CPU that it takes while next to nothing is sent to it.
    pub fn idle_share(&self) -> f64 {
        const LOOK: Duration = Duration::from_millis(500);
        let (before, start) = (cpu(self.pid), Instant::now());
        thread::sleep(LOOK);
        (cpu(self.pid) - before).as_secs_f64() / start.elapsed().as_secs_f64()
    }

    pub fn threads(&self) -> usize {
        threads(self.pid)
    }

    /// Waits until it has nothing to do: none of its threads runs or wants to.
    pub fn wait_for_rest(&self) {
        wait_for("the server to rest", || is_at_rest(self.pid).then_some(()));
    }

    /// Waits until it has `count` connections, beside that of the bystander.
    pub fn wait_for_more_connections(&self, count: usize) {
        wait_for("the server to connect", || {
            (descriptors(self.pid) >= self.descriptors + count).then_some(())
        });
    }

    /// Waits until the connections that it has left are `count`, beside those of the bystander.
    pub fn wait_for_connections(&self, count: usize) {
        wait_for("the descriptors to be back at the base", || {
            (descriptors(self.pid) <= self.descriptors + count).then_some(())
        });
    }
}

fn new_tunnel(port: u16) -> Peer {
    let mut peer = Peer::connect(port);
    let stream = peer.tunnel(ECHO);
    assert_eq!(peer.echo(stream, b"a new tunnel"), b"a new tunnel");
    peer
}

/// Somebody who uses a tunnel on a connection of their own.
struct Bystander {
    stop: Sender<()>,
    task: JoinHandle<Vec<Duration>>,
}

impl Bystander {
    /// Between two round trips, so that it is no load of its own.
    const PACE: Duration = Duration::from_millis(10);

    /// One that has had its first bytes back.
    fn start(port: u16) -> Bystander {
        let mut peer = Peer::connect(port);
        let stream = peer.tunnel(ECHO);
        let mut trip = move |n: usize| {
            let bytes = pattern(n as u64, 1 + n * 37 % 3000);
            let start = Instant::now();
            assert!(peer.echo(stream, &bytes) == bytes, "round trip {n}");
            start.elapsed()
        };
        let mut trips = vec![trip(0)];
        let (stop, stopped) = mpsc::channel();
        let task = thread::spawn(move || {
            while stopped.recv_timeout(Self::PACE) == Err(RecvTimeoutError::Timeout) {
                trips.push(trip(trips.len()));
            }
            trips
        });
        Bystander { stop, task }
    }

    /// What its round trips took, the quickest first.
    fn stop(self) -> Vec<Duration> {
        self.stop.send(()).ok();
        let mut trips = self.task.join().expect("the bystander's bytes, exactly");
        trips.sort_unstable();
        trips
    }
}
