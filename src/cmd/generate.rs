//! `tuncat generate`: man pages and completions, from the definition of the command line.

use crate::base::{Error, Result};
use crate::cli::{Cli, Generate, What};
use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;
use std::io;
use std::path::Path;

pub fn run(args: &Generate) -> Result<()> {
    let written = std::fs::create_dir_all(&args.folder).and_then(|()| match args.what {
        What::Man => clap_mangen::generate_to(Cli::command(), &args.folder),
        What::Completions => completions(&args.folder),
    });
    written.map_err(|e| Error::usage(format!("{}: {e}", args.folder.display())))
}

fn completions(folder: &Path) -> io::Result<()> {
    for &shell in Shell::value_variants() {
        clap_complete::generate_to(shell, &mut Cli::command(), "tuncat", folder)?;
    }
    Ok(())
}
