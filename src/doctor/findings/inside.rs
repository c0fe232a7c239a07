//! What becomes of the bytes of a tunnel that opens, or would.

use crate::base::Error;
use crate::base::error::Held;
use crate::doctor::code::Code;
use crate::doctor::findings::Findings;
use crate::doctor::report::{Ends, Report};

/// How to look further where our own target cannot be reached.
const ORACLE_HINT: &str = "run 'tuncat serve' where the proxy can reach it, add it as a second -x, and give --oracle echo:";

impl Findings {
    pub(super) fn of_buffering(&mut self, report: &Report, errors: &[Error]) {
        let hint = errors.iter().find(|e| e.is_held().is_some());
        let hint = hint.and_then(Error::hinted).unwrap_or_default();
        for seen in &report.buffering {
            let until = |word: &str, octets: Option<u64>| match (word, octets) {
                ("until_bytes", Some(n)) => format!("until about {n} bytes of it are there"),
                _ => "until it ends".to_owned(),
            };
            let carrier = seen.carrier;
            if matches!(seen.request, "until_end" | "until_bytes")
                && !self.has(Code::PostRequestBuffered)
            {
                let until = until(seen.request, seen.request_bytes);
                let text = format!("{carrier}: the content of a request is held back {until}");
                self.add(Code::PostRequestBuffered, text, hint);
            }
            if matches!(seen.answer, "held" | "until_bytes") && !self.has(Code::PostAnswerBuffered)
            {
                let until = until(seen.answer, seen.answer_bytes);
                let text = format!("{carrier}: the content of an answer is held back {until}");
                self.add(Code::PostAnswerBuffered, text, hint);
            }
        }
        // What could not be measured was seen all the same.
        for way in &report.ways {
            let (code, what) = match way.held {
                Some(Held::Request) => (Code::PostRequestBuffered, "a request"),
                Some(Held::Answer) => (Code::PostAnswerBuffered, "an answer"),
                None => continue,
            };
            if !self.has(code) {
                let text = format!(
                    "{}: the content of {what} seems to be held back",
                    way.carrier
                );
                self.add(code, text, hint);
            }
        }
    }

    pub(super) fn of_ends(&mut self, report: &Report) {
        type Seen = fn(&Ends) -> bool;
        let cases: [(Code, Seen, &str, &str); 4] = [
            (
                Code::HalfCloseLost,
                |e| matches!(e.client_first, "reply_lost" | "reply_cut" | "stalled"),
                "when our side ends first, the answer does not come through",
                "'tuncat connect' delays its end where that may happen (--fin-delay); with other programs let the far \
                 side end first",
            ),
            (
                Code::TargetEndCuts,
                |e| e.target_first == "cut",
                "when the target ends first, what we still send is lost",
                "",
            ),
            (
                Code::TruncationHidden,
                |e| e.target_reset == "clean_end",
                "a reset by the target looks like a clean end, so an answer that was cut off looks whole",
                "let what is carried check that it is whole (TLS and SSH do)",
            ),
            (
                Code::ResetHidden,
                |e| e.client_reset == "clean_end",
                "a reset by us looks like a clean end to the target",
                "",
            ),
        ];
        for (code, seen, text, hint) in cases {
            let carriers = report.ends.iter().filter(|e| seen(e));
            let carriers: Vec<String> = carriers.map(|e| e.carrier.to_string()).collect();
            if !carriers.is_empty() {
                self.add(code, format!("{}: {text}", carriers.join(", ")), hint);
            }
        }
        let blind = report.ends.iter().find(|e| {
            let words = [
                e.client_first,
                e.target_first,
                e.target_reset,
                e.client_reset,
            ];
            words.iter().all(|word| *word == "unknown")
        });
        if let Some(why) = blind.and_then(|ends| ends.why.as_ref()) {
            let text = format!("the proxy does not reach tuncat's own target: {why}");
            self.add(Code::OracleUnreachable, text, ORACLE_HINT);
        }
    }

    pub(super) fn of_idle(&mut self, report: &Report) {
        let mut all = report.idle.iter().flatten();
        let cut = all.clone().filter_map(|i| {
            let after = i.after_s.unwrap_or_default();
            match i.verdict {
                "cut" => Some(format!("{} after {after:.1} s", i.carrier)),
                "dead" => Some(format!(
                    "{} without a word, between {:.1} and {after:.1} s",
                    i.carrier,
                    i.alive_s.unwrap_or_default()
                )),
                _ => None,
            }
        });
        let cut: Vec<String> = cut.collect();
        if !cut.is_empty() {
            let text = format!("tunnels that are silent are cut: {}", cut.join(", "));
            let hint = "let what is carried speak often enough (ssh: ServerAliveInterval)";
            self.add(Code::IdleCut, text, hint);
        }
        if all.any(|i| i.verdict == "unknown") && !self.has(Code::OracleUnreachable) {
            let text = "no tunnel to leave alone: the proxy does not reach tuncat's own target";
            self.add(Code::OracleUnreachable, text, ORACLE_HINT);
        }
    }
}
