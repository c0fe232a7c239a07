//! CPU time and memory of processes and of this process's threads, as Linux counts them.
//!
//! Processes and threads come and go while a lane has its turn, so two sums of what lives would tell too little, or less
//! than nothing: a [`Snapshot`] knows each of them, and [`since`] compares one by one.

mod clock;
mod family;
mod ports;

pub use clock::{Child, reap};
pub use family::{Family, Spent, Used, from_ticks};
pub use ports::{listeners, unseen};

use crate::bench::report::Cpu;
use family::members;
use std::collections::HashMap;
use std::fs;
use std::ops::Deref;
use std::time::Duration;

/// Threads of the target in this process have this name, and of the embedded proxy that.
pub const TARGET_THREAD: &str = "target";
pub const EMBEDDED_THREAD: &str = "embedded";

/// Resident memory at two moments, in octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub before: u64,
    pub after: u64,
}

impl Memory {
    pub fn grown(&self) -> i64 {
        self.after as i64 - self.before as i64
    }
}

/// A lane's commands.
#[derive(Clone, Debug, Default)]
pub struct Commands {
    /// Those that carry a connection.
    pub live: Vec<u32>,
    /// CPU time of all that there were so far, ended ones included.
    pub used: Duration,
}

impl Deref for Commands {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        &self.live
    }
}

impl IntoIterator for Commands {
    type Item = u32;
    type IntoIter = std::vec::IntoIter<u32>;

    fn into_iter(self) -> Self::IntoIter {
        self.live.into_iter()
    }
}

/// What everything has used so far.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// All of this process, and its threads by number that are not the load generator.
    own: Duration,
    target_threads: HashMap<u32, Duration>,
    embedded_threads: HashMap<u32, Duration>,
    target: Family,
    others: Family,
    commands: Duration,
}

/// Processes whose use counts beside our own, each with its descendants.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    pub others: Vec<u32>,
    /// The target, where that is another process of this machine.
    pub target: Vec<u32>,
}

impl Meter {
    /// CPU time used so far. For the load generator that is whatever this process used and its other threads did not, so
    /// that threads count that have ended.
    pub fn cpu(&self, commands: &Commands) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (number, name, used) in threads() {
            match name.as_str() {
                TARGET_THREAD => snapshot.target_threads.insert(number, used),
                EMBEDDED_THREAD => snapshot.embedded_threads.insert(number, used),
                _ => None,
            };
        }
        let own = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        snapshot.own = Duration::try_from(own).unwrap_or_default();
        let target = members(&self.target);
        snapshot.others = family::read(&self.between(&target, &[]));
        snapshot.target = family::read(&target);
        snapshot.commands = commands.used;
        snapshot
    }

    /// All processes that are known, with the commands.
    pub fn processes(&self, commands: &[u32]) -> Vec<u32> {
        members(&[&self.others[..], &self.target, commands].concat())
    }

    /// Those that are neither target nor ourselves.
    fn between(&self, target: &[u32], commands: &[u32]) -> Vec<u32> {
        let mut all = members(&[&self.others, commands].concat());
        all.retain(|pid| !target.contains(pid));
        all
    }

    /// Resident memory of this process and of the others, those of one name together; nothing where the system
    /// does not tell.
    pub fn memory(&self, commands: &[u32]) -> Vec<(String, u64)> {
        let own = resident("self").map(|n| ("tuncat bench".to_owned(), n));
        let mut all: Vec<(String, u64)> = own.into_iter().collect();
        let target = members(&self.target);
        let between = self.between(&target, commands);
        let named = between.iter().map(|pid| (None, pid));
        let target = target.iter().map(|pid| (Some("target"), pid));
        for (called, pid) in named.chain(target) {
            let pid = pid.to_string();
            let Some(octets) = resident(&pid) else {
                continue;
            };
            let name = called.map_or_else(|| name(&pid), str::to_owned);
            match all.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += octets,
                None => all.push((name, octets)),
            }
        }
        all
    }
}

/// What was used since `before`.
pub fn since(before: Snapshot, now: Snapshot) -> Cpu {
    let target = by_threads(&before.target_threads, &now.target_threads);
    let embedded = by_threads(&before.embedded_threads, &now.embedded_threads);
    let own = now.own.saturating_sub(before.own);
    Cpu {
        load: own.saturating_sub(target + embedded),
        target: target + by_processes(&before.target, &now.target),
        embedded,
        others: by_processes(&before.others, &now.others)
            + now.commands.saturating_sub(before.commands),
    }
}

fn by_threads(before: &HashMap<u32, Duration>, now: &HashMap<u32, Duration>) -> Duration {
    let used = now.iter().map(|(number, now)| {
        let before = before.get(number).copied().unwrap_or_default();
        now.saturating_sub(before)
    });
    used.sum()
}

fn by_processes(before: &Family, now: &Family) -> Duration {
    let spent = spent(before, now);
    spent.values().map(|spent| spent.own + spent.reaped).sum()
}

impl std::ops::Add for Cpu {
    type Output = Cpu;

    fn add(self, other: Cpu) -> Cpu {
        Cpu {
            load: self.load + other.load,
            target: self.target + other.target,
            embedded: self.embedded + other.embedded,
            others: self.others + other.others,
        }
    }
}

/// What processes have used that live, with those below them, ended ones included.
pub fn used_by(roots: &[u32]) -> Duration {
    family::total(roots)
}

/// What each process used between two looks.
pub fn spent(before: &Family, now: &Family) -> HashMap<u32, Spent> {
    family::since(before, now)
}

/// A process's name; its number where that is not told.
pub fn name(pid: &str) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm"));
    name.map_or_else(|_| pid.into(), |name| name.trim().into())
}

/// Of this process, with their numbers and names.
fn threads() -> Vec<(u32, String, Duration)> {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let used = tasks.flatten().filter_map(|task| {
        let number = task.file_name().to_str()?.parse().ok()?;
        let folder = task.path();
        // The first number of schedstat is nanoseconds on a CPU.
        let used = fs::read_to_string(folder.join("schedstat")).ok()?;
        let used = used.split(' ').next()?.parse().ok()?;
        let name = fs::read_to_string(folder.join("comm")).ok()?;
        Some((number, name.trim().to_owned(), Duration::from_nanos(used)))
    });
    used.collect()
}

fn resident(pid: &str) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn one_that_is_named_twice_counts_as_the_target() {
        let mut command = std::process::Command::new("cat");
        command.stdin(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        let meter = Meter {
            others: vec![child.id()],
            target: vec![child.id()],
        };
        let memory = meter.memory(&[]);
        let cpu = meter.cpu(&Commands::default());
        child.kill().unwrap();
        child.wait().unwrap();
        let names: Vec<&str> = memory.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["tuncat bench", "target"]);
        assert_eq!((cpu.target.len(), cpu.others.len()), (1, 0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn our_own_use_shows_and_that_of_threads_that_ended() {
        let meter = Meter::default();
        let spin = |name: &str| {
            let name = name.to_owned();
            let thread = std::thread::Builder::new().name(name).spawn(|| {
                let began = std::time::Instant::now();
                while began.elapsed() < Duration::from_millis(20) {}
            });
            thread.unwrap().join().unwrap();
        };
        let before = meter.cpu(&Commands::default());
        let mut load = Duration::ZERO;
        while load < Duration::from_millis(40) {
            spin("worker");
            load = since(before.clone(), meter.cpu(&Commands::default())).load;
        }
        let memory = meter.memory(&[]);
        assert!(memory[0].1 > 100_000, "{memory:?}");
    }
}
