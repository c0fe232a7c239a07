//! The rules of `serve`, from options and files; also once more, when it is told to read them again.

use crate::accept::inner::Inner;
use crate::accept::rules::{Certificates, Rules};
use crate::accept::{Accepting, Address};
use crate::auth::{User, Users};
use crate::base::defaults::TARGET_TIMEOUT;
use crate::base::{Credentials, Error, Result, Secret};
use crate::carrier::{Carrier, Connector, Version, h3};
use crate::cli::Serve;
use crate::cmd::argv;
use crate::cmd::serve::senders;
use crate::dial::{Dialer, Network, TargetDialer, Upstream};
use crate::plan::RulesFile;
use crate::policy::{Baseline, Clients, InnerRules, Policies, Policy};
use crate::tls::{Identity, Pin};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// All that is read from files.
pub struct Read {
    users: Option<Arc<Users>>,
    file: RulesFile,
    tls: Option<(TlsAcceptor, Pin)>,
}

impl Read {
    /// Nothing of it holds unless all of it can be used. `before` is what held so far: a key that was made by ourselves
    /// stays.
    pub fn new(args: &Serve, before: Option<&Read>) -> Result<Read> {
        let file = match &args.rules {
            Some(path) => {
                let text = read(path)?;
                RulesFile::parse(&text)
                    .map_err(|e| Error::usage(format!("{}: {e}", path.display())))?
            }
            None => RulesFile::default(),
        };
        let made = before.filter(|_| args.self_signed);
        Ok(Read {
            users: users(args)?.map(Arc::new),
            tls: match made {
                Some(before) => before.tls.clone(),
                None => tls(args)?,
            },
            file,
        })
    }

    pub fn pin(&self) -> Option<&Pin> {
        self.tls.as_ref().map(|(_, pin)| pin)
    }

    /// HTTP/3 with the same identity, where there is TLS.
    pub fn quic(&self, args: &Serve) -> Result<Option<quinn::ServerConfig>> {
        let Some((acceptor, _)) = self.tls.as_ref().filter(|_| speaks(args, Version::Http3)) else {
            return Ok(None);
        };
        let config = h3::server::config(acceptor.config(), args.max_streams, args.congestion);
        config.map(Some).map_err(Error::usage)
    }

    pub fn has_users(&self) -> bool {
        self.users.is_some()
    }

    /// A terminator that others can reach must know whom it serves.
    pub fn check_binds<'a>(
        &self,
        args: &Serve,
        addresses: impl IntoIterator<Item = &'a Address>,
    ) -> Result<()> {
        let clients = self.clients(args);
        for address in addresses {
            if let Address::Tcp(address) = address {
                clients.check_bind(*address).map_err(Error::usage)?;
            }
        }
        Ok(())
    }

    fn clients(&self, args: &Serve) -> Clients {
        Clients {
            allow: [args.allow_clients.as_slice(), &self.file.allow_clients].concat(),
            authenticated: self.users.is_some() || !args.client_ca.is_empty(),
        }
    }

    /// Those of the listener at `address`.
    pub fn rules(&self, args: &Serve, address: &Address, upstream: Option<&Arc<Dialer>>) -> Rules {
        let policies = self.policies(args, address);
        let connector: Arc<dyn Connector> = match upstream {
            Some(dialer) => Arc::new(Upstream {
                policies,
                dialer: dialer.clone(),
            }),
            None => Arc::new(TargetDialer {
                policies,
                network: Network::default(),
                timeout: TARGET_TIMEOUT,
                proxy_protocol: args.proxy_protocol,
            }),
        };
        let inner = args.inner.map(|_| {
            Arc::new(Inner {
                rules: InnerRules {
                    allow: [args.inner_allow.as_slice(), &self.file.inner_allow].concat(),
                    deny: [args.inner_deny.as_slice(), &self.file.inner_deny].concat(),
                },
                fields: [args.inner_header.as_slice(), &self.file.inner_fields].concat(),
                upgrades: args.inner_upgrade,
                others: args.inner_other,
            })
        });
        Rules {
            forward: args.forward.clone(),
            tls: self.tls.as_ref().map(|(acceptor, _)| acceptor.clone()),
            carriers: carriers(args),
            users: self.users.clone(),
            certificates: Certificates {
                users: self.file.certificates.clone(),
            },
            clients: self.clients(args),
            senders: senders(&args.proxy_protocol_from),
            connector,
            inner,
        }
    }

    fn policies(&self, args: &Serve, address: &Address) -> Policies {
        // Loopback listeners are this machine's own; others start from less.
        let loopback = match address {
            Address::Tcp(address) => address.ip().is_loopback(),
            Address::Unix(_) | Address::Systemd => true,
        };
        let general = Policy {
            allow: [args.allow.as_slice(), &self.file.targets.allow].concat(),
            deny: [args.deny.as_slice(), &self.file.targets.deny].concat(),
            baseline: match loopback {
                true => Baseline::Loopback,
                false => Baseline::Exposed,
            },
            builtin: loopback || args.allow_builtin,
            exec: args.allow_exec,
        };
        let users = self.file.users.iter().map(|(name, own)| {
            let mut policy = general.clone();
            if !own.allow.is_empty() {
                policy.allow = own.allow.clone();
            }
            policy.deny.extend(own.deny.iter().cloned());
            (name.clone(), policy)
        });
        Policies {
            users: users.collect(),
            general,
        }
    }
}

fn read(path: &Path) -> Result<zeroize::Zeroizing<String>> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|e| Error::usage(format!("{}: {e}", path.display())))?;
    Ok(zeroize::Zeroizing::new(text))
}

fn users(args: &Serve) -> Result<Option<Users>> {
    let mut known: Vec<User> = Vec::new();
    let mut typed: Vec<Secret> = Vec::new();
    for text in &args.auth {
        let user = Credentials::parse(text);
        let Some(password) = &user.password else {
            return Err(Error::usage("--auth is written USER:PASSWORD"));
        };
        typed.push(password.clone());
        known.push(User::Plain(user));
    }
    argv::hide(&typed);
    if let Some(path) = &args.auth_file {
        let shown = path.display();
        let users = Users::parse_file(&read(path)?);
        let users = users.map_err(|e| Error::usage(format!("{shown}: {e}")))?;
        if users.is_empty() {
            return Err(Error::usage(format!("{shown}: no user in it")));
        }
        known.extend(users);
    }
    match known.is_empty() {
        true => Ok(None),
        false => Users::new(known).map(Some).map_err(Error::usage),
    }
}

fn tls(args: &Serve) -> Result<Option<(TlsAcceptor, Pin)>> {
    let identity = match (&args.cert, &args.key) {
        _ if args.self_signed => Identity::self_signed(),
        (Some(certificate), Some(key)) => Identity::load(certificate, key),
        _ if !args.client_ca.is_empty() => {
            let hint = "give --cert and --key, or --self-signed";
            return Err(Error::usage("--client-ca needs TLS").hint(hint));
        }
        _ if !(speaks(args, Version::Http1) || speaks(args, Version::Http2)) => {
            let hint = "give --cert and --key, or --self-signed";
            return Err(Error::usage("--via: HTTP/3 needs TLS").hint(hint));
        }
        _ => return Ok(None),
    };
    let identity = identity.map_err(Error::usage)?;
    let pin = identity.pin().map_err(Error::usage)?;
    let config = identity.server_config(&args.client_ca);
    let mut config = rustls::ServerConfig::clone(&*config.map_err(Error::usage)?);
    config.alpn_protocols = [Version::Http2, Version::Http1]
        .into_iter()
        .filter(|version| speaks(args, *version))
        .map(|version| version.alpn().into())
        .collect();
    Ok(Some((TlsAcceptor::from(Arc::new(config)), pin)))
}

/// All of them if empty.
fn carriers(args: &Serve) -> Vec<Carrier> {
    let named: Vec<Carrier> = args.via.iter().flat_map(|via| via.0.clone()).collect();
    match named == Carrier::LADDER {
        true => Vec::new(),
        false => named,
    }
}

/// One of the carriers needs this version.
fn speaks(args: &Serve, version: Version) -> bool {
    let carriers = carriers(args);
    carriers.is_empty() || carriers.iter().any(|c| c.version() == version)
}

/// How connections are accepted.
pub fn accepting(args: &Serve, failed: impl Fn() + Send + Sync + 'static) -> Accepting {
    Accepting {
        most: args.max_connections,
        failed: Some(Arc::new(failed)),
    }
}
