//! One line that moves while the turns go by; nothing where stderr is no terminal.

use crate::bench::Step;
use indicatif::{ProgressBar, ProgressStyle};

pub struct Progress(ProgressBar);

impl Progress {
    pub fn new() -> Self {
        let bar = ProgressBar::no_length();
        let style =
            ProgressStyle::with_template("{bar:30.cyan/dim} {pos:>3}/{len} {eta:>4}  {msg}");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("━╸─"));
        }
        Progress(bar)
    }

    pub fn show(&mut self, step: &Step<'_>) {
        let Step {
            lane,
            mode,
            round,
            rounds,
            done,
            of,
        } = step;
        self.0.set_length(*of as u64);
        self.0.set_position(*done as u64);
        self.0
            .set_message(format!("{mode}, {lane}, round {round} of {rounds}"));
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
