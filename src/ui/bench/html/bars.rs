//! A bar for each lane, with its 95 % interval and every round.

use super::axis::{Axis, percent};
use super::unit::{Unit, tick};
use super::{Entry, title};
use crate::bench::LaneKind;
use crate::bench::report::Mode;
use maud::{Markup, html};

pub fn figure(mode: Mode, entries: &[Entry<'_>]) -> Markup {
    let queue = |e: &Entry<'_>| mode == Mode::Ping && e.measured.overloaded();
    let rounds = |e: &Entry<'_>| match queue(e) {
        true => Vec::new(),
        false => e
            .measured
            .rounds
            .iter()
            .filter_map(|r| r.value)
            .collect::<Vec<f64>>(),
    };
    let highs = entries.iter().filter_map(|e| {
        let value = e.measured.figures().0?;
        Some(
            value
                .bounds
                .map_or(value.mean, |(_, high)| high.min(value.mean * 2.0)),
        )
    });
    let most = entries
        .iter()
        .flat_map(&rounds)
        .chain(highs)
        .fold(0.0, f64::max);
    let unit = Unit::of(mode, most);
    let axis = Axis::linear(unit.scaled(most));
    let baseline = entries.iter().find(|e| e.lane.kind == LaneKind::Direct);
    let baseline = baseline
        .and_then(|e| e.measured.figures().0)
        .map(|v| unit.scaled(v.mean));
    let what = match mode {
        Mode::Ping => "Median round trip",
        Mode::Open => "Tunnels opened",
        _ => "Throughput",
    };
    html! {
        figure.card {
            figcaption {
                strong { (what) ", " (unit.name) }
                " mean of the rounds with its 95 % interval; dots are rounds"
                @if baseline.is_some() { ", the dashed line is direct" }
            }
            div.bars {
                @for e in entries {
                    @let value = e.measured.figures().0;
                    div.lane title=(e.lane.name) { (e.key.swatch()) span { (e.lane.name) } }
                    div.value {
                        @match value {
                            Some(value) => {
                                b { (unit.figure(value.mean)) }
                                @if let Some((low, high)) = value.bounds {
                                    small { (unit.figure(low)) "–" (unit.figure(high)) }
                                }
                            }
                            None if queue(e) => small.bad { "overloaded" },
                            None => small.bad { "failed" },
                        }
                    }
                    svg class={ "plot bar " (e.key.class()) } role="img" aria-label={ (e.lane.name) ", " (title(mode)) } {
                        (grid(&axis))
                        @if let Some(value) = value {
                            @let place = |v: f64| percent(axis.place(unit.scaled(v)));
                            rect.fill x="0" y="10" width=(place(value.mean)) height="20" {
                                title { (e.lane.name) ": " (unit.with_name(value.mean)) }
                            }
                            @if let Some((low, high)) = value.bounds {
                                g.whisker {
                                    title { (e.lane.name) ", 95 %: " (unit.figure(low)) " to " (unit.with_name(high)) }
                                    line x1=(place(low)) x2=(place(high)) y1="20" y2="20" {}
                                    line x1=(place(low)) x2=(place(low)) y1="15" y2="25" {}
                                    line x1=(place(high)) x2=(place(high)) y1="15" y2="25" {}
                                }
                            }
                            @for (n, round) in rounds(e).into_iter().enumerate() {
                                circle.round cx=(place(round)) cy="20" r="2.5" {
                                    title { (e.lane.name) ", round " (n + 1) ": " (unit.with_name(round)) }
                                }
                            }
                        }
                        @if let Some(baseline) = baseline {
                            @let x = percent(axis.place(baseline));
                            line.baseline x1=(x) x2=(x) y1="0" y2="100%" {}
                        }
                    }
                }
                (ticks(&axis, unit))
            }
        }
    }
}

/// The lines of the ticks, within a lane's plot.
pub fn grid(axis: &Axis) -> Markup {
    html! {
        @for value in &axis.ticks {
            @let x = percent(axis.place(*value));
            line.grid x1=(x) x2=(x) y1="0" y2="100%" {}
        }
    }
}

/// The numbers of the ticks, below all plots.
pub fn ticks(axis: &Axis, unit: Unit) -> Markup {
    html! {
        div.ticks {
            @for value in &axis.ticks {
                span style={ "left:" (percent(axis.place(*value))) } { (tick(*value)) }
            }
        }
        div.unit { (unit.name) }
    }
}
