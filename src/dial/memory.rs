//! What the next process should know of a proxy: the carrier that worked. A file with a line of JSON for each.
//!
//! It only saves time. Where it cannot be read or written, everything is found out again; and nothing is used that was not
//! asked for.

use crate::carrier::Carrier;
use serde_json::{Value, json};
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Octets of the file that are read, and lines that are kept.
const MOST_OCTETS: u64 = 64 * 1024;
const MOST_LINES: usize = 200;

static TURN: AtomicU64 = AtomicU64::new(0);

/// Of one way to a proxy.
#[derive(Clone, Debug)]
pub struct Memory {
    file: PathBuf,
    /// All proxies on the way.
    route: String,
}

impl Memory {
    pub fn new(file: &Path, route: &str) -> Self {
        Memory {
            file: file.to_owned(),
            route: route.to_owned(),
        }
    }

    /// The carrier that worked, and for how long that is still believed.
    pub fn recall(&self) -> Option<(Carrier, Duration)> {
        let now = now();
        let lines = lines(&self.file).ok()?;
        let found = lines.iter().rfind(|line| line["route"] == *self.route)?;
        let left = found["until"].as_u64()?.checked_sub(now)?;
        let carrier = found["carrier"].as_str()?.parse().ok()?;
        (left > 0).then(|| (carrier, Duration::from_secs(left)))
    }

    /// Keeps that `carrier` worked, for the processes of the next `time`.
    pub fn keep(&self, carrier: Carrier, time: Duration) {
        if let Err(error) = self.write(carrier, time) {
            let file = self.file.display();
            tracing::debug!("{file}: {error}; what worked is not remembered");
        }
    }

    fn write(&self, carrier: Carrier, time: Duration) -> io::Result<()> {
        let now = now();
        let mut kept = lines(&self.file).unwrap_or_default();
        kept.retain(|line| {
            line["route"] != *self.route && line["until"].as_u64().is_some_and(|u| u > now)
        });
        kept.push(json!({
            "route": self.route,
            "carrier": carrier.to_string(),
            "until": now + time.as_secs(),
        }));
        let text: String = kept[kept.len().saturating_sub(MOST_LINES)..]
            .iter()
            .map(|line| format!("{line}\n"))
            .collect();
        if let Some(folder) = self.file.parent() {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true).mode(0o700).create(folder)?;
        }
        // Another process reads the old lines or the new ones, and never a part of them.
        // Whoever else writes, in this process or where process ids are others, has another name.
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanos = since.map_or(0, |since| since.subsec_nanos());
        let turn = TURN.fetch_add(1, Ordering::Relaxed);
        let own = format!("{}-{turn}-{nanos}.new", std::process::id());
        let new = self.file.with_extension(own);
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&new)?.write_all(text.as_bytes())?;
        fs::rename(&new, &self.file)
    }
}

fn lines(file: &Path) -> io::Result<Vec<Value>> {
    let mut text = String::new();
    fs::File::open(file)?
        .take(MOST_OCTETS)
        .read_to_string(&mut text)?;
    let parsed = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    Ok(parsed.collect())
}

/// Seconds since 1970: the only clock that processes share.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_recalled_until_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("not/there/yet");
        let (one, other) = (Memory::new(&file, "https://a:1"), Memory::new(&file, "b"));
        assert!(one.recall().is_none());
        one.keep(Carrier::H2, Duration::from_secs(100));
        other.keep(Carrier::H1Ws, Duration::ZERO);
        let (carrier, left) = one.recall().unwrap();
        assert_eq!(carrier, Carrier::H2);
        assert!((90..=100).contains(&left.as_secs()), "{left:?}");
        assert!(other.recall().is_none());
        one.keep(Carrier::H1, Duration::from_secs(100));
        assert_eq!(one.recall().unwrap().0, Carrier::H1);
        assert_eq!(lines(&file).unwrap().len(), 1);
    }

    #[test]
    fn nonsense_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        let memory = Memory::new(&file, "a");
        for text in [
            "",
            "{",
            "[]\n1\n",
            "{\"route\":\"a\",\"carrier\":\"h9\",\"until\":99999999999}\n",
            "{\"route\":\"a\",\"carrier\":\"h2\",\"until\":-1}\n",
            "{\"route\":\"a\",\"carrier\":\"h2\",\"until\":18446744073709551615}",
        ] {
            fs::write(&file, text).unwrap();
            let recalled = memory.recall();
            assert!(recalled.is_none_or(|(c, _)| c == Carrier::H2), "{text}");
        }
        fs::write(&file, [0xff; 100]).unwrap();
        assert!(memory.recall().is_none());
        memory.keep(Carrier::H3, Duration::from_secs(9));
        assert_eq!(memory.recall().unwrap().0, Carrier::H3);
    }
}
