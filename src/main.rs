use clap::Parser;

fn main() {
    let code = tuncat::cmd::run(tuncat::cli::Cli::parse());
    std::process::exit(code);
}
