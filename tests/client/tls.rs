//! Scripted proxies over TLS, and authorities of the tests' own.

use super::peer::read_head;
use crate::support::Target;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::SockRef;
use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// A certificate authority, and a file for `--cacert`.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // No two have the same name: a verifier finds the authority by it.
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        params.distinguished_name = name(&format!("Test Authority {number}"));
        let root = params.self_signed(&key).expect("a root certificate");
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("root.pem"), root.pem()).expect("write a root");
        Self {
            issuer: Issuer::new(params, key),
            folder,
        }
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    /// A server's certificate for `host`, valid until the end of `year`.
    pub fn config(&self, host: &str, year: i32) -> Arc<ServerConfig> {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([host.to_owned()]).expect("a host");
        params.distinguished_name = name("Test Proxy");
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        config(certificate.der().clone(), key.into())
    }
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

fn config(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a certificate and its key");
    Arc::new(config)
}

/// As [`Authority::config`], with another choice of ALPN.
pub fn with_alpn(config: &ServerConfig, protocols: &[&str]) -> Arc<ServerConfig> {
    let mut config = config.clone();
    config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// A proxy over TLS that runs a script on every connection.
pub struct TlsPeer {
    target: Target,
    heads: Arc<Mutex<Vec<String>>>,
    received: Arc<AtomicU64>,
}

/// One connection of a client, inside TLS.
pub struct TlsConn {
    pub stream: StreamOwned<ServerConnection, TcpStream>,
}

impl TlsPeer {
    /// `script` begins once the head of the request has been read. An error of it ends the connection.
    pub fn new(
        config: Arc<ServerConfig>,
        script: impl Fn(TlsConn) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let received = Arc::new(AtomicU64::new(0));
        let (recorded, counter) = (Arc::clone(&heads), Arc::clone(&received));
        let target = Target::start(move |socket, _| {
            let session = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
            let mut stream = StreamOwned::new(session, socket);
            let head = read_head(Counted(&mut stream, &counter))?;
            recorded.lock().expect("heads").push(head);
            script(TlsConn { stream })
        });
        Self {
            target,
            heads,
            received,
        }
    }

    /// `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("https://{}", self.target.addr())
    }

    /// `127.0.0.1:PORT`.
    pub fn addr(&self) -> String {
        self.target.addr()
    }

    pub fn accepted(&self) -> usize {
        self.target.accepted()
    }

    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("heads").clone()
    }

    /// Octets that came through TLS, up to the end of the heads.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::SeqCst)
    }
}

impl TlsConn {
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())?;
        self.stream.flush()
    }

    /// close_notify, but no FIN.
    pub fn end(&mut self) -> io::Result<()> {
        self.stream.conn.send_close_notify();
        self.stream.flush()
    }

    /// A FIN without close_notify, and then silence until the client has gone.
    pub fn cut(mut self) -> io::Result<()> {
        self.stream.sock.shutdown(std::net::Shutdown::Write)?;
        io::copy(&mut self.stream.sock, &mut io::sink()).map(drop)
    }

    /// The RST, once the client has read what was sent.
    pub fn reset(self) -> io::Result<()> {
        super::kernel::wait_until_read(&self.stream.sock)?;
        SockRef::from(&self.stream.sock).set_linger(Some(Duration::ZERO))
    }
}

/// Counts what is read.
struct Counted<'a, R>(&'a mut R, &'a AtomicU64);

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.fetch_add(count as u64, Ordering::SeqCst);
        Ok(count)
    }
}
