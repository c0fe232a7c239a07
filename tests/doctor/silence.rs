//! What becomes of silent tunnels, with relays that are known to cut them.

use super::examine;
use crate::client::peer::Peer;
use crate::support::Serve;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::Duration;

/// What a relay does after so much silence of the client's.
#[derive(Clone, Copy)]
enum Then {
    Cut,
    /// Keeps the connection, and passes nothing on any more.
    Forget,
}

fn relay(serve: &Serve, silence: Duration, then: Then) -> Peer {
    let port = serve.port;
    Peer::raw(move |conn| {
        let back = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        let (mut from, mut to) = (back.try_clone()?, conn.stream.try_clone()?);
        thread::spawn(move || io::copy(&mut from, &mut to));
        conn.stream.set_read_timeout(Some(silence))?;
        let mut piece = [0; 4096];
        loop {
            match (&conn.stream).read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(count) => (&back).write_all(&piece[..count])?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        match then {
            Then::Cut => {
                let shut = |stream: &TcpStream| stream.shutdown(std::net::Shutdown::Both);
                shut(&conn.stream)?;
                shut(&back)
            }
            Then::Forget => {
                conn.stream.set_read_timeout(None)?;
                conn.read_to_end().map(drop)
            }
        }
    })
}

#[test]
fn a_cut_is_timed() {
    let serve = Serve::start();
    let relay = relay(&serve, Duration::from_millis(700), Then::Cut);
    let seen = examine(&["-x", &relay.url(), "--via", "h1", "--idle", "2"]);
    let idle = &seen.report["idle"][0];
    assert_eq!(idle["verdict"], "cut", "{:#}", seen.report);
    let after = idle["after_s"].as_f64().expect("a number");
    assert!((0.6..1.0).contains(&after), "{after}");
    assert_eq!(idle["alive_s"], 0.5);
    assert_eq!(seen.codes(), ["idle_cut"]);
}

#[test]
fn a_tunnel_that_died_in_silence_is_found_by_its_first_word() {
    let serve = Serve::start();
    let relay = relay(&serve, Duration::from_millis(700), Then::Forget);
    let seen = examine(&["-x", &relay.url(), "-w", "1", "--via", "h1", "--idle", "2"]);
    let idle = &seen.report["idle"][0];
    assert_eq!(idle["verdict"], "dead", "{:#}", seen.report);
    assert_eq!(
        (&idle["alive_s"], &idle["after_s"]),
        (&0.5.into(), &1.0.into())
    );
    assert_eq!(seen.codes(), ["idle_cut"]);
}
