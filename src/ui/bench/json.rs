//! The figures for programs: what `iperf3 -J` prints, for those that read it, and everything measured beside it. It is
//! described by schema/bench.schema.json.

mod iperf;
mod lanes;

use crate::bench::Report;
use crate::bench::environment::Environment;
use serde_json::{Value, json};
use std::time::{Duration, UNIX_EPOCH};

/// Raised when a field goes or changes its meaning; not when one is added.
const FORMAT: u32 = 1;

/// Everything that was measured, as one object.
pub fn object(report: &Report) -> Value {
    let subject = iperf::Subject::of(report);
    json!({
        "format": FORMAT,
        "start": start(report, subject.as_ref()),
        "subject": subject.as_ref().map(iperf::Subject::name),
        "intervals": subject.as_ref().map_or_else(|| json!([]), iperf::Subject::intervals),
        "end": subject.as_ref().map_or_else(iperf::no_end, iperf::Subject::end),
        "lanes": report.lanes.iter().map(lanes::lane).collect::<Value>(),
        "warnings": report.warnings,
        "elapsed_seconds": number(report.elapsed.as_secs_f64()),
    })
}

fn start(report: &Report, subject: Option<&iperf::Subject<'_>>) -> Value {
    let e = &report.environment;
    let began = UNIX_EPOCH + Duration::from_secs(e.began);
    json!({
        "version": format!("tuncat {}", e.version),
        "system_info": format!("{}, kernel {}, {} cores, {}", e.target, e.kernel, e.cores, e.cpu),
        "timestamp": { "time": httpdate::fmt_http_date(began), "timesecs": e.began },
        "connecting_to": connecting_to(&report.settings.target),
        "connected": subject.map_or_else(|| json!([]), iperf::Subject::connected),
        "test_start": iperf::test_start(&report.settings, subject),
        "environment": environment(e),
        "settings": settings(report),
    })
}

/// A name without a port is one that only the proxy knows.
fn connecting_to(target: &str) -> Value {
    let parts = target.rsplit_once(':');
    let parts = parts.and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    match parts {
        Some((host, port)) => json!({ "host": host.trim_matches(['[', ']']), "port": port }),
        None => json!({ "host": target, "port": null }),
    }
}

fn environment(e: &Environment) -> Value {
    let doubts = e.doubts();
    let disturbance =
        |(name, share): &(String, f64)| json!({ "process": name, "cores": number(*share) });
    json!({
        "version": e.version,
        "build": e.build,
        "target": e.target,
        "cores": e.cores,
        "cpu": e.cpu,
        "governor": e.governor,
        "kernel": e.kernel,
        "congestion_control": e.congestion_control,
        "loopback_mtu": e.loopback_mtu,
        "load_average": e.load_average,
        "disturbances": e.disturbances.iter().map(disturbance).collect::<Value>(),
        "publishable": doubts.is_empty(),
        "doubts": doubts,
    })
}

fn settings(report: &Report) -> Value {
    let s = &report.settings;
    json!({
        "modes": s.modes.iter().map(|mode| mode.name()).collect::<Value>(),
        "target": s.target,
        "target_is": s.far.name(),
        "time_seconds": number(s.time.as_secs_f64()),
        "rounds": s.rounds,
        "warm_up_seconds": number(s.warm_up.as_secs_f64()),
        "streams": s.streams,
        "bytes": s.octets,
        "message_bytes": s.message,
        "rate_per_second": s.rate.map(number),
        "tunnels": s.tunnels,
        "hold_seconds": number(s.hold.as_secs_f64()),
        "limit_seconds": number(s.limit.as_secs_f64()),
    })
}

/// To nine decimals (nanoseconds, where it is seconds); a whole number without a fraction, as iperf3's readers expect.
fn number(value: f64) -> Value {
    let rounded = (value * 1e9).round() / 1e9;
    match rounded.fract() == 0.0 && rounded.abs() < 1e15 {
        true => json!(rounded as i64),
        false => json!(rounded),
    }
}

fn seconds(time: Duration) -> Value {
    number(time.as_secs_f64())
}
