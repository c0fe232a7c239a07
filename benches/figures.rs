//! Figures of processes, medians, and tables.

use rustix::process::{Pid, Resource, getrlimit, setrlimit};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Resident memory of a process in bytes.
pub fn rss(pid: Pid) -> u64 {
    let status = read(pid, "status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: u64 = kib.and_then(|kib| kib.parse().ok()).expect("VmRSS");
    kib * 1024
}

/// Resident memory once it has not changed for half a second.
pub fn settled_rss(pid: Pid) -> u64 {
    const QUIET: Duration = Duration::from_millis(500);
    let deadline = Instant::now() + Duration::from_secs(20);
    let (mut last, mut since) = (rss(pid), Instant::now());
    while since.elapsed() < QUIET && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(50));
        let now = rss(pid);
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    last
}

/// Open descriptors of a process.
pub fn descriptors(pid: Pid) -> usize {
    count(pid, "fd")
}

/// Threads of a process.
pub fn threads(pid: Pid) -> usize {
    count(pid, "task")
}

/// Ticks per second in /proc: fixed at 100 for programs on Linux, whatever the kernel's own rate (time(7)).
const USER_HZ: f64 = 100.0;

/// CPU time that a process has used, all its threads together.
pub fn cpu(pid: Pid) -> Duration {
    let stat = read(pid, "stat");
    // proc(5): utime and stime are fields 14 and 15, and the name in field 2 may hold spaces.
    let after_name = &stat[stat.rfind(')').expect("a name") + 2..];
    let ticks = after_name.split(' ').skip(14 - 3).take(2);
    let ticks: u64 = ticks.map(|t| t.parse::<u64>().expect("ticks")).sum();
    Duration::from_secs_f64(ticks as f64 / USER_HZ)
}

fn read(pid: Pid, file: &str) -> String {
    let path = format!("/proc/{}/{file}", pid.as_raw_nonzero());
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn count(pid: Pid, folder: &str) -> usize {
    let path = format!("/proc/{}/{folder}", pid.as_raw_nonzero());
    let entries = fs::read_dir(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    entries.count()
}

pub fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("raise the limit of descriptors");
}

/// One line about the machine, for whoever reads the figures later.
pub fn environment() -> String {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let build = if cfg!(debug_assertions) {
        "DEBUG build: no figure here counts"
    } else {
        "optimised build"
    };
    format!(
        "{cores} cores, Linux {}, {} congestion control, load average {}, {build}",
        text("/proc/sys/kernel/osrelease").trim(),
        text("/proc/sys/net/ipv4/tcp_congestion_control").trim(),
        text("/proc/loadavg")
            .split(' ')
            .take(3)
            .collect::<Vec<_>>()
            .join(" "),
    )
}

/// The middle value; of an even number the mean of the two middle ones.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which a share of `q` lies, interpolated.
pub fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = q * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

/// Columns as wide as their widest cell: the first to the left, figures to the right.
pub fn table(title: &str, head: &[&str], rows: &[Vec<String>]) {
    println!("{title}");
    let head: Vec<String> = head.iter().map(|&cell| cell.to_owned()).collect();
    let widths: Vec<usize> = (0..head.len())
        .map(|n| {
            let cells = rows.iter().map(|row| row[n].chars().count());
            cells.chain([head[n].chars().count()]).max().unwrap_or(0)
        })
        .collect();
    for row in std::iter::once(&head).chain(rows) {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(n, (cell, width))| match n {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        println!("  {}", cells.collect::<Vec<_>>().join("  "));
    }
}
