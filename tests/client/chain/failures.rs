//! What each of the hops can say no to, and who is named for it.

use crate::client::expect::{Failure, Scene, TARGET, check_all, row};
use crate::client::peer::Peer;
use crate::support::{ClosedPort, Serve};

#[test]
fn every_failure_names_its_hop() {
    check_all(vec![
        row(
            "the first cannot reach the second",
            || {
                let (first, closed) = (Serve::start(), ClosedPort::new());
                let second = format!("http://{}", closed.addr());
                let scene = Scene::new(&["-x", &first.url, "-x", &second, TARGET]);
                scene
                    .hop(
                        format!("proxy {} for proxy {second}", first.url),
                        format!("127.0.0.1:{}", first.port),
                    )
                    .keep((first, closed))
            },
            Failure::refused(103, "target", "502 Bad Gateway")
                .token("connection_refused")
                .body("Connection refused")
                .hint("the proxy could not reach 127.0.0.1:*"),
        ),
        row(
            "the second cannot reach the target",
            || {
                let (first, mut second) = (Serve::start(), Serve::with(&["--self-signed"]));
                let (closed, pin) = (ClosedPort::new(), second.pin());
                let args = [
                    "-x",
                    &first.url,
                    "-x",
                    &second.url,
                    "--pin",
                    &pin,
                    &closed.addr(),
                ];
                Scene::new(&args)
                    .far_hop(format!("proxy {}", second.url))
                    .keep((first, second, closed))
            },
            Failure::refused(103, "target", "502 Bad Gateway")
                .token("connection_refused")
                .body("Connection refused")
                .hint("the proxy could not reach 127.0.0.1:*"),
        ),
        row(
            "the second denies it",
            || {
                let (first, second) = (Serve::start(), Serve::with(&["--deny", "host.invalid"]));
                Scene::new(&["-x", &first.url, "-x", &second.url, TARGET])
                    .far_hop(format!("proxy {}", second.url))
                    .keep((first, second))
            },
            Failure::refused(101, "proxy", "403 Forbidden")
                .token("http_request_denied")
                .body("a rule denies this target")
                .hint("*TARGET*"),
        ),
        row(
            "the second asks for a password",
            || {
                let (first, second) = (Serve::start(), Serve::with(&["--auth", "b:b"]));
                Scene::new(&["-x", &first.url, "-x", &second.url, TARGET, "-U", "a:a"])
                    .far_hop(format!("proxy {}", second.url))
                    .keep((first, second))
            },
            Failure::refused(67, "user", "407 Proxy Authentication Required")
                .token("http_request_denied")
                .body("this proxy asks for a user name and password")
                .hint("*"),
        ),
        row(
            "the second is not who it should be",
            || {
                let (first, second) = (Serve::start(), Serve::with(&["--self-signed"]));
                let pin = Serve::with(&["--self-signed"]).pin();
                Scene::new(&["-x", &first.url, "-x", &second.url, TARGET, "--pin", &pin])
                    .far_hop(format!("proxy {}", second.url))
                    .keep((first, second))
            },
            Failure::new(
                60,
                "TLS handshake",
                "proxy",
                "the key of the certificate is none of the pinned ones",
            )
            .hint("compare with the pin that its owner gives"),
        ),
        row(
            "the second speaks no TLS",
            || {
                let (first, second) = (Serve::start(), Serve::start());
                let url = second.url.replace("http:", "https:");
                Scene::new(&["-x", &first.url, "-x", &url, TARGET])
                    .far_hop(format!("proxy {url}"))
                    .keep((first, second))
            },
            Failure::new(35, "TLS handshake", "proxy", "the answer is not TLS").hint("*"),
        ),
        row(
            "the second closes before it answers",
            || {
                let (first, second) = (Serve::start(), Peer::new(|_| Ok(())));
                Scene::new(&["-x", &first.url, "-x", &second.url(), TARGET])
                    .far_hop(format!("proxy {}", second.url()))
                    .keep((first, second))
            },
            Failure::new(
                7,
                "CONNECT",
                "proxy",
                "closed the connection before answering",
            )
            .hint("*"),
        ),
    ]);
}
