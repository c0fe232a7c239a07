//! Through mitmproxy, which leaves bytes alone and looks into TLS.

use super::echo_through_connect;
use crate::support::peers::{Mitmproxy, Origin};
use crate::support::proc::tool;
use crate::support::{Listen, Run};

#[test]
fn carries_both_ways_through_connect() {
    let mitmproxy = Mitmproxy::start();
    echo_through_connect(&["-x", &mitmproxy.url]);
}

/// What the tunnel shows is signed by the proxy and not by the origin, and a client of the tunnel can tell.
#[test]
fn shows_a_certificate_of_its_own_inside_the_tunnel() {
    let mitmproxy = Mitmproxy::start();
    let origin = Origin::start("127.0.0.1");
    origin.put("word", "from the origin");
    let listen = Listen::start(&["-x", &mitmproxy.url], &[&format!("0:{}", origin.addr())]);
    let fetch = |ca: &str| {
        let run = Run::new(tool("curl", "curl")).args(["-q", "-sS", "-m", "30", "--cacert", ca]);
        run.arg(format!("https://127.0.0.1:{}/word", listen.ports[0]))
            .run()
    };
    assert_eq!(
        fetch(&mitmproxy.ca()).expect_clean().stdout,
        b"from the origin"
    );
    fetch(&origin.certificate.cert()).expect_code(60);
}
