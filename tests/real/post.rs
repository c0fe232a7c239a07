//! POST tunnels with tuncat at both ends: every byte and every kind of end, where others lose some.

use super::whole;
use crate::support::peers::Certificate;
use crate::support::{Feed, Listen, Serve, Target, connect, pattern};
use std::io::ErrorKind;

/// A `serve`, and the options to reach it by POST.
struct Way {
    _serve: Serve,
    _certificate: Option<Certificate>,
    args: Vec<String>,
    carrier: &'static str,
}

const ALL: [fn() -> Way; 4] = [
    || way("http", "h1-post", false),
    || way("h2c", "h2-post", false),
    || way("https", "h1-post", true),
    || way("https", "h2-post", true),
];

fn way(scheme: &str, carrier: &'static str, with_tls: bool) -> Way {
    let certificate = with_tls.then(Certificate::new);
    let files = certificate.as_ref().map(|c| [c.cert(), c.key()]);
    let serve = match &files {
        Some([cert, key]) => Serve::with(&["--cert", cert, "--key", key]),
        None => Serve::start(),
    };
    let url = format!("{scheme}://127.0.0.1:{}", serve.port);
    let mut args = ["-x", &url, "--via", carrier].map(str::to_owned).to_vec();
    if let Some([cert, _]) = files {
        args.extend(["--cacert".to_owned(), cert]);
    }
    Way {
        _serve: serve,
        _certificate: certificate,
        args,
        carrier,
    }
}

impl Way {
    fn args(&self) -> Vec<&str> {
        self.args.iter().map(String::as_str).collect()
    }

    fn listen(&self, target: &Target) -> Listen {
        whole::listen(&self.args(), target)
    }
}

#[test]
fn the_client_ends_first() {
    for start in ALL {
        let way = start();
        let target = whole::answers_after_eof();
        whole::connect_and_end_first(&way.args(), way.carrier, &target);
    }
}

#[test]
fn the_target_ends_first() {
    for start in ALL {
        let way = start();
        let target = whole::ends_first();
        whole::target_ends_first(way.listen(&target).ports[0], &target);
    }
}

#[test]
fn a_dialogue() {
    for start in ALL {
        let target = Target::echo();
        whole::dialogue(start().listen(&target).ports[0]);
    }
}

#[test]
fn resets_by_each_side() {
    for start in ALL {
        let way = start();
        let reset = Some(ErrorKind::ConnectionReset);
        let (target, ends) = Target::watcher(b"!");
        let listen = way.listen(&target);
        let kind = whole::client_resets(listen.ports[0], &ends);
        assert_eq!(kind, reset, "{}", way.carrier);

        let target = Target::resets(3, 1000);
        let listen = way.listen(&target);
        let end = whole::target_resets(listen.ports[0], 3, 1000);
        assert_eq!(end.err().map(|error| error.kind()), reset);
        let output = connect(way.args())
            .arg(target.addr())
            .feed(Feed::Open(b"hello".to_vec()))
            .run();
        assert_eq!(output.stdout, pattern(3, 1000));
        output.expect_failure(56);
    }
}
