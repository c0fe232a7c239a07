//! curl speaks to a TCP service through `tuncat serve`: its request's content goes there, the answer's comes back.

use crate::real::MIB;
use crate::support::peers::Certificate;
use crate::support::proc::tool;
use crate::support::{ClosedPort, Feed, Pattern, Run, Serve, Target};
use std::{fs, io};

const LEN: u64 = 16 * MIB;

const VERSIONS: [&str; 2] = ["--http1.1", "--http2-prior-knowledge"];

/// `curl -X POST` to a target.
fn curl(serve: &Serve, target: &str, args: &[&str]) -> Run {
    let (host, port) = target.rsplit_once(':').expect("host and port");
    let url = format!("{}/.well-known/masque/tcp/{host}/{port}/", serve.url);
    // -q: not the user's ~/.curlrc.
    Run::new(tool("curl", "curl"))
        .args(["-q", "-sS", "-m", "50", "-X", "POST"])
        .args(args)
        .arg(url)
}

/// What it sends as it comes, with and without a word to wait for.
#[test]
fn a_stream_to_an_echo_and_back() {
    let serve = Serve::start();
    for version in VERSIONS {
        for more in [&[][..], &["-H", "Expect: 100-continue"]] {
            let target = Target::echo();
            let args = [&[version, "-T", "-"], more].concat();
            let run = curl(&serve, &target.addr(), &args);
            let output = run.feed(Feed::Pattern(1, LEN)).hash_only().run();
            let output = output.expect_clean();
            assert_eq!(output.stdout_len, LEN, "{args:?}");
            assert_eq!(output.stdout_sha256, Pattern::sha256(1, LEN), "{args:?}");
        }
    }
}

/// A content of known length.
#[test]
fn a_file_to_an_echo_and_back() {
    let serve = Serve::start();
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("file");
    let mut bytes = fs::File::create(&file).expect("make a file");
    io::copy(&mut Pattern::new(1, LEN), &mut bytes).expect("write a file");
    let data = format!("@{}", file.display());
    for version in VERSIONS {
        let target = Target::echo();
        let args = [version, "--data-binary", &data];
        let run = curl(&serve, &target.addr(), &args);
        let output = run.hash_only().run().expect_clean();
        assert_eq!(output.stdout_sha256, Pattern::sha256(1, LEN), "{version}");
    }
}

#[test]
fn an_answer_after_the_end() {
    let serve = Serve::start();
    for version in VERSIONS {
        let target = Target::answers_after_eof(2, LEN);
        let run = curl(&serve, &target.addr(), &[version, "-T", "-"]);
        let output = run.feed(Feed::Pattern(1, LEN)).hash_only().run();
        let output = output.expect_clean();
        assert_eq!(target.received(1), (LEN, Pattern::sha256(1, LEN)));
        assert_eq!(output.stdout_sha256, Pattern::sha256(2, LEN), "{version}");
    }
}

/// curl 7.88 takes the end of an HTTP/1.1 answer for the end of all, and sends no more; on HTTP/2 it hangs when the
/// answer ends before the request (it has both ends by then), so there is no row for that.
#[test]
fn a_target_that_ends_first() {
    let serve = Serve::start();
    let target = Target::ends_first(2, LEN);
    let run = curl(&serve, &target.addr(), &["--http1.1", "-T", "-"]);
    let output = run.feed(Feed::Pattern(1, LEN)).hash_only().run();
    let output = output.expect_clean();
    assert_eq!(output.stdout_sha256, Pattern::sha256(2, LEN));
}

#[test]
fn over_tls() {
    let certificate = Certificate::new();
    let serve = Serve::with(&["--cert", &certificate.cert(), "--key", &certificate.key()]);
    for version in ["--http1.1", "--http2"] {
        let target = Target::echo();
        let cacert = certificate.cert();
        let shown = "%{stderr}%{http_version}";
        let args = [version, "-T", "-", "--cacert", &cacert, "-w", shown];
        let run = curl(&serve, &target.addr(), &args);
        let output = run.feed(Feed::Pattern(1, LEN)).hash_only().run();
        let output = output.expect_code(0);
        assert_eq!(output.stdout_sha256, Pattern::sha256(1, LEN), "{version}");
        let expected = if version == "--http2" { "2" } else { "1.1" };
        assert_eq!(output.stderr, expected);
    }
}

/// A break is never an end.
#[test]
fn a_target_that_resets() {
    let serve = Serve::start();
    for (version, codes) in [(VERSIONS[0], &[18, 55, 56][..]), (VERSIONS[1], &[92])] {
        let target = Target::resets(3, 1000);
        let run = curl(&serve, &target.addr(), &[version, "-T", "-"]);
        let output = run.feed(Feed::Pattern(1, MIB)).run();
        assert!(codes.contains(&output.code), "{version}: {output:?}");
    }
}

/// As an origin would say it.
#[test]
fn statuses() {
    let serve = Serve::with(&["--auth", "user:pass"]);
    let (target, closed) = (Target::echo(), ClosedPort::new());
    for version in VERSIONS {
        for (at, login, status) in [
            (&target, None, "401"),
            (&target, Some("user:wrong"), "401"),
            (&target, Some("user:pass"), "200"),
        ] {
            let mut args = vec![version, "-w", "%{stderr}%{http_code}", "--data", "hello"];
            args.extend(login.iter().flat_map(|login| ["-u", login]));
            let output = curl(&serve, &at.addr(), &args).run().expect_code(0);
            assert_eq!(output.stderr, status, "{args:?}");
            assert_eq!(output.stdout == b"hello", status == "200");
        }
        let args = [version, "-w", "%{stderr}%{http_code}", "-u", "user:pass"];
        let output = curl(&serve, &closed.addr(), &args).run().expect_code(0);
        assert_eq!(output.stderr, "502");
        assert_eq!(output.stdout, b"Connection refused\n");
    }
    assert_eq!(target.accepted(), 2);
}
