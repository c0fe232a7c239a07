use clap::Parser;
use tuncat::cli::Cli;
use tuncat::cmd;

fn main() {
    let code = match cmd::arguments() {
        Ok(arguments) => cmd::run(Cli::parse_from(arguments)),
        Err(code) => code,
    };
    std::process::exit(code);
}
