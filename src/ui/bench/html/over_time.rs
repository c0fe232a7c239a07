//! Throughput interval by interval: a panel for each lane, all of them on one scale.

use super::Entry;
use super::axis::{Axis, percent};
use super::unit::{Unit, tick};
use crate::bench::report::Row;
use maud::{Markup, html};

/// Bars of a panel, at most: beyond that several intervals are one.
const MOST_BARS: usize = 300;

/// What a bar stands for.
struct Bar {
    start: f64,
    seconds: f64,
    octets: u64,
    omitted: bool,
    more: String,
}

impl Bar {
    fn rate(&self) -> f64 {
        match self.seconds > 0.0 {
            true => self.octets as f64 / self.seconds,
            false => 0.0,
        }
    }
}

pub fn figure(entries: &[Entry<'_>]) -> Markup {
    let panels: Vec<(&Entry<'_>, Vec<Bar>)> = entries.iter().map(|e| (e, bars(e))).collect();
    let all = || panels.iter().flat_map(|(_, bars)| bars);
    let most = all().map(Bar::rate).fold(0.0, f64::max);
    let end = all().map(|bar| bar.start + bar.seconds).fold(0.0, f64::max);
    if most <= 0.0 {
        return html! {};
    }
    let unit = Unit::rate(most);
    let (x, y) = (Axis::until(end), Axis::linear(unit.scaled(most)));
    html! {
        figure.card {
            figcaption {
                strong { "Throughput over time, " (unit.name) }
                " seconds of the lane's own turns, one after the other; hatched is warm-up, which counts in no figure; \
                 the dashed line is the mean"
            }
            div.panels {
                @for (entry, bars) in &panels {
                    div.panel {
                        div.name { (entry.key.swatch()) span { (entry.lane.name) } }
                        div.chart.small {
                            (y_ticks(&y))
                            (plot(entry, bars, unit, &x, &y))
                            (x_ticks(&x, tick))
                        }
                    }
                }
            }
            p.axis { "horizontal: seconds; vertical: " (unit.name) }
        }
    }
}

fn plot(entry: &Entry<'_>, bars: &[Bar], unit: Unit, x: &Axis, y: &Axis) -> Markup {
    let mean = entry
        .measured
        .value
        .map(|v| 1.0 - y.place(unit.scaled(v.mean)));
    html! {
        svg class={ "plot " (entry.key.class()) } role="img" aria-label={ (entry.lane.name) ", throughput over time" } {
            (y_grid(y))
            @for bar in bars {
                @let from = x.place(bar.start);
                @let width = x.place(bar.start + bar.seconds) - from;
                @let height = y.place(unit.scaled(bar.rate()));
                @let class = if bar.omitted { "warm" } else { "fill" };
                rect class=(class) x=(percent(from)) width=(percent(width)) y=(percent(1.0 - height)) height=(percent(height)) {
                    title {
                        (entry.lane.name) ", " (seconds(bar.start)) " to " (seconds(bar.start + bar.seconds)) " s: "
                        (unit.with_name(bar.rate())) (bar.more)
                    }
                }
            }
            @if let Some(mean) = mean {
                line.baseline x1="0" x2="100%" y1=(percent(mean)) y2=(percent(mean)) {}
            }
        }
    }
}

fn seconds(value: f64) -> String {
    tick((value * 100.0).round() / 100.0)
}

fn bars(entry: &Entry<'_>) -> Vec<Bar> {
    let rows: Vec<&Row> = entry
        .measured
        .rounds
        .iter()
        .flat_map(|round| &round.rows)
        .collect();
    let each = rows.len().div_ceil(MOST_BARS).max(1);
    match each {
        1 => rows.iter().map(|row| single(row)).collect(),
        _ => {
            let counted: Vec<&Row> = rows.into_iter().filter(|row| !row.omitted).collect();
            counted.chunks(each).filter_map(several).collect()
        }
    }
}

fn single(row: &Row) -> Bar {
    let mut more = String::new();
    if row.omitted {
        more += ", warm-up";
    }
    if let Some(tcp) = row.tcp {
        more += &format!(
            "; in this turn {} retransmits, at its end round trip {} µs, congestion window {}",
            tcp.retransmits,
            tcp.rtt_us,
            Unit::octets(tcp.cwnd as f64).with_name(tcp.cwnd as f64)
        );
    }
    Bar {
        start: row.start,
        seconds: row.seconds,
        octets: row.octets,
        omitted: row.omitted,
        more,
    }
}

/// Where there are too many the warm-ups are left out, as gaps too narrow to see.
fn several(rows: &[&Row]) -> Option<Bar> {
    let (first, last) = (rows.first()?, rows.last()?);
    let measured: f64 = rows.iter().map(|row| row.seconds).sum();
    let spanned = last.start + last.seconds - first.start;
    let octets: u64 = rows.iter().map(|row| row.octets).sum();
    Some(Bar {
        start: first.start,
        seconds: spanned,
        // What would have come through if there were no gaps.
        octets: (octets as f64 * spanned / measured.max(f64::MIN_POSITIVE)) as u64,
        omitted: false,
        more: format!(", mean of {} intervals", rows.len()),
    })
}

pub fn y_grid(y: &Axis) -> Markup {
    html! {
        @for value in &y.ticks {
            @let place = percent(1.0 - y.place(*value));
            line.grid x1="0" x2="100%" y1=(place) y2=(place) {}
        }
    }
}

pub fn y_ticks(y: &Axis) -> Markup {
    html! {
        div.y {
            @for value in &y.ticks {
                span style={ "top:" (percent(1.0 - y.place(*value))) } { (tick(*value)) }
            }
        }
    }
}

pub fn x_ticks(x: &Axis, label: impl Fn(f64) -> String) -> Markup {
    html! {
        div.x {
            @for value in &x.ticks {
                span style={ "left:" (percent(x.place(*value))) } { (label(*value)) }
            }
        }
    }
}
