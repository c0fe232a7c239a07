//! Results on stdout.

use crate::base::{Blame, Error, Kind, Result, Stage};
use std::io::{self, Write};

/// All of `text`, or why not: whoever reads it may have gone.
pub fn to_stdout(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes());
    written.and_then(|()| stdout.flush()).map_err(|e| {
        let told = Error::new(Kind::LocalWrite, Stage::Stdout, Blame::Local, e.to_string());
        match e.kind() {
            io::ErrorKind::BrokenPipe => told.quiet(),
            _ => told,
        }
    })
}
