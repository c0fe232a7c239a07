//! One raw request to a terminator, and what it answers.

use crate::support::TIMEOUT;
use sfv::{BareItem, List, ListEntry, Parser};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};

/// An answer, read until the terminator closed.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The whole of it, as it came.
    pub text: String,
    /// What came after the head.
    pub body: String,
}

impl Answer {
    /// The values of a field, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let head = self.text.split("\r\n\r\n").next().unwrap_or("");
        let fields = head.split("\r\n").skip(1);
        let fields = fields.filter_map(|line| line.split_once(": "));
        fields
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    /// The `error` token of Proxy-Status, parsed as the structured field that it is (RFC 9209 §2, RFC 9651). Panics where
    /// it is not one, or not there.
    #[track_caller]
    pub fn error(&self) -> String {
        let values = self.all("proxy-status").join(", ");
        let list: List = Parser::new(&values)
            .parse()
            .unwrap_or_else(|e| panic!("Proxy-Status: {e}: {}", self.text));
        let [ListEntry::Item(item)] = &list[..] else {
            panic!("one member of Proxy-Status: {}", self.text);
        };
        let token = |item: &BareItem| matches!(item, BareItem::Token(_));
        assert!(token(&item.bare_item), "{}", self.text);
        match (item.params.get("error"), item.params.get("details")) {
            (Some(BareItem::Token(error)), Some(BareItem::String(_))) => error.as_str().to_owned(),
            _ => panic!("error and details in Proxy-Status: {}", self.text),
        }
    }

    /// What every refusal has to be: one whole answer of this status, explained, after which the connection is closed
    /// (RFC 9931), so that nothing behind it can be read as a second request.
    #[track_caller]
    pub fn refuses(&self, status: u16, error: &str) -> &Self {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.error(), error, "{}", self.text);
        assert_eq!(self.all("connection"), ["close"], "{}", self.text);
        let length: usize = match self.all("content-length")[..] {
            [length] => length.parse().expect("a length"),
            _ => panic!("one Content-Length: {}", self.text),
        };
        assert_eq!(self.body.len(), length, "{}", self.text);
        assert!(!self.text.contains("\nHTTP/1."), "{}", self.text);
        self
    }
}

/// `CONNECT authority` with the fields that belong to it.
pub fn connect_request(authority: &str) -> String {
    format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n")
}

/// Sends `request` and reads until the connection is closed.
#[track_caller]
pub fn ask(port: u16, request: impl AsRef<[u8]>) -> Answer {
    let stream = connect(port);
    send(&stream, request.as_ref());
    read_answer(&stream)
}

/// Sends CONNECT and reads until the connection is closed.
#[track_caller]
pub fn ask_for(port: u16, authority: &str) -> Answer {
    ask(port, connect_request(authority))
}

pub fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connect to serve");
    stream.set_read_timeout(Some(TIMEOUT)).expect("set a limit");
    stream
        .set_write_timeout(Some(TIMEOUT))
        .expect("set a limit");
    stream
}

/// A terminator may refuse before it has read everything; what it said is then still to be read.
fn send(mut stream: &TcpStream, request: &[u8]) {
    match stream.write_all(request) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe && e.kind() != ErrorKind::ConnectionReset => {
            panic!("send a request: {e}")
        }
        _ => {}
    }
}

/// Everything until a clean close.
#[track_caller]
pub fn read_answer(mut stream: impl Read) -> Answer {
    let mut text = Vec::new();
    stream
        .read_to_end(&mut text)
        .unwrap_or_else(|e| panic!("{e} after {:?}", String::from_utf8_lossy(&text)));
    let text = String::from_utf8(text).expect("an answer in UTF-8");
    let status = text
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3));
    let status = status.and_then(|digits| digits.parse().ok());
    let (_, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    Answer {
        status: status.unwrap_or_else(|| panic!("a status: {text:?}")),
        body: body.to_owned(),
        text,
    }
}

/// Opens a tunnel on `stream`: sends CONNECT and reads the head of a 2xx, and not a byte more.
#[track_caller]
pub fn open_on(mut stream: impl Read + Write, authority: &str) {
    let request = connect_request(authority);
    stream
        .write_all(request.as_bytes())
        .expect("send a request");
    let head = read_head(&mut stream).expect("read a head");
    assert!(head.starts_with("HTTP/1.1 200 "), "{authority}: {head}");
    let lower = head.to_lowercase();
    // RFC 9110 §9.3.6.
    assert!(
        !lower.contains("content-length") && !lower.contains("transfer-encoding"),
        "{head}"
    );
}

pub fn read_head(mut stream: impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// An open tunnel through the terminator at `port`.
#[track_caller]
pub fn open(port: u16, authority: &str) -> TcpStream {
    let stream = connect(port);
    open_on(&stream, authority);
    stream
}
