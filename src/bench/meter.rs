//! CPU time and memory of processes and of this process's threads, as Linux counts them in /proc (proc(5)).

use crate::bench::report::Cpu;
use std::fs;
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

/// Processes whose use counts beside our own, each with its descendants.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    pub others: Vec<u32>,
    /// The target, where that is another process of this machine.
    pub target: Vec<u32>,
}

impl Meter {
    /// CPU time used so far.
    pub fn cpu(&self, commands: &[u32]) -> Cpu {
        let mut cpu = Cpu::default();
        for (name, used) in threads("self") {
            match name.as_str() {
                TARGET_THREAD => cpu.target += used,
                EMBEDDED_THREAD => cpu.embedded += used,
                _ => cpu.load += used,
            }
        }
        let target = families(&self.target);
        cpu.target += target.iter().copied().map(process_cpu).sum::<Duration>();
        let others = self.between(&target, commands);
        cpu.others = others.into_iter().map(process_cpu).sum();
        cpu
    }

    /// All processes that are known, with the commands.
    pub fn processes(&self, commands: &[u32]) -> Vec<u32> {
        families(&[&self.others[..], &self.target, commands].concat())
    }

    /// Those that are neither target nor ourselves.
    fn between(&self, target: &[u32], commands: &[u32]) -> Vec<u32> {
        let mut all = families(&[&self.others, commands].concat());
        all.retain(|pid| !target.contains(pid));
        all
    }

    /// Resident memory of this process and of the others, those of one name together; nothing where the system
    /// does not tell.
    pub fn memory(&self, commands: &[u32]) -> Vec<(String, u64)> {
        let own = resident("self").map(|n| ("tuncat bench".to_owned(), n));
        let mut all: Vec<(String, u64)> = own.into_iter().collect();
        let target = families(&self.target);
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
pub fn since(before: Cpu, now: Cpu) -> Cpu {
    Cpu {
        load: now.load.saturating_sub(before.load),
        target: now.target.saturating_sub(before.target),
        embedded: now.embedded.saturating_sub(before.embedded),
        others: now.others.saturating_sub(before.others),
    }
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

/// Processes and their descendants, each once: a worker may listen on the port of the process that started it.
fn families(roots: &[u32]) -> Vec<u32> {
    let mut all = Vec::new();
    for root in roots {
        if !all.contains(root) {
            all.push(*root);
        }
    }
    let mut next = 0;
    while let Some(pid) = all.get(next) {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        let children = children
            .split_ascii_whitespace()
            .filter_map(|c| c.parse().ok());
        let new: Vec<u32> = children.filter(|c| !all.contains(c)).collect();
        all.extend(new);
        next += 1;
    }
    all
}

/// CPU time of all threads of a process that live.
pub fn process_cpu(pid: u32) -> Duration {
    threads(&pid.to_string())
        .into_iter()
        .map(|(_, used)| used)
        .sum()
}

/// A process's name; its number where that is not told.
pub fn name(pid: &str) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm"));
    name.map_or_else(|_| pid.into(), |name| name.trim().into())
}

fn threads(pid: &str) -> Vec<(String, Duration)> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let used = tasks.flatten().filter_map(|task| {
        let folder = task.path();
        // The first number of schedstat is nanoseconds on a CPU.
        let used = fs::read_to_string(folder.join("schedstat")).ok()?;
        let used = used.split(' ').next()?.parse().ok()?;
        let name = fs::read_to_string(folder.join("comm")).ok()?;
        Some((name.trim().to_owned(), Duration::from_nanos(used)))
    });
    used.collect()
}

fn resident(pid: &str) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Processes that listen on a TCP port of this machine, as far as we may look.
pub fn listeners(port: u16) -> Vec<u32> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .collect();
    let sockets: Vec<String> = inodes.iter().map(|i| format!("socket:[{i}]")).collect();
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let own = std::process::id();
    let pids = processes.flatten().filter_map(|process| {
        let pid: u32 = process.file_name().to_str()?.parse().ok()?;
        let mut open = fs::read_dir(process.path().join("fd")).ok()?.flatten();
        let holds = open.any(|fd| {
            let to = fs::read_link(fd.path()).unwrap_or_default();
            sockets
                .iter()
                .any(|socket| to.as_os_str() == socket.as_str())
        });
        (holds && pid != own).then_some(pid)
    });
    pids.collect()
}

/// Columns of /proc/net/tcp: number, local address, remote address, state (0A is LISTEN), …, inode as the tenth.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    let end = format!(":{port:04X}");
    let lines = table.lines().filter_map(|line| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let (local, state) = (columns.get(1)?, columns.get(3)?);
        (local.ends_with(&end) && *state == "0A").then(|| columns.get(9).copied().map(String::from))
    });
    lines.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_found_in_the_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                     0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n   \
                     1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0\n";
        assert_eq!(listening_inodes(table, 8080), ["4711"]);
        assert_eq!(listening_inodes(table, 8081), [""; 0]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_child_counts_once_however_often_it_is_named() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let (own, pid) = (std::process::id(), child.id());
        let all = families(&[pid, own, own]);
        let times = |pid| all.iter().filter(|p| **p == pid).count();
        assert_eq!((times(own), times(pid)), (1, 1), "{all:?}");
        let meter = Meter {
            others: vec![pid],
            target: vec![pid],
        };
        let memory = meter.memory(&[]);
        child.kill().unwrap();
        child.wait().unwrap();
        let names: Vec<&str> = memory.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["tuncat bench", "target"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn our_own_use_shows() {
        let meter = Meter::default();
        let before = meter.cpu(&[]);
        let mut n = 0_u64;
        while since(before, meter.cpu(&[])).total() < Duration::from_millis(2) {
            n = std::hint::black_box(n + 1);
        }
        let memory = meter.memory(&[]);
        assert!(memory[0].1 > 100_000, "{memory:?}");
    }
}
