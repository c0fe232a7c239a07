//! Who may use a terminator, and to reach what. Decided on the addresses that are then dialled,
//! never on names alone.

pub mod clients;
pub mod inner;
pub mod rule;
pub mod special;

pub use clients::Clients;
pub use inner::{InnerRule, InnerRules};
pub use rule::Rule;

use crate::base::{Host, Target};
use std::collections::HashMap;
use std::net::SocketAddr;

/// What each user may reach.
#[derive(Clone, Debug)]
pub struct Policies {
    /// For whom there is no other.
    pub general: Policy,
    pub users: HashMap<String, Policy>,
}

impl From<Policy> for Policies {
    fn from(general: Policy) -> Self {
        Policies {
            general,
            users: HashMap::new(),
        }
    }
}

impl Policies {
    pub fn of(&self, user: Option<&str>) -> &Policy {
        let own = user.and_then(|user| self.users.get(user));
        own.unwrap_or(&self.general)
    }
}

/// What may be reached. Deny rules win; allow rules, where there are any, replace the default.
#[derive(Clone, Debug)]
pub struct Policy {
    pub allow: Vec<Rule>,
    pub deny: Vec<Rule>,
    pub baseline: Baseline,
    /// Built-in targets are there.
    pub builtin: bool,
    /// Commands are run.
    pub exec: bool,
}

/// What is allowed where no allow rule is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// For a terminator on a loopback address: public and loopback addresses, every port.
    Loopback,
    /// For any other: public addresses, port 443.
    Exposed,
}

impl Policy {
    /// Before anything is resolved: what the target's name, port and kind already forbid.
    pub fn check_target(&self, target: &Target) -> Result<(), Denied> {
        match target {
            Target::Builtin(_) if self.builtin => Ok(()),
            Target::Builtin(_) => Err(denied("built-in targets are not allowed here")),
            Target::Exec(_) if self.exec => Ok(()),
            Target::Exec(_) => Err(denied("commands are not run here")),
            Target::Unix(path) => {
                let named = |rules: &[Rule]| rules.iter().any(|r| r.covers_unix(path));
                if named(&self.deny) || !named(&self.allow) {
                    return Err(denied("this unix socket is not allowed"));
                }
                Ok(())
            }
            Target::Tcp { host, port } => {
                if self.deny.iter().any(|r| r.covers_name(host, *port)) {
                    return Err(denied("a rule denies this target"));
                }
                let possible = match (self.allow.is_empty(), self.baseline) {
                    (true, Baseline::Loopback) => true,
                    (true, Baseline::Exposed) => *port == 443,
                    (false, _) => self.allow.iter().any(|r| r.may_cover(host, *port)),
                };
                if possible {
                    return Ok(());
                }
                Err(denied("no rule allows this target"))
            }
        }
    }

    /// The addresses out of `resolved` that may be dialled, in the same order.
    ///
    /// Fails where none is left.
    pub fn check_addresses(
        &self,
        host: &Host,
        resolved: &[SocketAddr],
    ) -> Result<Vec<SocketAddr>, Denied> {
        let mut reason = String::from("the name has no address");
        let mut allowed = Vec::new();
        for &address in resolved {
            match self.check_address(host, address) {
                Ok(()) => allowed.push(address),
                Err(why) => reason = why,
            }
        }
        if allowed.is_empty() {
            return Err(Denied::Address(reason));
        }
        Ok(allowed)
    }

    fn check_address(&self, host: &Host, address: SocketAddr) -> Result<(), String> {
        let (ip, port) = (address.ip().to_canonical(), address.port());
        if self.deny.iter().any(|r| r.covers_address(ip, port)) {
            return Err("a rule denies this address".into());
        }
        let special = special::block(ip);
        if self.allow.is_empty() {
            return match special {
                None => Ok(()),
                Some((special::LOOPBACK, _)) if self.baseline == Baseline::Loopback => Ok(()),
                Some((kind, _)) => Err(format!("{kind} addresses are not allowed")),
            };
        }
        match special {
            // A name may point anywhere, and a wide block is meant for the public internet: neither
            // opens what is special.
            Some((kind, block)) => match self.allow.iter().any(|r| r.lies_in(block, ip, port)) {
                true => Ok(()),
                false => Err(format!(
                    "{kind} addresses need a rule for just such addresses"
                )),
            },
            None => {
                let covers = |r: &Rule| r.covers_address(ip, port) || r.covers_name(host, port);
                match self.allow.iter().any(covers) {
                    true => Ok(()),
                    false => Err("no rule allows this address".into()),
                }
            }
        }
    }
}

/// Why a target may not be reached; one clause for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// By its name, port or kind.
    Target(String),
    /// By where its name leads.
    Address(String),
}

fn denied(details: &str) -> Denied {
    Denied::Target(details.into())
}

#[cfg(test)]
mod tests;
