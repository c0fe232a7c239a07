//! The figures as one page that needs nothing else: no script, no font, no network. Charts are SVG in percent of their
//! place, so that the page fits a telephone as well, and colours are variables, so that it follows the system's light
//! or dark: a plotting library draws for one size and one background.

mod axis;
mod bars;
mod facts;
mod figures;
mod key;
mod latency;
mod over_time;
mod percentiles;
mod stack;
mod unit;

use crate::bench::report::{LaneReport, Measured, Mode, Report, Verified};
use crate::ui::bench::html::key::Key;
use crate::ui::bench::json;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("html/style.css");
/// It asks for nothing, and may not: not even what somebody managed to write into it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// One mode of a lane, with how the lane is drawn.
struct Entry<'a> {
    key: Key,
    lane: &'a LaneReport,
    measured: &'a Measured,
}

/// The whole page.
pub fn page(report: &Report) -> String {
    let data = BASE64_STANDARD.encode(json::object(report).to_string());
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="color-scheme" content="light dark";
                title { "tuncat bench: " (names(report)) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                (key::patterns())
                (facts::header(report))
                main {
                    (figures::section(report))
                    (modes(report))
                    (facts::failures(report))
                    (facts::where_and_how(report))
                }
                footer {
                    a href={ "data:application/json;base64," (data) } download="tuncat-bench.json" {
                        "All figures as JSON"
                    }
                    " · written by " code { "tuncat bench --html" } ", version " (report.environment.version)
                }
            }
        }
    };
    markup.into_string()
}

fn names(report: &Report) -> String {
    let names = report.lanes.iter().map(|lane| lane.name.as_str());
    names.collect::<Vec<_>>().join(", ")
}

fn entries(report: &Report, mode: Mode) -> Vec<Entry<'_>> {
    let lanes = report.lanes.iter().enumerate();
    let entries = lanes.filter_map(|(n, lane)| {
        let measured = lane.measured.iter().find(|m| m.mode == mode)?;
        Some(Entry {
            key: Key::of(report, n),
            lane,
            measured,
        })
    });
    entries.collect()
}

fn modes(report: &Report) -> Markup {
    html! {
        @for mode in &report.settings.modes {
            @let entries = entries(report, *mode);
            @if !entries.is_empty() {
                section id=(mode.name()) {
                    h2 { (title(*mode)) }
                    p.about { (about(*mode, &entries, report)) }
                    (charts(*mode, &entries))
                }
            }
        }
    }
}

fn charts(mode: Mode, entries: &[Entry<'_>]) -> Markup {
    html! {
        @match mode {
            Mode::Upload | Mode::Download | Mode::RoundTrip => {
                div.pair {
                    (bars::figure(mode, entries))
                    (stack::cpu(entries))
                }
                (over_time::figure(entries))
            }
            Mode::Ping => {
                div.pair {
                    (bars::figure(mode, entries))
                    (percentiles::figure(entries))
                }
                (latency::table(entries))
            }
            Mode::Open => {
                div.pair {
                    (bars::figure(mode, entries))
                    (stack::phases(entries))
                }
                (percentiles::figure(entries))
                (latency::table(entries))
            }
            Mode::Hold => {
                (stack::memory(entries))
                (latency::held(entries))
            }
        }
    }
}

fn title(mode: Mode) -> &'static str {
    match mode {
        Mode::Upload => "Upload",
        Mode::Download => "Download",
        Mode::RoundTrip => "Round trip",
        Mode::Ping => "Ping",
        Mode::Open => "Open",
        Mode::Hold => "Hold",
    }
}

fn about(mode: Mode, entries: &[Entry<'_>], report: &Report) -> String {
    let what = match mode {
        Mode::Upload => "Throughput towards the target; higher is better.".into(),
        Mode::Download => "Throughput from the target; higher is better.".into(),
        Mode::RoundTrip => {
            "Throughput to an echo and back, each byte counted once; higher is better.".into()
        }
        Mode::Ping => format!(
            "The time of {} bytes to an echo and back; lower is better.",
            report.settings.message
        ),
        Mode::Open => {
            "Tunnels opened per second, each to its first byte back; higher is better.".into()
        }
        Mode::Hold => {
            "Resident memory of an idle tunnel, of all processes known; lower is better.".into()
        }
    };
    let more = match mode {
        Mode::Upload | Mode::Download | Mode::RoundTrip => checked(entries),
        Mode::Ping | Mode::Open => match report.settings.rate {
            Some(rate) => format!(
                " Open loop: {rate} begin per second whatever became of those before, and times count from the \
                 intended start (corrected)."
            ),
            None => " Closed loop, so latency under self-throttling: each waits for the one before, and a stall \
                     hides what it delayed."
                .into(),
        },
        Mode::Hold => String::new(),
    };
    what + &more
}

fn checked(entries: &[Entry<'_>]) -> String {
    let sent_only = |e: &&Entry<'_>| e.measured.verified == Verified::SentOnly;
    match entries.iter().find(sent_only) {
        None => " Every byte was checked, and the totals of both ends agree.".into(),
        Some(_) => " The target tells nothing: only what was sent is known.".into(),
    }
}
