//! `listen -D`: real clients of a local proxy that asks nobody for a password, through proxies that do.

use super::chromium;
use crate::support::peers::{Authority, Certificate, Front, LOGIN, Nginx, Squid, Sshd};
use crate::support::proc::{Proc, guarded, tool};
use crate::support::tuncat::TUNCAT;
use crate::support::{ClosedPort, Run, Serve, Target, pattern, wait_for};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use tempfile::TempDir;

struct Local {
    process: Proc,
    /// `127.0.0.1:PORT`.
    addr: String,
}

impl Local {
    fn start(args: &[&str]) -> Self {
        let mut command = guarded(&TUNCAT);
        command.args(["listen", "-D", "0"]).args(args);
        let mut process = Proc::spawn("tuncat listen -D", command);
        let addr = process.wait_line("its address", |line| {
            let rest = line.strip_prefix("tuncat: listening on ")?;
            Some(rest.split(' ').next()?.to_owned())
        });
        Self { process, addr }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.addr).expect("connect");
        stream
            .set_read_timeout(Some(std::time::Duration::from_secs(10)))
            .expect("a time limit");
        stream
    }
}

/// With curl: by every protocol, and `len` octets each way.
fn curl(local: &Local, args: &[&str], url: &str) -> Vec<u8> {
    let run = Run::new(tool("curl", "curl")).args(["-sS", "--noproxy", "", "--max-time", "30"]);
    let address = local.addr.as_str();
    let args = args.iter().map(|a| a.replace("LOCAL", address));
    run.args(args).arg(url).run().expect_clean().stdout
}

/// squid wants a login; curl knows none.
#[test]
fn curl_by_every_protocol() {
    let folder = TempDir::new().expect("a temporary folder");
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(folder.path(), readable).expect("open a folder");
    let body = pattern(5, 3_000_000);
    fs::write(folder.path().join("file"), &body).expect("write a file");
    let certificate = Certificate::naming("localhost");
    let site = format!("root {};", folder.path().display());
    let clear = Nginx::start(Front::Clear, &site);
    let tls = Nginx::start(Front::Tls(&certificate), &site);
    let squid = Squid::with_login(LOGIN);
    let digest = Squid::with_digest(LOGIN, "");
    let ntlm = Squid::with_ntlm("pass");
    let serve = Serve::with(&["--auth", "user:pass"]);
    for ways in [
        vec!["-x", &squid.url, "-U", "user:pass"],
        vec!["-x", &digest.url, "-U", "user:pass"],
        vec!["-x", &ntlm.url, "-U", "user:pass"],
        vec!["--no-proxy"],
    ] {
        let local = Local::start(&ways);
        let cacert = certificate.cert();
        for way in [
            &["--socks5-hostname", "LOCAL"][..],
            &["--socks5", "LOCAL", "-4"],
            &["--socks4a", "LOCAL"],
            &["-x", "http://LOCAL", "--proxytunnel"],
            &["-x", "http://LOCAL"],
        ] {
            let plain = format!("http://localhost:{}/file", clear.port);
            assert!(curl(&local, way, &plain) == body, "{ways:?} {way:?}");
            let secure = format!("https://localhost:{}/file", tls.port);
            let way = [way, &["--cacert", &cacert]].concat();
            assert!(curl(&local, &way, &secure) == body, "{ways:?} {way:?}");
        }
    }
    // Through serve a request for a URL goes by a POST that it does not know: only tunnels.
    let local = Local::start(&["-x", &serve.url, "-U", "user:pass"]);
    let secure = format!("https://localhost:{}/file", tls.port);
    let way = ["-x", "http://LOCAL", "--cacert", &certificate.cert()];
    assert!(curl(&local, &way, &secure) == body);
}

/// What is sent cannot be sent twice, so the login has to be settled before; the next one knows it.
#[test]
fn an_upload_for_an_http_url() {
    let folder = TempDir::new().expect("a temporary folder");
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(folder.path(), readable).expect("open a folder");
    let site = format!(
        "root {};\n client_max_body_size 0;\n dav_methods PUT;",
        folder.path().display()
    );
    let nginx = Nginx::start(Front::Clear, &site);
    let body = pattern(6, 2_000_000);
    let source = folder.path().join("source");
    fs::write(&source, &body).expect("write a file");
    for squid in [Squid::with_login(LOGIN), Squid::with_digest(LOGIN, "")] {
        let local = Local::start(&["-x", &squid.url, "-U", "user:pass"]);
        for name in ["first", "second"] {
            let url = format!("http://localhost:{}/{name}", nginx.port);
            let source = source.display().to_string();
            curl(&local, &["-x", "http://LOCAL", "-f", "-T", &source], &url);
            let file = folder.path().join(name);
            assert!(fs::read(&file).expect("what arrived") == body);
            fs::remove_file(file).expect("remove it");
        }
    }
}

/// What is refused further on is told as the protocol has it, never as a question for a password.
#[test]
fn refusals() {
    let closed = ClosedPort::new();
    let squid = Squid::with_login(LOGIN);
    for (args, wanted) in [
        (vec!["--no-proxy"], "HTTP/1.1 502 "),
        (vec!["-x", &squid.url, "-U", "user:wrong"], "HTTP/1.1 502 "),
        (vec!["-x", &squid.url], "HTTP/1.1 502 "),
    ] {
        let mut local = Local::start(&args);
        let mut stream = local.connect();
        let target = closed.addr();
        write!(
            stream,
            "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n"
        )
        .expect("write");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with(wanted), "{answer}");
        assert!(
            !answer.to_ascii_lowercase().contains("proxy-authenticate"),
            "{answer}"
        );
        assert!(!answer.contains("wrong"), "{answer}");
        let line = local.process.wait_line("the reason", |line| {
            line.contains(" -> ").then(|| line.to_owned())
        });
        assert!(line.contains(&target), "{line}");

        let mut stream = local.connect();
        let port = closed.port.to_be_bytes();
        stream
            .write_all(&[&[5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1][..], &port].concat())
            .expect("write");
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).expect("a reply");
        assert_eq!((reply[0], reply[1], reply[2]), (5, 0, 5));
        assert_ne!(reply[3], 0);
    }
}

/// Requests that are for nobody else, those that lead back, and what is no protocol at all.
#[test]
fn what_is_no_request_for_a_proxy() {
    let local = Local::start(&["--no-proxy"]);
    for (request, wanted) in [
        (
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
            "HTTP/1.1 400 ",
        ),
        (
            "GET https://x.test/ HTTP/1.1\r\nHost: x.test\r\n\r\n".into(),
            "HTTP/1.1 400 ",
        ),
        (
            format!("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\n", local.addr),
            "HTTP/1.1 5",
        ),
        (
            format!("GET http://{}/ HTTP/1.1\r\nHost: x\r\n\r\n", local.addr),
            "HTTP/1.1 5",
        ),
        ("\x16\x03\x01\x02\0\r\n\r\n".into(), "HTTP/1.1 400 "),
        ("SSH-2.0-x\r\n\r\n".into(), "HTTP/1.1 400 "),
    ] {
        let mut stream = local.connect();
        stream.write_all(request.as_bytes()).expect("write");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with(wanted), "{request:?}: {answer}");
    }
    for (octets, wanted) in [
        (&[5, 1, 2][..], &[5, 0xff][..]),
        (&[5, 1, 0, 5, 2, 0, 1, 1, 1, 1, 1, 0, 80], &[5, 0, 5, 7]),
        (&[5, 1, 0, 5, 1, 0, 9, 1], &[5, 0, 5, 8]),
        (&[4, 2, 0, 80, 1, 1, 1, 1, 0], &[0, 91]),
    ] {
        let mut stream = local.connect();
        stream.write_all(octets).expect("write");
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).ok();
        assert!(reply.starts_with(wanted), "{octets:?}: {reply:?}");
    }
}

/// A request in crumbs, with the first payload glued behind it; and the end from each side.
#[test]
fn crumbs_and_early_bytes() {
    let target = Target::echo();
    let local = Local::start(&["--no-proxy"]);
    let port = target.port.to_be_bytes();
    let socks5 = [&[5, 1, 0, 5, 1, 0, 3, 9][..], b"localhost", &port, b"early"].concat();
    let address = target.addr();
    let http = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\nearly");
    for (request, answer_len) in [(socks5, Some(2 + 10)), (http.into_bytes(), None)] {
        for whole in [true, false] {
            let mut stream = local.connect();
            stream.set_nodelay(true).expect("no delay");
            match whole {
                true => stream.write_all(&request).expect("write"),
                false => request
                    .iter()
                    .for_each(|o| stream.write_all(&[*o]).expect("write")),
            }
            stream.shutdown(std::net::Shutdown::Write).expect("our end");
            let mut all = Vec::new();
            stream.read_to_end(&mut all).expect("read");
            let rest = match answer_len {
                Some(len) => &all[len..],
                None => {
                    let end = all
                        .windows(4)
                        .position(|w| w == b"\r\n\r\n")
                        .expect("a head");
                    &all[end + 4..]
                }
            };
            assert_eq!(rest, b"early");
        }
    }
}

/// An open proxy for others is not made by accident.
#[test]
fn other_addresses_need_a_word() {
    let run = Run::new(std::process::Command::new(TUNCAT));
    let line = run
        .args(["listen", "--no-proxy", "-D", "*:0"])
        .run()
        .expect_failure(2);
    assert!(line.contains("--allow-clients"), "{line}");
}

/// ssh with another netcat as its ProxyCommand, and pip from an index by http and https.
#[test]
fn ssh_and_pip() {
    let squid = Squid::with_login(LOGIN);
    let local = Local::start(&["-x", &squid.url, "-U", "user:pass"]);
    let sshd = Sshd::start();
    let command = format!("ProxyCommand=nc.openbsd -X 5 -x {} %h %p", local.addr);
    let output = Run::new(sshd.client("ssh"))
        .args(["-o", &command, &sshd.destination(), "echo here"])
        .run()
        .expect_code(0);
    assert_eq!(output.stdout, b"here\n");

    let folder = TempDir::new().expect("a temporary folder");
    let wheel = wheel(&folder);
    let site = format!(
        "root {};\n location = /simple/tinydemo/ {{ default_type text/html; return 200 '<a href=\"/{wheel}\">{wheel}</a>'; }}",
        folder.path().display()
    );
    let authority = Authority::named("Test Root");
    let certificate = authority.issue("localhost");
    let clear = Nginx::start(Front::Clear, &site);
    let tls = Nginx::start(Front::Tls(&certificate), &site);
    for index in [
        format!("http://localhost:{}/simple/", clear.port),
        format!("https://localhost:{}/simple/", tls.port),
    ] {
        let into = folder.path().join("into");
        let _ = fs::remove_dir_all(&into);
        let proxy = format!("http://{}", local.addr);
        let pip = Run::new(tool("python3", "python3"));
        let pip = pip.args([
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--disable-pip-version-check",
            "--isolated",
        ]);
        let pip = pip.args([
            "--no-cache-dir",
            "--index-url",
            &index,
            "--proxy",
            &proxy,
            "--cert",
            &authority.root(),
        ]);
        // Without it a variable of the machine would win over the option.
        let pip = pip.env("REQUESTS_CA_BUNDLE", authority.root());
        let pip = pip.arg("-d").arg(&into).arg("tinydemo");
        pip.run().expect_code(0);
        assert!(into.join(&wheel).is_file());
    }
    wait_for("squid to have seen both", || {
        let log = squid.access_log();
        (log.contains(" GET http://localhost:") && log.contains(" CONNECT localhost:"))
            .then_some(())
    });
}

/// The smallest package there is; gives its file's name.
fn wheel(folder: &TempDir) -> String {
    let name = "tinydemo-1.0-py3-none-any.whl";
    let program = format!(
        "import zipfile\nz = zipfile.ZipFile({:?}, 'w')\n\
         z.writestr('tinydemo.py', '')\n\
         z.writestr('tinydemo-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: tinydemo\\nVersion: 1.0\\n')\n\
         z.writestr('tinydemo-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n\
         z.writestr('tinydemo-1.0.dist-info/RECORD', '')\nz.close()\n",
        folder.path().join(name)
    );
    let python = Run::new(tool("python3", "python3")).args(["-c", &program]);
    python.run().expect_clean();
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(folder.path(), readable).expect("open a folder");
    name.into()
}

/// A browser that knows no password, through a proxy that wants NTLM: a page with 31 resources, by each protocol.
#[test]
fn chromium_by_http_and_socks() {
    let squid = Squid::with_ntlm("pass");
    let local = Local::start(&["-x", &squid.url, "-U", "CORP\\user:pass"]);
    for scheme in ["http", "socks5"] {
        let origin = chromium::site();
        let proxy = format!("{scheme}://{}", local.addr);
        chromium::shows(&origin, &proxy, &[], &[]);
    }
    // Tunnels to the site and to nobody else that it did not ask for: what a browser wants by itself fails to resolve.
    let log = wait_for("squid to have seen it", || {
        let log = squid.access_log();
        (log.matches("/200 ").count() >= 2).then_some(log)
    });
    assert!(log.contains("CORP"), "{log}");
}
