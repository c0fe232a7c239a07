//! Exit code 0: every byte delivered and a clean end both ways, and not a word about it.

use crate::client::LIMIT;
use crate::client::child::object;
use crate::client::expect::TARGET;
use crate::client::peer::{OK, OK_KEEPS, Peer};
use crate::support::{Serve, Target, connect};
use std::io::{self, Read};
use std::sync::mpsc::channel;

#[test]
fn stderr_is_silent() {
    let (plain, keeps) = (Peer::echo(OK), Peer::echo(OK_KEEPS));
    let (serve, target) = (Serve::start(), Target::echo());
    for args in [
        &["-x", &plain.url(), TARGET][..],
        &["-x", &keeps.url(), TARGET],
        &["-x", &serve.url, &target.addr()],
        &["-x", &serve.url, "127.0.0.1", &target.port.to_string()],
        &["-x", "embedded:", "echo:"],
        &[&target.addr()],
    ] {
        let output = connect(args).stdin("hello").run().expect_clean();
        assert_eq!(output.stdout, b"hello", "{args:?}");
    }
}

#[test]
fn the_object_of_a_clean_end() {
    let peer = Peer::new(|conn| {
        conn.send(OK_KEEPS)?;
        conn.read_to_end()?;
        conn.send("answer")
    });
    let run = connect(["-x", &peer.url(), TARGET, "--json"]).stdin("hello");
    let output = run.run().expect_code(0);
    assert_eq!(output.stdout, b"answer");
    let object = object(&output.stderr);
    for (field, value) in [
        ("target", serde_json::json!(TARGET)),
        ("route", serde_json::json!([peer.url()])),
        ("carrier", "h1".into()),
        ("sent_bytes", 5.into()),
        ("received_bytes", 6.into()),
        ("first_end", "near".into()),
        ("clean", true.into()),
        ("exit_code", 0.into()),
        ("error", serde_json::Value::Null),
    ] {
        assert_eq!(object[field], value, "{field}: {object}");
    }
    for phase in ["resolve", "tcp", "tls", "request", "total"] {
        assert!(object["setup_ms"][phase].is_f64(), "{phase}: {object}");
    }
    assert!(object["duration_s"].as_f64() > Some(0.0), "{object}");
}

/// Whatever else there is to say, the object is all that is on stderr: a script reads it.
#[test]
fn the_object_is_alone() {
    let peer = Peer::new(|conn| {
        conn.send(OK)?;
        conn.read_to_end().map(drop)
    });
    let url = peer.url().replace("http://", "http://me:secret@");
    let run = connect(["-N", "-x", &url, TARGET, "--json"]).stdin("hello");
    let output = run.limit(LIMIT).run().expect_code(0);
    let object = object(&output.stderr);
    assert_eq!(object["exit_code"], 0);
    let warnings = object["warnings"].as_array().expect("a list of warnings");
    for (warning, start) in [
        (
            &warnings[0],
            "a password in a proxy's URL can be seen by others",
        ),
        (&warnings[1], "nothing came back"),
    ] {
        let text = warning.as_str().expect("text");
        assert!(text.starts_with(start), "{object}");
    }
    assert_eq!(warnings.len(), 2, "{object}");
}

/// `-z` opens a tunnel, sends nothing and reads nothing: the code is the answer.
#[test]
fn only_a_look() {
    let (sender, received) = channel();
    let peer = Peer::new(move |conn| {
        conn.send(OK)?;
        let mut byte = [0];
        let sent = (&conn.stream).read(&mut byte).unwrap_or(0);
        sender.send(sent).map_err(io::Error::other)
    });
    let run = connect(["-z", "-x", &peer.url(), TARGET]).stdin("not this");
    let output = run.run().expect_clean();
    assert_eq!(output.stdout, b"");
    assert_eq!(received.recv_timeout(LIMIT), Ok(0));
    let refused = Peer::answering("HTTP/1.1 403 No\r\n\r\n");
    let run = connect(["-z", "-x", &refused.url(), TARGET]);
    run.run().expect_failure(101);
}
