//! The table at the top: every lane and mode at a glance.

use super::key::Key;
use super::title;
use super::unit::{Unit, data};
use crate::bench::report::{LaneReport, Measured, Mode, Report};
use crate::bench::statistics::Interval;
use crate::ui::bench::units::figure;
use maud::{Markup, html};

pub fn section(report: &Report) -> Markup {
    let modes: Vec<(Mode, Unit)> = report
        .settings
        .modes
        .iter()
        .map(|m| (*m, unit(report, *m)))
        .collect();
    html! {
        section id="figures" {
            table.figures {
                thead {
                    tr {
                        th { "Way" }
                        @for (mode, unit) in &modes {
                            th { (title(*mode)) small { (unit.name) ", " (better(*mode)) } }
                        }
                    }
                }
                tbody {
                    @for (n, lane) in report.lanes.iter().enumerate() {
                        tr {
                            th scope="row" {
                                span.name { (Key::of(report, n).swatch()) (lane.name) }
                                @if !lane.route.is_empty() { small.route { (lane.route.join(" → ")) } }
                            }
                            @match &lane.unavailable {
                                Some(why) => td.gone colspan=(modes.len().max(1)) { span.chip.bad { "no tunnel" } " " (why) },
                                None => @for (mode, unit) in &modes { (cell(lane, *mode, *unit)) },
                            }
                        }
                    }
                }
            }
            p.about {
                "Below each figure: its 95 % interval over " (report.settings.rounds) " interleaved rounds (Student's t), and the ratio to \
                 direct in the same rounds (geometric mean) with its own. Where that interval holds 1, no difference was shown."
            }
        }
    }
}

fn unit(report: &Report, mode: Mode) -> Unit {
    let measured = report.lanes.iter().flat_map(|lane| &lane.measured);
    let measured = measured.filter(|m| m.mode == mode);
    let means = measured.filter_map(|m| Some(m.figures().0?.mean));
    Unit::of(mode, means.fold(0.0, f64::max))
}

fn better(mode: Mode) -> &'static str {
    match mode {
        Mode::Ping | Mode::Hold => "lower is better",
        _ => "higher is better",
    }
}

fn cell(lane: &LaneReport, mode: Mode, unit: Unit) -> Markup {
    let measured = lane.measured.iter().find(|m| m.mode == mode);
    html! {
        td data-label={ (title(mode)) ", " (unit.name) } data-lane=(lane.name) data-mode=(mode.name()) {
            @match measured {
                Some(measured) => (figures(measured, unit)),
                None => "–",
            }
        }
    }
}

fn figures(measured: &Measured, unit: Unit) -> Markup {
    let (value, ratio) = measured.figures();
    html! {
        @match value {
            Some(value) => {
                (data("mean", value.mean, &unit.figure(value.mean)))
                @if let Some((low, high)) = value.bounds {
                    small.ci { (data("low", low, &unit.figure(low))) "–" (data("high", high, &unit.figure(high))) }
                }
            }
            None if measured.overloaded() => {}
            None => span.chip.bad { "failed" },
        }
        @if let Some(ratio) = ratio { (shown_ratio(measured.mode, ratio)) }
        @if let Some(pace) = measured.pace.as_ref().filter(|p| p.overloaded()) {
            span.chip.bad { "overloaded" }
            small.ci { (figure(pace.achieved)) " of " (figure(pace.offered)) " per s" }
        }
        @if !measured.errors.is_empty() {
            @let count: u64 = measured.errors.values().map(|(count, _)| count).sum();
            small.bad { (count) " failed" }
        }
    }
}

fn shown_ratio(mode: Mode, ratio: &Interval) -> Markup {
    let shown = format!("{}×", figure(ratio.mean));
    let lower = matches!(mode, Mode::Ping | Mode::Hold);
    // Better or worse than the direct way.
    let class = match (ratio.shows_no_difference(), (ratio.mean < 1.0) == lower) {
        (true, _) => "ratio same",
        (false, true) => "ratio better",
        (false, false) => "ratio worse",
    };
    html! {
        small class=(class) {
            @match ratio.bounds {
                Some((low, high)) => {
                    @if ratio.shows_no_difference() { "no difference shown" br; }
                    (data("factor", ratio.mean, &shown)) " "
                    span.whole { "(" (data("low", low, &figure(low))) "–" (data("high", high, &figure(high))) ")" }
                }
                None => { (data("factor", ratio.mean, &shown)) " (one round)" }
            }
        }
    }
}
