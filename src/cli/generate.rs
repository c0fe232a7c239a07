//! `tuncat generate`.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Write man pages or shell completions
///
/// They come from the definition of the command line itself.
#[derive(Debug, Args)]
pub struct Generate {
    pub what: What,

    /// Folder to write to; it is created
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// One page for the program and one for each command
    Man,
    /// For bash, elvish, fish, PowerShell and zsh
    Completions,
}
