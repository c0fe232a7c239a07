//! Every lane with every mode.

use super::iperf::bits;
use super::{number, seconds};
use crate::bench::LaneKind;
use crate::bench::report::{
    Cpu, Held, LaneReport, Latency, Measured, Mode, Pace, Phases, Round, Row, Verified,
};
use crate::bench::statistics::Interval;
use crate::ui::bench::units::{ENOUGH_FOR_P999, cpu_per_gib};
use hdrhistogram::Histogram;
use serde_json::{Value, json};

pub fn lane(lane: &LaneReport) -> Value {
    json!({
        "name": lane.name,
        "kind": match lane.kind {
            LaneKind::Direct => "direct",
            LaneKind::Proxy => "proxy",
            LaneKind::Endpoint => "endpoint",
            LaneKind::Command => "command",
        },
        "route": lane.route,
        "carrier": lane.carrier.map(|carrier| carrier.to_string()),
        "unavailable": lane.unavailable,
        "measured": lane.measured.iter().map(measured).collect::<Value>(),
    })
}

fn measured(m: &Measured) -> Value {
    let (value, ratio) = m.figures();
    let timed = matches!(m.mode, Mode::Ping | Mode::Open);
    json!({
        "mode": m.mode.name(),
        "value": value.map(|value| self::value(m.mode, value)),
        "ratio": ratio.map(|ratio| json!({
            "mean": number(ratio.mean),
            "ci95": ci95(ratio, 1.0),
            "difference_shown": !ratio.shows_no_difference(),
        })),
        "loop": timed.then_some(match m.pace {
            Some(_) => "open",
            None => "closed",
        }),
        "overloaded": m.overloaded(),
        "pace": m.pace.as_ref().map(pace),
        "latency_us": m.service_latency().map(latency),
        "setup_us": m.phases.as_ref().filter(|_| !m.overloaded()).map(phases),
        "held": m.held.as_ref().map(held),
        "rounds": m.rounds.iter().map(|r| round(m, r)).collect::<Value>(),
        "intervals": intervals(&m.rounds),
        "cpu_seconds": cpu(&m.cpu()),
        "cpu_seconds_per_gib": cpu_per_gib(&m.rounds).map(number),
        "verified": match m.verified {
            Verified::BothEnds => "both_ends",
            Verified::SentOnly => "sent_only",
            Verified::Nothing => "nothing",
        },
        "errors": m.errors.iter().map(|(class, (count, first))| json!({
            "class": class, "count": count, "first": first,
        })).collect::<Value>(),
    })
}

/// The unit of a mode's values, and how many of it the report's own unit is.
fn unit(mode: Mode) -> (&'static str, f64) {
    match mode {
        Mode::Upload | Mode::Download | Mode::RoundTrip => ("bits_per_second", 8.0),
        Mode::Ping => ("microseconds", 1e6),
        Mode::Open => ("tunnels_per_second", 1.0),
        Mode::Hold => ("bytes_per_tunnel", 1.0),
    }
}

fn value(mode: Mode, value: &Interval) -> Value {
    let (unit, scale) = unit(mode);
    json!({ "mean": number(value.mean * scale), "unit": unit, "ci95": ci95(value, scale) })
}

fn ci95(interval: &Interval, scale: f64) -> Value {
    match interval.bounds {
        Some((low, high)) => json!([number(low * scale), number(high * scale)]),
        None => Value::Null,
    }
}

fn pace(pace: &Pace) -> Value {
    json!({
        "offered_per_second": number(pace.offered),
        "achieved_per_second": number(pace.achieved),
        "overloaded": pace.overloaded(),
        "scheduler_p99_us": us(pace.scheduler_p99 as f64),
    })
}

fn latency(latency: &Latency) -> Value {
    json!({
        "corrected": latency.corrected.as_ref().map(times),
        "uncorrected": times(&latency.uncorrected),
    })
}

fn phases(phases: &Phases) -> Value {
    let named = phases.named().into_iter();
    Value::Object(named.map(|(name, h)| (name.into(), times(h))).collect())
}

/// Nothing where nothing was measured.
fn times(h: &Histogram<u64>) -> Value {
    if h.is_empty() {
        return Value::Null;
    }
    let at = |quantile: f64| us(h.value_at_quantile(quantile) as f64);
    json!({
        "count": h.len(),
        "min": us(h.min() as f64),
        "mean": us(h.mean()),
        "p50": at(0.5),
        "p90": at(0.9),
        "p95": at(0.95),
        "p99": at(0.99),
        "p999": match h.len() >= ENOUGH_FOR_P999 {
            true => at(0.999),
            false => Value::Null,
        },
        "max": us(h.max() as f64),
    })
}

fn us(nanoseconds: f64) -> Value {
    number(nanoseconds.round() / 1e3)
}

fn held(held: &Held) -> Value {
    let memory = held.memory.iter().map(|(process, memory)| {
        json!({ "process": process, "before_bytes": memory.before, "after_bytes": memory.after })
    });
    json!({
        "wanted": held.wanted,
        "opened": held.opened,
        "survived": held.survived,
        "idle_seconds": seconds(held.idle),
        "memory": memory.collect::<Value>(),
    })
}

fn round(m: &Measured, r: &Round) -> Value {
    let queue = m.mode == Mode::Ping && m.overloaded();
    json!({
        "value": r.value.filter(|_| !queue).map(|value| number(value * unit(m.mode).1)),
        "seconds": number(r.seconds),
        "bytes": r.octets,
        "sent_bytes": r.sent,
        "received_bytes": r.received,
        "samples": r.samples,
        "cpu_seconds": cpu(&r.cpu),
    })
}

fn intervals(rounds: &[Round]) -> Value {
    let rows = rounds.iter().zip(1_u32..);
    let rows = rows.flat_map(|(round, n)| round.rows.iter().map(move |row| interval(n, row)));
    rows.collect()
}

fn interval(round: u32, row: &Row) -> Value {
    json!({
        "round": round,
        "start": number(row.start),
        "end": number(row.start + row.seconds),
        "seconds": number(row.seconds),
        "bytes": row.octets,
        "bits_per_second": bits(row.octets, row.seconds),
        "omitted": row.omitted,
        "retransmits": row.tcp.map(|tcp| tcp.retransmits),
        "rtt_us": row.tcp.map(|tcp| tcp.rtt_us),
        "cwnd_bytes": row.tcp.map(|tcp| tcp.cwnd),
    })
}

fn cpu(cpu: &Cpu) -> Value {
    json!({
        "load": seconds(cpu.load),
        "target": seconds(cpu.target),
        "embedded": seconds(cpu.embedded),
        "others": seconds(cpu.others),
        "total": seconds(cpu.total()),
    })
}
