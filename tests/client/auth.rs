//! Proxies that ask who it is, and do it badly.

use super::LIMIT;
use super::peer::{Conn, Peer};
use crate::support::connect;
use std::io;

const TARGET: &str = "target.test:22";
const BASIC: &str = "Proxy-Authenticate: Basic realm=\"x\"\r\n";
const NTLM: &str = "Proxy-Authenticate: NTLM\r\n";
/// A server's challenge without any information on the target (MS-NLMP §2.2.1.2).
const NTLM_CHALLENGE: &str =
    "TlRMTVNTUAACAAAAAAAAADAAAAAFgoIAASNFZ4mrze8AAAAAAAAAAAQABAAwAAAAAAAAAA==";

fn ask(conn: &Conn, fields: &str) -> io::Result<()> {
    conn.send(format!(
        "HTTP/1.1 407 Who\r\n{fields}Content-Length: 5\r\n\r\nhello"
    ))
}

/// Opens the tunnel and echoes.
fn open(conn: Conn) -> io::Result<()> {
    conn.send("HTTP/1.1 200 OK\r\nProxy-Agent: tuncat/0\r\n\r\n")?;
    io::copy(&mut &conn.stream, &mut &conn.stream).map(drop)
}

#[track_caller]
fn succeeds(peer: &Peer, args: &[&str]) {
    let run = connect(["-x", &peer.url(), TARGET]).args(args).limit(LIMIT);
    let output = run.stdin("hello").run().expect_clean();
    assert_eq!(output.stdout, b"hello");
}

#[track_caller]
fn fails(peer: &Peer, args: &[&str], said: &str) {
    let run = connect(["-x", &peer.url(), TARGET]).args(args).limit(LIMIT);
    let line = run.run().expect_failure(67);
    assert!(line.contains(said), "{line}");
}

fn with(heads: &[String], text: &str) -> usize {
    heads.iter().filter(|head| head.contains(text)).count()
}

const USER: [&str; 2] = ["-U", "me:secret"];

/// The strongest scheme is taken, wherever it stands, and the rest never sees the password.
#[test]
fn the_strongest_that_is_offered() {
    let digest = "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n";
    let sha =
        "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256\r\n";
    for (offered, allowed, taken) in [
        (vec![BASIC], None, "Basic bWU6c2VjcmV0"),
        (vec![BASIC, digest], None, "Digest "),
        (vec![digest, sha, BASIC], None, "algorithm=SHA-256"),
        (vec![BASIC, digest, NTLM], None, "NTLM "),
        (
            vec!["Proxy-Authenticate: Negotiate, Basic realm=\"a, NTLM\"\r\n"],
            None,
            "Basic ",
        ),
        (vec![BASIC, digest, NTLM], Some("digest,basic"), "Digest "),
        (vec![NTLM, digest, BASIC], Some("basic"), "Basic "),
        (
            vec!["Proxy-Authenticate: Bearer\r\n"],
            Some("bearer"),
            "Bearer secret",
        ),
    ] {
        let fields = offered.concat();
        let peer = Peer::new(move |conn| {
            for _ in 0..2 {
                ask(&conn, &fields)?;
                conn.read_head()?;
            }
            Ok(())
        });
        let mut args = USER.to_vec();
        args.extend(allowed.iter().flat_map(|a| ["--proxy-auth", a]));
        let run = connect(["-x", &peer.url(), TARGET]).args(args);
        run.limit(LIMIT).run().expect_code(67);
        let heads = peer.heads();
        let shown: Vec<_> = heads
            .iter()
            .filter(|h| h.contains("Authorization"))
            .collect();
        assert!(shown[0].contains(taken), "{taken}: {heads:?}");
        let at_once = matches!(allowed, Some("basic" | "bearer"));
        assert_eq!(heads[0].contains("Authorization"), at_once, "{heads:?}");
    }
}

/// On the connection that the answer left open.
#[test]
fn the_next_request_on_the_same_connection() {
    let peer = Peer::new(|conn| {
        ask(&conn, BASIC)?;
        conn.read_head()?;
        open(conn)
    });
    succeeds(&peer, &USER);
    assert_eq!((peer.accepted(), peer.heads().len()), (1, 2));
}

/// Closed behind the answer, or closed when the next request comes, or never to be used again.
#[test]
fn on_another_connection() {
    let endless = "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\n\r\nuntil the end";
    let huge =
        "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nContent-Length: 1073741824\r\n\r\n";
    let old = "HTTP/1.0 407 Who\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n";
    let says = "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let silent = "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n";
    for (answer, more) in [
        (endless, 0),
        (huge, 1 << 30),
        (old, 0),
        (says, 0),
        (silent, 0),
    ] {
        let peer = Peer::raw(move |conn| {
            let head = conn.read_head()?;
            if head.contains("Authorization") {
                return open(conn);
            }
            conn.send(answer)?;
            let block = vec![b'x'; 1 << 16];
            for _ in 0..more / block.len() {
                conn.send(&block)?;
            }
            conn.end()
        });
        succeeds(&peer, &USER);
        assert_eq!(with(&peer.heads(), "Authorization"), 1, "{answer}");
    }
}

/// A password that is turned down is sent once, whatever the proxy goes on asking.
#[test]
fn a_407_for_ever() {
    let peer = Peer::new(|conn| {
        loop {
            ask(&conn, BASIC)?;
            conn.read_head()?;
        }
    });
    fails(&peer, &USER, "; check user name and password");
    assert_eq!(with(&peer.heads(), "Authorization"), 1);
}

/// A nonce that is too old is no wrong password; but twice in a row it is no end.
#[test]
fn stale_nonces() {
    let fresh = |n: u8, stale: bool| {
        format!(
            "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n{n}\", qop=\"auth\", stale={stale}\r\n"
        )
    };
    let once = Peer::new(move |conn| {
        for (n, stale) in [(1, false), (2, true)] {
            ask(&conn, &fresh(n, stale))?;
            let head = conn.read_head()?;
            assert!(head.contains(&format!("nonce=\"n{n}\"")), "{head}");
        }
        open(conn)
    });
    succeeds(&once, &USER);
    let always = Peer::new(move |conn| {
        for n in 0..9 {
            ask(&conn, &fresh(n, true))?;
            conn.read_head()?;
        }
        Ok(())
    });
    fails(
        &always,
        &USER,
        "check user name and password (sent with Digest)",
    );
    assert_eq!(with(&always.heads(), "Authorization"), 2);
}

/// NTLM is of a connection: closed between its steps it begins anew, once.
#[test]
fn a_close_between_the_steps_of_ntlm() {
    let challenge = format!("Proxy-Authenticate: NTLM {NTLM_CHALLENGE}\r\n");
    let good = challenge.clone();
    let peer = Peer::new(move |conn| {
        ask(&conn, NTLM)?;
        conn.read_head()?;
        ask(&conn, &good)?;
        let last = conn.read_head()?;
        assert!(last.contains("NTLM TlRMTVNTUAAD"), "{last}");
        open(conn)
    });
    succeeds(&peer, &USER);
    assert_eq!(peer.accepted(), 1);

    // It takes the first message and is gone.
    let peer = Peer::raw(|conn| {
        let head = conn.read_head()?;
        match head.contains("NTLM") {
            true => conn.end(),
            false => {
                ask(&conn, &format!("{NTLM}Connection: close\r\n"))?;
                conn.end()
            }
        }
    });
    let said = "closes the connection between the steps of NTLM";
    fails(&peer, &USER, said);
    assert_eq!(with(&peer.heads(), "NTLM"), 2, "{:?}", peer.heads());

    // It says that it closes with its challenge.
    let peer = Peer::raw(move |conn| {
        let head = conn.read_head()?;
        let fields = match head.contains("NTLM") {
            true => format!("{challenge}Connection: close\r\n"),
            false => NTLM.to_owned(),
        };
        ask(&conn, &fields)?;
        if head.contains("NTLM") {
            return conn.end();
        }
        conn.read_head()?;
        ask(&conn, &format!("{challenge}Connection: close\r\n"))?;
        conn.end()
    });
    fails(&peer, &USER, "NTLM");
    assert!(
        with(&peer.heads(), "NTLM TlRMTVNTUAAD") == 0,
        "{:?}",
        peer.heads()
    );
}

/// Challenges that cannot be answered end it, and the line says why.
#[test]
fn challenges_that_make_no_sense() {
    for (fields, args, said) in [
        (
            "Proxy-Authenticate: \r\n",
            &USER[..],
            "does not say which scheme",
        ),
        (
            "Proxy-Authenticate: Kerberos5\r\n",
            &USER,
            "it asks for kerberos5; there are negotiate",
        ),
        (
            "Proxy-Authenticate: Digest realm=\"x\"\r\n",
            &USER,
            "Digest: it is not offered",
        ),
        (
            BASIC,
            &[],
            "give a user with -U USER and a password (see --proxy-pass-file); it takes Basic",
        ),
        (NTLM, &[], "it takes NTLM"),
        (
            BASIC,
            &["-U", "me:x", "--proxy-auth", "digest"],
            "Basic is not among those of --proxy-auth",
        ),
        (
            "Proxy-Authenticate: Bearer\r\n",
            &USER,
            "only used with --proxy-auth bearer",
        ),
    ] {
        let peer =
            Peer::new(move |conn| ask(&conn, fields).and_then(|()| conn.read_to_end().map(drop)));
        fails(&peer, args, said);
        assert_eq!(peer.heads().len(), 1, "{fields}");
    }
    let broken = Peer::new(|conn| {
        ask(&conn, NTLM)?;
        conn.read_head()?;
        ask(&conn, "Proxy-Authenticate: NTLM Zm9v\r\n")?;
        conn.read_to_end().map(drop)
    });
    fails(&broken, &USER, "its NTLM challenge cannot be read");
}

/// What the user typed is sent as it is, and is not argued about.
#[test]
fn a_field_of_the_users_own() {
    let peer = Peer::new(|conn| {
        ask(&conn, BASIC)?;
        conn.read_to_end().map(drop)
    });
    let field = "Proxy-Authorization: Custom abc";
    let args = ["-U", "me:secret", "-H", field];
    fails(&peer, &args, "407");
    assert_eq!(with(&peer.heads(), field), 1);
    assert_eq!(peer.heads().len(), 1);
}
