//! The access log's file, written by a thread of its own: a disk that is full, slow or gone costs lines, and no tunnel
//! anything.

use crate::accept::record::{Format, Record};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// Lines that wait for the disk, at most; more are lost.
const WAITING: usize = 10_000;
/// Octets that are written at a time.
const BATCH: usize = 64 * 1024;
/// How long the end of the program waits for the disk.
const PATIENCE: Duration = Duration::from_secs(2);

pub struct AccessLog {
    to: SyncSender<Order>,
    format: Format,
    lost: Arc<AtomicU64>,
}

enum Order {
    Line(String),
    /// Somebody has moved the file away: open it anew.
    Reopen,
    /// Say when all that came before is written.
    Flush(SyncSender<()>),
}

/// Where the lines go.
enum Place {
    Stdout,
    File { path: PathBuf, file: Option<File> },
}

impl AccessLog {
    /// `-` is stdout.
    pub fn open(path: &Path, format: Format) -> io::Result<AccessLog> {
        let place = match path.as_os_str() == "-" {
            true => Place::Stdout,
            false => Place::File {
                file: Some(open(path)?),
                path: path.into(),
            },
        };
        let (to, from) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            place,
            lost: lost.clone(),
            failing: false,
            torn: false,
        };
        thread::Builder::new()
            .name("access-log".into())
            .spawn(move || writer.run(&from))?;
        Ok(AccessLog { to, format, lost })
    }

    pub fn write(&self, record: &Record) {
        if self
            .to
            .try_send(Order::Line(record.line(self.format)))
            .is_err()
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// For whoever rotates logs.
    pub fn reopen(&self) {
        let _ = self.to.try_send(Order::Reopen);
    }

    /// Lines that could not be written so far.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Blocks until all lines so far are written, but not for long.
    pub fn flush(&self) {
        let (done, wait) = sync_channel(1);
        if self.to.try_send(Order::Flush(done)).is_ok() {
            let _ = wait.recv_timeout(PATIENCE);
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

struct Writer {
    place: Place,
    lost: Arc<AtomicU64>,
    /// The last write failed, which was told.
    failing: bool,
    /// A line was written in part: the next one begins with a line feed.
    torn: bool,
}

impl Writer {
    fn run(mut self, from: &Receiver<Order>) {
        let mut batch = Vec::with_capacity(BATCH);
        while let Ok(order) = from.recv() {
            let mut next = Some(order);
            // As many lines in one write as are there.
            while let Some(order) = next.take() {
                match order {
                    Order::Line(line) => {
                        batch.extend_from_slice(line.as_bytes());
                        if batch.len() < BATCH {
                            next = from.try_recv().ok();
                        }
                    }
                    Order::Reopen => {
                        self.write(&mut batch);
                        self.reopen();
                    }
                    Order::Flush(done) => {
                        self.write(&mut batch);
                        let _ = done.send(());
                    }
                }
            }
            self.write(&mut batch);
        }
    }

    fn write(&mut self, batch: &mut Vec<u8>) {
        if batch.is_empty() {
            return;
        }
        if self.torn {
            batch.insert(0, b'\n');
        }
        let mut rest = batch.as_slice();
        let result = loop {
            match self.place.write(rest) {
                Ok(n) if n < rest.len() => rest = &rest[n..],
                Ok(_) => break Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => break Err(e),
            }
        };
        match result {
            Ok(()) => {
                if std::mem::take(&mut self.failing) {
                    let lost = self.lost.load(Ordering::Relaxed);
                    tracing::warn!("the access log can be written again; {lost} lines were lost");
                }
                self.torn = false;
            }
            Err(error) => {
                // The line that was cut in the middle is lost, too.
                let lines = rest.iter().filter(|&&b| b == b'\n').count() as u64;
                self.lost.fetch_add(lines, Ordering::Relaxed);
                let written = batch.len() - rest.len();
                if written > 0 {
                    self.torn = batch[written - 1] != b'\n';
                }
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!("the access log cannot be written: {error}; tunnels go on");
                }
            }
        }
        batch.clear();
    }

    fn reopen(&mut self) {
        if let Place::File { path, file } = &mut self.place {
            match open(path) {
                Ok(new) => {
                    *file = Some(new);
                    self.torn = false;
                }
                Err(error) => {
                    tracing::warn!("the access log {}: {error}", path.display());
                }
            }
        }
    }
}

impl Place {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Place::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(data)?;
                out.flush()?;
                Ok(data.len())
            }
            Place::File {
                file: Some(file), ..
            } => file.write(data),
            Place::File { file, path } => {
                let mut new = open(path)?;
                let written = new.write(data);
                *file = Some(new);
                written
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn record(n: u64) -> Record {
        Record::new("tunnel", SystemTime::UNIX_EPOCH).with("n", n)
    }

    #[test]
    fn a_full_disk_costs_lines_only() {
        let log = AccessLog::open(Path::new("/dev/full"), Format::Text).unwrap();
        (0..100).for_each(|n| log.write(&record(n)));
        log.flush();
        assert_eq!(log.lost(), 100);
    }

    #[test]
    fn lines_go_on_in_a_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("log"), folder.path().join("log.1"));
        let log = AccessLog::open(&path, Format::Json).unwrap();
        log.write(&record(1));
        log.flush();
        std::fs::rename(&path, &old).unwrap();
        log.write(&record(2));
        log.reopen();
        log.write(&record(3));
        log.flush();
        let lines = |path| std::fs::read_to_string(path).unwrap().lines().count();
        assert_eq!((lines(&old), lines(&path), log.lost()), (2, 1, 0));
    }
}
