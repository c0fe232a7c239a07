//! Tables below the charts: percentiles, and what became of idle tunnels.

use super::Entry;
use super::unit::{Unit, data};
use crate::ui::bench::units::{ENOUGH_FOR_P999, figure};
use hdrhistogram::Histogram;
use maud::{Markup, html};

/// Percentiles of every lane, in one unit.
pub fn table(entries: &[Entry<'_>]) -> Markup {
    let latencies = entries.iter().filter_map(|e| e.measured.service_latency());
    let medians = latencies.map(|l| l.best().value_at_quantile(0.5) as f64);
    let unit = Unit::time(medians.fold(0.0, f64::max));
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th { "Latency, " (unit.name) }
                        @for name in ["n", "min", "p50", "p90", "p95", "p99", "p99.9", "max"] { th.n { (name) } }
                    }
                }
                tbody {
                    @for e in entries {
                        @match (e.measured.service_latency(), &e.measured.pace) {
                            (Some(latency), pace) => {
                                @let late = pace.as_ref().map(|p| p.scheduler_p99 as f64);
                                (row(e, if pace.is_some() { ", corrected" } else { "" }, latency.best(), unit))
                                @if latency.corrected.is_some() {
                                    (row(e, ", uncorrected", &latency.uncorrected, unit))
                                }
                                @if let (Some(pace), Some(late)) = (pace, late) {
                                    tr.note {
                                        td colspan="9" {
                                            (figure(pace.achieved)) " of " (figure(pace.offered)) " per s achieved; 99 % began no more than "
                                            (Unit::time(late).with_name(late)) " late for want of our own speed"
                                        }
                                    }
                                }
                            }
                            (None, Some(pace)) => tr {
                                th scope="row" { span.name { (e.key.swatch()) (e.lane.name) } }
                                td colspan="8" {
                                    span.chip.bad { "overloaded" }
                                    " " (figure(pace.achieved)) " of " (figure(pace.offered))
                                    " per s achieved: times would be those of a queue and are not given"
                                }
                            },
                            (None, None) => {}
                        }
                    }
                }
            }
        }
    }
}

fn row(e: &Entry<'_>, kind: &str, h: &Histogram<u64>, unit: Unit) -> Markup {
    if h.is_empty() {
        return html! {};
    }
    let cell = |nanoseconds: u64| {
        let exact = nanoseconds as f64 / 1e3;
        html! { td.n { (data("us", exact, &unit.figure(nanoseconds as f64))) } }
    };
    html! {
        tr {
            th scope="row" { span.name { (e.key.swatch()) (e.lane.name) } small { (kind) } }
            td.n { (h.len()) }
            (cell(h.min()))
            @for quantile in [0.5, 0.9, 0.95, 0.99] { (cell(h.value_at_quantile(quantile))) }
            @if h.len() >= ENOUGH_FOR_P999 {
                (cell(h.value_at_quantile(0.999)))
            } @else {
                td.n title="needs 10,000 samples" { "–" }
            }
            (cell(h.max()))
        }
    }
}

/// Idle tunnels that were asked for, that opened and that lived on.
pub fn held(entries: &[Entry<'_>]) -> Markup {
    let rows: Vec<_> = entries
        .iter()
        .filter_map(|e| Some((e, e.measured.held.as_ref()?)))
        .collect();
    html! {
        div.scroll {
            table {
                thead {
                    tr {
                        th { "Idle tunnels" }
                        th.n { "asked for" } th.n { "opened" } th.n { "survived" } th.n { "idle, s" }
                        th.n { "kB per tunnel" }
                        th { "resident memory before → with them, by process" }
                    }
                }
                tbody {
                    @for (e, held) in &rows {
                        tr {
                            th scope="row" { span.name { (e.key.swatch()) (e.lane.name) } }
                            td.n { (held.wanted) }
                            td.n.bad[held.opened < held.wanted] { (held.opened) }
                            td.n.bad[held.survived < held.opened] { (held.survived) }
                            td.n { (figure(held.idle.as_secs_f64())) }
                            td.n {
                                @match held.per_tunnel() {
                                    Some(octets) => (data("octets", octets, &figure(octets / 1e3))),
                                    None => "–",
                                }
                            }
                            td {
                                @for (n, (process, memory)) in held.memory.iter().enumerate() {
                                    @if n > 0 { ", " }
                                    @let (before, after) = (memory.before as f64, memory.after as f64);
                                    (process) " " (figure(before / 1e6)) " → " (figure(after / 1e6)) " MB"
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
