//! stderr, with some lines at its end that change while others scroll by above them.

use console::Term;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// The lines at the end, as they stand now.
static LIVE: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Writes in one go, above the lines that change. Nobody can be told when stderr itself fails.
pub fn print(data: &[u8]) {
    let live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut out = Vec::new();
    if live.is_empty() {
        out.extend_from_slice(data);
    } else {
        clear(live.len());
        out.extend_from_slice(data);
        out.extend_from_slice(joined(&live).as_bytes());
    }
    let _ = std::io::stderr().write_all(&out);
}

/// Other lines at the end; none takes them away. None of them may be wider than the terminal.
pub fn show(lines: Vec<String>) {
    let mut live = LIVE.lock().unwrap_or_else(PoisonError::into_inner);
    if *live == lines {
        return;
    }
    clear(live.len());
    let _ = std::io::stderr().write_all(joined(&lines).as_bytes());
    *live = lines;
}

fn clear(lines: usize) {
    let _ = Term::stderr().clear_last_lines(lines);
}

fn joined(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}
