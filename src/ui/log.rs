//! The log on stderr: off unless asked for.

use crate::ui::screen;
use std::fmt;
use std::io;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Lines of this program's own look: `tuncat: message`.
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        writer.write_str("tuncat: ")?;
        let target = event.metadata().target();
        if !target.starts_with("tuncat") {
            write!(writer, "{target}: ")?;
        }
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// Lines go where those of a live table leave room.
struct Screen;

impl io::Write for Screen {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        screen::print(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is told without `-v`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// Nothing: not even a subscriber is set up.
    Silent,
    /// Warnings: what a long-running command must say.
    Warnings,
}

/// `verbose` is how often `-v` was given.
pub fn init(quiet: Quiet, verbose: u8) {
    let level = match (verbose, quiet) {
        (0, Quiet::Silent) => return,
        (0, Quiet::Warnings) => LevelFilter::WARN,
        (1, _) => LevelFilter::INFO,
        (2, _) => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_writer(|| Screen)
        .with_max_level(level)
        .event_format(Line)
        .finish();
    // It fails only where there is one already.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
