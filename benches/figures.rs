//! Figures of processes, medians, and tables.

use crate::support::process::resident;
use rustix::process::Pid;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Resident memory once it has not changed for half a second.
pub fn settled_rss(pid: Pid) -> u64 {
    const QUIET: Duration = Duration::from_millis(500);
    let deadline = Instant::now() + Duration::from_secs(20);
    let (mut last, mut since) = (resident(pid), Instant::now());
    while since.elapsed() < QUIET && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(50));
        let now = resident(pid);
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    last
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
