//! One line of the access log: `key=value` pairs, or a JSON object with the same keys.

use serde_json::Value;
use std::str::FromStr;
use std::time::{Duration, SystemTime};
use x509_cert::der::DateTime;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Text,
    Json,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Format::Text),
            "json" => Ok(Format::Json),
            _ => Err("there are text and json".into()),
        }
    }
}

/// What is told of a tunnel that ended, a request that was refused, or a request inside a tunnel.
pub struct Record(Vec<(&'static str, Value)>);

impl Record {
    /// `what` is `tunnel`, `refused` or `request`.
    pub fn new(what: &str, ended: SystemTime) -> Self {
        Record(vec![
            ("time", timestamp(ended).into()),
            ("event", what.into()),
        ])
    }

    pub fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((key, value.into()));
        self
    }

    /// Nothing is told where there is nothing.
    pub fn with_some(self, key: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// In milliseconds, to the microsecond.
    pub fn with_ms(self, key: &'static str, time: Duration) -> Self {
        self.with(key, time.as_micros() as f64 / 1000.0)
    }

    /// With its line feed.
    pub fn line(&self, format: Format) -> String {
        let pair = |(key, value): &(&str, Value)| match format {
            Format::Json => format!("\"{key}\":{value}"),
            Format::Text => format!("{key}={}", shown(value)),
        };
        let pairs: Vec<String> = self.0.iter().map(pair).collect();
        match format {
            Format::Json => format!("{{{}}}\n", pairs.join(",")),
            Format::Text => format!("{}\n", pairs.join(" ")),
        }
    }
}

/// Bare where that is one word; else as JSON would have it. No value can end the line or begin another pair.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let plain = |b: u8| b.is_ascii_graphic() && !b"\"=\\".contains(&b);
            match !text.is_empty() && text.bytes().all(plain) {
                true => text.clone(),
                false => value.to_string(),
            }
        }
        other => other.to_string(),
    }
}

/// RFC 3339, UTC, with milliseconds.
pub fn timestamp(time: SystemTime) -> String {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    match DateTime::from_unix_duration(Duration::from_secs(since.as_secs())) {
        Ok(date) => {
            let date = date.to_string();
            let date = date.trim_end_matches('Z');
            format!("{date}.{:03}Z", since.subsec_millis())
        }
        Err(_) => format!("{}", since.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_in_their_place() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_790_000_000_007);
        let record = Record::new("tunnel", at)
            .with("a", "plain:1")
            .with("b", "two words\nevent=x \"")
            .with("c", "")
            .with("d", 7_u64)
            .with("f", "x=y")
            .with_ms("e_ms", Duration::from_micros(1500))
            .with_some("g", None::<&str>);
        assert_eq!(
            record.line(Format::Text),
            "time=2026-09-21T14:13:20.007Z event=tunnel a=plain:1 b=\"two words\\nevent=x \\\"\" \
             c=\"\" d=7 f=\"x=y\" e_ms=1.5\n"
        );
        let json: Value = serde_json::from_str(&record.line(Format::Json)).unwrap();
        assert_eq!(json["b"], "two words\nevent=x \"");
        assert_eq!(json["time"], "2026-09-21T14:13:20.007Z");
    }
}
