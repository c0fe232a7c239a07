//! Twelve secrets from everywhere, in every situation, and nobody who should not sees any of them.

use crate::client::LIMIT;
use crate::client::peer::{OK, Peer};
use crate::support::tuncat::TUNCAT;
use crate::support::{ClosedPort, Run, connect};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use tempfile::TempDir;

/// Each of them is nowhere else.
const SECRETS: [&str; 12] = [
    "UrlOne-4f1c",
    "UrlTwo-9b2d",
    "Option-77aa",
    "File-31ce",
    "Variable-c0de",
    "Netrc-88f0",
    "Command-1d3e",
    "Askpass-52bd",
    "Field-6ee1",
    "Token-aa19",
    "ProxyUrl-b00c",
    "Cookie-d41d",
];
const URL_ONE: &str = SECRETS[0];
const URL_TWO: &str = SECRETS[1];
const OPTION: &str = SECRETS[2];
const FILE: &str = SECRETS[3];
const VARIABLE: &str = SECRETS[4];
const NETRC: &str = SECRETS[5];
const COMMAND: &str = SECRETS[6];
const ASKPASS: &str = SECRETS[7];
const FIELD: &str = SECRETS[8];
const TOKEN: &str = SECRETS[9];
const PROXY_URL: &str = SECRETS[10];
const COOKIE: &str = SECRETS[11];

/// The shapes in which a secret may show.
fn shapes(secret: &str) -> Vec<String> {
    let hex: String = secret.bytes().map(|b| format!("{b:02x}")).collect();
    let inside = STANDARD.encode(secret);
    // Behind `me:` it has another phase.
    let pair = STANDARD.encode(format!("me:{secret}"));
    let pair = pair.trim_end_matches('=');
    let percent: String = secret.bytes().map(|b| format!("%{b:02X}")).collect();
    let core = |text: &str| text[4..text.len() - 4].to_owned();
    vec![
        secret.into(),
        hex,
        core(inside.trim_end_matches('=')),
        core(pair),
        percent,
    ]
}

fn findings(place: &str, text: &str) -> Vec<String> {
    let found = SECRETS.iter().flat_map(|secret| {
        let shapes = shapes(secret)
            .into_iter()
            .filter(|shape| text.contains(shape.as_str()));
        shapes.map(move |shape| format!("{secret} as {shape} in {place}"))
    });
    found.collect()
}

/// Arguments, and variables.
type Source = (Vec<String>, Vec<(&'static str, String)>);

/// A way to say who one is; everything is said in a run of its own and all at once in the environment.
struct Places {
    _folder: TempDir,
    file: String,
    netrc: String,
    command: String,
    askpass: String,
}

impl Places {
    fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let write = |name: &str, text: String, mode: u32| {
            let file = folder.path().join(name);
            fs::write(&file, text).expect("write a file");
            fs::set_permissions(&file, Permissions::from_mode(mode)).expect("set a mode");
            file.display().to_string()
        };
        Places {
            file: write("file", format!("{FILE}\n"), 0o600),
            netrc: write(
                "netrc",
                format!("machine 127.0.0.1 login me password {NETRC}\n"),
                0o600,
            ),
            command: write(
                "command",
                format!("#!/bin/sh\necho username=me\necho password={COMMAND}\n"),
                0o755,
            ),
            askpass: write("askpass", format!("#!/bin/sh\necho {ASKPASS}\n"), 0o755),
            _folder: folder,
        }
    }

    fn sources(&self, proxy: &str) -> Vec<Source> {
        let args = |list: &[&str]| list.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>();
        let url = |secret: &str| proxy.replace("http://", &format!("http://me:{secret}@"));
        let x = ["-x", proxy];
        let with = |more: &[&str]| args(&[&x[..], more].concat());
        vec![
            (args(&["-x", &url(URL_ONE), "-x", &url(URL_TWO)]), vec![]),
            (with(&["-U", &format!("me:{OPTION}")]), vec![]),
            (with(&["-U", "me", "--proxy-pass-file", &self.file]), vec![]),
            (
                with(&["-U", "me"]),
                vec![("TUNCAT_PROXY_PASSWORD", VARIABLE.into())],
            ),
            (with(&["--netrc-file", &self.netrc]), vec![]),
            (with(&["--proxy-auth-command", &self.command]), vec![]),
            (
                with(&["-U", "me"]),
                vec![
                    ("SSH_ASKPASS", self.askpass.clone()),
                    ("SSH_ASKPASS_REQUIRE", "force".into()),
                ],
            ),
            (
                with(&["-H", &format!("Proxy-Authorization: Custom {FIELD}")]),
                vec![],
            ),
            (
                with(&["-U", &format!("me:{TOKEN}"), "--proxy-auth", "bearer"]),
                vec![],
            ),
            (vec![], vec![("https_proxy", url(PROXY_URL))]),
            (
                with(&[
                    "-H",
                    &format!("Cookie: session={COOKIE}"),
                    "-U",
                    &format!("me:{OPTION}"),
                ]),
                vec![],
            ),
            // In the wrong place.
            (
                with(&["-U", &format!("me:{OPTION}"), "--via", OPTION]),
                vec![],
            ),
            (
                args(&["-x", &format!("htp://me:{URL_ONE}@127.0.0.1:1")]),
                vec![],
            ),
            (
                args(&["-x", &format!("http://me:{URL_ONE}@127.0.0.1:x")]),
                vec![],
            ),
            (
                with(&["-H", &format!("Proxy-Authorization {FIELD}")]),
                vec![],
            ),
        ]
    }
}

fn run_all(proxy: &str, command: &str, places: &Places, target: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (args, variables) in places.sources(proxy) {
        for more in [&["-vvv"][..], &["-vvv", "--json"]] {
            let run = match command {
                "connect" => connect(&args).args(["-N", target]),
                other => Run::new(Command::new(TUNCAT))
                    .arg(other)
                    .args(&args)
                    .arg(target),
            };
            let run = variables
                .iter()
                .fold(run, |run, (name, value)| run.env(name, value));
            let output = run.args(more).args(["-w", "2"]).limit(LIMIT * 3).run();
            // `--via` repeats a word that it does not know: that one is no place for a secret, and clap's own.
            let via = args.iter().any(|a| a == "--via");
            let stderr = match via {
                true => output.stderr.replace(OPTION, ""),
                false => output.stderr,
            };
            found.extend(findings(&format!("stderr of {command} {args:?}"), &stderr));
            let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
            found.extend(findings(&format!("stdout of {command} {args:?}"), &stdout));
        }
    }
    found
}

/// Answers of every kind: those that open a tunnel, those that do not, and those that are none.
#[test]
fn nothing_in_any_output() {
    let places = Places::new();
    let basic =
        "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n";
    let strong = "HTTP/1.1 407 Who\r\nProxy-Authenticate: Digest realm=\"x\", nonce=\"n\", qop=\"auth\"\r\n\
                  Proxy-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n";
    let mut found = Vec::new();
    for answer in [
        OK,
        basic,
        strong,
        "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 502 No\r\nProxy-Status: p;error=dns_error\r\nContent-Length: 0\r\n\r\n",
        "SSH-2.0-x\r\n",
        "\x15\x03\x01",
        "",
    ] {
        let peer = Peer::answering(answer);
        found.extend(run_all(&peer.url(), "connect", &places, "target.test:22"));
    }
    let closed = ClosedPort::new();
    found.extend(run_all(
        &format!("http://{}", closed.addr()),
        "connect",
        &places,
        "target.test:22",
    ));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn nothing_in_the_output_of_doctor() {
    let places = Places::new();
    let peer = Peer::answering(
        "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n",
    );
    let found = run_all(&peer.url(), "doctor", &places, "target.test:22");
    assert!(found.is_empty(), "{found:#?}");
}

/// The scan finds what there is to find, in every shape.
#[test]
fn the_scan_can_find() {
    for secret in SECRETS {
        for text in [
            secret.to_owned(),
            STANDARD.encode(secret),
            STANDARD.encode(format!("me:{secret}")),
            secret.bytes().map(|b| format!("{b:02x}")).collect(),
        ] {
            assert!(
                !findings("a text", &format!("before {text} after")).is_empty(),
                "{text}"
            );
        }
    }
}

/// What the kernel shows of a process that has them all.
#[test]
fn nothing_in_proc() {
    use crate::client::child::Tunnel;
    let peer = Peer::echo(OK);
    let url = peer
        .url()
        .replace("http://", &format!("http://me:{URL_ONE}@"));
    let mut command = Command::new(TUNCAT);
    command.args(["connect", "-x", &url]);
    command.args([
        "-U",
        &format!("me:{OPTION}"),
        "-H",
        &format!("Proxy-Authorization: Custom {FIELD}"),
        "target.test:1",
    ]);
    command.env("TUNCAT_PROXY_PASSWORD", VARIABLE);
    command.env("HTTP_PROXY", format!("http://me:{PROXY_URL}@127.0.0.1:1"));
    let mut tunnel = Tunnel::command(
        command,
        std::process::Stdio::piped(),
        std::process::Stdio::piped(),
    );
    tunnel.write("x");
    let _ = tunnel.read_exact(1);
    let at = |file: &str| {
        let octets = fs::read(format!("/proc/{}/{file}", tunnel.pid().as_raw_nonzero()));
        String::from_utf8_lossy(&octets.expect("what the kernel shows")).into_owned()
    };
    assert!(at("cmdline").contains("connect"), "it can be read");
    assert!(
        at("environ").contains("TUNCAT_PROXY_PASSWORD="),
        "it can be read"
    );
    let files = ["cmdline", "environ", "status", "comm", "limits"];
    let found: Vec<String> = files
        .iter()
        .flat_map(|file| findings(file, &at(file)))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
    let limits = at("limits");
    let core = limits.lines().find(|l| l.starts_with("Max core file size"));
    assert!(
        core.is_some_and(|l| l.split_whitespace().nth(4) == Some("0")),
        "{core:?}"
    );
}
