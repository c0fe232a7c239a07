//! The report of an examination: for people, and as JSON; and what is drawn meanwhile.

mod text;

pub use text::text;

use crate::base::Setup;
use crate::carrier::Carrier;
use crate::doctor::Report;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use std::time::Duration;

/// A line on stderr that says what is looked at; on a terminal only.
pub struct Progress(ProgressBar);

impl Progress {
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Progress(bar)
    }

    pub fn step(&self, what: &str) {
        self.0.set_message(format!("looking at {what}"));
    }
}

impl Default for Progress {
    fn default() -> Self {
        Progress::new()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// The stable object; `tuncat doctor --help` documents its words.
pub fn json(report: &Report) -> Value {
    let identity = &report.identity;
    let interception = &report.interception;
    json!({
        "proxy": report.proxy,
        "target": report.target,
        "tls": report.tls.as_ref().map(|t| json!({
            "version": t.version,
            "alpn": t.alpn,
            "subject": t.subject,
            "issuer": t.issuer,
            "trusted": t.trusted,
            "problem": t.problem,
            "pin": t.pin,
        })),
        "identity": {
            "server": identity.signature.server,
            "via": identity.signature.via,
            "proxy_agent": identity.signature.agent,
            "proxy_status": identity.signature.proxy_status,
            "product": identity.product,
        },
        "auth": {
            "required": report.auth.required,
            "challenges": report.auth.challenges,
            "sent": report.auth.sent,
            "accepted": report.auth.accepted,
        },
        "ways": report.ways.iter().map(|w| json!({
            "carrier": name(w.carrier),
            "target": w.target,
            "verdict": w.verdict.name(),
            "status": w.status,
            "proxy_status": w.token,
            "setup_ms": w.setup.map(setup),
            "why": w.why,
        })).collect::<Value>(),
        "ports": report.ports.iter().map(|p| json!({
            "port": p.port,
            "verdict": p.verdict.name(),
            "status": p.status,
            "why": p.why,
        })).collect::<Value>(),
        "interception": {
            "verdict": interception.verdict,
            "issuer": interception.issuer,
            "why": interception.why,
        },
        "buffering": report.buffering.iter().map(|b| json!({
            "carrier": name(b.carrier),
            "request": b.request,
            "request_bytes": b.request_bytes,
            "answer": b.answer,
            "answer_bytes": b.answer_bytes,
            "why": b.why,
        })).collect::<Value>(),
        "ends": report.ends.iter().map(|e| json!({
            "carrier": name(e.carrier),
            "client_first": e.client_first,
            "target_first": e.target_first,
            "target_reset": e.target_reset,
            "client_reset": e.client_reset,
            "why": e.why,
        })).collect::<Value>(),
        "idle": report.idle.as_ref().map(|all| all.iter().map(|i| json!({
            "carrier": name(i.carrier),
            "verdict": i.verdict,
            "after_s": i.after_s,
            "alive_s": i.alive_s,
        })).collect::<Value>()),
        "direct": report.direct.as_ref().map(|d| json!({
            "reachable": d.reachable,
            "why": d.why,
        })),
        "findings": report.findings.iter().map(|f| json!({
            "code": f.code.name(),
            "severity": f.code.severity().name(),
            "text": f.text,
            "hint": f.hint,
        })).collect::<Value>(),
        "best": report.best.as_ref().map(|b| json!({
            "carrier": name(b.carrier),
            "command": b.command,
            "ssh_config": b.ssh_config,
        })),
        "ask": report.ask,
        "exit_code": report.exit_code,
    })
}

fn name(carrier: Carrier) -> String {
    carrier.to_string()
}

fn setup(setup: Setup) -> Value {
    let ms = |d: Duration| (d.as_secs_f64() * 1e6).round() / 1e3;
    json!({
        "resolve": ms(setup.resolve),
        "tcp": ms(setup.tcp),
        "tls": ms(setup.tls),
        "request": ms(setup.request),
        "total": ms(setup.total()),
    })
}
