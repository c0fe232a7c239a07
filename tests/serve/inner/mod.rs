//! HTTP inside tunnels: real clients and servers, with `serve --inner http` between them.

mod faults;
mod rules;
mod websocket;

use super::{Files, records};
use crate::support::peers::{Envoy, Front, Nginx, Upstream};
use crate::support::proc::tool;
use crate::support::{Pattern, Run, Serve, sha256};
use std::fs;
use std::io;
use std::path::Path;

/// curl, silent but for errors.
fn curl(args: &[&str]) -> Run {
    Run::new(tool("curl", "curl")).args(["-sS"]).args(args)
}

/// A real nginx that takes files by PUT and gives them back, compressed (and so chunked) for whoever wants that.
fn origin(front: Front) -> (Nginx, Files) {
    let files = Files::new();
    // Its workers may be somebody else.
    let all = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(files.0.path(), all).expect("open the folder");
    let server = format!(
        "root {0};\n dav_methods PUT DELETE;\n client_body_temp_path {0}/tmp;\n client_max_body_size 0;\n\
         gzip on;\n gzip_types *;\n gzip_proxied any;\n keepalive_requests 3;\n\
         location = /admin {{ return 200 'the admin page'; }}\n\
         location = /fields {{ return 200 'via=$http_via client=$http_x_client cookie=$http_cookie'; }}\n",
        files.0.path().display()
    );
    (Nginx::start(front, &server), files)
}

fn write_pattern(path: &Path, seed: u64, len: u64) {
    let mut file = fs::File::create(path).expect("create");
    io::copy(&mut Pattern::new(seed, len), &mut file).expect("write");
}

/// curl through Envoy's encapsulator (HTTP/2 CONNECT) into a tunnel whose requests are looked at, to a real nginx.
#[test]
fn through_envoy_to_nginx() {
    let (nginx, folder) = origin(Front::Clear);
    let files = Files::new();
    let log = files.arg("log");
    let serve = Serve::with(&[
        "--inner",
        "http",
        "--inner-deny",
        "/admin*",
        "--inner-header",
        "X-Client: {client}",
        "--inner-header",
        "Cookie:",
        "--access-log",
        &log,
        "--access-log-format",
        "json",
    ]);
    let to = format!("127.0.0.1:{}", nginx.port);
    let envoy = Envoy::encapsulating(&to, serve.port, Upstream::Http2);
    let at = |path: &str| format!("http://127.0.0.1:{}{path}", envoy.port);
    // A large file up, with its length and in chunks, and down again, as it is and in chunks.
    let local = files.path("big");
    write_pattern(&local, 11, 20_000_000);
    let local = local.display().to_string();
    for (name, field) in [
        ("/length", "X: y"),
        ("/chunked", "Transfer-Encoding: chunked"),
    ] {
        let put = curl(&[
            "-T",
            &local,
            "-H",
            field,
            "-H",
            "Expect:",
            "-w",
            "%{http_code}",
            &at(name),
        ]);
        assert_eq!(put.run().expect_clean().stdout, b"201", "{name}");
        let stored = fs::read(folder.path(&name[1..])).expect("the file");
        assert_eq!(sha256(&stored), Pattern::sha256(11, 20_000_000), "{name}");
        for compressed in [&[][..], &["--compressed"]] {
            let url = at(name);
            let get = curl(compressed).arg(&url).hash_only().run().expect_clean();
            assert_eq!(get.stdout_sha256, Pattern::sha256(11, 20_000_000), "{name}");
        }
    }
    // Several requests on one connection, more than nginx takes on one: ours go on in a new one.
    let urls: Vec<String> = (0..10).map(|_| at("/fields")).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let many = curl(&["-w", "|%{num_connects}\n", "-H", "Cookie: a=b"])
        .args(&urls)
        .run()
        .expect_clean();
    let many = String::from_utf8_lossy(&many.stdout).into_owned();
    let connects: u32 = many
        .lines()
        .filter_map(|l| l.rsplit('|').next()?.parse::<u32>().ok())
        .sum();
    assert_eq!((many.lines().count(), connects), (10, 1), "{many}");
    for line in many.lines() {
        assert!(line.contains("client=127.0.0.1 cookie=|"), "{line}");
        assert!(line.starts_with("via=1.1 tuncat-"), "{line}");
    }
    // What is denied is answered here, and the connection goes on.
    let both = curl(&[
        "-w",
        "|%{http_code}|%{num_connects}\n",
        &at("/admin"),
        &at("/fields"),
    ]);
    let both = String::from_utf8_lossy(&both.run().expect_clean().stdout).into_owned();
    assert!(
        both.contains("no rule allows this request, or one denies it\n|403|1\n"),
        "{both}"
    );
    assert!(
        both.contains("|200|0\n") && !both.contains("the admin page"),
        "{both}"
    );
    let told = records(&files.path("log"), "request", 18);
    let denied: Vec<_> = told.iter().filter(|r| r["status"] == 403).collect();
    assert_eq!(denied.len(), 1);
    assert_eq!(
        (&denied[0]["path"], &denied[0]["method"]),
        (&"/admin".into(), &"GET".into())
    );
    let big: Vec<_> = told.iter().filter(|r| r["bytes"] == 20_000_000).collect();
    assert_eq!(big.len(), 2, "{told:?}");
}

/// HTTP/2 with prior knowledge inside, many requests at a time on one connection.
#[test]
fn http2_inside() {
    let (nginx, folder) = origin(Front::H2c);
    let files = Files::new();
    let log = files.arg("log");
    let serve = Serve::with(&[
        "--inner",
        "http",
        "--inner-deny",
        "/admin*",
        "--access-log",
        &log,
        "--access-log-format",
        "json",
    ]);
    let to = format!("127.0.0.1:{}", nginx.port);
    let envoy = Envoy::encapsulating(&to, serve.port, Upstream::Http2);
    let at = |path: &str| format!("http://127.0.0.1:{}{path}", envoy.port);
    let local = files.path("big");
    write_pattern(&local, 12, 5_000_000);
    let local = local.display().to_string();
    let h2 = ["--http2-prior-knowledge"];
    let put = curl(&h2)
        .args(["-T", &local, "-w", "%{http_code}", &at("/big")])
        .run();
    assert_eq!(put.expect_clean().stdout, b"201");
    let stored = fs::read(folder.path("big")).expect("the file");
    assert_eq!(sha256(&stored), Pattern::sha256(12, 5_000_000));
    for (status, content) in at_once(envoy.port, "/big", 8) {
        assert_eq!(status, 200);
        assert_eq!(sha256(&content), Pattern::sha256(12, 5_000_000));
    }
    let get = curl(&h2).arg(at("/big")).hash_only().run().expect_clean();
    assert_eq!(get.stdout_sha256, Pattern::sha256(12, 5_000_000));
    let denied = curl(&h2).args([
        "-w",
        "%{http_code} %{http_version}",
        "-o",
        "/dev/null",
        &at("/admin"),
    ]);
    assert_eq!(denied.run().expect_clean().stdout, b"403 2");
    let told = records(&files.path("log"), "request", 11);
    let whole = told.iter().filter(|r| r["bytes"] == 5_000_000).count();
    assert_eq!(whole, 9);
}

/// Requests for `path` at the same time on one HTTP/2 connection. (curl 7.88 cannot: its -Z breaks off with prior
/// knowledge, also straight to nginx.)
fn at_once(port: u16, path: &str, count: usize) -> Vec<(u16, Vec<u8>)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
        let handshake = h2::client::handshake(socket.expect("connect")).await;
        let (sender, connection) = handshake.expect("HTTP/2");
        let connection = tokio::spawn(connection);
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..count {
            let mut sender = sender.clone().ready().await.expect("room for a request");
            let request = http::Request::get(format!("http://127.0.0.1{path}")).body(());
            let (answer, _) = sender
                .send_request(request.expect("a request"), true)
                .expect("send");
            asking.spawn(async move {
                let (head, mut content) = answer.await.expect("an answer").into_parts();
                let mut all = Vec::new();
                while let Some(data) = content.data().await {
                    let data = data.expect("content");
                    content
                        .flow_control()
                        .release_capacity(data.len())
                        .expect("credit");
                    all.extend_from_slice(&data);
                }
                (head.status.as_u16(), all)
            });
        }
        let answers = asking.join_all().await;
        connection.abort();
        answers
    })
}

/// The same by every carrier, with an origin in the process.
#[test]
fn over_every_carrier() {
    let mut serve = Serve::with(&["--inner", "http", "--self-signed"]);
    let pin = serve.pin();
    for via in ["h1", "h2", "h1-post", "h2-post"] {
        let args = ["-x", &serve.url, "--pin", &pin, "--via", via];
        let listen = crate::support::Listen::start(&args, &["0:127.0.0.1:9"]);
        drop(listen);
        // A request in pieces, and the end at once: the answer still comes whole.
        let text =
            b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
        let args = args.into_iter().chain(["http:"]);
        let output = crate::support::connect(args)
            .stdin(*text)
            .run()
            .expect_clean();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{via}: {text}");
        assert!(text.contains("\"content\":\"hello\""), "{via}: {text}");
    }
}
