//! Where a measurement was made: without that a figure says little.

use crate::bench::meter::{self, Family, Used};
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

/// What every process of the machine has used, and the machine in all, to be compared later.
pub struct Census {
    at: Instant,
    used: Family,
    busy: Duration,
}

impl Census {
    pub fn take() -> Self {
        Census {
            at: Instant::now(),
            used: everybody(),
            busy: busy(),
        }
    }

    /// Processes, but for `ours`, that used noticeably much since; the busiest first. Last, what was used by none that
    /// is there now.
    pub fn disturbances(&self, ours: &[u32]) -> Vec<(String, f64)> {
        let own = std::process::id();
        let busy = busy().saturating_sub(self.busy);
        let now = everybody();
        let elapsed = self.at.elapsed().as_secs_f64();
        let share = |time: Duration| time.as_secs_f64() / elapsed;
        // A thread of the kernel works for whoever has work for it: for our own traffic, mostly.
        let is_ours = |pid: &u32| {
            let child = now.get(pid).is_some_and(|used| used.parent == own);
            *pid == own || child || ours.contains(pid)
        };
        let is_kernel = |pid: &u32| now.get(pid).is_some_and(|used| used.kernel);
        let mut found = Vec::new();
        let (mut explained, mut ended) = (Duration::ZERO, Duration::ZERO);
        for (pid, spent) in meter::spent(&self.used, &now) {
            explained += spent.own;
            if is_ours(&pid) {
                explained += spent.reaped;
            } else if !is_kernel(&pid) {
                ended += spent.reaped;
                let share = share(spent.own);
                if share > DISTURBANCE {
                    found.push((format!("{} ({pid})", meter::name(&pid.to_string())), share));
                }
            }
        }
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        // Most that ended left word of what they used with those above them. Not so those that nobody waited for, and
        // those that another container hides; the machine's sum knows of them, but less precisely.
        let rest = share(ended).max(share(rest(busy, explained)));
        if rest > DISTURBANCE {
            found.push(("other processes that have ended".to_owned(), rest));
        }
        found
    }
}

/// What is not explained of the machine's time. That was not measured but sampled, once a tick: as many samples as are
/// off by chance do not count.
fn rest(busy: Duration, explained: Duration) -> Duration {
    let tick = meter::from_ticks(1);
    let samples = busy.as_secs_f64() / tick.as_secs_f64();
    busy.saturating_sub(explained)
        .saturating_sub(tick.mul_f64(2.0 * samples.sqrt()))
}

/// CPU time of all processes and threads of the kernel since the start, those included that have ended. Interrupts are
/// left out: what they did for whom is not known, and while something is measured it was mostly for that.
fn busy() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    // "cpu", two spaces, then user, nice, system, idle, …; guests are in user and nice.
    let line = stat.lines().next().unwrap_or("");
    let numbers = line.split_ascii_whitespace().skip(1).take(3);
    let ticks = numbers.filter_map(|n| n.parse::<u64>().ok()).sum();
    meter::from_ticks(ticks)
}

fn everybody() -> Family {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Family::new();
    };
    let names = entries.flatten().map(|e| e.file_name());
    let pids = names.filter_map(|n| n.to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, Used::read(pid)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_what_chance_does_not_explain() {
        let ms = Duration::from_millis;
        // 12 s are 1,200 samples, of which 70 may be off.
        let found = rest(ms(12_000), ms(8_000));
        assert!((ms(3_300)..ms(3_310)).contains(&found), "{found:?}");
        assert_eq!(rest(ms(1_000), ms(860)), Duration::ZERO);
        assert_eq!(rest(ms(8_000), ms(12_000)), Duration::ZERO);
    }
}
