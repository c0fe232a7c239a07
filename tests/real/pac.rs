//! `--pac`: scripts from a file and from a real web server, and what comes of their answers.

use crate::support::peers::{Certificate, Front, Nginx, Squid};
use crate::support::{ClosedPort, Listen, Output, Target, connect, wait_for};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use tempfile::TempDir;

/// A script that returns this, in a file.
struct Script {
    _folder: TempDir,
    file: PathBuf,
}

impl Script {
    fn new(text: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let file = folder.path().join("proxy.pac");
        fs::write(&file, text).expect("write a script");
        Script {
            _folder: folder,
            file,
        }
    }

    fn returning(answer: &str) -> Self {
        Self::new(&format!(
            "function FindProxyForURL(url, host) {{ return '{answer}'; }}"
        ))
    }

    fn path(&self) -> String {
        self.file.display().to_string()
    }
}

fn run(pac: &str, target: &Target, args: &[&str]) -> Output {
    let run = connect(["--pac", pac, &target.addr(), "--json"]).args(args);
    run.stdin("hello").run()
}

/// Which way it went.
#[track_caller]
fn way(output: Output) -> String {
    let output = output.expect_code(0);
    assert_eq!(output.stdout, b"hello");
    let object = output.stderr.lines().last().expect("an object");
    let object: Value = serde_json::from_str(object).expect("JSON");
    let route = object["route"].as_array().expect("a route");
    route[0].as_str().expect("a name").to_owned()
}

#[test]
fn a_proxy_or_none() {
    let (squid, target) = (Squid::start(), Target::echo());
    let proxy = Script::returning(&format!("PROXY 127.0.0.1:{}", squid.port));
    assert_eq!(way(run(&proxy.path(), &target, &[])), squid.url);
    let url = format!("file://{}", proxy.path());
    assert_eq!(way(run(&url, &target, &[])), squid.url);
    let direct = Script::returning("DIRECT");
    assert_eq!(way(run(&direct.path(), &target, &[])), "direct");
    // The script goes before the environment.
    let closed = ClosedPort::new();
    let run = connect(["--pac", &direct.path(), &target.addr(), "--json"]);
    let run = run.env("https_proxy", format!("http://{}", closed.addr()));
    assert_eq!(way(run.stdin("hello").run()), "direct");
}

/// Refused, and silent: what does not answer leaves time for the next; an answer is an answer.
#[test]
fn alternatives_in_order() {
    let (squid, target) = (Squid::start(), Target::echo());
    let closed = ClosedPort::new();
    let silent = TcpListener::bind("127.0.0.1:0").expect("bind");
    let refused = format!(
        "PROXY {}; PROXY 127.0.0.1:{}; DIRECT",
        closed.addr(),
        squid.port
    );
    assert_eq!(
        way(run(&Script::returning(&refused).path(), &target, &[])),
        squid.url
    );
    let last = format!("PROXY {}; SOCKS5 {}; DIRECT", closed.addr(), closed.addr());
    assert_eq!(
        way(run(&Script::returning(&last).path(), &target, &[])),
        "direct"
    );
    let named = "PROXY nowhere.invalid:1; DIRECT";
    assert_eq!(
        way(run(&Script::returning(named).path(), &target, &[])),
        "direct"
    );
    // It accepts, so it was reached, and what it does not say is its own failure.
    let address = silent.local_addr().expect("an address");
    let mute = Script::returning(&format!("PROXY {address}; DIRECT"));
    run(&mute.path(), &target, &["-w", "1"]).expect_code(28);
    let denying = Squid::with("http_access deny all\n");
    let denied = Script::returning(&format!("PROXY 127.0.0.1:{}; DIRECT", denying.port));
    run(&denied.path(), &target, &[]).expect_code(101);
}

#[test]
fn from_a_web_server() {
    let (squid, target) = (Squid::start(), Target::echo());
    let certificate = Certificate::naming("localhost");
    let site = format!(
        "location = /proxy.pac {{ default_type application/x-ns-proxy-autoconfig; \
         return 200 \"function FindProxyForURL(u, h) {{ return 'PROXY 127.0.0.1:{}'; }}\"; }}\n\
         location = /moved {{ return 302 /proxy.pac; }}\n\
         location = /page {{ default_type text/html; return 200 '<html>Login</html>'; }}",
        squid.port
    );
    let clear = Nginx::start(Front::Clear, &site);
    let tls = Nginx::start(Front::Tls(&certificate), &site);
    let at = |path: &str| format!("http://127.0.0.1:{}/{path}", clear.port);
    assert_eq!(way(run(&at("proxy.pac"), &target, &[])), squid.url);
    assert_eq!(way(run(&at("moved"), &target, &[])), squid.url);
    let secure = format!("https://localhost:{}/proxy.pac", tls.port);
    let trusted = ["--cacert", &certificate.cert()];
    assert_eq!(way(run(&secure, &target, &trusted)), squid.url);

    let fails = |url: &str, code: i32, said: &str| {
        let line = connect(["--pac", url, "host.test:1"])
            .run()
            .expect_failure(code);
        assert!(line.contains(said), "{line}");
    };
    fails(&at("nothing"), 101, "the answer is 404");
    fails(&at("page"), 2, "that is an HTML page, not a script");
    fails(&secure, 7, "https://localhost");
    fails(
        &format!("http://{}/", ClosedPort::new().addr()),
        7,
        "refused",
    );
    fails("/nonexistent.pac", 2, "No such file");
    fails("/", 2, "Is a directory");
}

/// A script that never ends, and one that eats memory: an error, and soon.
#[test]
fn scripts_that_are_evil() {
    for (body, said) in [
        ("while (true) {}", "it was ended after 5 s"),
        (
            "var a = []; while (true) a.push('x'.repeat(1e6) + a.length);",
            "memory",
        ),
    ] {
        let text = format!("function FindProxyForURL(url, host) {{ {body} }}");
        let script = Script::new(&text);
        let line = connect(["--pac", &script.path(), "host.test:1"]);
        let line = line.run().expect_failure(2);
        assert!(line.contains(said), "{line}");
    }
}

/// Each target of `listen` is asked for.
#[test]
fn for_each_target() {
    let (squid, target) = (Squid::start(), Target::echo());
    let script = Script::new(&format!(
        "function FindProxyForURL(url, host) {{ return host == 'localhost' ? 'DIRECT' : 'PROXY 127.0.0.1:{}'; }}",
        squid.port
    ));
    let specs = ["localhost", "127.0.0.1"].map(|host| format!("0:{host}:{}", target.port));
    let specs = [specs[0].as_str(), &specs[1]];
    let listen = Listen::start(&["--pac", &script.path()], &specs);
    for port in &listen.ports {
        let run = connect(["--no-proxy", &format!("127.0.0.1:{port}")]);
        assert_eq!(run.stdin("hello").run().expect_code(0).stdout, b"hello");
    }
    let log = wait_for("squid's log", || {
        Some(squid.access_log()).filter(|l| l.contains(" CONNECT "))
    });
    assert_eq!(log.matches(" CONNECT ").count(), 1, "{log}");
}
