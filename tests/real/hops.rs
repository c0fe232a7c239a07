//! Three hops of three kinds: squid with a login, `tuncat serve` over TLS with HTTP/2 for clients with a certificate, SOCKS 5.

use super::MIB;
use crate::support::peers::{Authority, Certificate, Dante, LOGIN, Squid};
use crate::support::{Feed, Output, Pattern, Serve, Target, connect};
use std::time::Duration;

// microsocks stops for good where both directions are full; Dante does not.
const LEN: u64 = 256 * MIB;

struct Hops {
    squid: Option<Squid>,
    serve: Option<Serve>,
    socks: Option<Dante>,
    authority: Authority,
    client: Certificate,
    urls: [String; 3],
}

impl Hops {
    fn start() -> Self {
        let authority = Authority::named("Test Root");
        let (server, client) = (authority.issue("localhost"), authority.issue("client.test"));
        let squid = Squid::with_login(LOGIN);
        let (cert, key, root) = (server.cert(), server.key(), authority.root());
        let serve = Serve::with(&["--cert", &cert, "--key", &key, "--client-ca", &root]);
        let socks = Dante::denying_port(1);
        let urls = [
            squid.url.clone(),
            format!("https://localhost:{}", serve.port),
            format!("socks5h://{}", socks.addr),
        ];
        Hops {
            squid: Some(squid),
            serve: Some(serve),
            socks: Some(socks),
            authority,
            client,
            urls,
        }
    }

    fn connect(&self, target: &Target, feed: Feed) -> Output {
        let [squid, serve, socks] = &self.urls;
        let chain = ["-x", squid, "-U", "user:pass", "-x", serve, "-x", socks];
        let (root, cert, key) = (self.authority.root(), self.client.cert(), self.client.key());
        let tls = ["--cacert", &root, "-E", &cert, "--key", &key];
        let run = connect(chain).args(tls).arg(target.addr()).feed(feed);
        run.hash_only().limit(Duration::from_secs(120)).run()
    }

    #[track_caller]
    fn fails(&self, code: i32, said: &[&str]) {
        let target = Target::echo();
        let line = self.connect(&target, Feed::Null).expect_failure(code);
        for text in said {
            assert!(line.contains(text), "{text:?} in: {line}");
        }
    }
}

#[test]
fn carry_256_mib_each_way() {
    let hops = Hops::start();
    let target = Target::echo();
    let output = hops.connect(&target, Feed::Pattern(17, LEN)).expect_clean();
    assert_eq!(output.stdout_len, LEN);
    assert_eq!(output.stdout_sha256, Pattern::sha256(17, LEN));
}

/// Whichever is gone is the one that is named.
#[test]
fn one_that_is_gone_is_named() {
    let mut hops = Hops::start();
    let [squid, serve, socks] = hops.urls.clone();
    hops.socks = None;
    hops.fails(
        103,
        &[
            &format!("proxy {serve} for proxy {socks}: 502 "),
            "connection_refused",
        ],
    );
    hops.serve = None;
    hops.fails(
        103,
        &[
            &format!("proxy {squid} for proxy {serve} "),
            "503 Service Unavailable",
        ],
    );
    hops.squid = None;
    hops.fails(7, &[&format!("connect: proxy {squid}: Connection refused")]);
}
