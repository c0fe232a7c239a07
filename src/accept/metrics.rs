//! What a terminator counts, and how Prometheus reads it (OpenMetrics 1.0).

use crate::accept::ledger::Ledger;
use crate::carrier::Carrier;
use crate::http::ProxyError;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfCarrier {
    carrier: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfEnd {
    end: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfRefusal {
    status: u16,
    error: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfResult {
    result: &'static str,
}

/// What is counted as it happens.
pub struct Metrics {
    opened: Family<OfCarrier, Counter>,
    closed: Family<OfEnd, Counter>,
    refused: Family<OfRefusal, Counter>,
    to_target: Counter,
    from_target: Counter,
    setup: Histogram,
    duration: Histogram,
    pub connections: Gauge,
    pub connections_seen: Counter,
    pub not_accepted: Counter,
    pub handshakes_failed: Counter,
    reloads: Family<OfResult, Counter>,
    inner: Family<OfResult, Counter>,
    pub draining: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics {
            opened: Family::default(),
            closed: Family::default(),
            refused: Family::default(),
            to_target: Counter::default(),
            from_target: Counter::default(),
            // 0.1 ms to 26 s.
            setup: Histogram::new(exponential_buckets(0.0001, 4.0, 10)),
            // 10 ms to 30 days.
            duration: Histogram::new(exponential_buckets(0.01, 6.0, 12)),
            connections: Gauge::default(),
            connections_seen: Counter::default(),
            not_accepted: Counter::default(),
            handshakes_failed: Counter::default(),
            reloads: Family::default(),
            inner: Family::default(),
            draining: Gauge::default(),
        }
    }
}

impl Metrics {
    pub fn opened(&self, carrier: Carrier, setup: Duration) {
        let carrier = carrier.to_string();
        self.opened.get_or_create(&OfCarrier { carrier }).inc();
        self.setup.observe(setup.as_secs_f64());
    }

    pub fn closed(&self, end: &'static str, to_target: u64, from_target: u64, age: Duration) {
        self.closed.get_or_create(&OfEnd { end }).inc();
        self.to_target.inc_by(to_target);
        self.from_target.inc_by(from_target);
        self.duration.observe(age.as_secs_f64());
    }

    pub fn refused(&self, status: u16, error: ProxyError) {
        let error = error.token();
        self.refused
            .get_or_create(&OfRefusal { status, error })
            .inc();
    }

    pub fn reloaded(&self, well: bool) {
        let result = if well { "success" } else { "failure" };
        self.reloads.get_or_create(&OfResult { result }).inc();
    }

    /// A request inside a tunnel was `allowed`, `denied`, or its target `failed`.
    pub fn inner(&self, result: &'static str) {
        self.inner.get_or_create(&OfResult { result }).inc();
    }

    pub fn bytes_of_ended(&self) -> (u64, u64) {
        (self.to_target.get(), self.from_target.get())
    }

    /// All of them, named.
    pub fn registry(ledger: &Arc<Ledger>) -> Registry {
        let m = &ledger.metrics;
        let mut registry = Registry::with_prefix("tuncat");
        let r = &mut registry;
        let version = vec![("version", env!("CARGO_PKG_VERSION"))];
        r.register("build", "The program", Info::new(version));
        let help = "Connections that clients have open";
        r.register("connections", help, m.connections.clone());
        let help = "Connections that clients opened";
        r.register("connections_accepted", help, m.connections_seen.clone());
        let help = "Connections that could not be accepted, for want of descriptors or memory";
        r.register("accept_errors", help, m.not_accepted.clone());
        let help = "TLS handshakes that failed";
        r.register("tls_handshake_failures", help, m.handshakes_failed.clone());
        r.register(
            "tunnels_opened",
            "Tunnels that were opened",
            m.opened.clone(),
        );
        let help = "Tunnels that ended, by how they did";
        r.register("tunnels_closed", help, m.closed.clone());
        let help = "Requests that were refused, by status and by the error of Proxy-Status";
        r.register("refusals", help, m.refused.clone());
        let help = "From the request to the answer of a tunnel that was opened";
        r.register_with_unit("tunnel_setup", help, Unit::Seconds, m.setup.clone());
        let help = "Whole lives of tunnels";
        r.register_with_unit("tunnel_duration", help, Unit::Seconds, m.duration.clone());
        let help = "Reloads of certificates, users and rules";
        r.register("reloads", help, m.reloads.clone());
        let help = "Requests inside tunnels";
        r.register("inner_requests", help, m.inner.clone());
        let help = "1 once no more connections are accepted";
        r.register("draining", help, m.draining.clone());
        registry.register_collector(Box::new(Now(ledger.clone())));
        registry
    }
}

/// As Prometheus reads them.
pub fn encode(registry: &Registry) -> Result<String, fmt::Error> {
    let mut text = String::new();
    text::encode(&mut text, registry)?;
    // These have no prefix: every program calls them so.
    let at = text.rfind("# EOF").unwrap_or(text.len());
    text.insert_str(at, &process());
    Ok(text)
}

/// What is counted when somebody asks.
struct Now(Arc<Ledger>);

impl fmt::Debug for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Now")
    }
}

impl Collector for Now {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Now(ledger) = self;
        let live = ConstGauge::new(ledger.live() as i64);
        let help = "Tunnels that live";
        let metric = encoder.encode_descriptor("tunnels", help, None, live.metric_type())?;
        live.encode(metric)?;
        let (to, from) = ledger.bytes();
        for (name, help, count) in [
            ("to_target", "Octets that targets took", to),
            ("from_target", "Octets of targets that clients took", from),
        ] {
            let count: ConstCounter<u64> = ConstCounter::new(count);
            let kind = count.metric_type();
            let metric = encoder.encode_descriptor(name, help, Some(&Unit::Bytes), kind)?;
            count.encode(metric)?;
        }
        if let Some(log) = ledger.log() {
            let lost: ConstCounter<u64> = ConstCounter::new(log.lost());
            let help = "Lines of the access log that could not be written";
            let kind = lost.metric_type();
            let metric = encoder.encode_descriptor("access_log_lines_lost", help, None, kind)?;
            lost.encode(metric)?;
        }
        Ok(())
    }
}

/// What every program tells of its process, where the system has /proc.
fn process() -> String {
    let mut out = String::new();
    let mut tell = |name: &str, kind: &str, unit: &str, help: &str, value: Option<f64>| {
        if let Some(value) = value {
            let total = if kind == "counter" { "_total" } else { "" };
            out += &format!("# HELP {name} {help}.\n# TYPE {name} {kind}\n");
            if !unit.is_empty() {
                out += &format!("# UNIT {name} {unit}\n");
            }
            out += &format!("{name}{total} {value}\n");
        }
    };
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let resident = resident.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    let open = std::fs::read_dir("/proc/self/fd").ok();
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    tell(
        "process_resident_memory_bytes",
        "gauge",
        "bytes",
        "Resident memory",
        resident.map(|kib| kib * 1024.0),
    );
    tell(
        "process_open_fds",
        "gauge",
        "",
        "Open descriptors",
        open.map(|all| all.count() as f64),
    );
    tell(
        "process_max_fds",
        "gauge",
        "",
        "Descriptors that may be open",
        limit.map(|n| n as f64),
    );
    tell(
        "process_cpu_seconds",
        "counter",
        "seconds",
        "CPU time, user and system",
        Some(used.tv_sec as f64 + used.tv_nsec as f64 / 1e9),
    );
    tell(
        "process_start_time_seconds",
        "gauge",
        "seconds",
        "When the process began, since the Unix epoch",
        Some(started()),
    );
    out
}

/// Near enough: when this was first asked, which is at the start.
pub fn started() -> f64 {
    static AT: AtomicU64 = AtomicU64::new(0);
    use std::sync::atomic::Ordering::Relaxed;
    if AT.load(Relaxed) == 0 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        AT.store(now.unwrap_or_default().as_millis() as u64, Relaxed);
    }
    AT.load(Relaxed) as f64 / 1000.0
}
