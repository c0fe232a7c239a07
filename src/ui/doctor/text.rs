//! The report for people. Colours come only where stdout is a terminal.

use crate::doctor::Report;
use crate::doctor::code::Severity;
use crate::doctor::report::{PortVerdict, Verdict};
use console::{StyledObject, style};
use std::fmt::Write;
use std::time::Duration;

/// All of it, with a line feed at the end.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    head(&mut out, report);
    ways(&mut out, report);
    ports(&mut out, report);
    inside(&mut out, report);
    findings(&mut out, report);
    advice(&mut out, report);
    out
}

/// Writing to a string does not fail.
macro_rules! line {
    ($out:expr, $($part:tt)*) => {{ let _ = writeln!($out, $($part)*); }};
}

fn title(out: &mut String, text: &str) {
    line!(out, "\n{}", style(text).bold());
}

fn head(out: &mut String, report: &Report) {
    let product = report.identity.product.map(|p| format!(", {p}"));
    line!(
        out,
        "Proxy   {}{}",
        report.proxy,
        product.unwrap_or_default()
    );
    if let Some(target) = &report.target {
        line!(out, "Target  {target}");
    }
    let signature = &report.identity.signature;
    for (name, value) in [
        ("Server", &signature.server),
        ("Via", &signature.via),
        ("Agent", &signature.agent),
    ] {
        if let Some(value) = value {
            line!(out, "{name:<7} {value}");
        }
    }
    if let Some(tls) = &report.tls {
        let alpn = tls.alpn.as_deref().unwrap_or("no ALPN");
        line!(
            out,
            "TLS     {}, {alpn}, {}",
            tls.version,
            trust(tls.trusted)
        );
        line!(out, "        {}, signed by {}", tls.subject, tls.issuer);
    }
    for challenge in &report.auth.challenges {
        line!(out, "Auth    asks for {challenge}");
    }
    match report.auth.accepted {
        Some(true) => line!(out, "Auth    the credentials are accepted"),
        Some(false) => line!(out, "Auth    the credentials are turned down"),
        None => {}
    }
}

fn trust(trusted: bool) -> &'static str {
    match trusted {
        true => "trusted",
        false => "not trusted",
    }
}

fn ways(out: &mut String, report: &Report) {
    if report.ways.is_empty() {
        return;
    }
    title(out, "Ways");
    for way in &report.ways {
        let word = verdict(way.verdict);
        let cost = way.setup.map(|s| format!("{:.1} ms", millis(s.total())));
        let detail = cost.or_else(|| way.why.clone()).unwrap_or_default();
        line!(out, "  {:<8} {word:<19} {detail}", way.carrier.to_string());
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn verdict(verdict: Verdict) -> StyledObject<&'static str> {
    let word = style(verdict.name());
    match verdict {
        Verdict::Open | Verdict::Spoken => word.green(),
        Verdict::Unsupported | Verdict::NotTried => word.dim(),
        Verdict::AuthRequired => word.yellow(),
        _ => word.red(),
    }
}

fn ports(out: &mut String, report: &Report) {
    if report.ports.is_empty() {
        return;
    }
    title(out, "Ports that CONNECT may go to");
    let mut said = "";
    for port in &report.ports {
        let word = style(port.verdict.name());
        let word = match port.verdict {
            PortVerdict::Open | PortVerdict::NotRefused => word.green(),
            PortVerdict::Refused => word.red(),
            PortVerdict::Unknown => word.dim(),
        };
        let why = port.why.as_deref().unwrap_or_default();
        let shown = if why == said { "the same" } else { why };
        said = why;
        line!(out, "  {:<8} {word:<19} {shown}", port.port);
    }
}

fn inside(out: &mut String, report: &Report) {
    if report.ways.is_empty() {
        return;
    }
    title(out, "Inside tunnels");
    let seen = &report.interception;
    line!(out, "  TLS is intercepted: {}; {}", seen.verdict, seen.why);
    for b in &report.buffering {
        let of = |word: &str, octets: Option<u64>| match octets {
            Some(n) => format!("{word} ({n} bytes)"),
            None => word.to_owned(),
        };
        let why = b.why.as_ref().map(|why| format!("; {why}"));
        line!(
            out,
            "  {} held back: request {}, answer {}{}",
            b.carrier,
            of(b.request, b.request_bytes),
            of(b.answer, b.answer_bytes),
            why.unwrap_or_default()
        );
    }
    for e in &report.ends {
        let why = e.why.as_ref().map(|why| format!("; {why}"));
        line!(
            out,
            "  {} ends: ours first {}, the target's first {}; resets: the target's {}, ours {}{}",
            e.carrier,
            e.client_first,
            e.target_first,
            e.target_reset,
            e.client_reset,
            why.unwrap_or_default()
        );
    }
    for i in report.idle.iter().flatten() {
        let after = i.after_s.map(|s| format!(" after {s:.1} s"));
        line!(
            out,
            "  {} left alone: {}{}",
            i.carrier,
            i.verdict,
            after.unwrap_or_default()
        );
    }
    if let Some(direct) = &report.direct {
        line!(out, "  without the proxy: {}", direct.why);
    }
}

fn findings(out: &mut String, report: &Report) {
    if report.findings.is_empty() {
        return;
    }
    title(out, "Findings");
    for finding in &report.findings {
        let severity = finding.code.severity();
        let word = style(severity.name());
        let word = match severity {
            Severity::Problem => word.red(),
            Severity::Warning => word.yellow(),
            Severity::Info => word.dim(),
        };
        line!(
            out,
            "  {word:<8} {} [{}]",
            finding.text,
            finding.code.name()
        );
        if let Some(hint) = &finding.hint {
            line!(out, "           {hint}");
        }
    }
}

fn advice(out: &mut String, report: &Report) {
    if let Some(best) = &report.best {
        title(out, "Best way");
        line!(out, "  {}", best.command);
        title(out, "For ~/.ssh/config");
        line!(out, "{}", best.ssh_config);
    }
    if !report.ask.is_empty() {
        title(out, "Ask the proxy's administrator");
        report.ask.iter().for_each(|sentence| {
            line!(out, "  {sentence}");
        });
    }
}
