//! POST tunnels through what serves web sites: nginx and HAProxy in front of `tuncat serve`.

mod cut;
mod ends;
mod haproxy;
mod held;
mod nginx;
mod scenes;

use crate::support::peers::{Certificate, Front, Haproxy, Nginx};
use crate::support::{Listen, Run, Serve, connect};
use std::thread;

/// A client's way to `serve`.
struct Way {
    serve: Serve,
    args: Vec<String>,
    carrier: &'static str,
    spoken: Spoken,
    port: u16,
    _intermediary: Intermediary,
    _certificate: Option<Certificate>,
}

enum Intermediary {
    Nginx(#[expect(dead_code, reason = "it runs as long as the value lives")] Nginx),
    Haproxy(#[expect(dead_code, reason = "it runs as long as the value lives")] Haproxy),
}

/// What the intermediary speaks with clients.
#[derive(Clone, Copy)]
enum Spoken {
    H1,
    H1Tls,
    H2c,
    H2Tls,
}

/// In the clear on HTTP/1.1 and HTTP/2, at the same time.
fn both(test: impl Fn(Spoken) + Sync) {
    thread::scope(|scope| {
        for spoken in [Spoken::H1, Spoken::H2c] {
            let test = &test;
            scope.spawn(move || test(spoken));
        }
    });
}

impl Way {
    /// Through the intermediary that `start` gives, with its port. It gets its front and the port of `serve`.
    fn new(spoken: Spoken, start: impl FnOnce(Front, u16) -> (Intermediary, u16)) -> Self {
        let serve = Serve::with(&["-v"]);
        let tls = matches!(spoken, Spoken::H1Tls | Spoken::H2Tls);
        let certificate = tls.then(Certificate::new);
        let front = match (&certificate, spoken) {
            (Some(certificate), _) => Front::Tls(certificate),
            (None, Spoken::H2c) => Front::H2c,
            (None, _) => Front::Clear,
        };
        let (intermediary, port) = start(front, serve.port);
        let carrier = match spoken {
            Spoken::H1 | Spoken::H1Tls => "h1-post",
            Spoken::H2c | Spoken::H2Tls => "h2-post",
        };
        let url = format!("{}://127.0.0.1:{port}", front.scheme());
        let mut args = vec!["-x".to_owned(), url, "--via".to_owned(), carrier.to_owned()];
        if let Some(certificate) = &certificate {
            args.extend(["--cacert".to_owned(), certificate.cert()]);
        }
        Self {
            serve,
            args,
            carrier,
            spoken,
            port,
            _intermediary: intermediary,
            _certificate: certificate,
        }
    }

    fn args(&self) -> Vec<&str> {
        self.args.iter().map(String::as_str).collect()
    }

    /// As `-x` takes it.
    fn url(&self) -> &str {
        &self.args[1]
    }

    /// As words of a command line.
    fn words(&self) -> String {
        self.args.join(" ")
    }

    fn connect(&self) -> Run {
        connect(&self.args)
    }

    /// With other carriers.
    fn connect_via(&self, via: &str) -> Run {
        let carrier = self.args.iter().position(|arg| arg == self.carrier);
        let mut args = self.args.clone();
        args[carrier.expect("a carrier")] = via.to_owned();
        connect(args)
    }

    /// `tuncat listen` to `target`.
    fn listen(&self, target: &str) -> Listen {
        Listen::start(&self.args(), &[&format!("0:{target}")])
    }
}
