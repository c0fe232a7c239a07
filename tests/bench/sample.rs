//! A report made by hand, with all that can be in one: what a run brings about only by chance or at length.

use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::time::Duration;
use tuncat::bench::environment::Environment;
use tuncat::bench::meter::Memory;
use tuncat::bench::report::{
    Cpu, Held, LaneReport, Latency, Measured, Pace, Phases, Round, Row, TcpRow, Verified,
};
use tuncat::bench::statistics::Interval;
use tuncat::bench::{Far, LaneKind, Mode, Report, Settings};
use tuncat::carrier::Carrier;

const ROUNDS: usize = 5;
const GIGABIT: f64 = 1e9 / 8.0;
/// What somebody may call a way.
pub const HOSTILE: &str =
    r#"<script>document.title="owned"</script>"><img src=x onerror=alert(1)>"#;

/// Numbers that scatter, the same ones every time.
struct Scatter(u64);

impl Scatter {
    /// Around 1.
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        0.9 + 0.2 * ((self.0 >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// Direct, h2, one that is overloaded and fails now and then, one with a hostile name, one that is not there.
pub fn report() -> Report {
    let mut scatter = Scatter(7);
    let ways = [
        ("direct", LaneKind::Direct, None, 1.0),
        ("h2", LaneKind::Proxy, Some(Carrier::H2), 0.6),
        ("slow", LaneKind::Endpoint, None, 0.12),
        (HOSTILE, LaneKind::Command, None, 0.4),
    ];
    let baseline: Vec<Measured> = modes(1.0, &mut scatter, None);
    let mut lanes: Vec<LaneReport> = Vec::new();
    for (name, kind, carrier, speed) in ways {
        let measured = match kind {
            LaneKind::Direct => modes(1.0, &mut Scatter(7), None),
            _ => modes(speed, &mut scatter, Some(&baseline)),
        };
        lanes.push(LaneReport {
            name: name.into(),
            kind,
            route: match kind {
                LaneKind::Direct => Vec::new(),
                _ => vec!["https://proxy.example:8443".into()],
            },
            carrier,
            unavailable: None,
            measured,
        });
    }
    lanes.push(LaneReport {
        name: "gone".into(),
        kind: LaneKind::Proxy,
        route: vec!["http://gone.example:3128".into()],
        carrier: Some(Carrier::H1),
        unavailable: Some("cannot connect to the proxy: connection refused".into()),
        measured: Vec::new(),
    });
    Report {
        environment: environment(),
        settings: settings(),
        lanes,
        warnings: vec!["upload: the direct baseline drifted by 12 %".into()],
        elapsed: Duration::from_secs(83),
    }
}

fn environment() -> Environment {
    Environment {
        began: 784_111_777,
        version: "0.1.0",
        build: "release",
        target: "x86_64-linux".into(),
        cores: 8,
        cpu: "Some Processor".into(),
        governor: "performance".into(),
        kernel: "6.1.0".into(),
        congestion_control: "bbr".into(),
        loopback_mtu: "65536".into(),
        load_average: [0.25, 0.5, 1.0],
        disturbances: Vec::new(),
    }
}

fn settings() -> Settings {
    Settings {
        modes: vec![
            Mode::Upload,
            Mode::Download,
            Mode::Ping,
            Mode::Open,
            Mode::Hold,
        ],
        target: "target.example:5201".into(),
        far: Far::Bench,
        time: Duration::from_secs(20),
        rounds: ROUNDS as u32,
        warm_up: Duration::from_millis(500),
        streams: 2,
        octets: None,
        message: 64,
        rate: Some(1000.0),
        tunnels: 1000,
        hold: Duration::from_secs(1),
        limit: Duration::from_secs(30),
    }
}

fn modes(speed: f64, scatter: &mut Scatter, baseline: Option<&[Measured]>) -> Vec<Measured> {
    let modes = settings().modes;
    let measured = modes.iter().enumerate().map(|(n, mode)| {
        let rounds = match mode {
            Mode::Hold => vec![round(*mode, speed, scatter, 0)],
            _ => (0..ROUNDS)
                .map(|n| round(*mode, speed, scatter, n))
                .collect(),
        };
        of(*mode, rounds, speed, baseline.map(|b| &b[n]))
    });
    measured.collect()
}

fn of(mode: Mode, rounds: Vec<Round>, speed: f64, baseline: Option<&Measured>) -> Measured {
    let values: Vec<f64> = rounds.iter().filter_map(|r| r.value).collect();
    let pairs = baseline.map(|b| {
        let others = b.rounds.iter().filter_map(|r| r.value);
        values.iter().copied().zip(others).collect::<Vec<_>>()
    });
    let timed = matches!(mode, Mode::Ping | Mode::Open);
    let slow = speed < 0.2;
    let failed =
        (slow && mode == Mode::Open).then(|| ("timeout", (3, "no answer within 30 s".into())));
    Measured {
        mode,
        value: Interval::of_values(&values),
        ratio: pairs.and_then(|pairs| Interval::of_ratios(&pairs)),
        latency: timed.then(|| Latency {
            corrected: Some(times(60e3 / speed, 30.0, 20_000)),
            uncorrected: times(55e3 / speed, 3.0, 20_000),
        }),
        phases: (mode == Mode::Open).then(|| phases(speed)),
        pace: timed.then_some(Pace {
            offered: 1000.0,
            achieved: if slow { 612.0 } else { 999.9 },
            scheduler_p99: 41_000,
        }),
        held: (mode == Mode::Hold).then(|| held(speed)),
        verified: Verified::BothEnds,
        errors: failed.into_iter().collect::<BTreeMap<_, _>>(),
        rounds,
    }
}

fn round(mode: Mode, speed: f64, scatter: &mut Scatter, number: usize) -> Round {
    let s = scatter.next();
    let value = match mode {
        Mode::Upload | Mode::Download | Mode::RoundTrip => 12.0 * GIGABIT * speed * s,
        Mode::Ping => 60e-6 / speed * s,
        Mode::Open => 1000.0 * speed.max(0.6) * s,
        Mode::Hold => held(speed).per_tunnel().expect("tunnels"),
    };
    let stream = mode.is_stream();
    let rows: Vec<Row> = match stream {
        true => (0..5)
            .map(|n| row(number, n, value * scatter.next()))
            .collect(),
        false => Vec::new(),
    };
    let octets = |counted: &dyn Fn(&Row) -> bool| -> u64 {
        rows.iter().filter(|r| counted(r)).map(|r| r.octets).sum()
    };
    let all = octets(&|_| true);
    let ms = |ms: f64| Duration::from_secs_f64(ms / 1e3);
    Round {
        value: Some(value),
        seconds: 4.0,
        octets: octets(&|row| !row.omitted),
        sent: all,
        received: all,
        samples: if stream { 0 } else { 4000 },
        cpu: Cpu {
            load: ms(900.0),
            target: ms(500.0),
            embedded: ms(if speed < 1.0 { 1200.0 } else { 0.0 }),
            others: ms(if speed < 0.5 { 700.0 } else { 0.0 }),
        },
        ends: match stream {
            true => vec![
                Some((
                    "10.0.0.1:40000".parse().expect("an address"),
                    "10.0.0.2:8443".parse().expect("an address"),
                )),
                None,
            ],
            false => Vec::new(),
        },
        rows,
    }
}

fn row(round: usize, n: usize, rate: f64) -> Row {
    let warm_up = 0.5;
    let begin = round as f64 * (4.0 + warm_up);
    let (start, seconds) = match n {
        0 => (begin, warm_up),
        n => (begin + warm_up + n as f64 - 1.0, 1.0),
    };
    let half = (rate * seconds) as u64 / 2;
    Row {
        start,
        seconds,
        octets: 2 * half,
        by_stream: vec![half, half],
        omitted: n == 0,
        tcp: (n == 4).then_some(TcpRow {
            retransmits: 3,
            rtt_us: 180,
            cwnd: 1_300_000,
        }),
    }
}

fn empty() -> Histogram<u64> {
    Histogram::new(3).expect("a histogram")
}

/// From `least` nanoseconds on, with a tail that is `tail` times as long.
pub fn times(least: f64, tail: f64, count: u64) -> Histogram<u64> {
    let mut histogram = empty();
    for n in 0..count {
        let share = n as f64 / count as f64;
        let time = least * (1.0 + 0.6 * share + tail * share.powi(200));
        histogram.record(time as u64).expect("it grows");
    }
    histogram
}

fn phases(speed: f64) -> Phases {
    Phases {
        resolve: times(2e3, 1.0, 20_000),
        tcp: times(40e3, 3.0, 20_000),
        tls: times(300e3, 2.0, 20_000),
        request: times(90e3 / speed, 5.0, 20_000),
        first_byte: if speed < 0.2 {
            empty()
        } else {
            times(60e3 / speed, 5.0, 20_000)
        },
    }
}

fn held(speed: f64) -> Held {
    let opened = if speed < 0.2 { 950 } else { 1000 };
    let memory = |each: f64| Memory {
        before: 20_000_000,
        after: 20_000_000 + (each / speed) as u64 * opened,
    };
    Held {
        wanted: 1000,
        opened,
        survived: opened,
        idle: Duration::from_secs(1),
        memory: vec![
            ("tuncat bench".into(), memory(2500.0)),
            ("envoy <4711>".into(), memory(6200.0)),
        ],
    }
}
