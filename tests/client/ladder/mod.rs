//! `--via auto`: the best carrier that there is, found by handshakes, asked for once, and remembered.

mod front;

use crate::support::peers::Certificate;
use crate::support::{Feed, Listen, Pattern, Run, Serve, Target, connect};
use front::{Front, Mode, Tcp, Udp};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// A terminator behind a front, and a folder for what is remembered.
struct Scene {
    front: Front,
    certificate: Certificate,
    cache: TempDir,
    serve: Serve,
}

impl Scene {
    /// A terminator with `args`.
    fn with(args: &[&str], udp: Udp, tcp: Tcp) -> Self {
        let certificate = Certificate::new();
        let serve = serve(&certificate, args);
        let port = serve.port;
        Scene {
            front: Front::start(Mode { port, udp, tcp }),
            certificate,
            cache: tempfile::tempdir().expect("a folder"),
            serve,
        }
    }

    fn set(&self, udp: Udp, tcp: Tcp) {
        let port = self.serve.port;
        self.front.set(Mode { port, udp, tcp });
    }

    fn run(&self, args: &[&str]) -> Run {
        run(
            &self.front.url(),
            &self.certificate.cert(),
            self.cache.path(),
        )
        .args(args)
    }

    /// A tunnel whose bytes are checked: the carrier that it took.
    #[track_caller]
    fn carrier(&self, via: &str) -> String {
        let run = self.run(&["--via", via, "--json", "echo:"]);
        let output = run.feed(Feed::Pattern(3, 100_000)).hash_only().run();
        let output = output.expect_code(0);
        assert_eq!(output.stdout_sha256, Pattern::sha256(3, 100_000));
        let summary: Value = serde_json::from_str(&output.stderr).expect("a JSON object");
        summary["carrier"].as_str().expect("a carrier").to_owned()
    }

    /// What `--explain` says is remembered.
    fn remembered(&self) -> Option<String> {
        let run = self.run(&["--via", "auto", "--explain", "--json", "echo:"]);
        let output = run.run().expect_code(0);
        let decision: Value = serde_json::from_slice(&output.stdout).expect("a JSON object");
        let proxy = &decision["proxies"][0];
        let carrier = proxy["remembered"]["carrier"].as_str();
        if carrier.is_some() {
            let left = proxy["remembered"]["for_s"].as_u64().expect("seconds");
            assert!((1..=600).contains(&left), "{left}");
        }
        carrier.map(str::to_owned)
    }
}

/// Of both ends, in seconds: what stands in the way is the front, never a machine whose disk makes everybody wait.
const PATIENCE: &str = "60";

fn serve(certificate: &Certificate, args: &[&str]) -> Serve {
    let (cert, key) = (certificate.cert(), certificate.key());
    let tls = ["--cert", &cert, "--key", &key];
    let all = ["--allow-builtin", "--header-timeout", PATIENCE];
    Serve::with(&[&tls[..], &all, args].concat())
}

fn run(url: &str, cert: &str, cache: &Path) -> Run {
    connect(["-x", url, "--cacert", cert, "-w", PATIENCE]).env("XDG_CACHE_HOME", cache)
}

#[test]
fn the_best_one_first() {
    // However busy this machine is, QUIC is faster.
    let scene = Scene::with(&[], Udp::Pass, Tcp::Late(Duration::from_secs(5)));
    assert_eq!(scene.remembered(), None);
    assert_eq!(scene.carrier("auto"), "h3");
    assert_eq!(scene.remembered().as_deref(), Some("h3"));
    assert_eq!(scene.carrier("auto"), "h3");
    scene.set(Udp::Pass, Tcp::Pass);
    // A list is an order, and what worked lately is the first of it where it is one of the list.
    assert_eq!(scene.carrier("h2,h3"), "h3");
    assert_eq!(scene.carrier("h2,h1"), "h2");
    // Only lists are remembered, and nothing else is asked of the folder.
    assert_eq!(scene.carrier("h1"), "h1");
    assert_eq!(scene.remembered().as_deref(), Some("h2"));
}

#[test]
fn without_udp() {
    let scene = Scene::with(&[], Udp::Blocked, Tcp::Pass);
    assert_eq!(scene.carrier("auto"), "h2");
    assert_eq!(scene.remembered().as_deref(), Some("h2"));
    // Nobody waits for QUIC again.
    let output = scene.run(&["--via", "auto", "-v", "echo:"]).run();
    assert!(!output.stderr.contains("came first"), "{}", output.stderr);
    let file = scene.cache.path().join("tuncat/ways");
    let text = std::fs::read_to_string(&file).expect("what is remembered");
    assert!(text.contains(&scene.front.url()), "{text}");
    std::fs::write(&file, "").expect("forget");
    let output = scene.run(&["--via", "auto", "-v", "echo:"]).run();
    assert!(
        output.stderr.contains("HTTP/2 came first"),
        "{}",
        output.stderr
    );
    // It has come back, and is not asked for what is remembered otherwise.
    scene.set(Udp::Pass, Tcp::Pass);
    assert_eq!(scene.carrier("auto"), "h2");
}

/// What is remembered is no promise.
#[test]
fn things_change() {
    let scene = Scene::with(&[], Udp::Blocked, Tcp::Pass);
    assert_eq!(scene.carrier("auto"), "h2");
    for broken in [Tcp::Resets, Tcp::Closes, Tcp::Garbage] {
        scene.set(Udp::Pass, broken);
        assert_eq!(scene.carrier("auto"), "h3", "{broken:?}");
        scene.set(Udp::Blocked, Tcp::Pass);
        assert_eq!(scene.carrier("auto"), "h2", "{broken:?}");
    }
}

#[test]
fn a_slow_start() {
    let (soon, late) = (Duration::from_millis(200), Duration::from_secs(5));
    let scene = Scene::with(&[], Udp::Late(late), Tcp::Pass);
    assert_eq!(scene.carrier("auto"), "h2");
    let scene = Scene::with(&[], Udp::Late(soon), Tcp::Late(late));
    assert_eq!(scene.carrier("auto"), "h3");
    // The first packet of QUIC is sent again after a second, when TCP has long failed.
    let scene = Scene::with(&[], Udp::LosesFirst, Tcp::Resets);
    assert_eq!(scene.carrier("auto"), "h3");
}

/// Each rung, where it is the only one that the terminator has.
#[test]
fn every_rung() {
    for (has, takes) in [
        ("h3", "h3"),
        ("h2", "h2"),
        ("h1", "h1"),
        ("h2-post", "h2-post"),
        ("h1-post", "h1-post"),
        ("h1-ws", "h1-ws"),
        ("h2-ws", "h2-ws"),
        ("h1,h2-post", "h1"),
        ("h3-post,h1-post", "h1-post"),
        ("h3-post,h1-ws,h2-ws", "h1-ws"),
    ] {
        let scene = Scene::with(&["--via", has], Udp::Pass, Tcp::Pass);
        assert_eq!(scene.carrier("auto"), takes, "of {has}");
        assert_eq!(scene.remembered().as_deref(), Some(takes), "of {has}");
        assert_eq!(scene.carrier("auto"), takes, "of {has}, again");
    }
}

/// In the clear there is no QUIC, and no HTTP/2 that was not agreed on.
#[test]
fn in_the_clear() {
    let cache = tempfile::tempdir().expect("a folder");
    for (has, takes) in [
        ("h1,h2", Some("h1")),
        ("h1-post", Some("h1-post")),
        ("h1-ws", Some("h1-ws")),
        ("h2", None),
    ] {
        let serve = Serve::with(&["--via", has]);
        let args = ["-x", &serve.url, "--via", "auto", "--json", "echo:"];
        let output = connect(args).env("XDG_CACHE_HOME", cache.path()).run();
        let summary: Value = serde_json::from_str(&output.stderr).expect("a JSON object");
        let code = if takes.is_some() { 0 } else { 102 };
        assert_eq!(output.code, code, "{has}: {summary}");
        assert_eq!(summary["carrier"].as_str(), takes, "{has}");
    }
}

/// Of each kind of proxy the list is what can be had there.
#[test]
fn what_a_scheme_can_do() {
    for (urls, carriers) in [
        (
            &["https://a.test:1"][..],
            "h3, h2, h1, h2-post, h1-post, h1-ws, h2-ws",
        ),
        (
            &["http://b.test:1", "https://a.test:1"],
            "h2, h1, h2-post, h1-post, h1-ws, h2-ws",
        ),
        (&["http://a.test:1"], "h1, h1-post, h1-ws"),
        (&["h2c://a.test:1"], "h2, h2-post, h2-ws"),
        (&["h3://a.test:1"], "h3, h3-post"),
        (&["socks5h://a.test:1"], "socks"),
    ] {
        let proxies = urls.iter().flat_map(|url| ["-x", url]);
        let pinned = [
            "--resolve",
            "a.test:1:127.0.0.1",
            "--resolve",
            "b.test:1:127.0.0.1",
        ];
        let run = connect(proxies).args(pinned);
        let output = run.args(["--via", "auto", "--explain", "--json", "h.test:1"]);
        let decision = output.run().expect_code(0).stdout;
        let decision: Value = serde_json::from_slice(&decision).expect("a JSON object");
        let proxies = decision["proxies"].as_array().expect("proxies");
        let last = proxies.last().expect("a proxy")["carriers"].as_array();
        let names: Vec<&str> = last
            .expect("carriers")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert_eq!(names.join(", "), carriers, "{urls:?}");
    }
}

/// Nothing of the ladder is a way around trust.
#[test]
fn a_certificate_that_is_not_trusted() {
    let scene = Scene::with(&[], Udp::Pass, Tcp::Pass);
    let other = Certificate::new();
    for (udp, tcp) in [
        (Udp::Pass, Tcp::Pass),
        (Udp::Blocked, Tcp::Pass),
        (Udp::Pass, Tcp::Resets),
    ] {
        scene.set(udp, tcp);
        let run = run(&scene.front.url(), &other.cert(), scene.cache.path());
        let line = run.args(["--via", "auto", "echo:"]).run();
        let line = line.expect_failure(60);
        assert!(line.contains("certificate"), "{udp:?} {tcp:?}: {line}");
    }
    assert_eq!(scene.remembered(), None);
}

/// Tunnels that begin at the same time find out together, and share what was found.
#[test]
fn many_at_a_time() {
    for (udp, carrier) in [(Udp::Blocked, "HTTP/2"), (Udp::Pass, "HTTP/3")] {
        let scene = Scene::with(&["-v"], udp, Tcp::Pass);
        let echo = Target::echo();
        let (url, cert) = (scene.front.url(), scene.certificate.cert());
        let listen = Listen::start(
            &["-x", &url, "--cacert", &cert, "--via", "auto"],
            &[&format!("0:{}", echo.addr())],
        );
        let at = format!("127.0.0.1:{}", listen.ports[0]);
        std::thread::scope(|scope| {
            for seed in 0..20 {
                let at = &at;
                scope.spawn(move || {
                    let run = connect([at]).feed(Feed::Pattern(seed, 50_000));
                    let output = run.hash_only().run().expect_clean();
                    assert_eq!(output.stdout_sha256, Pattern::sha256(seed, 50_000));
                });
            }
        });
        let tunnels = scene.serve.wait_tunnels(20);
        let clients: HashSet<String> = tunnels.into_iter().map(|t| t.0).collect();
        assert_eq!(clients.len(), 1, "{carrier}: {clients:?}");
        assert_eq!(echo.accepted(), 20);
    }
}

/// Neither comes about: what TCP met is told, and soon.
#[test]
fn nothing_works() {
    let scene = Scene::with(&[], Udp::Blocked, Tcp::Resets);
    let line = scene.run(&["--via", "auto", "echo:"]).run();
    assert!(line.elapsed < Duration::from_secs(10), "{:?}", line.elapsed);
    // The reset may come before our handshake begins.
    assert!([7, 35].contains(&line.code), "{line:?}");
    let closed = crate::support::ClosedPort::new();
    let url = format!("https://{}", closed.addr());
    let line = connect(["-x", &url, "--via", "auto", "echo:"]).run();
    let line = line.expect_failure(7);
    assert!(line.contains("refused"), "{line}");
}

/// Tunnels that begin together fail together: the last of them is told what TCP met, and not that its time is over.
#[test]
fn nothing_works_for_many() {
    const TUNNELS: usize = 40;
    let scene = Scene::with(&[], Udp::Blocked, Tcp::Resets);
    let (url, cert) = (scene.front.url(), scene.certificate.cert());
    let args = ["-x", &url, "--cacert", &cert, "--via", "auto", "-w", "20"];
    let mut listen = Listen::start(&args, &["0:echo:"]);
    let at = (Ipv4Addr::LOCALHOST, listen.ports[0]);
    let _clients: Vec<TcpStream> = (0..TUNNELS)
        .map(|_| TcpStream::connect(at).expect("a client"))
        .collect();
    let failures = crate::support::wait_for("failures", || {
        let mut lines = listen.process().lines();
        lines.retain(|line| line.contains(": proxy https://"));
        (lines.len() == TUNNELS).then_some(lines)
    });
    let impatient = |line: &&String| line.contains("no answer");
    assert_eq!(failures.iter().find(impatient), None, "{failures:#?}");
}

/// Credentials are wrong on every rung: the first answer counts.
#[test]
fn a_refusal_ends_it() {
    let scene = Scene::with(&["--auth", "ann:right", "-v"], Udp::Pass, Tcp::Pass);
    let line = scene.run(&["--via", "auto", "-U", "ann:wrong", "echo:"]);
    line.run().expect_failure(67);
    let refused = scene.run(&["--via", "auto", "-U", "ann:right", "127.1.2.3:9"]);
    refused.run().expect_code(103);
    assert_eq!(scene.remembered(), None);
}

/// The bytes of each connection to a target, by the number that they begin with.
type Seen = Arc<Mutex<HashMap<u64, Vec<Vec<u8>>>>>;

fn counting_target() -> (Target, Seen) {
    let seen = Seen::default();
    let kept = seen.clone();
    let target = Target::start(move |mut stream, _| {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let number = bytes.get(..8).map_or(u64::MAX, |first| {
            u64::from_be_bytes(first.try_into().expect("eight bytes"))
        });
        stream.write_all(&bytes)?;
        kept.lock()
            .expect("what was seen")
            .entry(number)
            .or_default()
            .push(bytes);
        stream.shutdown(Shutdown::Write)
    });
    (target, seen)
}

/// Good enough for choosing faults, and the same each time (Knuth's MMIX).
struct Dice(u64);

impl Dice {
    fn of(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn udp(&mut self) -> Udp {
        match self.of(8) {
            0..=2 => Udp::Pass,
            3..=4 => Udp::Blocked,
            5 => Udp::LosesFirst,
            _ => Udp::Late(Duration::from_millis(self.of(300) as u64)),
        }
    }

    fn tcp(&mut self) -> Tcp {
        match self.of(10) {
            0..=5 => Tcp::Pass,
            6 => Tcp::Resets,
            7 => Tcp::Closes,
            8 => Tcp::Garbage,
            _ => Tcp::Late(Duration::from_millis(self.of(200) as u64)),
        }
    }
}

/// Whatever fails, the target is asked once or not at all, and no byte comes twice.
#[test]
fn a_thousand_runs() {
    const LANES: u64 = 25;
    const RUNS: u64 = 40;
    const SETS: [&str; 10] = [
        "h1,h2,h3,h1-post,h2-post,h1-ws,h2-ws",
        "h1,h2,h3",
        "h3",
        "h2",
        "h1",
        "h3-post,h2",
        "h3-post,h1-post",
        "h2-post,h1-post",
        "h1-ws,h2-ws",
        "h3,h1-post",
    ];
    let certificate = Certificate::new();
    let serves = SETS.map(|set| serve(&certificate, &["--via", set]));
    let ports: Vec<u16> = serves.iter().map(|serve| serve.port).collect();
    let (target, seen) = counting_target();
    let cert = certificate.cert();
    let lane = |lane: u64| {
        let mut dice = Dice(lane + 1);
        let cache = tempfile::tempdir().expect("a folder");
        let front = Front::start(Mode {
            port: ports[0],
            udp: Udp::Pass,
            tcp: Tcp::Pass,
        });
        let (mut opened, mut failed) = (0, 0);
        for n in 0..RUNS {
            let set = dice.of(SETS.len());
            let mode = Mode {
                port: ports[set],
                udp: dice.udp(),
                tcp: dice.tcp(),
            };
            front.set(mode);
            let number = lane * RUNS + n;
            let mut bytes = number.to_be_bytes().to_vec();
            bytes.extend(crate::support::pattern(number, dice.of(50_000)));
            let run = run(&front.url(), &cert, cache.path());
            let run = run.args(["--via", "auto", "-v", &target.addr()]);
            let output = run.stdin(bytes.clone()).run();
            let shown = format!("run {number}, {} with {mode:?}: {output:?}", SETS[set]);
            let over_udp =
                mode.udp != Udp::Blocked && SETS[set].split(',').any(|carrier| carrier == "h3");
            let over_tcp = matches!(mode.tcp, Tcp::Pass | Tcp::Late(_)) && SETS[set] != "h3";
            assert_eq!(output.code == 0, over_udp || over_tcp, "{shown}");
            if output.code == 0 {
                opened += 1;
                assert!(output.stdout == bytes, "{shown}");
                let seen = seen.lock().expect("what was seen").remove(&number);
                assert_eq!(seen.as_deref(), Some(&[bytes][..]), "{shown}");
            } else {
                failed += 1;
            }
        }
        (opened, failed)
    };
    let counts: Vec<(u64, u64)> = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|n| scope.spawn(move || lane(n))).collect();
        let done = lanes.into_iter().map(|lane| lane.join().expect("a lane"));
        done.collect()
    });
    let opened: u64 = counts.iter().map(|(opened, _)| opened).sum();
    assert!((600..1000).contains(&opened), "{opened} were opened");
    assert_eq!(target.accepted() as u64, opened);
    // Of those that failed, and of any beside the right one, nothing came to the target.
    assert!(seen.lock().expect("what was seen").is_empty());
}
