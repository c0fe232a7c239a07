//! ncat and OpenBSD's nc as clients of `tuncat serve`.

use crate::support::proc::tool;
use crate::support::{Feed, Pattern, Run, Serve, Target};

const LEN: u64 = 1024 * 1024;

fn ncat(serve: &Serve, args: &[&str], target: &Target) -> Run {
    Run::new(tool("ncat", "ncat"))
        .args(["--proxy-type", "http", "--proxy"])
        .arg(format!("127.0.0.1:{}", serve.port))
        .args(args)
        .args(["127.0.0.1", &target.port.to_string()])
        .feed(Feed::Pattern(1, LEN))
}

#[test]
fn ncat_gets_the_whole_answer_after_it_has_ended_its_side() {
    let serve = Serve::start();
    let target = Target::answers_after_eof(2, LEN);
    let output = ncat(&serve, &[], &target).run().expect_code(0);
    assert_eq!(output.stdout_sha256, Pattern::sha256(2, LEN));
    assert_eq!(target.received(1), (LEN, Pattern::sha256(1, LEN)));
}

#[test]
fn ncat_logs_in_and_fails_with_a_wrong_password() {
    let serve = Serve::with(&["--auth", "user:pass"]);
    let target = Target::answers_after_eof(2, LEN);
    let output = ncat(&serve, &["--proxy-auth", "user:pass"], &target)
        .run()
        .expect_code(0);
    assert_eq!(output.stdout_sha256, Pattern::sha256(2, LEN));
    for login in [&["--proxy-auth", "user:wrong"][..], &[]] {
        let output = ncat(&serve, login, &target).run();
        assert_ne!(output.code, 0);
        assert_eq!(output.stdout_len, 0);
    }
    assert_eq!(target.accepted(), 1);
}

#[test]
fn openbsd_nc_gets_the_whole_answer_after_it_has_ended_its_side() {
    let serve = Serve::start();
    let target = Target::answers_after_eof(2, LEN);
    let output = Run::new(tool("nc.openbsd", "netcat-openbsd"))
        .args(["-N", "-X", "connect", "-x"])
        .arg(format!("127.0.0.1:{}", serve.port))
        .args(["127.0.0.1", &target.port.to_string()])
        .feed(Feed::Pattern(1, LEN))
        .run()
        .expect_code(0);
    assert_eq!(output.stdout_sha256, Pattern::sha256(2, LEN));
    assert_eq!(target.received(1), (LEN, Pattern::sha256(1, LEN)));
}
