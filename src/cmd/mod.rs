//! One file per command: plan in, exit code out.

mod argv;
mod bench;
mod connect;
mod doctor;
mod dynamic;
mod embedded;
mod explain;
mod fdpass;
mod generate;
mod helper;
mod listen;
mod output;
#[cfg_attr(not(feature = "pac"), path = "no_pac.rs")]
mod pac;
mod profile;
mod route;
mod serve;
mod signals;

use crate::base::{Error, Result};
use crate::cli::{Cli, Command};
use crate::ui::report;
use std::ffi::OsString;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// The arguments of this process, with those of a profile; else the exit code, once it was told what is wrong with it.
pub fn arguments() -> std::result::Result<Vec<OsString>, i32> {
    profile::expand(std::env::args_os().collect()).map_err(|error| {
        report::error(&error);
        error.kind().exit_code()
    })
}

/// Runs the command and tells what went wrong; the process's exit code.
pub fn run(cli: Cli) -> i32 {
    let result = match cli.command {
        Command::Connect(args) => return connect::run(&args),
        Command::Doctor(args) => return doctor::run(&args),
        Command::Listen(args) => listen::run(&args),
        Command::Serve(args) => serve::run(*args),
        Command::Bench(args) => bench::run(&args),
        Command::Generate(args) => generate::run(&args),
    };
    match result {
        Ok(()) => 0,
        Err(error) => {
            report::error(&error);
            error.kind().exit_code()
        }
    }
}

/// A runtime on this thread alone; others come only for names that have to be looked up.
fn runtime(mut builder: Builder) -> Result<Runtime> {
    let runtime = builder.enable_io().enable_time().build();
    runtime.map_err(|e| Error::internal(format!("cannot start: {e}")))
}

/// Drops what is still open, which aborts it: only the end of the process would look like a clean
/// end to the peers. Waits no longer than it has to, since a lookup may hang in a thread.
fn finish(runtime: Runtime) {
    runtime.shutdown_timeout(Duration::from_secs(1));
}
