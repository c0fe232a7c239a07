//! The target `exec:COMMAND`.

use crate::support::{Feed, Pattern, Serve, connect, wait_for};
use crate::terminator::request::ask_for;
use tuncat::base::Target;

#[test]
fn a_command_is_a_target() {
    let serve = Serve::with(&["--allow-exec"]);
    for via in ["h1", "h2", "h1-post", "h2-post"] {
        let at = ["-x", &serve.url, "--via", via];
        let args = |command| {
            at.into_iter()
                .chain([command])
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let output = connect(args("exec:tr a-z A-Z; echo end"))
            .stdin(*b"hello\n")
            .run();
        assert_eq!(output.expect_clean().stdout, b"HELLO\nend\n", "{via}");
        let output = connect(args("exec:cat"))
            .feed(Feed::Pattern(5, 2_000_000))
            .hash_only()
            .run();
        assert_eq!(
            output.expect_clean().stdout_sha256,
            Pattern::sha256(5, 2_000_000),
            "{via}"
        );
        // That it failed is its own affair, but not that it was killed.
        connect(args("exec:exit 3")).run().expect_clean();
        connect(args("exec:printf x; kill -9 $$"))
            .run()
            .expect_code(56);
    }
}

/// Whoever goes takes the command and all that it started along.
#[test]
fn a_command_ends_with_its_tunnel() {
    let serve = Serve::with(&["--allow-exec"]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pid");
    let command = format!("exec:sleep 1000 & echo $! >{0}; wait", file.display());
    let mut tunnel = {
        let mut command_line = crate::support::proc::guarded(&crate::support::tuncat::TUNCAT);
        command_line
            .args(["connect", "-x", &serve.url, "--via", "h2", &command])
            .stdin(std::process::Stdio::piped());
        command_line.spawn().expect("connect")
    };
    let pid: i32 = wait_for("the command", || {
        let text = std::fs::read_to_string(&file).ok()?;
        text.trim().parse().ok()
    });
    let lives = || std::fs::metadata(format!("/proc/{pid}/stat")).is_ok();
    assert!(lives(), "the command has ended by itself");
    tunnel.kill().expect("kill");
    tunnel.wait().expect("wait");
    wait_for("the command to be gone", || (!lives()).then_some(()));
}

#[test]
fn only_where_it_is_allowed() {
    let authority = Target::Exec("true".into()).authority();
    let serve = Serve::start();
    ask_for(serve.port, &authority).refuses(403, "http_request_denied");
    let serve = Serve::with(&["--allow", "*", "--allow-builtin"]);
    ask_for(serve.port, &authority).refuses(403, "http_request_denied");
}
