//! Bars made of parts: where set-up time, CPU time and memory go.

use super::Entry;
use super::axis::{Axis, percent};
use super::bars::{grid, ticks};
use super::unit::Unit;
use crate::bench::report::Cpu;
use crate::ui::bench::units::cpu_per_gib;
use maud::{Markup, html};
use std::time::Duration;

/// Colours of parts (see style.css).
const COLOURS: usize = 6;
/// Width of a chart where there is least room, of a letter, and of what is left free at the ends: in pixels.
const WIDTH: f64 = 245.0;
const LETTER: f64 = 6.6;
const ENDS: f64 = 9.0;

struct Part {
    name: String,
    value: f64,
    /// What else is known of it.
    more: String,
}

struct Row<'a> {
    entry: &'a Entry<'a>,
    parts: Vec<Part>,
}

/// The phases of opening a tunnel.
pub fn phases(entries: &[Entry<'_>]) -> Markup {
    let timed = entries.iter().filter(|e| !e.measured.overloaded());
    let rows = timed.filter_map(|entry| {
        let named = entry.measured.phases.as_ref()?.named();
        let parts = named
            .into_iter()
            .filter(|(_, h)| !h.is_empty())
            .map(|(name, h)| {
                let at = |q: f64| h.value_at_quantile(q) as f64;
                Part {
                    name: name.replace('_', " "),
                    value: h.mean(),
                    more: format!("p50 {}, p99 {}", time(at(0.5)), time(at(0.99))),
                }
            });
        Some(Row {
            entry,
            parts: parts.collect(),
        })
    });
    figure(
        "Where the time of an open goes",
        "mean of each phase",
        rows.collect(),
        Unit::time,
    )
}

fn time(nanoseconds: f64) -> String {
    Unit::time(nanoseconds).with_name(nanoseconds)
}

/// CPU time for what went through.
pub fn cpu(entries: &[Entry<'_>]) -> Markup {
    let rows = entries.iter().filter_map(|entry| {
        let cpu = entry.measured.cpu();
        let all = cpu.total().as_secs_f64();
        let per_gib = cpu_per_gib(&entry.measured.rounds).filter(|_| all > 0.0)?;
        let parts = named(&cpu).into_iter().filter(|(_, used)| !used.is_zero());
        let parts = parts.map(|(name, used)| Part {
            name: name.into(),
            value: used.as_secs_f64() / all * per_gib,
            more: format!("{:.0} % of it", used.as_secs_f64() / all * 100.0),
        });
        Some(Row {
            entry,
            parts: parts.collect(),
        })
    });
    figure(
        "CPU time per GiB",
        "of everybody known; they share the machine's cores",
        rows.collect(),
        |_| Unit::plain("CPU s/GiB"),
    )
}

fn named(cpu: &Cpu) -> [(&'static str, Duration); 4] {
    [
        ("generator", cpu.load),
        ("target", cpu.target),
        ("embedded proxy", cpu.embedded),
        ("others", cpu.others),
    ]
}

/// Memory of an idle tunnel by process.
pub fn memory(entries: &[Entry<'_>]) -> Markup {
    let rows = entries.iter().filter_map(|entry| {
        let held = entry.measured.held.as_ref().filter(|h| h.opened > 0)?;
        let parts = held.memory.iter().map(|(name, memory)| Part {
            name: name.clone(),
            value: (memory.grown() as f64 / held.opened as f64).max(0.0),
            more: format!("{} tunnels", held.opened),
        });
        Some(Row {
            entry,
            parts: parts.collect(),
        })
    });
    figure(
        "Memory of an idle tunnel",
        "by process; what shrank counts as 0 here",
        rows.collect(),
        Unit::octets,
    )
}

fn figure(heading: &str, note: &str, rows: Vec<Row<'_>>, unit: impl Fn(f64) -> Unit) -> Markup {
    let total = |row: &Row<'_>| row.parts.iter().map(|p| p.value).sum::<f64>();
    let most = rows.iter().map(total).fold(0.0, f64::max);
    if most <= 0.0 {
        return html! {};
    }
    let unit = unit(most);
    let axis = Axis::linear(unit.scaled(most));
    let mut names: Vec<&str> = Vec::new();
    for part in rows.iter().flat_map(|row| &row.parts) {
        if !names.contains(&part.name.as_str()) {
            names.push(&part.name);
        }
    }
    let class = |name: &str| {
        let n = names.iter().position(|n| *n == name).unwrap_or(0);
        format!("p{}", n % COLOURS)
    };
    html! {
        figure.card {
            figcaption { strong { (heading) ", " (unit.name) } " " (note) }
            ul.legend {
                @for name in &names { li { i class=(class(name)) {} (name) } }
            }
            div.bars {
                @for row in &rows {
                    @let name = &row.entry.lane.name;
                    div.lane title=(name) { (row.entry.key.swatch()) span { (name) } }
                    div.value { b { (unit.figure(total(row))) } }
                    svg.plot.bar role="img" aria-label={ (name) ", " (heading) } {
                        (grid(&axis))
                        @for (part, from) in placed(&row.parts) {
                            @let place = |v: f64| axis.place(unit.scaled(v));
                            @let width = place(from + part.value) - place(from);
                            svg.part x=(percent(place(from))) y="8" width=(percent(width)) height="24" {
                                title { (name) ", " (part.name) ": " (unit.with_name(part.value)) " (" (part.more) ")" }
                                rect class=(class(&part.name)) width="100%" height="100%" {}
                                @if width * WIDTH > part.name.len() as f64 * LETTER + ENDS { text x="6" y="16.5" { (part.name) } }
                            }
                        }
                    }
                }
                (ticks(&axis, unit))
            }
        }
    }
}

/// Parts with where each begins.
fn placed(parts: &[Part]) -> impl Iterator<Item = (&Part, f64)> {
    parts.iter().scan(0.0, |sum, part| {
        let from = *sum;
        *sum += part.value;
        Some((part, from))
    })
}
