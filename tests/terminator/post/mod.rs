//! POST tunnels at `tuncat serve` on HTTP/1.1, byte by byte.

mod auth;
mod content;
mod ends;
mod forward;
mod limits;
mod malformed;
mod paths;
mod pipelined;

use super::request::{connect, read_head};
use std::io::{Read, Write};
use std::net::TcpStream;

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
const LAST: &[u8] = b"0\r\n\r\n";

/// The path for `host:port`.
pub fn path_to(authority: &str) -> String {
    let (host, port) = authority.rsplit_once(':').expect("host and port");
    let host = host.trim_matches(['[', ']']);
    format!("/.well-known/masque/tcp/{host}/{port}/")
}

/// The head of a request with these fields beside Host.
pub fn post(path: &str, host: &str, fields: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n")
}

/// The head of a chunked request for a tunnel.
fn request(authority: &str) -> String {
    post(&path_to(authority), "proxy.test", CHUNKED)
}

/// An open tunnel, at the first byte of the answer's content.
#[track_caller]
fn open(port: u16, request: &str) -> TcpStream {
    let mut stream = connect(port);
    stream.write_all(request.as_bytes()).expect("ask");
    opened(&mut stream, request);
    stream
}

/// Reads the head of an answer that opens a tunnel, word for word.
#[track_caller]
fn opened(stream: impl Read, request: &str) {
    let head = read_head(stream).expect("a head");
    let version = env!("CARGO_PKG_VERSION");
    let greeting = match request.contains("\nTuncat-Greeting: ?1\r\n") {
        true => "Tuncat-Greeting: ?1\r\n",
        false => "",
    };
    let expected = format!(
        "HTTP/1.1 200 OK\r\nProxy-Agent: tuncat/{version}\r\n\
         Content-Type: application/octet-stream\r\nCache-Control: no-store\r\nIncremental: ?1\r\n\
         X-Accel-Buffering: no\r\n{greeting}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(head, expected, "{request}");
}

fn chunk(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let head = format!("{:x}\r\n", bytes.len());
    [head.as_bytes(), bytes, b"\r\n"].concat()
}

/// The next chunk; the last one is empty and has no trailers.
fn read_chunk(mut stream: &TcpStream) -> std::io::Result<Vec<u8>> {
    let mut size = Vec::new();
    while !size.ends_with(b"\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        size.push(byte[0]);
    }
    let size = String::from_utf8_lossy(&size);
    let size = usize::from_str_radix(size.trim_end(), 16).expect("a size");
    let mut data = vec![0; size + 2];
    stream.read_exact(&mut data)?;
    assert!(data.ends_with(b"\r\n"), "an end of the chunk");
    data.truncate(size);
    Ok(data)
}

/// The content up to the last chunk, behind which there is the end of the connection and nothing else.
#[track_caller]
fn read_content(mut stream: &TcpStream) -> Vec<u8> {
    let mut content = Vec::new();
    loop {
        let chunk = read_chunk(stream).expect("a chunk");
        if chunk.is_empty() {
            break;
        }
        content.extend(chunk);
    }
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("a clean end");
    assert_eq!(rest, b"");
    content
}
