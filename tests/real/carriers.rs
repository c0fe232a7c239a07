//! ssh, scp, git, curl and openssl over every carrier, through `tuncat serve`.

use super::{MIB, remote};
use crate::support::peers::{Certificate, Origin, Sshd};
use crate::support::proc::{Proc, tool};
use crate::support::{Feed, Listen, Pattern, Run, Serve, connect, pattern, wait_for};

/// What `serve` and its clients are told for a carrier.
struct Carrier {
    serve: &'static [&'static str],
    client: &'static [&'static str],
}

/// Each row is a module with all of the tests.
macro_rules! carriers {
    ($($row:ident: $serve:expr => $client:expr;)*) => {
        $(
            mod $row {
                const CARRIER: super::Carrier = super::Carrier { serve: &$serve, client: &$client };
                each!(&CARRIER; is_the_one_that_was_asked_for ssh scp git curl openssl);
            }
        )*
    };
}

carriers! {
    h1: [] => ["--via", "h1"];
    h1_tls: ["--self-signed"] => ["--via", "h1"];
    h2c: [] => ["--via", "h2"];
    h2_tls: ["--self-signed"] => ["--via", "h2"];
    h1_post: [] => ["--via", "h1-post"];
    h1_post_tls: ["--self-signed"] => ["--via", "h1-post"];
    h2c_post: [] => ["--via", "h2-post"];
    h2_post_tls: ["--self-signed"] => ["--via", "h2-post"];
}

/// A `serve`, and the arguments with which a client goes through it.
struct Way {
    serve: Serve,
    args: Vec<String>,
}

impl Carrier {
    fn start(&self) -> Way {
        let mut serve = Serve::with(&[&["-v"], self.serve].concat());
        let mut args = vec!["-x".to_owned(), serve.url.clone()];
        if serve.url.starts_with("https:") {
            args.extend(["--pin".to_owned(), serve.pin()]);
        }
        args.extend(self.client.iter().map(|&arg| arg.to_owned()));
        Way { serve, args }
    }
}

impl Way {
    fn args(&self) -> Vec<&str> {
        self.args.iter().map(String::as_str).collect()
    }

    /// As words of a command line.
    fn words(&self) -> String {
        self.args.join(" ")
    }

    /// `tuncat listen` to `target`.
    fn listen(&self, target: &str) -> Listen {
        Listen::start(&self.args(), &[&format!("0:{target}")])
    }

    /// That so many tunnels and no more have led to `target`.
    #[track_caller]
    fn carried(&self, count: usize, target: &str) {
        let tunnels = wait_for("serve to tell of its tunnels", || {
            let tunnels = self.serve.tunnels();
            (tunnels.len() >= count).then_some(tunnels)
        });
        let all = tunnels.iter().all(|(_, asked)| asked == target);
        assert!(all && tunnels.len() == count, "{tunnels:?}");
    }
}

fn is_the_one_that_was_asked_for(carrier: &Carrier) {
    let way = carrier.start();
    let run = connect(way.args()).args(["--json", "echo:"]).stdin("hello");
    let output = run.run().expect_code(0);
    assert_eq!(output.stdout, b"hello");
    let report: serde_json::Value = serde_json::from_str(&output.stderr).expect("JSON");
    let [.., "--via", asked] = carrier.client else {
        panic!("a row names its carrier last");
    };
    assert_eq!(report["carrier"], *asked, "{report}");
}

fn ssh(carrier: &Carrier) {
    let (sshd, way) = (Sshd::start(), carrier.start());
    remote::runs_a_command(&sshd, &way.words());
    remote::pipes(&sshd, &way.words(), 16 * MIB).expect_clean();
    way.carried(2, &sshd.addr());
}

fn scp(carrier: &Carrier) {
    let (sshd, way) = (Sshd::start(), carrier.start());
    remote::copies_files(&sshd, &way.words());
    way.carried(2, &sshd.addr());
}

fn git(carrier: &Carrier) {
    let (sshd, way) = (Sshd::start(), carrier.start());
    remote::clones_and_pushes(&sshd, &way.words());
    way.carried(2, &sshd.addr());
}

/// A download and an upload, each by hash.
fn curl(carrier: &Carrier) {
    const LEN: u64 = 8 * MIB;
    let (origin, way) = (Origin::start("origin.test"), carrier.start());
    origin.put("data", pattern(91, usize::try_from(LEN).expect("a length")));
    let listen = way.listen(&origin.addr());
    let curl = |path: &str| {
        Run::new(tool("curl", "curl"))
            .args(["-q", "-sS", "--fail", "-m", "60"])
            .args(["--cacert", &origin.certificate.cert()])
            .arg("--connect-to")
            .arg(format!("origin.test:443:127.0.0.1:{}", listen.ports[0]))
            .arg(format!("https://origin.test/{path}"))
    };
    let output = curl("data").hash_only().run().expect_clean();
    assert_eq!(output.stdout_sha256, Pattern::sha256(91, LEN));
    let upload = curl("sha256").args(["--data-binary", "@-"]);
    let output = upload.feed(Feed::Pattern(92, LEN)).run().expect_clean();
    let answer = String::from_utf8_lossy(&output.stdout);
    assert_eq!(answer, Pattern::sha256(92, LEN));
    way.carried(2, &origin.addr());
}

/// A handshake, and lines that come back reversed.
fn openssl(carrier: &Carrier) {
    const LINES: usize = 1000;
    let (certificate, way) = (Certificate::naming("origin.test"), carrier.start());
    let (_server, target) = reverser(&certificate);
    let listen = way.listen(&target);
    let bytes = pattern(93, LINES * 32);
    let lines = bytes.chunks(32).map(crate::support::sha256);
    let lines: Vec<_> = lines.collect();
    let output = Run::new(tool("openssl", "openssl"))
        .args(["s_client", "-ign_eof", "-verify_return_error"])
        .args([
            "-servername",
            "origin.test",
            "-verify_hostname",
            "origin.test",
        ])
        .args(["-CAfile", &certificate.cert()])
        .arg("-connect")
        .arg(format!("127.0.0.1:{}", listen.ports[0]))
        // The last line makes the server close.
        .stdin(format!("{}\nCLOSE\n", lines.join("\n")))
        .run()
        .expect_code(0);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("New, TLSv1.3, "), "{text}");
    assert!(text.contains("\nVerify return code: 0 (ok)\n"), "{text}");
    let hex = |line: &&str| line.len() == 64 && line.bytes().all(|b| b.is_ascii_hexdigit());
    let back: Vec<String> = text
        .lines()
        .filter(hex)
        .map(|line| line.chars().rev().collect())
        .collect();
    assert!(back == lines, "{} lines of {LINES}", back.len());
    way.carried(1, &target);
}

/// openssl's own server, and its address. It sends every line back in reverse.
fn reverser(certificate: &Certificate) -> (Proc, String) {
    let mut command = tool("openssl", "openssl");
    command
        .args(["s_server", "-rev", "-accept", "127.0.0.1:0"])
        .args(["-cert", &certificate.cert(), "-key", &certificate.key()]);
    let mut server = Proc::spawn("openssl s_server", command);
    let address = server.wait_line("its address", |line| {
        line.strip_prefix("ACCEPT ").map(str::to_owned)
    });
    (server, address)
}
