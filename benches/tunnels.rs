//! What tunnels cost, measured from outside: `cargo bench`, or `cargo bench -- idle start` for a choice of sections.
//!
//! Load generator, proxies and targets share this machine's cores, so a figure says something next to the others of
//! the same run and little by itself. Bytes are verified in passes that are not timed.

mod figures;
mod idle;
mod lanes;
mod peer;
mod pool;
mod set_up;
mod start_up;
#[path = "../tests/support/mod.rs"]
mod support;
mod throughput;

const SECTIONS: [(&str, fn()); 5] = [
    ("idle", idle::run),
    ("start", start_up::run),
    ("throughput", throughput::run),
    ("setup", set_up::run),
    ("pool", pool::run),
];

fn main() {
    // cargo adds `--bench`; names of sections are ours.
    let chosen: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    if let Some(unknown) = chosen
        .iter()
        .find(|name| SECTIONS.iter().all(|(known, _)| known != name))
    {
        let known = SECTIONS.map(|(name, _)| name).join(", ");
        eprintln!("no section '{unknown}'; there are: {known}");
        std::process::exit(2);
    }
    support::process::raise_descriptor_limit();
    println!("{}", figures::environment());
    for (name, run) in SECTIONS {
        if chosen.is_empty() || chosen.iter().any(|c| c == name) {
            println!();
            run();
        }
    }
}
