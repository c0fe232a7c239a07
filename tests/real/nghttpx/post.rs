//! Through nghttpx as what it mostly is, a reverse proxy: POST tunnels by either version, to `tuncat serve` by HTTP/1.1.
//!
//! Here it passes the end of the client's side on, and everything that comes after it.

use crate::real::whole;
use crate::support::peers::{Certificate, Nghttpx};
use crate::support::{ClosedPort, Feed, Serve, Target, connect, pattern};

/// The two in front of targets, and the options to reach them.
struct Way {
    _serve: Serve,
    _proxy: Nghttpx,
    _certificate: Option<Certificate>,
    args: Vec<String>,
    carrier: &'static str,
}

const ALL: [fn() -> Way; 3] = [|| clear("http", "h1-post"), || clear("h2c", "h2-post"), tls];

fn clear(scheme: &str, carrier: &'static str) -> Way {
    let serve = Serve::start();
    let proxy = Nghttpx::reverse(serve.port);
    let args = ["-x", &proxy.url(scheme), "--via", carrier];
    Way {
        args: args.map(str::to_owned).into(),
        carrier,
        _serve: serve,
        _proxy: proxy,
        _certificate: None,
    }
}

fn tls() -> Way {
    let serve = Serve::start();
    let certificate = Certificate::new();
    let proxy = Nghttpx::reverse_tls(serve.port, &certificate);
    let cert = certificate.cert();
    let args = [
        "-x",
        &proxy.url("https"),
        "--via",
        "post",
        "--cacert",
        &cert,
    ];
    Way {
        args: args.map(str::to_owned).into(),
        carrier: "h2-post",
        _serve: serve,
        _proxy: proxy,
        _certificate: Some(certificate),
    }
}

impl Way {
    fn args(&self) -> Vec<&str> {
        self.args.iter().map(String::as_str).collect()
    }
}

#[test]
fn connect_to_echo() {
    for start in ALL {
        let way = start();
        let target = Target::echo();
        whole::connect_to_echo(&way.args(), way.carrier, &target);
        let listen = whole::listen(&way.args(), &target);
        whole::dialogue(listen.ports[0]);
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

/// The target's end comes whole; what is sent later is lost.
#[test]
fn the_target_ends_first() {
    for start in ALL {
        let way = start();
        let target = whole::ends_first();
        let listen = whole::listen(&way.args(), &target);
        whole::target_ends_first_and_loses(listen.ports[0], "nghttpx");
    }
}

/// Every byte, and then the break: on HTTP/1.1 nghttpx leaves out the last chunk (18), on HTTP/2 it resets (56).
#[test]
fn a_target_that_resets() {
    for (start, code) in ALL.into_iter().zip([18, 56, 56]) {
        let way = start();
        let target = Target::resets(3, 1000);
        let output = connect(way.args())
            .arg(target.addr())
            .feed(Feed::Open(b"hello".to_vec()))
            .run();
        assert_eq!(output.stdout, pattern(3, 1000));
        output.expect_failure(code);
    }
}

#[test]
fn a_client_that_resets() {
    for start in ALL {
        let way = start();
        let (target, ends) = Target::watcher(b"!");
        let listen = whole::listen(&way.args(), &target);
        let kind = whole::client_resets(listen.ports[0], &ends);
        assert_eq!(kind, Some(std::io::ErrorKind::ConnectionReset));
    }
}

/// Proxy-Status comes through.
#[test]
fn refusals_have_their_codes() {
    for start in ALL {
        let way = start();
        let closed = ClosedPort::new();
        for (target, code, token) in [
            (closed.addr().as_str(), 103, "connection_refused"),
            ("10.0.0.1:80", 101, "destination_ip_prohibited"),
            ("x.invalid:80", 6, "dns_error"),
        ] {
            let run = connect(way.args()).arg(target);
            let line = run.run().expect_failure(code);
            assert!(line.contains(token), "{line}");
        }
    }
}
