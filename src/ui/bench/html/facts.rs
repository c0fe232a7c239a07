//! What the figures are about: the machine, the settings, what speaks against them, what failed.

use crate::bench::report::Report;
use crate::ui::bench::units::figure;
use maud::{Markup, html};
use std::time::{Duration, UNIX_EPOCH};

/// The head of the page, with what a reader has to know before any figure.
pub fn header(report: &Report) -> Markup {
    let e = &report.environment;
    let doubts = e.doubts();
    let began = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(e.began));
    html! {
        header {
            h1 { "tuncat bench" }
            p.sub {
                "To " b { (report.settings.target) } " (" (report.settings.far.name()) ") on " (began) ", in "
                (figure(report.elapsed.as_secs_f64())) " s"
            }
            @match doubts.is_empty() {
                true => p.verdict.good { "Publishable: release build, and nothing else used the machine." },
                false => p.verdict.bad { "Not publishable: " (doubts.join("; ")) "." },
            }
            @if !report.warnings.is_empty() {
                ul.warnings { @for warning in &report.warnings { li { (warning) } } }
            }
        }
    }
}

/// Failures by class, where there were any.
pub fn failures(report: &Report) -> Markup {
    let lanes = report.lanes.iter();
    let all = lanes.flat_map(|lane| lane.measured.iter().map(move |m| (lane, m)));
    let all = all.flat_map(|(lane, m)| m.errors.iter().map(move |(class, e)| (lane, m, class, e)));
    let all: Vec<_> = all.collect();
    html! {
        @if !all.is_empty() {
            section id="failures" {
                h2 { "Failures" }
                div.scroll {
                    table {
                        thead { tr { th { "Way" } th { "Mode" } th.n { "Count" } th { "Class" } th { "The first one" } } }
                        tbody {
                            @for (lane, measured, class, (count, first)) in all {
                                tr { td { span.name { (lane.name) } } td { (measured.mode) } td.n { (count) } td { (class) } td { (first) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Environment and settings.
pub fn where_and_how(report: &Report) -> Markup {
    html! {
        section id="environment" {
            h2 { "Where and how" }
            div.pair {
                (list("Environment", &environment(report)))
                (list("Settings", &settings(report)))
            }
            p.about {
                "Generator, proxy and target share this machine's cores wherever they run on it. Every way has its turn in every round, so \
                 what the machine does besides hits all of them. Warm-ups count in no figure; CPU time includes them."
            }
        }
    }
}

type Facts = Vec<(&'static str, String)>;

fn list(heading: &str, facts: &Facts) -> Markup {
    html! {
        div.card {
            h3 { (heading) }
            dl { @for (name, value) in facts { dt { (name) } dd { (value) } } }
        }
    }
}

fn environment(report: &Report) -> Facts {
    let e = &report.environment;
    let [one, five, fifteen] = e.load_average;
    let mut facts = vec![
        ("tuncat", format!("{}, {} build", e.version, e.build)),
        ("system", format!("{}, kernel {}", e.target, e.kernel)),
        ("processor", format!("{} cores, {}", e.cores, e.cpu)),
        ("governor", e.governor.clone()),
        (
            "load average before",
            format!("{one:.2}, {five:.2}, {fifteen:.2} (1, 5, 15 min)"),
        ),
        ("congestion control", e.congestion_control.clone()),
        ("loopback MTU", format!("{} bytes", e.loopback_mtu)),
    ];
    for (process, share) in &e.disturbances {
        facts.push((
            "disturbed by",
            format!("{process}, {:.0} % of a core", share * 100.0),
        ));
    }
    facts
}

fn settings(report: &Report) -> Facts {
    let s = &report.settings;
    let seconds = |time: Duration| format!("{} s", figure(time.as_secs_f64()));
    let modes: Vec<_> = s.modes.iter().map(|mode| mode.name()).collect();
    let amount = match s.octets {
        Some(octets) => ("amount", format!("{octets} bytes each stream and turn")),
        None => (
            "time",
            format!(
                "{} each way and mode, after {} of warm-up each turn",
                seconds(s.time),
                seconds(s.warm_up)
            ),
        ),
    };
    let load = match s.rate {
        Some(rate) => format!("open loop, {rate} per s"),
        None => "closed loop".into(),
    };
    vec![
        ("modes", modes.join(", ")),
        ("rounds", s.rounds.to_string()),
        amount,
        (
            "at a time",
            format!("{} tunnels for streams, pings and opens", s.streams),
        ),
        ("pings and opens", load),
        ("ping", format!("{} bytes", s.message)),
        (
            "idle tunnels",
            format!("{} for {}", s.tunnels, seconds(s.hold)),
        ),
        ("limit of an answer", seconds(s.limit)),
    ]
}
