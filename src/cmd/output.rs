//! Results: on stdout, and in files that were asked for.

use crate::base::{Blame, Error, Kind, Result, Stage};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

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

/// A file that is known to be writable before there is anything to write. Until then it keeps what was in it; one that
/// did not exist is gone again if nothing came.
pub struct Later {
    path: PathBuf,
    file: File,
    new: bool,
}

impl Later {
    /// It is a usage error if it cannot be written.
    pub fn open(option: &str, path: &Path) -> Result<Self> {
        let new = !path.exists();
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let file = file.map_err(|e| Error::usage(format!("{option} {}: {e}", path.display())))?;
        Ok(Later {
            path: path.to_owned(),
            file,
            new,
        })
    }

    pub fn write(mut self, text: &str) -> Result<()> {
        // Not all that can be written can be made shorter: a pipe cannot.
        if self.file.metadata().is_ok_and(|about| about.is_file()) {
            self.file.set_len(0).map_err(|e| self.failed(&e))?;
        }
        let written = self.file.write_all(text.as_bytes());
        written.map_err(|e| self.failed(&e))?;
        self.new = false;
        Ok(())
    }

    fn failed(&self, error: &io::Error) -> Error {
        let cause = format!("cannot write {}: {error}", self.path.display());
        Error::new(Kind::LocalWrite, Stage::Arguments, Blame::Local, cause)
    }
}

impl Drop for Later {
    fn drop(&mut self) {
        if self.new {
            let _ = fs::remove_file(&self.path);
        }
    }
}
