//! What is worth saying, each with a code that does not change.

mod inside;

use crate::base::{Error, Kind, Stage};
use crate::carrier::Version;
use crate::doctor::code::Code;
use crate::doctor::report::{PortVerdict, Report, Verdict, WaySeen};
use crate::doctor::{line, version};
use crate::tls::certificate::is_inspector;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub code: Code,
    pub text: String,
    pub hint: Option<String>,
}

/// In the order they were found; each code once.
#[derive(Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Problems first.
    pub fn all(mut self) -> Vec<Finding> {
        self.0
            .sort_by_key(|f| std::cmp::Reverse(f.code.severity() as u8));
        self.0
    }

    /// An empty hint is none.
    pub fn add(&mut self, code: Code, text: impl Into<String>, hint: impl Into<String>) {
        let hint = hint.into();
        self.0.push(Finding {
            code,
            text: text.into(),
            hint: (!hint.is_empty()).then_some(hint),
        });
    }

    fn has(&self, code: Code) -> bool {
        self.0.iter().any(|f| f.code == code)
    }

    /// The proxy could not be spoken to at all.
    pub fn unreachable(&mut self, error: &Error) {
        let code = match error.kind() {
            Kind::CertificateNotTrusted => Code::CertificateNotTrusted,
            Kind::TlsHandshake => Code::TlsFailed,
            _ => Code::ProxyUnreachable,
        };
        self.add(code, line(error), error.hinted().unwrap_or_default());
    }

    /// What the probes found.
    pub fn add_from(&mut self, report: &Report, errors: &[Error]) {
        self.of_errors(report, errors);
        self.of_methods(report, errors);
        self.of_ports(report);
        self.of_interception(report);
        self.of_ends(report);
        self.of_idle(report);
    }

    fn of_errors(&mut self, report: &Report, errors: &[Error]) {
        let failed = |way: &WaySeen| matches!(way.verdict, Verdict::Failed);
        let opened = report.ways.iter().any(|w| w.verdict == Verdict::Open);
        for error in errors {
            let code = match error.kind() {
                // A proxy for CONNECT may answer anything to a POST that is none of its business.
                _ if opened && error.stage() == Stage::Post && is_about_target(error) => continue,
                // It is for what takes the others.
                Kind::ProxyAuth if report.auth.accepted == Some(true) => continue,
                Kind::ProxyAuth if report.auth.sent => Code::AuthFailed,
                Kind::ProxyAuth => Code::AuthRequired,
                Kind::RateLimited => Code::RateLimited,
                // Of places of our own, a 500 is no refusal; see `ways`.
                Kind::Refused
                    if error
                        .answered()
                        .is_some_and(|a| a.status < 500 || report.target.is_some()) =>
                {
                    Code::ConnectRefused
                }
                Kind::TargetNotResolved if report.target.is_some() => Code::TargetNotResolved,
                Kind::TargetUnreachable if report.target.is_some() => Code::TargetUnreachable,
                Kind::NotHttp if report.ways.iter().all(|w| w.status.is_none()) => Code::NotHttp,
                Kind::Timeout | Kind::CannotConnect | Kind::Reset
                    if report.ways.iter().all(|w| failed(w) || w.status.is_none()) =>
                {
                    Code::ProxyUnreachable
                }
                _ => continue,
            };
            // HTTP/2 to somebody who does not speak it fails in many ways.
            let spoken_for = code == Code::NotHttp || code == Code::ProxyUnreachable;
            if self.has(code) || (spoken_for && self.has(Code::SpeaksTls)) {
                continue;
            }
            self.add(code, line(error), error.hinted().unwrap_or_default());
        }
    }

    fn of_methods(&mut self, report: &Report, errors: &[Error]) {
        let ways = &report.ways;
        let opens = |w: &&WaySeen| matches!(w.verdict, Verdict::Open | Verdict::Spoken);
        let denied = report.auth.accepted == Some(true);
        let lacks = |w: &&WaySeen| {
            w.verdict == Verdict::Unsupported || (denied && w.verdict == Verdict::AuthRequired)
        };
        let connect = || ways.iter().filter(|w| !w.carrier.is_post());
        let post = || ways.iter().filter(|w| w.carrier.is_post());
        let lacking = connect().find(|w| lacks(w) && w.status.is_some());
        if let Some(way) = lacking
            && connect().all(|w| lacks(&w) || w.verdict == Verdict::NotTried)
        {
            let why = way.why.as_deref().unwrap_or_default();
            match post().any(|w| opens(&w) || w.held.is_some()) {
                true => self.add(
                    Code::MethodUnsupported,
                    format!("CONNECT is not supported: {why}"),
                    "POST is: --via post",
                ),
                false => self.add(
                    Code::NotAProxy,
                    format!("this is no proxy that opens tunnels: CONNECT is answered {why}"),
                    "check the proxy's address and port",
                ),
            }
        }
        let http1 = connect().find(|w| w.carrier.version() == Version::Http1);
        let http2 = connect().find(|w| w.carrier.version() == Version::Http2);
        if let (Some(http1), Some(http2)) = (http1, http2)
            && (http1.status.is_some() || opens(&http1))
            && lacks(&http2)
            && http2.status.is_none()
        {
            let why = http2.why.as_deref().unwrap_or_default();
            let text = format!("{} is not spoken: {why}", version(http2.carrier));
            self.add(Code::Http2Unsupported, text, "");
        }
        self.of_buffering(report, errors);
        let held = self.has(Code::PostRequestBuffered) || self.has(Code::PostAnswerBuffered);
        let answered = post().find(|w| lacks(w) && w.status.is_some());
        if let Some(way) = answered
            && !held
            && !post().any(|w| opens(&w))
        {
            let why = way.why.as_deref().unwrap_or_default();
            let text = format!("there are no POST tunnels: {why}");
            self.add(Code::PostUnsupported, text, "see --path");
        }
    }

    fn of_ports(&mut self, report: &Report) {
        let refused = report
            .ports
            .iter()
            .filter(|p| p.verdict == PortVerdict::Refused);
        let refused: Vec<String> = refused.map(|p| p.port.to_string()).collect();
        if !refused.is_empty() {
            let allowed = report
                .ports
                .iter()
                .any(|p| matches!(p.verdict, PortVerdict::Open | PortVerdict::NotRefused));
            let hint = match allowed {
                true => "use a port that is allowed, or ask for the other one",
                false => "perhaps the name that was tried is refused, not the ports",
            };
            let text = format!("CONNECT is refused to {}", ports(&refused));
            self.add(Code::PortRefused, text, hint);
        }
    }

    fn of_interception(&mut self, report: &Report) {
        if let Some(tls) = &report.tls
            && is_inspector(&tls.issuer)
        {
            let text = format!("the proxy's own certificate is signed by {}", tls.issuer);
            self.add(Code::TlsInterceptedLikely, text, "");
        }
        let seen = &report.interception;
        let code = match seen.verdict {
            "intercepted" => Code::TlsIntercepted,
            "likely" => Code::TlsInterceptedLikely,
            _ => return,
        };
        let hint = "TLS through this proxy is read by somebody; SSH and other protocols inside the tunnel are \
                    not TLS and may be refused";
        self.add(code, seen.why.clone(), hint);
    }
}

/// It says that the target was refused, or not reached.
fn is_about_target(error: &Error) -> bool {
    let kinds = [
        Kind::Refused,
        Kind::TargetNotResolved,
        Kind::TargetUnreachable,
    ];
    kinds.contains(&error.kind())
}

fn ports(refused: &[String]) -> String {
    match refused {
        [one] => format!("port {one}"),
        all => format!("ports {}", all.join(", ")),
    }
}
