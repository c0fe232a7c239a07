//! What a client sends behind the content of its request: it is none of the tunnel's, and no request either.

use super::{CHUNKED, LAST, chunk, path_to, post, read_content, request};
use crate::support::{Serve, Target, pattern, sha256};
use crate::terminator::request::{ask, connect, connect_request};
use std::io::Write;
use std::thread;

/// What comes behind the content is no request, and does not cost the client its answer.
#[test]
fn nothing_behind_the_content_is_a_request() {
    let serve = Serve::start();
    let other = Target::sink();
    let second = request(&other.addr());
    let other_way = connect_request(&other.addr());
    let by_length = |target: &Target| {
        post(
            &path_to(&target.addr()),
            "proxy.test",
            "Content-Length: 5\r\n",
        )
    };
    for more in [
        second.as_str(),
        &other_way,
        "x",
        "\r\n\r\n",
        &second.repeat(300),
    ] {
        for chunked in [true, false] {
            let target = Target::answers_after_eof(2, 300_000);
            let (head, content) = match chunked {
                true => (
                    request(&target.addr()),
                    [&chunk("hello")[..], LAST].concat(),
                ),
                false => (by_length(&target), b"hello".to_vec()),
            };
            let mut stream = connect(serve.port);
            let all = [head.as_bytes(), &content, more.as_bytes()].concat();
            let sender = stream.try_clone().expect("clone");
            let sending = thread::spawn(move || (&sender).write_all(&all).ok());
            super::opened(&mut stream, &head);
            assert_eq!(read_content(&stream), pattern(2, 300_000), "{more:.20}");
            assert_eq!(target.received(1), (5, sha256(b"hello")), "{more:.20}");
            sending.join().expect("a sender");
        }
    }
    assert_eq!(other.accepted(), 0, "something was dialled");
    let refused = post("/", "h", CHUNKED) + &second;
    ask(serve.port, refused).refuses(400, "http_request_error");
    assert_eq!(other.accepted(), 0, "something was dialled");
}
