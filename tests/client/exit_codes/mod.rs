//! A row for every way to fail: exit code, the line on stderr, and the JSON object, word for word.

mod answers;
mod bodies;
mod connections;
mod local;
mod signals;
mod socks;
mod success;
mod timeouts;
mod trust;

use super::expect::Row;
use crate::support::Run;
use crate::support::tuncat::TUNCAT;
use std::collections::BTreeSet;
use std::process::Command;

fn rows() -> Vec<Row> {
    [
        answers::rows(),
        connections::rows(),
        local::rows(),
        socks::rows(),
        timeouts::rows(),
        trust::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The list in `--help` is the list of what happens. Only a defect gives 1.
#[test]
fn every_exit_code_of_the_help_has_a_row() {
    let help = Run::new(Command::new(TUNCAT)).arg("--help").run();
    let help = help.expect_clean();
    let help = String::from_utf8(help.stdout).expect("help is text");
    let (_, list) = help.split_once("Exit codes").expect("a list of exit codes");
    let listed: BTreeSet<i32> = list
        .lines()
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect();
    let mut tested: BTreeSet<i32> = rows().iter().map(|(_, _, failure)| failure.code).collect();
    // 106 is what bench says of altered octets, and is tested with it.
    tested.extend([0, 1, 106].into_iter().chain(local::CODES));
    assert_eq!(listed, tested);
    assert!(list.contains("128+n"), "{list}");
}
