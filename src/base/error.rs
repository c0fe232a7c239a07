//! The one error type: what failed, where on the way, who is to blame, what to try next.
//!
//! Everything a user sees about a failure comes from here: the exit code ([`Kind::exit_code`]), the
//! one line on stderr ([`Error`]'s `Display`) and the JSON object ([`Error::to_json`]).

use std::fmt;
use std::net::SocketAddr;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What happened. Decides the exit code; the numbers are curl's where the meaning is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A defect of this program.
    Internal,
    /// A flag, a file or an address that cannot be used.
    Usage,
    /// The proxy's name has no address.
    ProxyNotResolved,
    /// The target's name has no address, here or at the proxy.
    TargetNotResolved,
    /// No connection to the proxy (or to a target reached without one), or it closed before answering.
    CannotConnect,
    /// The stream ended before its end was said.
    Truncated,
    /// stdout cannot be written.
    LocalWrite,
    /// stdin cannot be read.
    LocalRead,
    /// A deadline passed.
    Timeout,
    /// The TLS handshake failed for another reason than trust.
    TlsHandshake,
    /// The stream was reset.
    Reset,
    /// The certificate is not trusted.
    CertificateNotTrusted,
    /// 407.
    ProxyAuth,
    /// 403, 3xx and every final status not named elsewhere.
    Refused,
    /// 400, 405, 426, 501: the proxy does not know this way of tunnelling.
    Unsupported,
    /// 502, 503, 504: the proxy could not reach the target.
    TargetUnreachable,
    /// A SOCKS proxy did not connect.
    SocksRefused,
    /// 429.
    RateLimited,
    /// The answer is not HTTP.
    NotHttp,
    /// Octets came that are not those that were sent.
    Altered,
    /// Ended by a signal with this number.
    Signal(i32),
}

impl Kind {
    /// The exit code of the process.
    pub fn exit_code(self) -> i32 {
        match self {
            Kind::Internal => 1,
            Kind::Usage => 2,
            Kind::ProxyNotResolved => 5,
            Kind::TargetNotResolved => 6,
            Kind::CannotConnect => 7,
            Kind::Truncated => 18,
            Kind::LocalWrite => 23,
            Kind::LocalRead => 26,
            Kind::Timeout => 28,
            Kind::TlsHandshake => 35,
            Kind::Reset => 56,
            Kind::CertificateNotTrusted => 60,
            Kind::ProxyAuth => 67,
            Kind::SocksRefused => 97,
            Kind::Refused => 101,
            Kind::Unsupported => 102,
            Kind::TargetUnreachable => 103,
            Kind::RateLimited => 104,
            Kind::NotHttp => 105,
            Kind::Altered => 106,
            Kind::Signal(n) => 128 + n,
        }
    }

    /// The stable name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Internal => "internal",
            Kind::Usage => "usage",
            Kind::ProxyNotResolved => "proxy_not_resolved",
            Kind::TargetNotResolved => "target_not_resolved",
            Kind::CannotConnect => "cannot_connect",
            Kind::Truncated => "truncated",
            Kind::LocalWrite => "local_write",
            Kind::LocalRead => "local_read",
            Kind::Timeout => "timeout",
            Kind::TlsHandshake => "tls_handshake",
            Kind::Reset => "reset",
            Kind::CertificateNotTrusted => "certificate_not_trusted",
            Kind::ProxyAuth => "proxy_auth",
            Kind::Refused => "refused",
            Kind::Unsupported => "unsupported",
            Kind::TargetUnreachable => "target_unreachable",
            Kind::SocksRefused => "socks_refused",
            Kind::RateLimited => "rate_limited",
            Kind::NotHttp => "not_http",
            Kind::Altered => "altered",
            Kind::Signal(_) => "signal",
        }
    }
}

/// How far the work had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Arguments,
    Resolve,
    /// The TCP (or unix socket) connection.
    Connect,
    Tls,
    /// The CONNECT request and its answer.
    Request,
    /// The POST request and its answer.
    Post,
    /// The handshake of a WebSocket.
    WebSocket,
    /// The SOCKS request and its reply.
    Socks,
    /// The tunnel is open.
    Relay,
    Stdin,
    Stdout,
    Listen,
}

impl Stage {
    pub fn name(self) -> &'static str {
        match self {
            Stage::Arguments => "arguments",
            Stage::Resolve => "resolve",
            Stage::Connect => "connect",
            Stage::Tls => "TLS handshake",
            Stage::Request => "CONNECT",
            Stage::Post => "POST",
            Stage::WebSocket => "WebSocket",
            Stage::Socks => "SOCKS",
            Stage::Relay => "tunnel",
            Stage::Stdin => "stdin",
            Stage::Stdout => "stdout",
            Stage::Listen => "listen",
        }
    }
}

/// Who has to change something for it to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The command line, environment or a file of the user's.
    User,
    /// This machine: descriptors, disk, a broken pipe.
    Local,
    /// What lies between: names, routes, silence.
    Network,
    Proxy,
    Target,
    /// A defect here.
    Tuncat,
}

impl Blame {
    pub fn name(self) -> &'static str {
        match self {
            Blame::User => "user",
            Blame::Local => "local",
            Blame::Network => "network",
            Blame::Proxy => "proxy",
            Blame::Target => "target",
            Blame::Tuncat => "tuncat",
        }
    }
}

/// What a proxy answered when it refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// The `error` token of `Proxy-Status` (RFC 9209 §2.1.1), or `X-Squid-Error`'s.
    pub token: Option<String>,
    /// An excerpt of the body, escaped.
    pub body: Option<String>,
    /// `Proxy-Authenticate` and `WWW-Authenticate`, escaped.
    pub challenges: Vec<String>,
    pub signature: Signature,
}

/// How whoever answered names itself; escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// `Server` (RFC 9110 §10.2.4).
    pub server: Option<String>,
    /// `Via` (RFC 9110 §7.6.3).
    pub via: Option<String>,
    /// `Proxy-Agent`, which no RFC has and many proxies send with a 200.
    pub agent: Option<String>,
    /// `Proxy-Status` (RFC 9209), whole.
    pub proxy_status: Option<String>,
}

/// What something on the way keeps back instead of passing it on as it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// The content of a request.
    Request,
    /// The content of an answer.
    Answer,
}

/// A failure. Cheap to move: one pointer.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    stage: Stage,
    blame: Blame,
    cause: String,
    hop: Option<String>,
    peer: Option<SocketAddr>,
    answer: Option<Answer>,
    hint: Option<String>,
    held: Option<Held>,
    quiet: bool,
}

impl Error {
    /// `cause` is one clause without a full stop; it must already be free of raw peer bytes.
    pub fn new(kind: Kind, stage: Stage, blame: Blame, cause: impl Into<String>) -> Self {
        let cause = plain(&cause.into());
        Error(Box::new(Inner {
            kind,
            stage,
            blame,
            cause,
            hop: None,
            peer: None,
            answer: None,
            hint: None,
            held: None,
            quiet: false,
        }))
    }

    /// Something the user typed or configured cannot be used.
    pub fn usage(cause: impl Into<String>) -> Self {
        Error::new(Kind::Usage, Stage::Arguments, Blame::User, cause)
    }

    /// A defect of this program.
    pub fn internal(cause: impl Into<String>) -> Self {
        Error::new(Kind::Internal, Stage::Arguments, Blame::Tuncat, cause)
    }

    /// The request was none for CONNECT.
    pub fn at(mut self, stage: Stage) -> Self {
        if self.0.stage == Stage::Request {
            self.0.stage = stage;
        }
        self
    }

    /// Names the hop (`proxy http://host:port` or `target host:port`), never with credentials.
    /// The innermost name stays.
    pub fn hop(mut self, hop: impl fmt::Display) -> Self {
        self.0.hop.get_or_insert_with(|| hop.to_string());
        self
    }

    /// The address that was spoken to. The innermost one stays.
    pub fn peer(mut self, peer: Option<SocketAddr>) -> Self {
        self.0.peer = self.0.peer.or(peer);
        self
    }

    /// The next thing to try. The innermost one stays.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint.get_or_insert_with(|| hint.into());
        self
    }

    pub fn hint_if(self, hint: Option<String>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    pub fn answer(mut self, answer: Answer) -> Self {
        self.0.answer = Some(answer);
        self
    }

    /// It failed because something keeps this back.
    pub fn held(mut self, held: Held) -> Self {
        self.0.held = Some(held);
        self
    }

    /// No line on stderr: the user ended it, or nobody reads any more.
    pub fn quiet(mut self) -> Self {
        self.0.quiet = true;
        self
    }

    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    pub fn blame(&self) -> Blame {
        self.0.blame
    }

    pub fn answered(&self) -> Option<&Answer> {
        self.0.answer.as_ref()
    }

    pub fn is_held(&self) -> Option<Held> {
        self.0.held
    }

    /// The cause alone, without place and hint.
    pub fn cause(&self) -> &str {
        &self.0.cause
    }

    pub fn hinted(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    pub fn is_quiet(&self) -> bool {
        self.0.quiet
    }

    /// One object with the same facts as the line.
    pub fn to_json(&self) -> serde_json::Value {
        let e = &self.0;
        let answer = e.answer.clone().unwrap_or_default();
        serde_json::json!({
            "kind": e.kind.name(),
            "exit_code": e.kind.exit_code(),
            "stage": e.stage.name(),
            "blame": e.blame.name(),
            "hop": e.hop,
            "peer": e.peer.map(|p| p.to_string()),
            "cause": e.cause,
            "status": e.answer.as_ref().map(|a| a.status),
            "proxy_status": answer.token,
            "body": answer.body,
            "hint": e.hint,
        })
    }
}

/// The text of a system error without its number, which helps nobody who reads the line.
pub fn plain(text: &str) -> String {
    let Some(at) = text.find(" (os error ") else {
        return text.into();
    };
    let end = text[at + 1..].find(')').map_or(text.len(), |n| at + 2 + n);
    format!("{}{}", &text[..at], &text[end..])
}

impl fmt::Display for Error {
    /// `stage: hop (peer): cause [token]: "body"; hint` on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let e = &self.0;
        f.write_str(e.stage.name())?;
        match (&e.hop, e.peer) {
            (Some(hop), Some(peer)) if !hop.ends_with(&peer.to_string()) => {
                write!(f, ": {hop} ({peer})")?;
            }
            (Some(hop), _) => write!(f, ": {hop}")?,
            (None, Some(peer)) => write!(f, ": {peer}")?,
            (None, None) => {}
        }
        write!(f, ": {}", e.cause)?;
        if let Some(answer) = &e.answer {
            if let Some(token) = &answer.token {
                write!(f, " [{token}]")?;
            }
            if let Some(body) = &answer.body {
                write!(f, ": \"{body}\"")?;
            }
        }
        if let Some(hint) = &e.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_with_everything() {
        let e = Error::new(Kind::Refused, Stage::Request, Blame::Proxy, "403 Forbidden")
            .hop("proxy http://proxy.test:3128")
            .peer(Some("192.0.2.1:3128".parse().unwrap()))
            .answer(Answer {
                status: 403,
                token: Some("http_request_denied".into()),
                body: Some("no".into()),
                ..Answer::default()
            })
            .hint("ask for port 22");
        assert_eq!(
            e.to_string(),
            "CONNECT: proxy http://proxy.test:3128 (192.0.2.1:3128): 403 Forbidden \
             [http_request_denied]: \"no\"; ask for port 22"
        );
        assert_eq!(e.to_json()["exit_code"], 101);
    }

    #[test]
    fn system_errors_come_without_their_number() {
        assert_eq!(
            plain("refused (os error 111) (and 2 more)"),
            "refused (and 2 more)"
        );
        assert_eq!(plain("a (b)"), "a (b)");
    }

    #[test]
    fn an_address_is_not_said_twice() {
        let e = Error::new(Kind::CannotConnect, Stage::Connect, Blame::Proxy, "refused")
            .hop("proxy http://127.0.0.1:1")
            .peer(Some("127.0.0.1:1".parse().unwrap()));
        assert_eq!(e.to_string(), "connect: proxy http://127.0.0.1:1: refused");
    }
}
