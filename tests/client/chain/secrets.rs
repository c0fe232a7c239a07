//! Credentials and fields are for one hop.

use super::{Seen, relay};
use crate::client::LIMIT;
use crate::client::expect::TARGET;
use crate::client::peer::{OK, Peer};
use crate::support::{Serve, Target, connect};

/// Whether the bytes hold one of the secrets, in clear or as Basic has it.
fn holds(seen: &Seen, secrets: &[&str]) -> bool {
    use base64::Engine;
    let encoded = secrets
        .iter()
        .map(|secret| base64::engine::general_purpose::STANDARD.encode(secret));
    let shapes = secrets.iter().map(|&s| s.to_owned()).chain(encoded);
    let seen = seen.lock().expect("seen");
    shapes
        .into_iter()
        .any(|shape| seen.windows(shape.len()).any(|w| w == shape.as_bytes()))
}

/// The first proxy's credentials and fields end there.
#[test]
fn nothing_of_the_first_reaches_the_second() {
    let target = Target::echo();
    let first = Serve::with(&["--auth", "alice:first-secret"]);
    let (second, seen) = relay(OK);
    for credentials in [None, Some("bob:other")] {
        let second = match credentials {
            None => second.url(),
            Some(user) => second.url().replace("http://", &format!("http://{user}@")),
        };
        let args = [
            "-x",
            &first.url,
            "-U",
            "alice:first-secret",
            "-H",
            "X-First: only",
        ];
        let run = connect(args).args(["-x", &second, "-N"]).arg(target.addr());
        let output = run
            .args(["--proxy-auth", "basic"])
            .stdin("hello")
            .limit(LIMIT)
            .run()
            .expect_code(0);
        assert_eq!(output.stdout, b"hello");
    }
    assert!(holds(&seen, &["CONNECT ", "hello"]), "it was captured");
    assert!(
        holds(&seen, &["bob:other"]),
        "its own credentials are there"
    );
    assert!(!holds(
        &seen,
        &["alice", "first-secret", "alice:first-secret", "X-First"]
    ));
    let heads = second.heads();
    assert!(!heads[0].contains("Proxy-Authorization"), "{}", heads[0]);
    assert!(heads[1].contains("Proxy-Authorization"), "{}", heads[1]);
}

/// The second one's do not show in the first, where there is TLS between.
#[test]
fn nothing_of_the_second_reaches_the_first() {
    let target = Target::echo();
    let (first, seen) = relay(OK);
    let mut second = Serve::with(&["--self-signed", "--auth", "bob:second-secret"]);
    let pin = second.pin();
    let url = second.url.replace("https://", "https://bob:second-secret@");
    let args = [
        "-x",
        &first.url(),
        "-x",
        &url,
        "--pin",
        &pin,
        "-N",
        &target.addr(),
    ];
    let run = connect(args).stdin("hello to the target");
    let output = run.limit(LIMIT).run().expect_code(0);
    assert_eq!(output.stdout, b"hello to the target");
    assert!(holds(&seen, &["CONNECT "]), "it was captured");
    let secrets = [
        "bob",
        "second-secret",
        "bob:second-secret",
        "hello to the target",
    ];
    assert!(!holds(&seen, &secrets));
}

/// Proxy credentials in the environment are for that proxy only; `-x` says another one.
#[test]
fn the_environment_lends_no_credentials() {
    let peer = Peer::echo(OK);
    let run = connect(["-x", &peer.url(), "-N", TARGET]);
    let run = run.env("https_proxy", format!("http://env:secret@{}", peer.addr()));
    run.stdin("x").limit(LIMIT).run().expect_clean();
    assert!(
        !peer.heads()[0].contains("Authorization"),
        "{:?}",
        peer.heads()
    );
}
