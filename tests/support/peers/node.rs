//! Node's own HTTP: a client of a proxy, a proxy, an origin. What it does is in scripts beside those who use it.

use super::Certificate;
use crate::support::proc::{Proc, tool};
use crate::support::run::Run;
use serde_json::{Value, json};
use std::process::Command;

/// A script to run with node, and its argument, to be run to its end.
pub fn node(script: &str, config: &Value) -> Run {
    Run::new(command(script, config))
}

/// A server: a proxy, or what a tunnel leads to.
pub struct NodeServer {
    process: Proc,
    pub port: u16,
}

impl NodeServer {
    /// In the clear.
    pub fn clear(script: &str, config: &Value) -> Self {
        let mut process = Proc::spawn("node", command(script, config));
        let port = process.wait_line("its port", |line| {
            line.strip_prefix("listening ")?.parse().ok()
        });
        Self { process, port }
    }

    /// Over TLS.
    pub fn tls(script: &str, config: &Value, certificate: &Certificate) -> Self {
        let mut config = config.clone();
        config["cert"] = json!(certificate.cert());
        config["key"] = json!(certificate.key());
        Self::clear(script, &config)
    }

    /// `h2c://127.0.0.1:PORT`, with this or another scheme.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// The fields of the first request; it may have been answered before its line is here.
    pub fn request(&mut self) -> Value {
        self.process.wait_line("a request", |line| {
            let fields = line.strip_prefix("request ")?;
            Some(serde_json::from_str(fields).expect("fields as JSON"))
        })
    }

    /// What it wrote so far, a line each.
    pub fn lines(&self) -> Vec<String> {
        self.process.lines()
    }
}

fn command(script: &str, config: &Value) -> Command {
    let mut command = tool("node", "nodejs");
    command.args(["-e", script, "--"]).arg(config.to_string());
    // Not the user's options.
    command.env_remove("NODE_OPTIONS");
    // Where Debian's packages for it are.
    command.env("NODE_PATH", "/usr/share/nodejs");
    command
}
