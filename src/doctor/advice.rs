//! What to type; or, where nothing works, what to ask for.

use crate::base::{Scheme, Target};
use crate::carrier::Carrier;
use crate::doctor::Settings;
use crate::doctor::code::Code;
use crate::doctor::report::{Best, PortVerdict, Report, Verdict, WaySeen};

/// Carriers in order of preference.
const PREFERENCE: [Carrier; 5] = [
    Carrier::H2,
    Carrier::H1,
    Carrier::H3,
    Carrier::H2Post,
    Carrier::H1Post,
];

/// The best way that works: first those that opened, then those that lose nothing.
pub fn best(report: &Report, settings: &Settings) -> Option<Best> {
    let works = |w: &&WaySeen| {
        w.verdict == Verdict::Open || (w.verdict == Verdict::Spoken && report.target.is_none())
    };
    let preferred = |c: Carrier| PREFERENCE.iter().position(|p| *p == c);
    let way = report.ways.iter().filter(works).min_by_key(|w| {
        let spoken = w.verdict == Verdict::Spoken;
        (spoken, defects(report, w.carrier), preferred(w.carrier))
    })?;
    let mut words = vec!["tuncat".to_owned(), "connect".to_owned()];
    words.extend(settings.words.iter().cloned());
    if !settings.only.is_empty() || !is_default(report, settings, way.carrier) {
        words.extend(["--via".into(), way.carrier.to_string()]);
    }
    let target = settings.target.as_ref();
    let place = target.map_or("HOST:PORT".into(), Target::to_string);
    let command = [words.clone(), vec![place]].concat();
    Some(Best {
        carrier: way.carrier,
        command: quoted(&command),
        ssh_config: ssh_config(target, &quoted(&words)),
    })
}

/// Faults that tunnels by this carrier were seen to have. A reply that is lost when our side ends first
/// counts least: `connect` delays its end where that may happen.
fn defects(report: &Report, carrier: Carrier) -> usize {
    let ends = report.ends.iter().filter(|e| e.carrier == carrier);
    let of_ends = ends.map(|e| {
        usize::from(matches!(
            e.client_first,
            "reply_lost" | "reply_cut" | "stalled"
        )) + usize::from(e.target_reset == "clean_end") * 2
    });
    let idle = report.idle.iter().flatten();
    let cut = idle
        .filter(|i| i.carrier == carrier)
        .any(|i| matches!(i.verdict, "cut" | "dead"));
    of_ends.sum::<usize>() + usize::from(cut)
}

/// `connect` would come to it without being told.
fn is_default(report: &Report, settings: &Settings, carrier: Carrier) -> bool {
    let lacking = |c: Carrier| {
        let mut ways = report.ways.iter();
        ways.any(|w| w.carrier == c && w.verdict == Verdict::Unsupported)
    };
    match (settings.hops.last().map(|h| h.proxy.scheme), carrier) {
        (Some(Scheme::Http), Carrier::H1) => true,
        (Some(Scheme::Https | Scheme::H2c), Carrier::H2) => true,
        (Some(Scheme::Https), Carrier::H1) => lacking(Carrier::H2),
        _ => false,
    }
}

fn ssh_config(target: Option<&Target>, command: &str) -> String {
    let (host, port) = match target {
        Some(Target::Tcp { host, port }) => (host.to_string(), *port),
        _ => ("*".into(), 22),
    };
    // ssh(1) knows an IPv6 address without brackets.
    let host = host.trim_matches(['[', ']']);
    let port = match port {
        22 => String::new(),
        port => format!("    Port {port}\n"),
    };
    // ssh_config(5): a percent sign begins a token.
    let command = command.replace('%', "%%");
    format!("Host {host}\n{port}    ProxyCommand {command} %h %p")
}

/// As a shell takes it.
fn quoted(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:=@,+-%".contains(c);
    let words = words
        .iter()
        .map(|word| match word.chars().all(plain) && !word.is_empty() {
            true => word.clone(),
            false => format!("'{}'", word.replace('\'', "'\\''")),
        });
    words.collect::<Vec<_>>().join(" ")
}

/// What stands in the way and is in the hands of whoever runs the proxy. Nothing where all works.
pub fn ask(report: &Report, settings: &Settings) -> Vec<String> {
    if best(report, settings).is_some() {
        return Vec::new();
    }
    let target = report.target.clone().unwrap_or("any target".into());
    let mut ask: Vec<String> = Vec::new();
    for finding in &report.findings {
        let sentence = match finding.code {
            Code::ConnectRefused => {
                format!(
                    "Allow CONNECT to {target}{} ({}).",
                    by(report),
                    finding.text
                )
            }
            Code::AuthRequired => format!(
                "Give me a user name and a password for the proxy: it asks for {}.",
                match report.auth.challenges.is_empty() {
                    true => "credentials and does not say which".into(),
                    false => report.auth.challenges.join(" or "),
                }
            ),
            Code::AuthFailed => {
                "Check my user name and password for the proxy: it turned them down.".into()
            }
            Code::RateLimited => "Raise the limit on requests, or tell me what it is (429).".into(),
            Code::CertificateNotTrusted => format!(
                "Give me the certificate of the authority that signed the proxy's own ({}).",
                finding.text
            ),
            Code::NotAProxy | Code::NotHttp | Code::SpeaksTls | Code::ProxyUnreachable => format!(
                "Tell me the address and port of the forward proxy: {} is not it, or does not run ({}).",
                report.proxy, finding.text
            ),
            Code::PostRequestBuffered => {
                "Turn off the buffering of requests for POST tunnels (nginx: grpc_pass or \
                 proxy_request_buffering off; HAProxy: no option http-buffer-request)."
                    .into()
            }
            Code::PostAnswerBuffered => {
                "Turn off the buffering of answers for POST tunnels (nginx: proxy_buffering off)."
                    .into()
            }
            Code::TargetUnreachable | Code::TargetNotResolved => format!(
                "Check that the proxy can reach {target} ({}).",
                finding.text
            ),
            _ => continue,
        };
        if !ask.contains(&sentence) {
            ask.push(sentence);
        }
    }
    ask
}

/// Which ports are allowed, where that helps to see what is missing.
fn by(report: &Report) -> String {
    let of = |verdict| {
        let ports = report.ports.iter().filter(move |p| p.verdict == verdict);
        ports.map(|p| p.port.to_string()).collect::<Vec<_>>()
    };
    let allowed = of(PortVerdict::NotRefused);
    match of(PortVerdict::Refused).is_empty() || allowed.is_empty() {
        true => String::new(),
        false => format!("; to {} it is allowed", allowed.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        let words = ["a b", "it's", "", "x=%41", "$HOME", "a;b"].map(String::from);
        assert_eq!(quoted(&words), r"'a b' 'it'\''s' '' x=%41 '$HOME' 'a;b'");
    }

    #[test]
    fn ssh_gets_its_own_quoting() {
        let target = Target::parse("[2001:db8::1]:2222").unwrap();
        assert_eq!(
            ssh_config(Some(&target), "tuncat connect -x http://a%20b"),
            "Host 2001:db8::1\n    Port 2222\n    ProxyCommand tuncat connect -x http://a%%20b %h %p"
        );
    }
}
