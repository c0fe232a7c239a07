//! Latency by percentile, the tail stretched: each nine takes as much room as the one before.

use super::Entry;
use super::axis::{Axis, percent};
use super::over_time::{y_grid, y_ticks};
use super::unit::Unit;
use hdrhistogram::Histogram;
use maud::{Markup, html};

/// A percentile is drawn while so many samples lie beyond it: fewer say nothing about it.
const BEYOND: f64 = 10.0;
/// Points of a curve for each nine.
const POINTS: f64 = 24.0;
/// Where marks stand.
const MARKED: [f64; 6] = [0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999];

struct Curve<'a> {
    entry: &'a Entry<'a>,
    times: &'a Histogram<u64>,
    /// From the actual start, where there is one from the intended start, too.
    uncorrected: bool,
}

impl Curve<'_> {
    /// How many nines it can show.
    fn nines(&self) -> f64 {
        (self.times.len() as f64 / BEYOND).log10().max(0.0)
    }

    fn at(&self, nines: f64) -> f64 {
        self.times.value_at_quantile(1.0 - 10_f64.powf(-nines)) as f64
    }

    fn label(&self) -> String {
        match self.uncorrected {
            true => format!("{}, uncorrected", self.entry.lane.name),
            false => self.entry.lane.name.clone(),
        }
    }
}

pub fn figure(entries: &[Entry<'_>]) -> Markup {
    let curves = curves(entries);
    let nines = curves.iter().map(Curve::nines).fold(0.0, f64::max);
    if nines <= 0.0 {
        return html! {};
    }
    let low = curves.iter().map(|c| c.at(0.0)).fold(f64::MAX, f64::min);
    let high = curves.iter().map(|c| c.at(c.nines())).fold(0.0, f64::max);
    let unit = Unit::time(high);
    let (low, high) = (unit.scaled(low), unit.scaled(high));
    let (y, scale) = match high / low.max(f64::MIN_POSITIVE) > 8.0 {
        true => (Axis::logarithmic(low, high), "logarithmic"),
        false => (Axis::linear(high), "linear"),
    };
    let corrected = curves.iter().any(|c| c.uncorrected);
    html! {
        figure.card {
            figcaption {
                strong { "Latency by percentile, " (unit.name) }
                " ends where fewer than 10 samples lie beyond"
                @if corrected { "; solid from the intended start (corrected), dashed from the actual one (uncorrected)" }
            }
            ul.legend {
                @for e in entries { li { (e.key.swatch()) (e.lane.name) @if e.measured.overloaded() { small.bad { " overloaded: not drawn" } } } }
            }
            div.chart {
                (y_ticks(&y))
                svg.plot role="img" aria-label="latency by percentile" {
                    (y_grid(&y))
                    @for (place, _) in marks(nines) {
                        line.grid x1=(percent(place)) x2=(percent(place)) y1="0" y2="100%" {}
                    }
                    svg viewBox="0 0 1000 1000" preserveAspectRatio="none" width="100%" height="100%" {
                        @for curve in &curves { (line(curve, nines, unit, &y)) }
                    }
                    @for curve in &curves { (points(curve, nines, unit, &y)) }
                }
                div.x {
                    span style="left:0" { "min" }
                    @for (place, quantile) in marks(nines) {
                        span style={ "left:" (percent(place)) } { (name(quantile)) }
                    }
                }
            }
            p.axis { "horizontal: percentile, 1/(1−p) on a logarithmic scale; vertical: " (unit.name) ", " (scale) }
        }
    }
}

fn curves<'a>(entries: &'a [Entry<'a>]) -> Vec<Curve<'a>> {
    let mut curves = Vec::new();
    for entry in entries {
        let Some(latency) = entry.measured.service_latency() else {
            continue;
        };
        if latency.corrected.is_some() {
            curves.push(Curve {
                entry,
                times: &latency.uncorrected,
                uncorrected: true,
            });
        }
        curves.push(Curve {
            entry,
            times: latency.best(),
            uncorrected: false,
        });
    }
    curves.retain(|curve| !curve.times.is_empty());
    curves
}

fn line(curve: &Curve<'_>, nines: f64, unit: Unit, y: &Axis) -> Markup {
    let count = (curve.nines() * POINTS).ceil().max(1.0);
    let points = (0..=count as u32).map(|n| {
        let at = (f64::from(n) / count) * curve.nines();
        let height = y.place(unit.scaled(curve.at(at)));
        format!("{:.1},{:.1}", at / nines * 1000.0, (1.0 - height) * 1000.0)
    });
    let points = points.collect::<Vec<_>>().join(" ");
    let class = match curve.uncorrected {
        true => "curve uncorrected",
        false => "curve",
    };
    html! {
        polyline class={ (class) " " (curve.entry.key.class()) } points=(points) { title { (curve.label()) } }
    }
}

fn points(curve: &Curve<'_>, nines: f64, unit: Unit, y: &Axis) -> Markup {
    html! {
        @for (place, quantile) in marks(nines) {
            @if place * nines <= curve.nines() + 1e-9 {
                @let time = curve.times.value_at_quantile(quantile) as f64;
                @let title = format!("{}, p{}: {}", curve.label(), quantile * 100.0, unit.with_name(time));
                @let top = percent(1.0 - y.place(unit.scaled(time)));
                (curve.entry.key.mark(&percent(place), &top, curve.uncorrected, &title))
            }
        }
    }
}

/// Percentiles within so many nines, with their place.
fn marks(nines: f64) -> impl Iterator<Item = (f64, f64)> {
    let marks = MARKED
        .into_iter()
        .map(move |q| (-(1.0 - q).log10() / nines, q));
    marks.filter(|(place, _)| *place <= 1.0 + 1e-9)
}

fn name(quantile: f64) -> String {
    let digits = format!("{:.3}", quantile * 100.0);
    format!("p{}", digits.trim_end_matches('0').trim_end_matches('.'))
}
