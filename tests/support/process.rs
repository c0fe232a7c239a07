//! What the kernel tells of a process: memory, descriptors, threads, CPU time.

use rustix::process::{Pid, Resource, getrlimit, setrlimit};
use std::fs;
use std::time::Duration;

/// Resident memory, octets.
pub fn resident(pid: Pid) -> u64 {
    kib(pid, "VmRSS:").expect("VmRSS") * 1024
}

/// The most memory that was resident so far, octets; nothing of a process that is gone.
pub fn peak_memory(pid: Pid) -> Option<u64> {
    Some(kib(pid, "VmHWM:")? * 1024)
}

/// Open descriptors.
pub fn descriptors(pid: Pid) -> usize {
    count(pid, "fd")
}

pub fn threads(pid: Pid) -> usize {
    count(pid, "task")
}

/// CPU time of all threads that are there.
pub fn cpu(pid: Pid) -> Duration {
    let tasks = fs::read_dir(path(pid, "task")).expect("threads");
    let spent = tasks.filter_map(|task| {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}

/// None of its threads runs or wants to.
pub fn is_at_rest(pid: Pid) -> bool {
    let mut tasks = fs::read_dir(path(pid, "task")).expect("threads");
    tasks.all(|task| {
        let stat = task.and_then(|task| fs::read_to_string(task.path().join("stat")));
        // The state follows the name, which is in parentheses and may hold some itself.
        stat.is_ok_and(|stat| {
            stat.rsplit_once(") ")
                .is_some_and(|(_, s)| s.starts_with('S'))
        })
    })
}

/// Where it is lower than it may be, the limit of this process's own descriptors: a test or bench holds both ends of
/// everything.
pub fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("raise the limit of descriptors");
}

fn kib(pid: Pid, line: &str) -> Option<u64> {
    let status = fs::read_to_string(path(pid, "status")).ok()?;
    let rest = status.lines().find_map(|l| l.strip_prefix(line))?;
    rest.split_whitespace().next()?.parse().ok()
}

fn count(pid: Pid, folder: &str) -> usize {
    let path = path(pid, folder);
    let entries = fs::read_dir(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    entries.count()
}

fn path(pid: Pid, file: &str) -> String {
    format!("/proc/{}/{file}", pid.as_raw_nonzero())
}
