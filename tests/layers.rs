//! Rules about the source that no compiler checks: who may use whom, where `unsafe` may stand, and that nothing a user
//! or a peer can cause ends in a panic.

mod code;
mod uses;

use code::code;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use uses::modules_used;

/// Files that may hold `unsafe`, each for calls that the system offers no safe way to make.
const MAY_BE_UNSAFE: [&str; 7] = [
    "auth/gssapi.rs",
    "base/memory.rs",
    "wire/socket.rs",
    "ui/prompt.rs",
    "wire/stdio.rs",
    "bench/alarm.rs",
    "bench/meter/clock.rs",
];

/// Layer of each module of the crate's root.
type Layers = BTreeMap<String, u8>;

#[test]
fn a_module_uses_only_lower_layers() {
    let layers = layers(&read("lib.rs"));
    let mut findings = Vec::new();
    for file in sources() {
        findings.extend(misplaced_uses(&layers, &file, &read(&file)));
    }
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

#[test]
fn the_map_names_every_module() {
    let text = read("lib.rs");
    let declared = syn::parse_file(&text).expect("lib.rs parses").items;
    let declared = declared.iter().filter_map(|item| match item {
        syn::Item::Mod(module) => Some(module.ident.to_string()),
        _ => None,
    });
    let declared: BTreeSet<String> = declared.collect();
    let named: BTreeSet<String> = layers(&text).into_keys().collect();
    assert_eq!(declared, named, "modules of lib.rs and its map of layers");
    assert!(declared.len() >= 15, "{declared:?}");
}

#[test]
fn unsafe_stands_only_where_it_is_expected() {
    let mut with_unsafe = Vec::new();
    for file in sources() {
        let text = read(&file);
        let found = code(&text).unsafe_count;
        if found > 0 {
            let reasons = text.matches("// SAFETY:").count();
            assert!(reasons >= found, "{file}: an `unsafe` without its reason");
            with_unsafe.push(file);
        }
    }
    with_unsafe.retain(|file| !MAY_BE_UNSAFE.contains(&file.as_str()));
    assert!(with_unsafe.is_empty(), "unsafe in {with_unsafe:?}");
}

#[test]
fn nothing_panics_by_design() {
    let files = sources();
    let tests: BTreeSet<String> = files
        .iter()
        .flat_map(|file| code(&read(file)).test_modules(file))
        .collect();
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| !tests.contains(*file)) {
        let panics = code(&read(file)).panics;
        findings.extend(panics.into_iter().map(|what| format!("{file}: {what}")));
    }
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

/// The rules catch what they are for.
#[test]
fn violations_are_found() {
    let layers = layers(&read("lib.rs"));
    let uses = |source: &str| misplaced_uses(&layers, "carrier/h1/client.rs", source).len();
    for (source, count) in [
        ("use crate::{wire::{self, Wire}, base::Error};", 0),
        (
            "use crate::carrier::h1::refused; use super::super::Opened;",
            0,
        ),
        ("use crate::relay::relay;", 1),
        ("use crate::{base::Error, dial::{Dialer, Hop as H}};", 1),
        ("pub use crate::cmd;", 1),
        ("use super::super::super::builtin;", 1),
        ("use crate::nowhere::X;", 1),
        ("use crate::*;", 1),
        (
            "fn f() -> crate::cli::Cli { crate::plan::g(); crate::base::h() }",
            2,
        ),
        ("fn f() { info!(\"{}\", crate::ui::name()); }", 1),
        ("mod m { use super::super::super::super::accept; }", 1),
        ("impl crate::accept::T for crate::wire::Socket {}", 1),
        ("#[cfg(test)] mod tests { use crate::dial::Dialer; }", 1),
    ] {
        assert_eq!(uses(source), count, "{source}");
    }

    for (source, count) in [
        ("fn f() { unsafe { g() } }", 1),
        ("unsafe impl Send for X {}", 1),
        ("unsafe fn f() {} unsafe extern \"C\" { fn g(); }", 2),
        ("fn f() { h!(unsafe { g() }) }", 1),
        ("fn unsafe_() { \"unsafe\"; }", 0),
    ] {
        assert_eq!(code(source).unsafe_count, count, "{source}");
    }

    for (source, count) in [
        ("fn f() { x.unwrap(); x.expect(\"y\"); }", 2),
        ("fn f() { panic!(); todo!(); unimplemented!(\"x\"); }", 3),
        ("fn f() { x.map(Option::unwrap); g!(x.unwrap()) }", 2),
        ("fn f() { x.unwrap_or(1); x.expected(); \"panic!\"; }", 0),
        ("#[cfg(test)] mod t { fn f() { x.unwrap(); } }", 0),
        ("#[cfg(test)] fn f() { x.unwrap(); }", 0),
        ("#[cfg(unix)] fn f() { x.unwrap(); }", 1),
        (
            "impl X { #[cfg(test)] fn f() { panic!() } fn g() { panic!() } }",
            1,
        ),
    ] {
        assert_eq!(code(source).panics.len(), count, "{source}");
    }
    let tests = code("#[cfg(test)] mod tests; mod other;").test_modules("wire/mod.rs");
    assert_eq!(tests, ["wire/tests.rs"]);
    let tests = code("#[cfg(test)] mod tests;").test_modules("wire/tls.rs");
    assert_eq!(tests, ["wire/tls/tests.rs"]);
}

/// The table in the crate's documentation: rows `| 4 | [`dial`]: …; [`accept`]: … |`.
fn layers(lib: &str) -> Layers {
    let rows = lib.lines().filter_map(|line| {
        let (layer, text) = line.strip_prefix("//! | ")?.split_once(" | ")?;
        Some((layer.parse().ok()?, text))
    });
    let modules = rows.flat_map(|(layer, text)| {
        let names = text.split("[`").skip(1);
        names.filter_map(move |rest| Some((rest.split_once("`]")?.0.to_owned(), layer)))
    });
    modules.collect()
}

/// What `source` uses of modules that its own may not use. Tests within the source are held to it too.
fn misplaced_uses(layers: &Layers, file: &str, source: &str) -> Vec<String> {
    let used = modules_used(file, source);
    let own = place(file).into_iter().next();
    let Some(own) = own else { return Vec::new() };
    let layer = layers.get(&own).copied();
    let misplaced = used.iter().filter(|used| {
        let lower = layers.get(*used).copied() < layer && layers.contains_key(*used);
        **used != own && !lower
    });
    misplaced
        .map(|used| format!("{file}: `{own}` must not use `{used}`"))
        .collect()
}

/// The module that a file is, as a path from the root. `lib.rs` and `main.rs` are above all layers.
fn place(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let parts = stem
        .split('/')
        .filter(|p| !matches!(*p, "lib" | "main" | "mod"));
    parts.map(str::to_owned).collect()
}

/// What a macro is given, without spaces and without what stands in string literals.
fn tokens(mac: &syn::Macro) -> String {
    let text = mac.tokens.to_string().replace("\\\"", "");
    let code = text.split('"').step_by(2);
    let code: String = code.collect();
    code.split_whitespace().collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("src/{file}: {e}"))
}

/// Every Rust file below src/, as a path from there.
fn sources() -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("list a folder of the source") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => walk(&path, found),
                false => found.push(path),
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &mut found);
    let files = found
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs"));
    let files = files.map(|path| path.strip_prefix(root()).expect("below src").display());
    let mut files: Vec<String> = files.map(|path| path.to_string()).collect();
    files.sort();
    assert!(files.len() > 50, "these are all: {files:?}");
    files
}
