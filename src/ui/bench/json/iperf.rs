//! The part that has iperf3's names and meanings. It can show one measurement only: the subject.

use super::{number, seconds};
use crate::base::pattern::REACH;
use crate::bench::report::{LaneReport, Measured, Round, Row};
use crate::bench::{LaneKind, Mode, Report, Settings};
use serde_json::{Map, Value, json};

/// What the part is about: the first throughput of the first lane that is not the baseline, or of the baseline.
pub struct Subject<'a> {
    lane: &'a LaneReport,
    measured: &'a Measured,
}

impl<'a> Subject<'a> {
    pub fn of(report: &'a Report) -> Option<Self> {
        let find = |baseline: bool| {
            let lanes = report.lanes.iter();
            let mut lanes = lanes.filter(|l| (l.kind == LaneKind::Direct) == baseline);
            lanes.find_map(|lane| {
                let measured = lane.measured.iter();
                let mut measured = measured.filter(|m| m.mode.is_stream() && m.value.is_some());
                measured.next().map(|measured| Subject { lane, measured })
            })
        };
        find(false).or_else(|| find(true))
    }

    pub fn name(&self) -> Value {
        json!({ "lane": self.lane.name, "mode": self.measured.mode.name() })
    }

    /// We send: all but downloads.
    fn sends(&self) -> bool {
        self.measured.mode != Mode::Download
    }

    fn rows(&self) -> impl Iterator<Item = &'a Row> {
        self.measured.rounds.iter().flat_map(|round| &round.rows)
    }

    fn streams(&self) -> usize {
        let counts = self.rows().map(|row| row.by_stream.len());
        counts.max().unwrap_or(0)
    }

    /// Streams of the first round that was measured.
    pub fn connected(&self) -> Value {
        let ends = self.measured.rounds.iter().map(|round| &round.ends);
        let ends = ends.into_iter().find(|ends| !ends.is_empty());
        let ends = ends.into_iter().flatten().enumerate();
        let connected = ends.map(|(n, ends)| {
            let (local, remote) = ends.unzip();
            json!({
                "socket": n + 1,
                "local_host": local.map(|a| a.ip().to_string()),
                "local_port": local.map(|a| a.port()),
                "remote_host": remote.map(|a| a.ip().to_string()),
                "remote_port": remote.map(|a| a.port()),
            })
        });
        connected.collect()
    }

    pub fn intervals(&self) -> Value {
        let streams = self.streams();
        let intervals = self.rows().map(|row| {
            let of_stream = |n: usize| {
                let octets = row.by_stream.get(n).copied().unwrap_or(0);
                let mut stream = self.interval(row, octets);
                stream.insert("socket".into(), json!(n + 1));
                // With more streams only their sum and mean are known.
                if let Some(tcp) = row.tcp.filter(|_| streams == 1) {
                    stream.insert("retransmits".into(), json!(tcp.retransmits));
                    stream.insert("snd_cwnd".into(), json!(tcp.cwnd));
                    stream.insert("rtt".into(), json!(tcp.rtt_us));
                }
                Value::Object(stream)
            };
            let mut sum = self.interval(row, row.octets);
            if let Some(tcp) = row.tcp {
                sum.insert("retransmits".into(), json!(tcp.retransmits));
            }
            json!({ "streams": (0..streams).map(of_stream).collect::<Value>(), "sum": sum })
        });
        intervals.collect()
    }

    fn interval(&self, row: &Row, octets: u64) -> Map<String, Value> {
        let fields = [
            ("start", number(row.start)),
            ("end", number(row.start + row.seconds)),
            ("seconds", number(row.seconds)),
            ("bytes", json!(octets)),
            ("bits_per_second", bits(octets, row.seconds)),
            ("omitted", json!(row.omitted)),
            ("sender", json!(self.sends())),
        ];
        fields
            .map(|(name, value)| (name.into(), value))
            .into_iter()
            .collect()
    }

    pub fn end(&self) -> Value {
        let rounds = &self.measured.rounds;
        let sum = |of: fn(&Round) -> u64| rounds.iter().map(of).sum::<u64>();
        let measured: f64 = rounds.iter().map(|round| round.seconds).sum();
        let octets = sum(|round| round.octets);
        // The mean over the rounds, as everywhere else, and not the quotient of two sums.
        let rate = self
            .measured
            .value
            .map_or_else(|| bits(octets, measured), |v| number(v.mean * 8.0));
        let total = |name: &str, total: u64| {
            json!({
                "start": 0,
                "end": number(measured),
                "seconds": number(measured),
                "bytes": octets,
                "bits_per_second": rate,
                "sender": self.sends(),
                name: total,
            })
        };
        let mut sent = total("total_bytes", sum(|round| round.sent));
        let known: Vec<u64> = self
            .rows()
            .filter_map(|row| Some(row.tcp?.retransmits))
            .collect();
        if !known.is_empty() {
            sent["retransmits"] = json!(known.iter().sum::<u64>());
        }
        json!({
            "streams": self.end_streams(measured),
            "sum_sent": sent,
            "sum_received": total("total_bytes", sum(|round| round.received)),
            "cpu_utilization_percent": self.cpu(),
        })
    }

    fn end_streams(&self, measured: f64) -> Value {
        let streams = (0..self.streams()).map(|n| {
            let counted = self.rows().filter(|row| !row.omitted);
            let octets = counted.filter_map(|row| row.by_stream.get(n)).sum();
            let stream = json!({
                "socket": n + 1,
                "start": 0,
                "end": number(measured),
                "seconds": number(measured),
                "bytes": octets,
                "bits_per_second": bits(octets, measured),
                "sender": self.sends(),
            });
            json!({ "sender": stream, "receiver": stream })
        });
        streams.collect()
    }

    /// Of one core, while it ran, the warm-up included. `user` and `system` are not told apart.
    fn cpu(&self) -> Value {
        let cpu = self.measured.cpu();
        let wall: f64 = self.rows().map(|row| row.seconds).sum();
        let percent = |used: std::time::Duration| match wall > 0.0 {
            true => number(used.as_secs_f64() / wall * 100.0),
            false => Value::Null,
        };
        json!({
            "host_total": percent(cpu.load),
            "host_user": null,
            "host_system": null,
            "remote_total": percent(cpu.target),
            "remote_user": null,
            "remote_system": null,
            "embedded_total": percent(cpu.embedded),
            "others_total": percent(cpu.others),
        })
    }
}

pub fn test_start(settings: &Settings, subject: Option<&Subject<'_>>) -> Value {
    json!({
        "protocol": "TCP",
        "num_streams": settings.streams,
        "blksize": REACH,
        "omit": match settings.octets {
            Some(_) => number(0.0),
            None => seconds(settings.warm_up),
        },
        "duration": match settings.octets {
            Some(_) => number(0.0),
            None => seconds(settings.time),
        },
        "bytes": settings.octets.unwrap_or(0),
        "blocks": 0,
        "reverse": u8::from(subject.is_some_and(|s| !s.sends())),
        "tos": 0,
        "target_bitrate": 0,
        "bidir": 0,
    })
}

/// No throughput was measured.
pub fn no_end() -> Value {
    json!({ "streams": [], "sum_sent": null, "sum_received": null, "cpu_utilization_percent": null })
}

pub fn bits(octets: u64, seconds: f64) -> Value {
    match seconds > 0.0 {
        true => number(octets as f64 * 8.0 / seconds),
        false => Value::Null,
    }
}
