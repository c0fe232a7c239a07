//! HTTP/3 with others: Envoy at either end.

use super::MIB;
use crate::support::peers::{Certificate, Envoy, Upstream};
use crate::support::{Feed, Listen, Pattern, Proc, Run, Serve, Target, connect};
use std::process::Command;

#[track_caller]
fn carries_all(args: &[&str]) {
    super::carries_all(args, 64 * MIB, &[56]);
}

#[test]
fn both_ends_are_ours() {
    let mut serve = Serve::with(&["--self-signed"]);
    let pin = serve.pin();
    let url = serve.url.replace("https", "h3");
    for via in ["h3", "h3-post"] {
        carries_all(&["-x", &url, "--pin", &pin, "--via", via]);
    }
}

/// Envoy ends the tunnels.
#[test]
fn envoy_terminates() {
    let certificate = Certificate::new();
    for via in ["h3", "h3-post"] {
        let echo = Target::echo();
        let envoy = Envoy::terminating_quic(echo.port, &certificate);
        let cert = certificate.cert();
        let url = envoy.url("h3");
        let args = [
            "-x", &url, "--cacert", &cert, "--via", via, "--path", "/", "a.test:1",
        ];
        let output = connect(args)
            .feed(Feed::Pattern(5, 64 * MIB))
            .hash_only()
            .run();
        assert_eq!(
            output.expect_clean().stdout_sha256,
            Pattern::sha256(5, 64 * MIB),
            "{via}"
        );
        let late = Target::answers_after_eof(6, 2 * MIB);
        let envoy = Envoy::terminating_quic(late.port, &certificate);
        let url = envoy.url("h3");
        let args = [
            "-x", &url, "--cacert", &cert, "--via", via, "--path", "/", "a.test:1",
        ];
        let output = connect(args).feed(Feed::Pattern(7, MIB)).hash_only().run();
        assert_eq!(
            output.expect_clean().stdout_sha256,
            Pattern::sha256(6, 2 * MIB),
            "{via}"
        );
        assert_eq!(late.received(1), (MIB, Pattern::sha256(7, MIB)), "{via}");
    }
}

/// Envoy puts connections into tunnels of ours.
#[test]
fn envoy_encapsulates() {
    let certificate = Certificate::naming("localhost");
    let (cert, key) = (certificate.cert(), certificate.key());
    let serve = Serve::with(&["--cert", &cert, "--key", &key]);
    let echo = Target::echo();
    let connecting = Envoy::encapsulating(&echo.addr(), serve.port, Upstream::Http3(&certificate));
    let path = format!("/.well-known/masque/tcp/127.0.0.1/{}/", echo.port);
    let posting = Envoy::posting(
        "proxy.test",
        &path,
        serve.port,
        Upstream::Http3(&certificate),
    );
    for envoy in [&connecting, &posting] {
        let at = format!("127.0.0.1:{}", envoy.port);
        let output = connect([&at])
            .feed(Feed::Pattern(8, 64 * MIB))
            .hash_only()
            .run();
        assert_eq!(
            output.expect_clean().stdout_sha256,
            Pattern::sha256(8, 64 * MIB)
        );
    }
}

/// Many at the same time share one connection, and each has an end of its own.
#[test]
fn many_tunnels_share_a_connection() {
    let mut serve = Serve::with(&["--self-signed", "-v"]);
    let pin = serve.pin();
    let url = serve.url.replace("https", "h3");
    let late = Target::answers_after_eof(9, 300_000);
    let listen = Listen::start(
        &["-x", &url, "--pin", &pin],
        &[&format!("0:{}", late.addr())],
    );
    let port = listen.ports[0];
    std::thread::scope(|scope| {
        for seed in 0..30 {
            scope.spawn(move || {
                let at = format!("127.0.0.1:{port}");
                let output = connect([at])
                    .feed(Feed::Pattern(seed, 200_000))
                    .hash_only()
                    .run();
                assert_eq!(
                    output.expect_clean().stdout_sha256,
                    Pattern::sha256(9, 300_000)
                );
            });
        }
    });
    assert_eq!(clients_of(&serve, 30), 1);
}

/// Where the proxy takes no more tunnels in a connection there is another one, and at the limit of those tunnels wait.
#[test]
fn a_connection_that_is_full() {
    let mut serve = Serve::with(&["--self-signed", "--max-streams", "5", "-v"]);
    let pin = serve.pin();
    let url = serve.url.replace("https", "h3");
    let echo = Target::echo();
    let spec = format!("0:{}", echo.addr());
    let open = |listen: &Listen| {
        use std::io::{Read, Write};
        let mut stream = crate::terminator::request::connect(listen.ports[0]);
        stream.write_all(b"hello").expect("send");
        stream.read_exact(&mut [0; 5]).expect("the echo");
        stream
    };
    let listen = Listen::start(&["-x", &url, "--pin", &pin], &[&spec]);
    let mut live: Vec<_> = (0..18).map(|_| open(&listen)).collect();
    assert_eq!(clients_of(&serve, 18), 4);
    // Room that was made is used, as soon as the proxy's word for it has come: without it there would be seven.
    live.clear();
    wait_for_no_tunnels(&mut serve, 18);
    live.extend((0..15).map(|_| open(&listen)));
    let clients = clients_of(&serve, 33);
    assert!(clients < 7, "{clients}");

    let few = ["-x", &url, "--pin", &pin, "--connections", "1", "-w", "2"];
    let mut listen = Listen::start(&few, &[&spec]);
    let live: Vec<_> = (0..5).map(|_| open(&listen)).collect();
    let _sixth = crate::terminator::request::connect(listen.ports[0]);
    listen.process().wait_line("that there is no room", |line| {
        line.contains("no room for another tunnel").then_some(())
    });
    // And one that waits gets the room of one that ends.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| open(&listen));
        drop(live);
        waiting.join().expect("a tunnel");
    });
}

/// How many connections so many tunnels came in, once all of them are told of.
fn clients_of(serve: &Serve, count: usize) -> usize {
    let tunnels = serve.wait_tunnels(count);
    let clients = tunnels.into_iter().map(|(client, _)| client);
    clients.collect::<std::collections::HashSet<_>>().len()
}

/// All that were opened have ended.
fn wait_for_no_tunnels(serve: &mut Serve, count: usize) {
    crate::support::wait_for("the tunnels' ends", || {
        let lines = serve.process().lines();
        let ends = lines.iter().filter(|line| line.contains(": closed after"));
        (ends.count() == count).then_some(())
    });
}

/// A connection is there before the first tunnel, and again when the proxy has come back.
#[test]
fn a_warm_connection() {
    let mut serve = Serve::with(&["--self-signed"]);
    let pin = serve.pin();
    let url = serve.url.replace("https", "h3");
    for args in [
        ["-x", &url, "--via", "h3"],
        ["-x", &serve.url, "--via", "auto"],
    ] {
        let more = ["--pin", &pin, "--warm", "1", "-v"];
        let mut listen = Listen::start(&[&args[..], &more].concat(), &["0:echo:"]);
        listen.process().wait_line("its session", |line| {
            line.contains("a session is open").then_some(())
        });
        let at = format!("127.0.0.1:{}", listen.ports[0]);
        let output = connect([at]).stdin("hello").run().expect_clean();
        assert_eq!(output.stdout, b"hello");
    }
}

/// A chain begins over QUIC and goes on in TCP; and nothing else is possible.
#[test]
fn in_a_chain() {
    let mut first = Serve::with(&["--self-signed"]);
    let (pin, second) = (first.pin(), Serve::start());
    let url = first.url.replace("https", "h3");
    let echo = Target::echo();
    let args = ["-x", &url, "--pin", &pin, "-x", &second.url, &echo.addr()];
    let output = connect(args)
        .feed(Feed::Pattern(4, 3 * MIB))
        .hash_only()
        .run();
    assert_eq!(
        output.expect_clean().stdout_sha256,
        Pattern::sha256(4, 3 * MIB)
    );
    let line = connect(["-x", &second.url, "-x", &url, "a.test:1"])
        .run()
        .expect_failure(2);
    assert!(line.contains("h3:// can only be the first proxy"), "{line}");
    let https = ["-x", &second.url, "-x", "https://127.0.0.1:1"];
    let run = connect(https).args(["--via", "h3", "a.test:1"]).run();
    let line = run.expect_failure(2);
    assert!(line.contains("with the first proxy only"), "{line}");
    let line = connect(["-x", &second.url, "--via", "h3", "a.test:1"])
        .run()
        .expect_failure(2);
    assert!(
        line.contains("needs a proxy with https:// or h3://"),
        "{line}"
    );
}

/// What is refused, asked for, or not there has the code and the words that it has elsewhere.
#[test]
fn refusals_and_failures() {
    let mut serve = Serve::with(&["--self-signed", "--auth", "a:b", "--deny", "*:9"]);
    let pin = serve.pin();
    let url = serve.url.replace("https", "h3");
    let run = |args: &[&str]| connect(["-x", &url, "--pin", &pin]).args(args).run();
    for via in ["h3", "h3-post"] {
        run(&["--via", via, "-U", "a:b", "echo:"]).expect_code(0);
        run(&["--via", via, "-U", "a:c", "echo:"]).expect_code(67);
        run(&["--via", via, "echo:"]).expect_code(67);
        let line = run(&["--via", via, "-U", "a:b", "127.0.0.1:9"]).expect_failure(101);
        assert!(line.contains("[http_request_denied]"), "{line}");
        let closed = crate::support::ClosedPort::new();
        let line = run(&["--via", via, "-U", "a:b", &closed.addr()]).expect_failure(103);
        assert!(line.contains("[connection_refused]"), "{line}");
    }
    let line = connect(["-x", &url, "echo:"]).run().expect_failure(60);
    assert!(line.contains("not trusted"), "{line}");
    // Nobody there: a port that answers with ICMP, and one that swallows.
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("bind");
    let silent = format!("h3://{}", socket.local_addr().expect("address"));
    let line = connect(["-x", &silent, "-w", "1", "echo:"])
        .run()
        .expect_failure(28);
    assert!(line.contains("UDP may be blocked"), "{line}");
}

/// A drain says GOAWAY, and live tunnels end whole.
#[test]
fn a_drain() {
    let mut serve = Serve::with(&["--self-signed"]);
    let pin = serve.pin();
    let url = serve.url.replace("https", "h3");
    let echo = Target::echo();
    let listen = Listen::start(
        &["-x", &url, "--pin", &pin],
        &[&format!("0:{}", echo.addr())],
    );
    let mut stream = crate::terminator::request::connect(listen.ports[0]);
    use std::io::{Read, Write};
    stream.write_all(b"hello").expect("send");
    stream.read_exact(&mut [0; 5]).expect("echo");
    serve.process().signal(rustix::process::Signal::TERM);
    serve.process().wait_line("its drain", |line| {
        line.contains("waiting for").then_some(())
    });
    stream.write_all(&[b'x'; 100_000]).expect("send");
    stream.read_exact(&mut [0; 100_000]).expect("echo");
    stream.shutdown(std::net::Shutdown::Write).expect("end");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("a clean end");
    assert_eq!(serve.process().wait_exit().code(), Some(0));
}

/// Whoever is cut off, by the end of the terminator or of the client, hears of it at once.
#[test]
fn an_end_by_force() {
    let mut serve = Serve::with(&["--self-signed", "--drain", "0"]);
    let pin = serve.pin();
    let url = serve.url.replace("https", "h3");
    let (target, ends) = Target::watcher(b"");
    let listen = Listen::start(
        &["-x", &url, "--pin", &pin],
        &[&format!("0:{}", target.addr())],
    );
    let open = || {
        use std::io::Write;
        let mut stream = crate::terminator::request::connect(listen.ports[0]);
        stream.write_all(b"x").expect("send");
        stream
    };
    let near = open();
    crate::support::wait_for("the target", || (target.accepted() == 1).then_some(()));
    serve.process().signal(rustix::process::Signal::TERM);
    let begun = std::time::Instant::now();
    let (_, error) = ends.recv().expect("an end");
    assert!(error.is_some(), "the target saw a clean end");
    assert_eq!(
        crate::terminator::tunnels::stop(&near),
        crate::terminator::tunnels::Stop::Reset
    );
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(serve.process().wait_exit().code(), Some(143));
}

/// aioquic, which the wheels of mitmproxy bring along.
fn aioquic() -> Command {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/mitmproxy-11.0.2");
    let first = std::fs::read_to_string(folder.join("bin/mitmdump"))
        .expect("mitmproxy: tests/run fetches it");
    let python = first
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("#!"));
    let mut command = crate::support::proc::guarded(&python.expect("its Python"));
    command
        .env("PYTHONPATH", folder)
        .env("PYTHONWARNINGS", "ignore");
    command.args([
        "-u",
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real/quic_peer.py"),
    ]);
    command
}

#[test]
fn a_client_of_another_kind() {
    let mut serve = Serve::with(&["--self-signed"]);
    serve.pin();
    let echo = Target::echo();
    let mut command = aioquic();
    let count = 64 * MIB;
    command.args([
        "client",
        &serve.port.to_string(),
        &echo.addr(),
        &count.to_string(),
    ]);
    let output = Run::new(command).run().expect_code(0);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text, format!("status 200\nclean {count} True\n"));
    // What the target resets arrives as that.
    let resets = Target::resets(1, 10);
    let mut command = aioquic();
    command.args(["client", &serve.port.to_string(), &resets.addr(), "10"]);
    let output = Run::new(command).run();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.starts_with("status 200\nreset 0x10f 10 "),
        "{text} {}",
        output.stderr
    );
}

#[test]
fn a_server_of_another_kind() {
    let certificate = Certificate::new();
    let mut command = aioquic();
    command.args(["server", &certificate.cert(), &certificate.key()]);
    let mut server = Proc::spawn("aioquic", command);
    let port: u16 = server.wait_line("its port", |line| line.strip_prefix("port ")?.parse().ok());
    let url = format!("h3://127.0.0.1:{port}");
    let cert = certificate.cert();
    let args = ["-x", &url, "--cacert", &cert, "a.test:1"];
    let output = connect(args)
        .feed(Feed::Pattern(5, 64 * MIB))
        .hash_only()
        .run();
    assert_eq!(
        output.expect_clean().stdout_sha256,
        Pattern::sha256(5, 64 * MIB)
    );
}
