//! Names whose addresses change from one lookup to the next: what was judged is what is dialled, or nothing is.

use super::Files;
use crate::support::proc::{guarded, is_root};
use crate::support::tuncat::TUNCAT;
use crate::support::{Proc, TIMEOUT};
use crate::terminator::request::{connect_request, read_answer};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// In a network of its own: a name server whose answers alternate with each question, and a listener that counts by the
/// address that was dialled. It says `ready`, and the counts for each connection to port 7001.
const SCRIPT: &str = r#"
import collections, socket, struct, threading
PUBLIC, NAMES = "8.8.8.8", collections.Counter()
A = [[PUBLIC], ["127.0.0.1"], [PUBLIC, "127.0.0.1"], ["169.254.169.254"], ["127.0.0.1", PUBLIC], ["10.0.0.1"], []]
AAAA = [[], ["::1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"], ["fd00:ec2::254"], ["2002:7f00:1::"]]

def name_server():
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 53))
    print("names", flush=True)
    while True:
        query, client = udp.recvfrom(4096)
        end = query.index(0, 12) + 5
        kind = struct.unpack("!H", query[end - 4:end - 2])[0]
        family, sets = (socket.AF_INET6, AAAA) if kind == 28 else (socket.AF_INET, A)
        found = sets[NAMES[kind] % len(sets)] if kind in (1, 28) else []
        NAMES[kind] += 1
        answer = query[:2] + struct.pack("!HHHHH", 0x8180, 1, len(found), 0, 0) + query[12:end]
        for address in found:
            data = socket.inet_pton(family, address)
            answer += b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 0, len(data)) + data
        udp.sendto(answer, client)

def listener(port, handle):
    tcp = socket.socket(socket.AF_INET6)
    tcp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    tcp.bind(("::", port))
    tcp.listen(4096)
    while True:
        stream, _ = tcp.accept()
        handle(stream)
        stream.close()

hits = collections.Counter()
def count(stream):
    hits[stream.getsockname()[0].removeprefix("::ffff:")] += 1
def tell(stream):
    stream.sendall(" ".join(f"{k}={v}" for k, v in sorted(hits.items())).encode())
threading.Thread(target=listener, args=(7000, count), daemon=True).start()
threading.Thread(target=listener, args=(7001, tell), daemon=True).start()
name_server()
"#;

/// Sends CONNECT to the socket at `path` and reads until the end, or for a tunnel until its end.
fn ask(path: &std::path::Path, authority: &str) -> (u16, String) {
    let mut stream = UnixStream::connect(path).expect("connect to serve");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a limit");
    stream
        .write_all(connect_request(authority).as_bytes())
        .expect("ask");
    let mut text = Vec::new();
    // The far end closes at once.
    stream.read_to_end(&mut text).expect("read");
    let status = text
        .get(9..12)
        .and_then(|s| std::str::from_utf8(s).ok()?.parse().ok());
    let status = status.unwrap_or_else(|| panic!("{:?}", String::from_utf8_lossy(&text)));
    match status {
        200 => {
            let text = String::from_utf8_lossy(&text);
            let rest = text.split_once("\r\n\r\n").map_or("", |(_, rest)| rest);
            (200, rest.to_owned())
        }
        _ => (status, read_answer(&text[..]).error()),
    }
}

/// Ten thousand times.
#[test]
fn nothing_is_dialled_that_was_not_judged() {
    if !is_root() {
        eprintln!("not root: no network of its own, not tested");
        return;
    }
    let files = Files::new();
    let resolv = files.put(
        "resolv.conf",
        "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
    );
    let hosts = files.put("nsswitch.conf", "hosts: dns\n");
    let script = files.put("names.py", SCRIPT);
    let socket = files.path("socket");
    let line = format!(
        "ip link set lo up && ip addr add 8.8.8.8/32 dev lo && \
         mount --bind {resolv} /etc/resolv.conf && mount --bind {hosts} /etc/nsswitch.conf && \
         {{ python3 {script} & }} && \
         exec {TUNCAT} serve -l unix:{0} --allow '*:7000' --allow 8.8.8.8:7001",
        socket.display()
    );
    let mut command = guarded(&"unshare");
    command.args(["-m", "-n", "sh", "-c", &line]);
    let mut serve = Proc::spawn("tuncat serve in a network of its own", command);
    serve.wait_line("its address", |line| {
        line.contains("listening on").then_some(())
    });
    let mut seen: HashMap<(u16, String), usize> = HashMap::new();
    const THREADS: usize = 8;
    let counts = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen: HashMap<(u16, String), usize> = HashMap::new();
                    for _ in 0..10_000 / THREADS {
                        *seen.entry(ask(&socket, "rebind.test:7000")).or_default() += 1;
                    }
                    seen
                })
            })
            .collect();
        asking
            .into_iter()
            .map(|a| a.join().expect("ask"))
            .collect::<Vec<_>>()
    });
    for (answer, count) in counts.into_iter().flatten() {
        *seen.entry(answer).or_default() += count;
    }
    let (status, hits) = ask(&socket, "8.8.8.8:7001");
    assert_eq!(status, 200, "{hits}");
    let opened = seen.get(&(200, String::new())).copied().unwrap_or(0);
    let denied = seen
        .get(&(403, "destination_ip_prohibited".into()))
        .copied()
        .unwrap_or(0);
    assert_eq!(hits, format!("8.8.8.8={opened}"), "{seen:?}");
    // Both happened often; what is left are lookups without any address.
    assert!(opened > 1000 && denied > 1000, "{seen:?}");
    let others = seen.keys().filter(|(status, error)| {
        !matches!(
            (status, error.as_str()),
            (200, "") | (403, "destination_ip_prohibited") | (502, "dns_error")
        )
    });
    assert_eq!(others.count(), 0, "{seen:?}");
}
