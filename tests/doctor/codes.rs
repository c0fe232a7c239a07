//! Codes are promises: each is documented where people look.

use crate::support::Run;
use crate::support::tuncat::TUNCAT;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use tuncat::doctor::code::Code;

fn source(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// Every name that the source gives to a code.
fn in_source() -> BTreeSet<String> {
    let text = source("src/doctor/code.rs");
    let names = text.lines().filter_map(|line| {
        let name = line.trim().strip_prefix("Code::")?.split_once(" => \"")?.1;
        Some(name.trim_end_matches("\",").to_owned())
    });
    names.collect()
}

/// First words of the lines below `title`, up to an empty one.
fn listed(text: &str, title: &str) -> BTreeSet<String> {
    let (_, below) = text
        .split_once(title)
        .unwrap_or_else(|| panic!("no {title}"));
    let lines = below
        .lines()
        .skip(1)
        .take_while(|line| !line.trim().is_empty());
    let words = lines.filter_map(|line| line.split_whitespace().next());
    words.map(str::to_owned).collect()
}

#[test]
fn every_code_is_in_the_help_and_nothing_else_is() {
    let help = Run::new(Command::new(TUNCAT))
        .args(["doctor", "--help"])
        .run();
    let help = String::from_utf8(help.expect_clean().stdout).expect("UTF-8");
    assert_eq!(listed(&help, "Codes of findings:"), in_source());
    let all: BTreeSet<String> = Code::ALL.iter().map(|c| c.name().to_owned()).collect();
    assert_eq!(all, in_source());
    assert!(all.len() >= 23, "{all:?}");
}

#[test]
fn every_code_is_in_the_man_page() {
    let man = source("man/tuncat-doctor.1");
    for code in Code::ALL {
        assert!(man.contains(code.name()), "{}", code.name());
    }
}
