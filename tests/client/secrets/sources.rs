//! The places that a password may come from, and which one wins.

use super::basic;
use crate::client::LIMIT;
use crate::client::expect::{Failure, Scene, TARGET, check_all, row};
use crate::client::peer::{OK, Peer};
use crate::support::connect;
use std::fs;
use tempfile::TempDir;

const WARNING: &str = "tuncat: warning: a password in a proxy's URL can be seen by others";

/// `PROXY` in an argument stands for the proxy's address, `FILE` for a file with these contents.
struct Source {
    args: &'static [&'static str],
    file: &'static str,
    variable: Option<&'static str>,
    /// User and password that the proxy has to get.
    got: Option<(&'static str, &'static str)>,
    warns: bool,
}

const NOTHING: Source = Source {
    args: &[],
    file: "",
    variable: None,
    got: None,
    warns: false,
};

#[rustfmt::skip] // A row or two a line.
const SOURCES: &[Source] = &[
    Source { args: &["-x", "http://PROXY"], variable: Some("unused"), ..NOTHING },
    Source { args: &["-x", "http://PROXY", "-U", "me:secret"], got: Some(("me", "secret")), ..NOTHING },
    Source { args: &["-x", "http://PROXY", "-U", "me:se:cret:"], got: Some(("me", "se:cret:")), ..NOTHING },
    Source { args: &["-x", "http://PROXY", "-U", "me:"], got: Some(("me", "")), ..NOTHING },
    Source { args: &["-x", "http://PROXY", "-U", "mé:sëcret €"], got: Some(("mé", "sëcret €")), ..NOTHING },
    Source { args: &["-x", "http://me:secret@PROXY"], got: Some(("me", "secret")), warns: true, ..NOTHING },
    Source { args: &["-x", "me:secret@PROXY"], got: Some(("me", "secret")), warns: true, ..NOTHING },
    Source { args: &["-x", "http://m%20e:p%40ss%3Aw%25@PROXY"], got: Some(("m e", "p@ss:w%")), warns: true, ..NOTHING },
    Source { args: &["-x", "http://me:p@ss@PROXY"], got: Some(("me", "p@ss")), warns: true, ..NOTHING },
    Source { args: &["-x", "http://you:other@PROXY", "-U", "me:secret"], got: Some(("me", "secret")), warns: true, ..NOTHING },
    Source { args: &["-x", "http://PROXY", "-U", "me", "--proxy-pass-file", "FILE"], file: "secret",
        got: Some(("me", "secret")), ..NOTHING },
    Source { args: &["-x", "http://PROXY", "-U", "me", "--proxy-pass-file", "FILE"], file: "secret\nmore\n",
        got: Some(("me", "secret")), ..NOTHING },
    Source { args: &["-x", "http://PROXY", "-U", "me", "--proxy-pass-file", "FILE"], file: " se cret \r\n",
        got: Some(("me", " se cret ")), ..NOTHING },
    Source { args: &["-x", "http://me@PROXY", "--proxy-pass-file", "FILE"], file: "secret\n",
        got: Some(("me", "secret")), ..NOTHING },
    Source { args: &["-x", "http://PROXY", "-U", "me"], variable: Some("se cret:"), got: Some(("me", "se cret:")), ..NOTHING },
    Source { args: &["-x", "http://me@PROXY"], variable: Some("secret"), got: Some(("me", "secret")), ..NOTHING },
    Source { args: &["-x", "http://PROXY", "-U", "me", "--proxy-pass-file", "FILE"], file: "secret\n",
        variable: Some("other"), got: Some(("me", "secret")), ..NOTHING },
    Source { args: &["-x", "http://PROXY", "-U", "me:secret"], variable: Some("other"), got: Some(("me", "secret")), ..NOTHING },
];

/// What is wrong with the run of a source.
fn run(source: &Source) -> Result<(), String> {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("password");
    fs::write(&file, source.file).expect("write a file");
    let peer = Peer::echo(OK);
    let args = source.args.iter().map(|arg| {
        arg.replace("PROXY", &peer.addr())
            .replace("FILE", file.to_str().expect("a path in UTF-8"))
    });
    let mut run = connect(args)
        .arg(TARGET)
        .args(["-N", "--proxy-auth", "basic"])
        .limit(LIMIT);
    if let Some(password) = source.variable {
        run = run.env("TUNCAT_PROXY_PASSWORD", password);
    }
    let output = run.stdin("hello").run();
    if output.code != 0 || output.stdout != b"hello" {
        return Err(format!("{output:?}"));
    }
    let stderr = output.stderr.as_str();
    let as_wanted = match source.warns {
        true => stderr.starts_with(WARNING) && stderr.lines().count() == 1,
        false => stderr.is_empty(),
    };
    if !as_wanted {
        return Err(format!("stderr: {stderr}"));
    }
    let secrets = source
        .got
        .iter()
        .flat_map(|(user, password)| [user, password]);
    for secret in secrets.filter(|s| s.len() > 2) {
        if stderr.contains(*secret) {
            return Err(format!("{secret} on stderr: {stderr}"));
        }
    }
    let head = &peer.heads()[0];
    let as_wanted = match source.got {
        Some((user, password)) => head.contains(&basic(user, password)),
        None => !head.contains("Authorization"),
    };
    if as_wanted { Ok(()) } else { Err(head.clone()) }
}

#[test]
fn every_source() {
    let failed = SOURCES.iter().filter_map(|source| {
        let why = run(source).err()?;
        Some(format!("{:?}: {why}", source.args))
    });
    let failed: Vec<_> = failed.collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

/// What Basic cannot express is refused, and nothing is sent.
#[rustfmt::skip]
#[test]
fn what_cannot_be_said() {
    let wrong = |name, args: &'static [&'static str], cause| {
        row(name, move || Scene::new(args), Failure::new(2, "arguments", "user", cause))
    };
    let control = "user name or password has a control character";
    check_all(vec![
        wrong("a line feed", &["-x", "http://127.0.0.1:1", "-U", "me:a\nb", TARGET], control),
        wrong("a carriage return", &["-x", "http://127.0.0.1:1", "-U", "me\r:b", TARGET], control),
        wrong("escape", &["-x", "http://127.0.0.1:1", "-U", "me:\x1b[2J", TARGET], control),
    ]);
    for url in ["me%0D%0A:b", "me:a%00", "me:a%0A", "m%3Ae:b"] {
        let peer = Peer::answering(OK);
        let url = format!("http://{url}@{}", peer.addr());
        let output = connect(["-x", &url, TARGET]).limit(LIMIT).run().expect_code(2);
        assert_eq!(output.stderr.lines().count(), 2, "a warning and why: {}", output.stderr);
        assert_eq!(peer.accepted(), 0, "{url}");
    }
    for contents in ["a\0b", "a\rb\n", "a\x1bb\n"] {
        let folder = TempDir::new().expect("a temporary folder");
        let file = folder.path().join("password");
        fs::write(&file, contents).expect("write a file");
        let peer = Peer::answering(OK);
        let run = connect(["-x", &peer.url(), TARGET, "-U", "me", "--proxy-pass-file"]).arg(&file);
        let line = run.limit(LIMIT).run().expect_failure(2);
        assert!(line.ends_with(control), "{line}");
        assert_eq!(peer.accepted(), 0, "{contents:?}");
    }
}
