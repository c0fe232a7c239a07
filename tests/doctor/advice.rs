//! What doctor says to type works when it is typed.

use super::{command, examine, examine_as};
use crate::support::tuncat::TUNCAT;
use crate::support::{Run, Serve};
use std::fs;
use std::process::Command;

/// Runs a command line of the report with the program under test.
fn type_in(line: &str) -> Run {
    let line = line.strip_prefix("tuncat ").expect("a tuncat command");
    let script = format!("exec {TUNCAT} {line}");
    Run::new(Command::new("bash")).args(["-c", &script])
}

#[test]
fn the_best_command_carries_bytes() {
    let serve = Serve::start();
    for url in ["embedded:", &serve.url] {
        let seen = examine(&["-x", url, "echo:"]);
        let best = seen.report["best"]["command"].as_str().expect("a command");
        let output = type_in(best).stdin("hello\n").run().expect_clean();
        assert_eq!(output.stdout, b"hello\n", "{best}");
    }
}

#[test]
fn credentials_are_used_and_not_repeated() {
    let folder = tempfile::tempdir().expect("a folder");
    let users = folder.path().join("users");
    let password = folder.path().join("it's a password");
    fs::write(&users, "me:s3cret\n").expect("write users");
    fs::write(&password, "s3cret\n").expect("write a password");
    let users = users.to_str().expect("UTF-8");
    let password = password.to_str().expect("UTF-8");
    let serve = Serve::with(&["--auth-file", users]);

    let seen = examine(&[
        "-x",
        &serve.url,
        "-U",
        "me",
        "--proxy-pass-file",
        password,
        "echo:",
    ]);
    assert_eq!(seen.report["auth"]["accepted"], true);
    assert!(!seen.report.to_string().contains("s3cret"));
    let best = seen.report["best"]["command"].as_str().expect("a command");
    let output = type_in(best).stdin("hello\n").run().expect_clean();
    assert_eq!(output.stdout, b"hello\n", "{best}");

    // From a URL, where it warns, and from a field.
    let url = serve.url.replace("http://", "http://me:s3cret@");
    let run = Run::new(Command::new(TUNCAT)).args(["doctor", "--json", "-x", &url, "echo:"]);
    let output = run.run().expect_code(0);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(!text.contains("s3cret") && text.contains("-U me"), "{text}");
    let field = "Proxy-Authorization: Basic bWU6czNjcmV0";
    let seen = examine_as(command().args(["-x", &serve.url, "-H", field, "echo:"]));
    assert!(
        !seen.report.to_string().contains("bWU6"),
        "{:#}",
        seen.report
    );
    assert_eq!(seen.ways()[0], "h1 open");
}

#[test]
fn the_block_for_ssh_is_one_that_ssh_takes() {
    let serve = Serve::start();
    let seen = examine(&[
        "-x",
        &serve.url,
        "--path",
        "/a%20b/{host}/{port}",
        "--via",
        "h1",
        "localhost:2222",
    ]);
    let block = seen.report["best"].to_string();
    // Nothing listens there, so nothing is best.
    assert_eq!(block, "null");
    let target = crate::support::Target::echo();
    let place = target.addr();
    let args = [
        "-x",
        &serve.url,
        "--path",
        "/a%20b/{host}/{port}",
        "--via",
        "h1",
        &place,
    ];
    let seen = examine(&args);
    let block = seen.report["best"]["ssh_config"].as_str().expect("a block");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config");
    fs::write(&file, format!("{block}\n")).expect("write a configuration");
    let run = Run::new(Command::new("ssh"))
        .arg("-G")
        .arg("-F")
        .arg(&file)
        .arg("127.0.0.1");
    let output = String::from_utf8(run.run().expect_code(0).stdout).expect("UTF-8");
    assert!(
        output.contains(&format!("\nport {}\n", target.port)),
        "{output}"
    );
    // ssh shows the command as it stands in the file.
    let command = format!(
        "-x {} --path '/a%%20b/{{host}}/{{port}}' --via h1 %h %p",
        serve.url
    );
    assert!(output.contains(&command), "{output}");
}
