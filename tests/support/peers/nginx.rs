//! nginx in front of a server, as it stands in front of web sites.

use super::{Front, folder, says, start_on_free_port};
use crate::support::proc::{Proc, tool};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

pub struct Nginx {
    _process: Proc,
    _folder: TempDir,
    pub port: u16,
}

impl Nginx {
    /// With these directives in its one `server` block.
    pub fn start(front: Front, server: &str) -> Self {
        let folder = folder();
        let path = folder.path();
        // It says so after it has bound its port.
        let ready = says("using the \"epoll\" event method");
        let (process, port) = start_on_free_port("nginx", ready, |port| {
            let file = path.join("nginx.conf");
            fs::write(&file, configuration(path, port, front, server)).expect("write nginx.conf");
            let mut command = tool("nginx", "nginx");
            command.args(["-e", "stderr", "-c"]).arg(file);
            command
        });
        Self {
            _process: process,
            _folder: folder,
            port,
        }
    }
}

/// One process in the foreground: a worker would outlive a master that is killed.
fn configuration(folder: &Path, port: u16, front: Front, server: &str) -> String {
    let place = folder.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = temporary.map(|of| format!("{of}_temp_path {place}/{of};\n"));
    let temporary = temporary.concat();
    let listen = match front {
        Front::Clear => String::new(),
        Front::H2c => "http2".to_owned(),
        Front::Tls(_) => "ssl http2".to_owned(),
    };
    let tls = front.certificate().map(|certificate| {
        format!(
            "ssl_certificate {};\nssl_certificate_key {};\n",
            certificate.cert(),
            certificate.key()
        )
    });
    format!(
        "daemon off;\n\
         master_process off;\n\
         pid {place}/nginx.pid;\n\
         error_log stderr notice;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n\
         access_log off;\n\
         {temporary}\
         server {{\n\
         listen 127.0.0.1:{port} {listen};\n\
         {}{server}\n\
         }}\n\
         }}\n",
        tls.unwrap_or_default()
    )
}
