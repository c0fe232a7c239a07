//! The names of findings.

/// Stable names; `tuncat doctor --help` says what each means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    ProxyUnreachable,
    NotHttp,
    NotAProxy,
    SpeaksTls,
    TlsFailed,
    CertificateNotTrusted,
    AuthRequired,
    AuthFailed,
    RateLimited,
    ConnectRefused,
    PortRefused,
    MethodUnsupported,
    Http2Unsupported,
    PostUnsupported,
    PostRequestBuffered,
    PostAnswerBuffered,
    TargetUnreachable,
    TargetNotResolved,
    OracleUnreachable,
    TlsIntercepted,
    TlsInterceptedLikely,
    HalfCloseLost,
    TargetEndCuts,
    TruncationHidden,
    ResetHidden,
    IdleCut,
}

impl Code {
    pub const ALL: [Code; 26] = [
        Code::ProxyUnreachable,
        Code::NotHttp,
        Code::NotAProxy,
        Code::SpeaksTls,
        Code::TlsFailed,
        Code::CertificateNotTrusted,
        Code::AuthRequired,
        Code::AuthFailed,
        Code::RateLimited,
        Code::ConnectRefused,
        Code::PortRefused,
        Code::MethodUnsupported,
        Code::Http2Unsupported,
        Code::PostUnsupported,
        Code::PostRequestBuffered,
        Code::PostAnswerBuffered,
        Code::TargetUnreachable,
        Code::TargetNotResolved,
        Code::OracleUnreachable,
        Code::TlsIntercepted,
        Code::TlsInterceptedLikely,
        Code::HalfCloseLost,
        Code::TargetEndCuts,
        Code::TruncationHidden,
        Code::ResetHidden,
        Code::IdleCut,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Code::ProxyUnreachable => "proxy_unreachable",
            Code::NotHttp => "not_http",
            Code::NotAProxy => "not_a_proxy",
            Code::SpeaksTls => "speaks_tls",
            Code::TlsFailed => "tls_failed",
            Code::CertificateNotTrusted => "certificate_not_trusted",
            Code::AuthRequired => "auth_required",
            Code::AuthFailed => "auth_failed",
            Code::RateLimited => "rate_limited",
            Code::ConnectRefused => "connect_refused",
            Code::PortRefused => "port_refused",
            Code::MethodUnsupported => "method_unsupported",
            Code::Http2Unsupported => "http2_unsupported",
            Code::PostUnsupported => "post_unsupported",
            Code::PostRequestBuffered => "post_request_buffered",
            Code::PostAnswerBuffered => "post_answer_buffered",
            Code::TargetUnreachable => "target_unreachable",
            Code::TargetNotResolved => "target_not_resolved",
            Code::OracleUnreachable => "oracle_unreachable",
            Code::TlsIntercepted => "tls_intercepted",
            Code::TlsInterceptedLikely => "tls_intercepted_likely",
            Code::HalfCloseLost => "half_close_lost",
            Code::TargetEndCuts => "target_end_cuts",
            Code::TruncationHidden => "truncation_hidden",
            Code::ResetHidden => "reset_hidden",
            Code::IdleCut => "idle_cut",
        }
    }

    pub fn severity(self) -> Severity {
        match self {
            Code::Http2Unsupported | Code::PostUnsupported | Code::OracleUnreachable => {
                Severity::Info
            }
            Code::PortRefused
            | Code::MethodUnsupported
            | Code::PostRequestBuffered
            | Code::PostAnswerBuffered
            | Code::TlsInterceptedLikely
            | Code::HalfCloseLost
            | Code::TargetEndCuts
            | Code::TruncationHidden
            | Code::ResetHidden
            | Code::IdleCut => Severity::Warning,
            _ => Severity::Problem,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Info,
    Warning,
    Problem,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Problem => "problem",
        }
    }
}
