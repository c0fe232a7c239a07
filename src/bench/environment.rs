//! Where a measurement was made: without that a figure says little.

use crate::bench::meter;
use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant, SystemTime};

/// Another process counts as a disturbance from this share of one core on.
const DISTURBANCE: f64 = 0.05;

/// The machine and the build.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// When the run began: seconds since 1970 (UTC).
    pub began: u64,
    pub version: &'static str,
    /// `release`, or `debug`: then no figure counts.
    pub build: &'static str,
    pub target: String,
    pub cores: usize,
    pub cpu: String,
    pub governor: String,
    pub kernel: String,
    pub congestion_control: String,
    /// Of the loopback interface.
    pub loopback_mtu: String,
    /// 1, 5 and 15 minutes, before the run.
    pub load_average: [f64; 3],
    /// Other processes that used the CPU during the run, with their share of one core.
    pub disturbances: Vec<(String, f64)>,
}

impl Environment {
    pub fn read() -> Self {
        let text = |path: &str| {
            let text = fs::read_to_string(path).unwrap_or_default();
            text.trim().to_owned()
        };
        let or_unknown = |text: String| match text.is_empty() {
            true => "unknown".to_owned(),
            false => text,
        };
        let mut averages = text("/proc/loadavg");
        averages.truncate(averages.len().min(60));
        let mut load = averages.split(' ').map(|n| n.parse().unwrap_or(0.0));
        Environment {
            began: SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
            version: env!("CARGO_PKG_VERSION"),
            build: match cfg!(debug_assertions) {
                true => "debug",
                false => "release",
            },
            target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            cpu: or_unknown(model(&text("/proc/cpuinfo"))),
            governor: or_unknown(text(
                "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
            )),
            kernel: or_unknown(text("/proc/sys/kernel/osrelease")),
            congestion_control: or_unknown(text("/proc/sys/net/ipv4/tcp_congestion_control")),
            loopback_mtu: or_unknown(text("/sys/class/net/lo/mtu")),
            load_average: [(); 3].map(|()| load.next().unwrap_or(0.0)),
            disturbances: Vec::new(),
        }
    }

    /// Why the figures should not be published; empty if they may be.
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        if self.build != "release" {
            doubts.push("this is a debug build".to_owned());
        }
        for (name, share) in &self.disturbances {
            doubts.push(format!(
                "{name} used {:.0} % of a core meanwhile",
                share * 100.0
            ));
        }
        doubts
    }
}

fn model(cpuinfo: &str) -> String {
    let line = cpuinfo.lines().find(|l| l.starts_with("model name"));
    let value = line.and_then(|l| l.split_once(':'));
    value.map_or_else(String::new, |(_, name)| name.trim().to_owned())
}

/// What every process of the machine has used, to be compared later.
pub struct Census {
    at: Instant,
    used: HashMap<u32, Duration>,
}

impl Census {
    pub fn take() -> Self {
        Census {
            at: Instant::now(),
            used: processes()
                .into_iter()
                .map(|pid| (pid, meter::process_cpu(pid)))
                .collect(),
        }
    }

    /// Processes, but for `ours`, that used noticeably much since; the busiest first.
    pub fn disturbances(&self, ours: &[u32]) -> Vec<(String, f64)> {
        let elapsed = self.at.elapsed().as_secs_f64();
        let mut found: Vec<(String, f64)> = processes()
            .into_iter()
            .filter(|pid| *pid != std::process::id() && !ours.contains(pid))
            .filter_map(|pid| {
                let before = self.used.get(&pid).copied().unwrap_or_default();
                let used = meter::process_cpu(pid).saturating_sub(before);
                let share = used.as_secs_f64() / elapsed;
                let name = format!("{} ({pid})", meter::name(&pid.to_string()));
                (share > DISTURBANCE).then_some((name, share))
            })
            .collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        found
    }
}

fn processes() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let names = entries.flatten().map(|e| e.file_name());
    names.filter_map(|n| n.to_str()?.parse().ok()).collect()
}
