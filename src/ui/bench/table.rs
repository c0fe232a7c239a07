//! The figures for a terminal: a block for each mode, a line for each way.

use crate::bench::report::{LaneKind, LaneReport, Measured, Mode, Report, Verified};
use crate::bench::statistics::Interval;
use crate::ui::bench::units::{ENOUGH_FOR_P999, cpu_per_gib, figure, scaled, title, unit};
use console::{Alignment, measure_text_width, pad_str, style};
use hdrhistogram::Histogram;
use std::fmt::Write;

/// Characters of a histogram.
const BARS: usize = 24;

/// Everything, ready to be printed.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    let e = &report.environment;
    let s = &report.settings;
    let _ = writeln!(
        out,
        "{} {} on {} cores, {}, Linux {}, {}, load {:.2}",
        style("tuncat bench").bold(),
        e.version,
        e.cores,
        e.cpu,
        e.kernel,
        e.congestion_control,
        e.load_average[0]
    );
    let amount = match s.octets {
        Some(octets) => format!("{octets} bytes a turn"),
        None => format!(
            "{} s a turn after {} s to warm up",
            figure(s.turn().as_secs_f64()),
            figure(s.warm_up.as_secs_f64())
        ),
    };
    let timed = s.modes.iter().any(|m| matches!(m, Mode::Ping | Mode::Open));
    let load = match s.rate {
        _ if !timed => String::new(),
        Some(rate) => format!("; pings and opens in an open loop, {rate} per second"),
        None => "; pings and opens in a closed loop".into(),
    };
    let _ = writeln!(
        out,
        "{} interleaved rounds, {amount}, {} at a time{load}",
        s.rounds, s.streams
    );
    for mode in &s.modes {
        let lanes: Vec<(&LaneReport, &Measured)> = report
            .lanes
            .iter()
            .filter_map(|lane| {
                let measured = lane.measured.iter().find(|m| m.mode == *mode)?;
                Some((lane, measured))
            })
            .collect();
        if lanes.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n{}", style(heading(*mode, &lanes)).bold());
        let rows = match mode {
            Mode::Upload | Mode::Download | Mode::RoundTrip => streams(*mode, &lanes),
            Mode::Ping => pings(&lanes),
            Mode::Open => opens(&lanes),
            Mode::Hold => holds(&lanes),
        };
        out.push_str(&columns(&rows));
        for (lane, measured) in &lanes {
            for (class, (count, first)) in &measured.errors {
                let line = format!("  {}: {count} x {class}, the first: {first}", lane.name);
                let _ = writeln!(out, "{}", style(line).red());
            }
        }
    }
    let gone = report
        .lanes
        .iter()
        .filter_map(|lane| Some((&lane.name, lane.unavailable.as_ref()?)));
    for (n, (name, why)) in gone.enumerate() {
        let lead = if n == 0 { "\n" } else { "" };
        let _ = writeln!(
            out,
            "{lead}{} {why}",
            style(format!("{name}: no tunnel;")).yellow()
        );
    }
    let doubts = e.doubts();
    for (n, warning) in report.warnings.iter().chain(&doubts).enumerate() {
        let lead = if n == 0 { "\n" } else { "" };
        let _ = writeln!(out, "{lead}{} {warning}", style("note:").yellow());
    }
    if !doubts.is_empty() {
        let _ = writeln!(out, "{}", style("Not for publication.").yellow());
    }
    out
}

fn heading(mode: Mode, lanes: &[(&LaneReport, &Measured)]) -> String {
    let all = |verified| lanes.iter().all(|(_, m)| m.verified == verified);
    let verified = match mode.is_stream() {
        true if all(Verified::BothEnds) => " (every byte checked, both ends agree)",
        true if all(Verified::SentOnly) => {
            " (the target says nothing: only what was sent is known)"
        }
        _ => "",
    };
    format!("{}{verified}", title(mode))
}

fn head(mode: Mode, others: &[&str]) -> Vec<String> {
    let mut head = vec![
        String::new(),
        unit(mode).into(),
        "95 %".into(),
        "of direct".into(),
    ];
    head.extend(others.iter().map(|text| (*text).to_owned()));
    head
}

fn begin(lane: &LaneReport, measured: &Measured) -> Vec<String> {
    let (value, of_direct) = measured.figures();
    let none = if measured.value.is_some() {
        "-"
    } else {
        "failed"
    };
    vec![
        lane.name.clone(),
        value.map_or_else(|| none.into(), |v| figure(scaled(measured.mode, v.mean))),
        value.map_or_else(String::new, |v| bounds(v, |x| scaled(measured.mode, x))),
        of_direct.map_or_else(String::new, ratio),
    ]
}

fn bounds(interval: &Interval, scale: impl Fn(f64) -> f64) -> String {
    interval.bounds.map_or_else(String::new, |(low, high)| {
        format!("{}..{}", figure(scale(low)), figure(scale(high)))
    })
}

/// The ratio with its interval, or that there is none to speak of.
fn ratio(interval: &Interval) -> String {
    match interval.bounds {
        None => format!("x{} (one round)", figure(interval.mean)),
        Some(_) if interval.shows_no_difference() => "no difference shown".into(),
        Some((low, high)) => {
            format!(
                "x{} ({}..{})",
                figure(interval.mean),
                figure(low),
                figure(high)
            )
        }
    }
}

fn streams(mode: Mode, lanes: &[(&LaneReport, &Measured)]) -> Vec<Vec<String>> {
    let mut rows = vec![head(mode, &["CPU s/GiB", "of which generator"])];
    for (lane, measured) in lanes {
        let mut row = begin(lane, measured);
        let all = cpu_per_gib(&measured.rounds);
        row.push(all.map_or_else(String::new, figure));
        let used = |f: fn(&crate::bench::report::Round) -> f64| -> f64 {
            measured.rounds.iter().map(f).sum()
        };
        let total = used(|r| r.cpu.total().as_secs_f64());
        let load = used(|r| r.cpu.load.as_secs_f64());
        row.push(match total > 0.0 {
            true => format!("{:.0} %", load / total * 100.0),
            false => String::new(),
        });
        rows.push(row);
    }
    rows
}

fn pings(lanes: &[(&LaneReport, &Measured)]) -> Vec<Vec<String>> {
    let others = ["p50", "p90", "p99", "p99.9", "max", "n", "histogram (log)"];
    let mut rows = vec![head(Mode::Ping, &others)];
    for (lane, measured) in lanes {
        let mut row = begin(lane, measured);
        row.extend(times(measured, 1e3));
        rows.push(row);
        rows.extend(uncorrected(measured, 1e3));
    }
    rows
}

fn opens(lanes: &[(&LaneReport, &Measured)]) -> Vec<Vec<String>> {
    let others = [
        "p50 ms",
        "p90",
        "p99",
        "p99.9",
        "max",
        "n",
        "histogram",
        "tcp",
        "tls",
        "request",
        "first byte",
    ];
    let mut rows = vec![head(Mode::Open, &others)];
    for (lane, measured) in lanes {
        let mut row = begin(lane, measured);
        row.extend(times(measured, 1e6));
        if let Some(phases) = measured.phases.as_ref().filter(|_| !measured.overloaded()) {
            let mean = |h: &Histogram<u64>| match h.is_empty() {
                true => "-".into(),
                false => figure(h.mean() / 1e6),
            };
            let p = phases;
            row.extend([&p.tcp, &p.tls, &p.request, &p.first_byte].map(mean));
        }
        rows.push(row);
        rows.extend(uncorrected(measured, 1e6));
    }
    rows
}

/// The cells for the times, or that there are none to speak of.
fn times(measured: &Measured, unit: f64) -> Vec<String> {
    if let Some(pace) = measured.pace.as_ref().filter(|p| p.overloaded()) {
        let said = format!(
            "overloaded: {} of {} per second; -P sets how many may be under way",
            figure(pace.achieved),
            figure(pace.offered)
        );
        return vec![style(said).red().to_string()];
    }
    let mut row = Vec::new();
    if let Some(latency) = measured.service_latency() {
        row.extend(quantiles(latency.best(), unit));
        row.push(sparkline(latency.best()));
    }
    row
}

/// The line below a corrected one: what would have been seen by who only looks when something is sent.
fn uncorrected(measured: &Measured, unit: f64) -> Option<Vec<String>> {
    let latency = measured.service_latency()?;
    latency.corrected.as_ref()?;
    let mut row = vec![
        "  uncorrected".into(),
        String::new(),
        String::new(),
        String::new(),
    ];
    row.extend(quantiles(&latency.uncorrected, unit));
    Some(
        row.iter()
            .map(|cell| style(cell).dim().to_string())
            .collect(),
    )
}

fn quantiles(histogram: &Histogram<u64>, unit: f64) -> Vec<String> {
    let at = |q: f64| figure(histogram.value_at_quantile(q) as f64 / unit);
    if histogram.is_empty() {
        return vec![String::new(); 6];
    }
    vec![
        at(0.5),
        at(0.9),
        at(0.99),
        match histogram.len() >= ENOUGH_FOR_P999 {
            true => at(0.999),
            false => "-".into(),
        },
        figure(histogram.max() as f64 / unit),
        histogram.len().to_string(),
    ]
}

/// How often each time came, from the least to the most on a logarithmic scale.
fn sparkline(histogram: &Histogram<u64>) -> String {
    const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    if histogram.is_empty() {
        return String::new();
    }
    let (low, high) = (histogram.min().max(1) as f64, histogram.max().max(2) as f64);
    let width = (high / low).ln().max(1e-9);
    let mut counts = [0_u64; BARS];
    for value in histogram.iter_recorded() {
        let place = (value.value_iterated_to() as f64 / low).ln() / width * BARS as f64;
        counts[(place as usize).min(BARS - 1)] += value.count_at_value();
    }
    let most = counts.iter().copied().max().unwrap_or(1) as f64;
    let bar = |count: u64| match count {
        0 => BLOCKS[0],
        // Whatever happened at all shows.
        n => BLOCKS[((n as f64 / most).sqrt() * 8.0).ceil().clamp(1.0, 8.0) as usize],
    };
    counts.into_iter().map(bar).collect()
}

fn holds(lanes: &[(&LaneReport, &Measured)]) -> Vec<Vec<String>> {
    let is_direct = |lane: &LaneReport| lane.kind == LaneKind::Direct;
    let base = lanes.iter().find(|(lane, _)| is_direct(lane));
    let base = base.and_then(|(_, m)| m.value.as_ref()).map(|v| v.mean);
    let head = [
        "",
        "kB",
        "more than direct",
        "opened",
        "survived",
        "idle s",
        "kB by process",
    ];
    let mut rows = vec![head.map(String::from).to_vec()];
    for (lane, measured) in lanes {
        let Some(held) = &measured.held else { continue };
        let value = measured.value.as_ref().map(|v| v.mean);
        let more = match (value, base) {
            (Some(value), Some(base)) if !is_direct(lane) => figure((value - base) / 1e3),
            _ => String::new(),
        };
        let each = held.memory.iter().map(|(name, memory)| {
            let per_tunnel = memory.grown() as f64 / held.opened.max(1) as f64 / 1e3;
            format!("{name} {}", figure(per_tunnel))
        });
        rows.push(vec![
            lane.name.clone(),
            value.map_or_else(|| "-".into(), |v| figure(v / 1e3)),
            more,
            format!("{} of {}", held.opened, held.wanted),
            held.survived.to_string(),
            figure(held.idle.as_secs_f64()),
            each.collect::<Vec<_>>().join(", "),
        ]);
    }
    rows
}

/// Columns as wide as their widest cell: the first to the left, figures to the right. A row may be shorter, and a column
/// with nothing below its head is left out.
fn columns(rows: &[Vec<String>]) -> String {
    let used = |n: &usize| {
        let cells = rows.iter().skip(1).filter_map(|row| row.get(*n));
        cells.into_iter().any(|cell| !cell.is_empty())
    };
    let rows = rows.iter().map(|row| {
        let cells = row.iter().enumerate();
        let cells = cells.filter(|(n, _)| *n == 0 || used(n));
        cells.map(|(_, cell)| cell.clone()).collect()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let longest = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |n: usize| {
        // The last cell of a short row runs on.
        let cells = rows
            .iter()
            .filter(|row| row.len() == longest || n + 1 < row.len());
        let cells = cells.filter_map(|row| row.get(n));
        cells
            .map(|cell| measure_text_width(cell))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut out = String::new();
    for (r, row) in rows.iter().enumerate() {
        let cells = row.iter().enumerate().map(|(n, cell)| {
            let alignment = match n == 0 || (n + 1 == row.len() && row.len() < longest) {
                true => Alignment::Left,
                false => Alignment::Right,
            };
            let cell = pad_str(cell, widths[n], alignment, None).into_owned();
            match r {
                0 => style(cell).dim().to_string(),
                _ => cell,
            }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(out, "  {}", line.trim_end());
    }
    out
}
