//! How much is served: each limit with its status, its token, and its place in the metrics.

use super::{Files, admin, metric, records};
use crate::support::process::{descriptors, raise_descriptor_limit};
use crate::support::{Serve, Target, connect as run, wait_for, wait_until};
use crate::terminator::request::{
    Answer, ask, ask_for, connect, connect_request, open, read_answer, read_head,
};
use crate::terminator::tunnels::{Stop, stop};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// As it is refused, and as that is counted.
#[track_caller]
fn refused(answer: &Answer, at: &str, status: u16) {
    answer.refuses(status, "connection_limit_reached");
    let labels = format!("status=\"{status}\",error=\"connection_limit_reached\"");
    assert!(metric(at, "tuncat_refusals_total", &labels) >= 1.0);
}

#[test]
fn tunnels_in_total() {
    let mut serve = Serve::with(&["--max-tunnels", "3", "--admin", "127.0.0.1:0"]);
    let at = admin(&mut serve);
    let target = Target::echo();
    let mut held: Vec<TcpStream> = (0..3).map(|_| open(serve.port, &target.addr())).collect();
    let served = target.accepted();
    refused(&ask_for(serve.port, &target.addr()), &at, 503);
    assert_eq!(
        target.accepted(),
        served,
        "a target was dialled for nothing"
    );
    held.pop();
    wait_for("a place", || {
        let mut stream = connect(serve.port);
        let request = connect_request(&target.addr());
        stream.write_all(request.as_bytes()).expect("ask");
        let head = read_head(&stream).expect("a head");
        head.starts_with("HTTP/1.1 200 ").then_some(())
    });
    // Those that were there were left alone.
    for mut stream in held {
        stream.write_all(b"x").expect("send");
        stream.read_exact(&mut [0]).expect("echo");
    }
}

#[test]
fn tunnels_of_one_client() {
    let files = Files::new();
    let log = files.arg("log");
    let mut serve = Serve::with(&[
        "--max-tunnels-per-client",
        "2",
        "--admin",
        "127.0.0.1:0",
        "--auth",
        "ann:1",
        "--auth",
        "bob:2",
        "--access-log",
        &log,
        "--access-log-format",
        "json",
    ]);
    let at = admin(&mut serve);
    let target = Target::echo();
    let ask_as = |user: &str| {
        let pair = tuncat::base::Credentials::parse(user);
        let value = tuncat::auth::basic::authorization(&pair).expect("a value");
        let (value, target) = (value.expose(), target.addr());
        format!(
            "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nProxy-Authorization: {value}\r\n\r\n"
        )
    };
    let open_as = |user: &str| {
        let mut stream = connect(serve.port);
        stream.write_all(ask_as(user).as_bytes()).expect("ask");
        let head = read_head(&stream).expect("a head");
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        stream
    };
    let _ann = [open_as("ann:1"), open_as("ann:1")];
    refused(&ask(serve.port, ask_as("ann:1")), &at, 429);
    // One user's tunnels are not another's, though they come from one address.
    let _bob = [open_as("bob:2"), open_as("bob:2")];
    refused(&ask(serve.port, ask_as("bob:2")), &at, 429);
    let told = records(&files.path("log"), "refused", 2);
    assert_eq!(
        (&told[0]["user"], &told[1]["user"]),
        (&"ann".into(), &"bob".into())
    );
    assert_eq!(told[0]["status"], 429);
}

/// What comes at once is taken up to the limit, and more of it comes with time.
#[test]
fn requests_in_a_second() {
    let mut serve = Serve::with(&["--max-rate", "10", "--admin", "127.0.0.1:0"]);
    let at = admin(&mut serve);
    let target = Target::echo();
    let mut opened = 0;
    let begun = Instant::now();
    let answer = loop {
        let mut stream = connect(serve.port);
        let request = connect_request(&target.addr());
        stream.write_all(request.as_bytes()).expect("ask");
        let mut first = [0; 12];
        stream.read_exact(&mut first).expect("a status");
        if &first == b"HTTP/1.1 200" {
            opened += 1;
            continue;
        }
        let mut whole = first.to_vec();
        stream.read_to_end(&mut whole).expect("the rest");
        break read_answer(&whole[..]);
    };
    let most = 10.0 + begun.elapsed().as_secs_f64() * 10.0;
    assert!(
        opened >= 10 && f64::from(opened) <= most,
        "{opened} of {most}"
    );
    refused(&answer, &at, 429);
    assert_eq!(answer.all("retry-after"), ["1"]);
    let code = run(["-x", &serve.url, &target.addr()]).run().code;
    assert!(code == 104 || code == 0, "{code}");
    wait_for("more", || {
        let again = run(["-x", &serve.url, &target.addr()]).run().code;
        (again == 0).then_some(())
    });
}

/// Connections beyond the limit are not refused: they wait in the kernel's queue, as with HAProxy.
#[test]
fn connections_wait_for_a_place() {
    let mut serve = Serve::with(&["--max-connections", "3"]);
    let target = Target::echo();
    let held: Vec<TcpStream> = (0..3).map(|_| open(serve.port, &target.addr())).collect();
    let before = descriptors(serve.process().pid());
    let mut waiting = connect(serve.port);
    let request = connect_request(&target.addr());
    waiting.write_all(request.as_bytes()).expect("ask");
    waiting.set_read_timeout(Some(SECOND / 2)).expect("a limit");
    assert!(waiting.read(&mut [0]).is_err(), "it was served");
    assert_eq!(descriptors(serve.process().pid()), before);
    waiting
        .set_read_timeout(Some(10 * SECOND))
        .expect("a limit");
    drop(held);
    assert!(
        read_head(&waiting)
            .expect("a head")
            .starts_with("HTTP/1.1 200 ")
    );
}

#[test]
fn octets_of_a_head() {
    let serve = Serve::with(&["--max-header", "1000"]);
    let target = Target::echo();
    let at = target.addr();
    let with = |octets: usize| {
        let head = format!("CONNECT {at} HTTP/1.1\r\nHost: {at}\r\nX: ");
        let filler = "y".repeat(octets - head.len() - 4);
        format!("{head}{filler}\r\n\r\n")
    };
    let mut stream = connect(serve.port);
    stream.write_all(with(1000).as_bytes()).expect("ask");
    assert!(
        read_head(&stream)
            .expect("a head")
            .starts_with("HTTP/1.1 200 ")
    );
    ask(serve.port, with(1001)).refuses(431, "http_request_error");
}

/// 2,000 clients that send an octet now and then are gone at the deadline, which is one for the whole head.
#[test]
fn dripping_clients() {
    raise_descriptor_limit();
    let mut serve = Serve::with(&["--header-timeout", "3"]);
    let pid = serve.process().pid();
    let target = Target::echo();
    drop(open(serve.port, &target.addr()));
    let before = wait_for("quiet", || {
        let now = descriptors(pid);
        (now <= 12).then_some(now)
    });
    let request = connect_request(&target.addr());
    let begun = Instant::now();
    let mut dripping: Vec<TcpStream> = (0..2000).map(|_| connect(serve.port)).collect();
    for (n, octet) in request.bytes().enumerate().take(40) {
        for mut stream in &dripping {
            // Those that were sent away do not take it.
            let _ = stream.write_all(&[octet]);
        }
        if n % 10 == 0 {
            let mut good = open(serve.port, &target.addr());
            good.write_all(b"x").expect("send");
            good.read_exact(&mut [0]).expect("echo");
        }
        if begun.elapsed() > 5 * SECOND / 2 {
            break;
        }
    }
    let deadline = begun + 15 * SECOND;
    wait_until("all of them to be gone", deadline, || {
        (descriptors(pid) <= before).then_some(())
    });
    assert!(begun.elapsed() > 2 * SECOND, "{:?}", begun.elapsed());
    dripping.clear();
    drop(open(serve.port, &target.addr()));
}

/// A session without credentials that are right is ended; one with them stays.
#[test]
fn time_to_say_who_one_is() {
    let serve = Serve::with(&["--auth", "ann:1", "--auth-timeout", "1"]);
    let target = Target::echo();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let after = |authorization: Option<&str>| {
        let (target, authorization) = (target.addr(), authorization.map(str::to_owned));
        runtime.block_on(async move {
            let socket = tokio::net::TcpStream::connect(("127.0.0.1", serve.port)).await;
            let handshake = h2::client::handshake(socket.expect("connect")).await;
            let (mut sender, connection) = handshake.expect("HTTP/2");
            let begun = Instant::now();
            let connection = tokio::spawn(connection);
            let mut request = http::Request::connect(&target);
            if let Some(value) = authorization {
                request = request.header("proxy-authorization", value);
            }
            let request = request.body(()).expect("a request");
            let (answer, _send) = sender.send_request(request, false).expect("send");
            let answer = answer.await.expect("an answer");
            let over = tokio::time::timeout(3 * SECOND, connection).await;
            (
                answer.status().as_u16(),
                over.is_ok().then(|| begun.elapsed()),
            )
        })
    };
    let (status, over) = after(None);
    assert_eq!(status, 407);
    let over = over.expect("the session ended");
    assert!((SECOND / 2..3 * SECOND).contains(&over), "{over:?}");
    let pair = tuncat::base::Credentials::parse("ann:1");
    let value = tuncat::auth::basic::authorization(&pair).expect("a value");
    assert_eq!(after(Some(value.expose())), (200, None));
}

#[test]
fn silence_and_age() {
    let files = Files::new();
    let log = files.arg("log");
    let target = Target::echo();
    for (option, end) in [("--idle-timeout", "idle"), ("--max-lifetime", "lifetime")] {
        let serve = Serve::with(&[
            option,
            "1",
            "--access-log",
            &log,
            "--access-log-format",
            "json",
        ]);
        let mut stream = open(serve.port, &target.addr());
        let begun = Instant::now();
        // Traffic keeps it alive, but not beyond its age.
        while begun.elapsed() < 3 * SECOND / 2 && stream.write_all(b"x").is_ok() {
            if stream.read_exact(&mut [0]).is_err() {
                break;
            }
        }
        let lived = begun.elapsed();
        match end {
            "idle" => {
                assert!(lived >= 3 * SECOND / 2, "{lived:?}");
                let quiet = Instant::now();
                assert_eq!(stop(&stream), Stop::Reset);
                assert!(quiet.elapsed() > SECOND / 2, "{:?}", quiet.elapsed());
            }
            _ => assert!((SECOND / 2..3 * SECOND / 2).contains(&lived), "{lived:?}"),
        }
        let told = records(&files.path("log"), "tunnel", 1);
        assert_eq!(told[0]["end"], end);
        std::fs::remove_file(files.path("log")).expect("remove the log");
    }
}

#[test]
fn streams_of_a_session() {
    let serve = Serve::with(&["--max-streams", "7"]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let told = runtime.expect("a runtime").block_on(async {
        let socket = tokio::net::TcpStream::connect(("127.0.0.1", serve.port)).await;
        let handshake = h2::client::handshake(socket.expect("connect")).await;
        let (mut sender, connection) = handshake.expect("HTTP/2");
        let connection = tokio::spawn(connection);
        let request = http::Request::connect("echo.tuncat.invalid:7").body(());
        let (answer, _send) = sender
            .send_request(request.expect("a request"), false)
            .expect("send");
        answer.await.expect("an answer");
        let told = sender.current_max_send_streams();
        connection.abort();
        told
    });
    assert_eq!(told, 7);
}

#[test]
fn a_limit_cannot_be_nonsense() {
    for (option, value) in [
        ("--max-header", "10"),
        ("--max-streams", "0"),
        ("--workers", "0"),
        ("--idle-timeout", "soon"),
        ("--inner", "smtp"),
        ("--inner-deny", "/x"),
        ("--proxy-protocol", "v3"),
        ("--proxy-protocol-from", "example.com"),
        ("--access-log-format", "xml"),
    ] {
        let args = ["serve", "--check", option, value];
        let command = std::process::Command::new(crate::support::tuncat::TUNCAT);
        let output = crate::support::Run::new(command).args(args).run();
        assert_eq!(output.code, 2, "{option} {value}: {}", output.stderr);
        assert!(output.stderr.contains(option), "{}", output.stderr);
    }
}
