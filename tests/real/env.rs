//! Proxies from the environment: curl is the reference, and it is asked, not remembered.
//!
//! Every row runs curl and tuncat with the same variables to the same destination, where two listeners see who gets the
//! connection. What curl 7.88.1 does, as far as these rows go:
//!
//! - The first of `https_proxy`, `HTTPS_PROXY`, `all_proxy`, `ALL_PROXY` that is not empty wins. An empty variable counts
//!   as unset. `http_proxy` and `HTTP_PROXY` say nothing about a tunnel. Without a scheme it is an `http://` proxy;
//!   path, query and fragment are ignored; a blank anywhere is an error (curl 5), an unknown scheme is one as well
//!   (curl 7): neither falls through to the next variable or to a direct connection. No port means 1080.
//! - `no_proxy` wins over `NO_PROXY` unless it is empty, even when it holds nothing but blanks.
//! - `*` counts only as the whole value: `*,` or `foo,*` or `*.example.com` match nothing.
//! - Entries are separated by commas and by blanks. One trailing dot of an entry and of the name, and then one leading
//!   dot of the entry, are ignored; letter case as well. `example.com` and `.example.com` both match the name itself and
//!   everything below it.
//! - An entry with a port matches nothing. Names are never resolved, so an address block never matches a name.
//! - An IPv4 destination is compared with addresses and CIDR blocks only: `127` or `.0.0.1` match nothing. Host bits in
//!   a block are ignored. A prefix length of 0 means the address itself, as if there were none.
//! - An IPv6 destination is written without brackets in `no_proxy`. Its documentation allows CIDR blocks for IPv6 too,
//!   but 7.88.1 compares the text only; tuncat does what is documented, and those rows do not ask curl.

use crate::support::proc::tool;
use crate::support::{ClosedPort, Run, connect, wait_for};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

/// Who got the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Direct,
    Proxy,
    /// Nobody: the variables are an error.
    Nobody,
}
use Way::{Direct, Nobody, Proxy};

/// Variables, a host, and where curl and tuncat both have to go. `PROXY` in a value stands for the address of the
/// proxy, `PORT` for the port of the destination, and `DEAD` for an address where nobody is.
type Row<'a> = (&'a [(&'a str, &'a str)], &'a str, Way);

const NAME: &str = "www.example.com";

#[rustfmt::skip] // A row a line.
const WHICH_PROXY: &[Row<'static>] = &[
    (&[], NAME, Direct),
    (&[("https_proxy", "http://PROXY")], NAME, Proxy),
    (&[("HTTPS_PROXY", "http://PROXY")], NAME, Proxy),
    (&[("all_proxy", "http://PROXY")], NAME, Proxy),
    (&[("ALL_PROXY", "http://PROXY")], NAME, Proxy),
    (&[("http_proxy", "http://PROXY")], NAME, Direct),
    (&[("HTTP_PROXY", "http://PROXY")], NAME, Direct),
    (&[("https_proxy", "http://PROXY"), ("HTTPS_PROXY", "http://DEAD")], NAME, Proxy),
    (&[("https_proxy", "http://DEAD"), ("HTTPS_PROXY", "http://PROXY")], NAME, Nobody),
    (&[("HTTPS_PROXY", "http://PROXY"), ("all_proxy", "http://DEAD")], NAME, Proxy),
    (&[("https_proxy", "http://PROXY"), ("ALL_PROXY", "http://DEAD")], NAME, Proxy),
    (&[("all_proxy", "http://PROXY"), ("ALL_PROXY", "http://DEAD")], NAME, Proxy),
    (&[("all_proxy", "http://DEAD"), ("ALL_PROXY", "http://PROXY")], NAME, Nobody),
    (&[("https_proxy", "")], NAME, Direct),
    (&[("https_proxy", ""), ("HTTPS_PROXY", "http://PROXY")], NAME, Proxy),
    (&[("https_proxy", ""), ("all_proxy", "http://PROXY")], NAME, Proxy),
    (&[("all_proxy", ""), ("ALL_PROXY", "http://PROXY")], NAME, Proxy),
    (&[("https_proxy", ""), ("HTTPS_PROXY", ""), ("all_proxy", "")], NAME, Direct),
    (&[("https_proxy", "PROXY")], NAME, Proxy),
    (&[("https_proxy", "PROXY/")], NAME, Proxy),
    (&[("https_proxy", "http://PROXY/")], NAME, Proxy),
    (&[("https_proxy", "http://PROXY/path?query#part")], NAME, Proxy),
    (&[("https_proxy", "Http://PROXY")], NAME, Proxy),
    (&[("https_proxy", "http://user:secret@PROXY")], NAME, Proxy),
    (&[("https_proxy", "user:secret@PROXY")], NAME, Proxy),
    (&[("https_proxy", "http://us%20er:p%3A@PROXY")], NAME, Proxy),
    (&[("https_proxy", " "), ("all_proxy", "http://PROXY")], NAME, Nobody),
    (&[("https_proxy", "http://PROXY ")], NAME, Nobody),
    (&[("https_proxy", " http://PROXY")], NAME, Nobody),
    (&[("https_proxy", "http://"), ("all_proxy", "http://PROXY")], NAME, Nobody),
    (&[("https_proxy", "foo://PROXY")], NAME, Nobody),
    (&[("all_proxy", "socks4a://PROXY")], NAME, Proxy),
    (&[("ALL_PROXY", "socks5h://PROXY")], NAME, Proxy),
    (&[("https_proxy", "SOCKS5H://PROXY")], NAME, Proxy),
    (&[("all_proxy", "socks://PROXY")], NAME, Proxy),
    (&[("https_proxy", "ftp://PROXY"), ("all_proxy", "http://PROXY")], NAME, Nobody),
    (&[("https_proxy", "http://127.0.0.1:99999")], NAME, Nobody),
];

#[rustfmt::skip] // A row a line.
const WHICH_EXCEPTIONS: &[Row<'static>] = &[
    (&[("https_proxy", "PROXY"), ("no_proxy", NAME)], NAME, Direct),
    (&[("https_proxy", "PROXY"), ("NO_PROXY", NAME)], NAME, Direct),
    (&[("HTTPS_PROXY", "PROXY"), ("no_proxy", NAME)], NAME, Direct),
    (&[("all_proxy", "PROXY"), ("no_proxy", NAME)], NAME, Direct),
    (&[("https_proxy", "PROXY"), ("no_proxy", "other"), ("NO_PROXY", NAME)], NAME, Proxy),
    (&[("https_proxy", "PROXY"), ("no_proxy", "other"), ("NO_PROXY", "*")], NAME, Proxy),
    (&[("https_proxy", "PROXY"), ("no_proxy", NAME), ("NO_PROXY", "other")], NAME, Direct),
    (&[("https_proxy", "PROXY"), ("no_proxy", ""), ("NO_PROXY", NAME)], NAME, Direct),
    (&[("https_proxy", "PROXY"), ("no_proxy", " "), ("NO_PROXY", NAME)], NAME, Proxy),
    (&[("https_proxy", "PROXY"), ("no_proxy", "")], NAME, Proxy),
    (&[("no_proxy", "other")], NAME, Direct),
    // An exception comes before a look at the proxy: a broken one does not matter then.
    (&[("https_proxy", "http://DEAD"), ("no_proxy", NAME)], NAME, Direct),
    (&[("https_proxy", "foo://PROXY"), ("no_proxy", NAME)], NAME, Direct),
];

/// `no_proxy`, a host, and the way that both have to go.
const NO_PROXY: &[(&str, &str, Way)] = &[
    ("*", "www.example.com", Direct),
    ("*", "127.0.0.1", Direct),
    ("*", "[::1]", Direct),
    (" *", "www.example.com", Proxy),
    ("*,", "www.example.com", Proxy),
    ("other,*", "www.example.com", Proxy),
    ("*.example.com", "www.example.com", Proxy),
    ("*example.com", "www.example.com", Proxy),
    ("example.com", "example.com", Direct),
    ("example.com", "www.example.com", Direct),
    ("example.com", "a.b.example.com", Direct),
    ("example.com", "notexample.com", Proxy),
    ("example.com", "example.com.other", Proxy),
    ("www.example.com", "example.com", Proxy),
    ("com", "www.example.com", Direct),
    ("example", "www.example.com", Proxy),
    (".example.com", "example.com", Direct),
    (".example.com", "www.example.com", Direct),
    (".example.com", "notexample.com", Proxy),
    ("..example.com", "www.example.com", Proxy),
    (".", "www.example.com", Proxy),
    ("example.com.", "example.com", Direct),
    ("example.com.", "www.example.com", Direct),
    (".example.com.", "www.example.com", Direct),
    ("example.com", "example.com.", Direct),
    (".example.com", "www.example.com.", Direct),
    ("example.com.", "example.com.", Direct),
    ("EXAMPLE.com", "www.example.com", Direct),
    ("example.com", "WWW.Example.COM", Direct),
    ("example.com:PORT", "example.com", Proxy),
    ("example.com:1", "example.com", Proxy),
    ("http://example.com", "example.com", Proxy),
    ("a,b,example.com", "www.example.com", Direct),
    ("example.com,a,b", "www.example.com", Direct),
    ("a,,example.com,", "www.example.com", Direct),
    (",", "www.example.com", Proxy),
    ("a, example.com", "www.example.com", Direct),
    (" , example.com ", "www.example.com", Direct),
    ("a example.com", "www.example.com", Direct),
    ("example.com a", "www.example.com", Direct),
    ("a\texample.com", "www.example.com", Direct),
    ("a;example.com", "www.example.com", Proxy),
    ("localhost", "localhost", Direct),
    ("other", "localhost", Proxy),
    ("localhost", "127.0.0.1", Proxy),
    ("127.0.0.0/8", "localhost", Proxy),
    ("127.0.0.0/8", "www.example.com", Proxy),
    ("127.0.0.1", "127.0.0.1", Direct),
    ("127.0.0.2", "127.0.0.1", Proxy),
    ("127.0.0.1:PORT", "127.0.0.1", Proxy),
    ("127.0.0.1.", "127.0.0.1", Proxy),
    ("127", "127.0.0.1", Proxy),
    ("127.", "127.0.0.1", Proxy),
    ("0.0.1", "127.0.0.1", Proxy),
    (".0.0.1", "127.0.0.1", Proxy),
    ("127.0.0.0/8", "127.0.0.1", Direct),
    ("127.255.0.0/8", "127.0.0.1", Direct),
    ("126.0.0.0/7", "127.0.0.1", Direct),
    ("128.0.0.0/1", "127.0.0.1", Proxy),
    ("10.0.0.0/8", "127.0.0.1", Proxy),
    ("10.0.0.0/8,127.0.0.0/8", "127.0.0.1", Direct),
    ("10.0.0.0/8 127.0.0.0/8", "127.0.0.1", Direct),
    ("127.0.0.1/32", "127.0.0.1", Direct),
    ("127.0.0.0/32", "127.0.0.1", Proxy),
    ("127.0.0.0/31", "127.0.0.1", Direct),
    ("127.0.0.2/31", "127.0.0.1", Proxy),
    ("127.0.0.1/33", "127.0.0.1", Proxy),
    ("0.0.0.0/0", "127.0.0.1", Proxy),
    ("127/8", "127.0.0.1", Proxy),
    ("::ffff:127.0.0.1", "127.0.0.1", Proxy),
    ("::1", "[::1]", Direct),
    ("a, ::1", "[::1]", Direct),
    ("::2", "[::1]", Proxy),
    ("127.0.0.1", "[::1]", Proxy),
    ("[::1]:PORT", "[::1]", Proxy),
    ("8000::/1", "[::1]", Proxy),
    ("::2/127", "[::1]", Proxy),
    ("fd00::/8", "[::1]", Proxy),
];

/// As [`NO_PROXY`], for tuncat alone.
const NO_PROXY_IPV6: &[(&str, &str, Way)] = &[
    ("::1/128", "[::1]", Direct),
    ("::/127", "[::1]", Direct),
    ("::/64", "[::1]", Direct),
    ("::/65", "[::1]", Direct),
    ("fd00::/8, ::/8", "[::1]", Direct),
    ("0:0:0:0:0:0:0:1", "[::1]", Direct),
];

#[test]
fn the_proxy_is_the_one_that_curl_takes() {
    check_all(WHICH_PROXY, true);
}

#[test]
fn exceptions_come_from_the_variable_that_curl_takes() {
    check_all(WHICH_EXCEPTIONS, true);
}

#[test]
fn no_proxy_matches_as_in_curl() {
    check_no_proxy(NO_PROXY, true);
}

#[test]
fn no_proxy_has_ipv6_blocks() {
    check_no_proxy(NO_PROXY_IPV6, false);
}

#[test]
fn the_option_no_proxy_ignores_the_environment() {
    let place = Place::new();
    let run = place.tuncat(NAME).arg("--no-proxy");
    assert_eq!(place.way_of(run.env("https_proxy", &place.proxy)), Direct);
}

#[test]
fn an_explicit_proxy_wins_over_the_environment() {
    let place = Place::new();
    let run = place
        .tuncat(NAME)
        .args(["-x", &format!("http://{}", place.proxy)]);
    let run = run
        .env("https_proxy", place.dead.addr())
        .env("no_proxy", "*");
    assert_eq!(place.way_of(run), Proxy);
}

/// Runs every row and names all that go another way.
fn check_all(rows: &[Row], ask_curl: bool) {
    let place = Place::new();
    let mut wrong = Vec::new();
    for (variables, host, expected) in rows {
        let mut check = |who: &str, run: Run| {
            let run = variables.iter().fold(run, |run, (name, value)| {
                run.env(name, place.filled_in(value))
            });
            let way = place.way_of(run);
            if way != *expected {
                wrong.push(format!(
                    "{who} with {variables:?} to {host}: {way:?}, not {expected:?}"
                ));
            }
        };
        if ask_curl {
            check("curl", place.curl(host));
        }
        check("tuncat", place.tuncat(host));
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn check_no_proxy(rows: &[(&str, &str, Way)], ask_curl: bool) {
    let variables: Vec<_> = rows
        .iter()
        .map(|(value, ..)| [("https_proxy", "http://PROXY"), ("no_proxy", *value)])
        .collect();
    let rows: Vec<Row> = rows
        .iter()
        .zip(&variables)
        .map(|((_, host, way), variables)| (&variables[..], *host, *way))
        .collect();
    check_all(&rows, ask_curl);
}

/// A proxy and a destination that note who got a connection.
struct Place {
    proxy: String,
    dead: ClosedPort,
    port: u16,
    hits: Arc<Mutex<BTreeSet<Way>>>,
}

impl Place {
    fn new() -> Self {
        let hits = Arc::default();
        let proxy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind a proxy");
        let (v4, v6) = both_families();
        let place = Self {
            proxy: proxy.local_addr().expect("local address").to_string(),
            dead: ClosedPort::new(),
            port: v4.local_addr().expect("local address").port(),
            hits: Arc::clone(&hits),
        };
        note(proxy, Proxy, &hits);
        note(v4, Direct, &hits);
        note(v6, Direct, &hits);
        place
    }

    fn filled_in(&self, value: &str) -> String {
        value
            .replace("PROXY", &self.proxy)
            .replace("DEAD", &self.dead.addr())
            .replace("PORT", &self.port.to_string())
    }

    fn curl(&self, host: &str) -> Run {
        // -q: not the user's ~/.curlrc.
        Run::new(tool("curl", "curl"))
            .args(["-q", "-sS", "-m", "20"])
            .args(self.resolve(host))
            .arg(format!("https://{host}:{}/", self.port))
    }

    fn tuncat(&self, host: &str) -> Run {
        connect(["-w", "20"])
            .args(self.resolve(host))
            .arg(format!("{host}:{}", self.port))
    }

    /// Makes a name lead to this machine, for both programs.
    fn resolve(&self, host: &str) -> Vec<String> {
        let literal = host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok();
        let entry = format!("{host}:{}:127.0.0.1", self.port);
        if literal {
            Vec::new()
        } else {
            vec!["--resolve".to_owned(), entry]
        }
    }

    /// Runs it, and tells who got its connections. Both listeners note a connection before they answer or end it, and
    /// the client ends later.
    fn way_of(&self, run: Run) -> Way {
        self.hits.lock().expect("hits").clear();
        let output = run.run();
        let hits: Vec<_> = self.hits.lock().expect("hits").iter().copied().collect();
        match hits[..] {
            [way] => way,
            [] => {
                assert_ne!(output.code, 0, "it went nowhere and reports success");
                Nobody
            }
            _ => panic!("it went both ways: {output:?}"),
        }
    }
}

/// Listeners on 127.0.0.1 and ::1 with the same port.
fn both_families() -> (TcpListener, TcpListener) {
    wait_for("a port that is free on 127.0.0.1 and on ::1", || {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind 127.0.0.1");
        let port = v4.local_addr().expect("local address").port();
        match TcpListener::bind((Ipv6Addr::LOCALHOST, port)) {
            Ok(v6) => Some((v4, v6)),
            Err(error) if error.kind() == ErrorKind::AddrInUse => None,
            Err(error) => panic!("bind ::1: {error}"),
        }
    })
}

/// Notes each connection, then answers it like a proxy that refuses, or ends it.
fn note(listener: TcpListener, way: Way, hits: &Arc<Mutex<BTreeSet<Way>>>) {
    let hits = Arc::clone(hits);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            hits.lock().expect("hits").insert(way);
            if way == Proxy {
                let mut lines = BufReader::new(&stream).lines();
                while lines
                    .next()
                    .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
                {}
                let answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
                stream.write_all(answer.as_bytes()).ok();
            }
        }
    });
}
