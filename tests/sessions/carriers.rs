//! What holds for a target or an option, whatever carries the tunnel.

use crate::support::{Serve, connect};
use std::io;
use std::os::unix::net::UnixListener;
use std::thread;

/// A unix socket's path is in no authority as it is, and in no path of a POST.
#[test]
fn a_unix_target_by_every_carrier() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a socket");
    let listener = UnixListener::bind(&path).expect("bind");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || io::copy(&mut &stream, &mut &stream));
        }
    });
    let target = format!("unix:{}", path.display());
    let serve = Serve::with(&["--allow", &target]);
    let h2c = super::h2c(&serve);
    for (url, via) in [
        (&serve.url, "h1"),
        (&serve.url, "h1-post"),
        (&h2c, "h2"),
        (&h2c, "h2-post"),
    ] {
        let run = connect(["-x", url, "--via", via, &target]).stdin("hello");
        assert_eq!(run.run().expect_clean().stdout, b"hello", "{via}");
    }
}

/// `post` is of both versions; with prior knowledge of HTTP/2 only one is left.
#[test]
fn post_with_prior_knowledge() {
    let serve = Serve::start();
    let run = connect(["-x", &super::h2c(&serve), "--via", "post", "echo:"]).stdin("hello");
    assert_eq!(run.run().expect_clean().stdout, b"hello");
}

/// The path without places leads to another target than the one that was named, and it is what counts.
#[test]
fn the_embedded_proxy_has_a_path() {
    let path = "/.well-known/masque/tcp/source-5.tuncat.invalid/19/";
    let args = ["-x", "embedded:", "--via", "post", "--path", path, "echo:"];
    assert_eq!(connect(args).run().expect_clean().stdout_len, 5);
    // Otherwise the authority names the target.
    let args = ["-x", "embedded:", "--via", "post", "--path", "/x", "echo:"];
    let run = connect(args).stdin("hello");
    assert_eq!(run.run().expect_clean().stdout, b"hello");
}

/// No page may open tunnels, and a field of the user's makes the request look like a page's.
#[test]
fn the_embedded_proxy_is_told_the_users_fields() {
    let args = ["-x", "embedded:", "--via", "post", "echo:", "-H"];
    let run = connect(args).arg("Referer: http://page.test/");
    let line = run.run().expect_failure(101);
    assert!(line.contains("403"), "{line}");
}
