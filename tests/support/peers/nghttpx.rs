//! nghttpx in front of an HTTP/1.1 server: as a forward proxy for HTTP/2 clients, and as a reverse proxy.

use super::{Certificate, says, start_on_free_port};
use crate::support::proc::{Proc, tool};

pub struct Nghttpx {
    _process: Proc,
    pub port: u16,
}

impl Nghttpx {
    /// In the clear, in front of the proxy on a port of 127.0.0.1.
    pub fn clear(proxy: u16) -> Self {
        Self::start(proxy, ";no-tls", &["--http2-proxy"])
    }

    /// With TLS.
    pub fn tls(proxy: u16, certificate: &Certificate) -> Self {
        let files = [&certificate.key(), &certificate.cert()];
        Self::start(proxy, "", &["--http2-proxy", files[0], files[1]])
    }

    /// A reverse proxy in the clear, for HTTP/1.1 and HTTP/2.
    pub fn reverse(server: u16) -> Self {
        Self::start(server, ";no-tls", &[])
    }

    /// A reverse proxy with TLS.
    pub fn reverse_tls(server: u16, certificate: &Certificate) -> Self {
        Self::start(server, "", &[&certificate.key(), &certificate.cert()])
    }

    /// `http://127.0.0.1:PORT`, with another scheme.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    fn start(proxy: u16, parameters: &str, more: &[&str]) -> Self {
        let ready = says("Listening on 127.0.0.1");
        let (process, port) = start_on_free_port("nghttpx", ready, |port| {
            let mut command = tool("nghttpx", "nghttp2-proxy");
            command
                .args(["--single-process", "--conf=/dev/null"])
                .args(["--log-level=NOTICE", "--accesslog-file="])
                .arg(format!("--frontend=127.0.0.1,{port}{parameters}"))
                .arg(format!("--backend=127.0.0.1,{proxy}"))
                .args(more);
            // None of its limits on time, but for those of a connection that begins.
            for limit in [
                "frontend-http2-read",
                "frontend-read",
                "frontend-write",
                "stream-write",
                "backend-read",
                "backend-write",
            ] {
                command.arg(format!("--{limit}-timeout=1h"));
            }
            command
        });
        Self {
            _process: process,
            port,
        }
    }
}
