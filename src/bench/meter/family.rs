//! Processes with those below them, what each has used, and what all of them used between two looks, though some have
//! ended meanwhile.

use crate::bench::meter::clock;
use std::collections::HashMap;
use std::fs;
use std::time::Duration;

/// Processes by their numbers, at one moment.
pub type Family = HashMap<u32, Used>;

/// One process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    pub parent: u32,
    /// Ticks after the system's start: a number that is used again has another one.
    start: u64,
    /// A thread of the kernel.
    pub kernel: bool,
    /// By its threads, ended ones included.
    pub own: Duration,
    /// By those below it that have ended and were waited for, in ticks.
    pub reaped: Duration,
}

/// What a process used between two looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    pub own: Duration,
    /// By those below it that ended meanwhile.
    pub reaped: Duration,
}

impl Used {
    /// Nothing where there is no such process, or no /proc.
    pub fn read(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut used = parse(&stat)?;
        used.own = clock::of_process(pid).unwrap_or(used.own);
        Some(used)
    }

    fn since(&self, before: &Used) -> Spent {
        Spent {
            own: self.own.saturating_sub(before.own),
            reaped: self.reaped.saturating_sub(before.reaped),
        }
    }
}

/// proc_pid_stat(5). The second field may have spaces and parentheses of its own.
fn parse(stat: &str) -> Option<Used> {
    const PF_KTHREAD: u32 = 0x0020_0000;
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // The first here is the third there.
    let field = |number: usize| fields.get(number - 3).copied();
    let ticks = |number| field(number)?.parse().ok().map(from_ticks);
    Some(Used {
        parent: field(4)?.parse().ok()?,
        kernel: field(9)?.parse::<u32>().ok()? & PF_KTHREAD != 0,
        own: ticks(14)? + ticks(15)?,
        reaped: ticks(16)? + ticks(17)?,
        start: field(22)?.parse().ok()?,
    })
}

/// The unit of /proc's times.
pub fn from_ticks(ticks: u64) -> Duration {
    Duration::from_secs(ticks)
        / u32::try_from(rustix::param::clock_ticks_per_second())
            .unwrap_or(100)
            .max(1)
}

/// Processes and their descendants, each once: a worker may listen on the port of the process that started it. Without
/// ourselves and those below us, though one of them may have started us: what we use is counted on its own.
pub fn members(roots: &[u32]) -> Vec<u32> {
    let own = std::process::id();
    let mut all = Vec::new();
    let mut next = 0;
    let mut found = roots.to_vec();
    loop {
        for pid in found {
            if pid != own && !all.contains(&pid) {
                all.push(pid);
            }
        }
        let Some(pid) = all.get(next) else { break };
        found = children(*pid);
        next += 1;
    }
    all
}

pub fn read(pids: &[u32]) -> Family {
    let known = pids
        .iter()
        .filter_map(|pid| Some((*pid, Used::read(*pid)?)));
    known.collect()
}

/// What processes have used that live, with those below them, ended ones included.
pub fn total(roots: &[u32]) -> Duration {
    let family = read(&members(roots));
    family.values().map(|used| used.own + used.reaped).sum()
}

/// What each process used since `before`. Those that have ended count for the nearest one above them that is left, which
/// is told of it when it waits for them, to two ticks; what nobody waits for is lost with its end.
pub fn since(before: &Family, now: &Family) -> HashMap<u32, Spent> {
    let left = |pid: &u32| match (before.get(pid), now.get(pid)) {
        (Some(was), Some(is)) => was.start == is.start,
        _ => false,
    };
    let mut spent: HashMap<u32, Spent> = HashMap::new();
    // An ended process's whole life is in what is told above it: what was counted earlier must not count again.
    let mut counted: HashMap<u32, Duration> = HashMap::new();
    for (pid, was) in before.iter().filter(|(pid, _)| !left(pid)) {
        let moved = Used::read(*pid).filter(|is| is.start == was.start);
        if let Some(is) = moved {
            // It lost the one above it, and lives on below another.
            spent.insert(*pid, is.since(was));
            continue;
        }
        let mut above = was.parent;
        while let Some(next) = before.get(&above).filter(|_| !left(&above)) {
            above = next.parent;
        }
        *counted.entry(above).or_default() += was.own + was.reaped;
    }
    for (pid, is) in now {
        let mut this = match before.get(pid).filter(|_| left(pid)) {
            Some(was) => is.since(was),
            None => Spent {
                own: is.own,
                reaped: is.reaped,
            },
        };
        let counted = counted.get(pid).copied().unwrap_or_default();
        this.reaped = this.reaped.saturating_sub(counted);
        spent.insert(*pid, this);
    }
    spent
}

/// Every thread of a process has its own children.
fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let lists = tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let numbers = lists.flat_map(|list| {
        let numbers = list.split_ascii_whitespace().filter_map(|c| c.parse().ok());
        numbers.collect::<Vec<u32>>()
    });
    numbers.collect()
}

#[cfg(test)]
mod tests;
