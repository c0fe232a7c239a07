//! Which proxy the environment names, exactly as curl reads it.

use crate::base::{Host, Proxy, Secret};
use crate::plan::route::secret_of_url;
use crate::plan::{Route, no_proxy};
use std::ffi::OsString;
use std::path::PathBuf;

/// The environment variables that matter. An empty variable counts as unset, as with curl.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: Vec<(String, OsString)>,
    given: Option<Given>,
}

/// Routes that a script gave for a target, in order; never empty.
#[derive(Clone, Debug)]
pub struct Given {
    pub why: String,
    pub routes: Vec<Route>,
}

/// What the environment decided, and by which variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// No variable names a proxy.
    Nothing,
    Proxy {
        proxy: Proxy,
        variable: &'static str,
    },
    /// A variable names a proxy, but another one exempts the target.
    Exempt {
        variable: &'static str,
        entry: String,
    },
}

impl Environment {
    /// Of this process.
    pub fn of_process() -> Self {
        let all = std::env::vars_os();
        let named = all.filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        let ours = |name: &str| {
            name.to_ascii_lowercase().ends_with("_proxy")
                || name.starts_with("TUNCAT_")
                || name == "XDG_CACHE_HOME"
        };
        Environment {
            variables: named
                .filter(|(name, value)| ours(name) && !value.is_empty())
                .collect(),
            given: None,
        }
    }

    /// Where what can be found out again is kept, as the XDG base directory specification says it.
    pub fn cache_folder(&self) -> Option<PathBuf> {
        let named = self.variables.iter().find(|(n, _)| n == "XDG_CACHE_HOME");
        let named = named.map(|(_, folder)| PathBuf::from(folder));
        let usual = || Some(std::env::home_dir()?.join(".cache"));
        let folder = named.filter(|folder| folder.is_absolute()).or_else(usual)?;
        folder.is_absolute().then_some(folder)
    }

    /// With what a script says, which goes before the variables.
    pub fn with_given(&self, given: Option<Given>) -> Self {
        Environment {
            given,
            ..self.clone()
        }
    }

    pub fn given(&self) -> Option<&Given> {
        self.given.as_ref()
    }

    /// Without the password that is there for the first proxy.
    pub fn without_password(&self) -> Self {
        let mut variables = self.variables.clone();
        variables.retain(|(name, _)| name != "TUNCAT_PROXY_PASSWORD");
        Environment {
            variables,
            given: self.given.clone(),
        }
    }

    /// What is in variables that nobody else should see, as it stands there.
    pub fn secrets(&self) -> Vec<Secret> {
        let texts = self.variables.iter();
        let texts = texts.filter_map(|(name, value)| Some((name.as_str(), value.to_str()?)));
        let secrets = texts.filter_map(|(name, value)| match name {
            "TUNCAT_PROXY_PASSWORD" => Some(Secret::new(value)),
            _ => secret_of_url(value),
        });
        secrets.collect()
    }

    /// The value of a variable; an error where it is not UTF-8, rather than going on without it.
    pub fn get(&self, name: &str) -> Result<Option<&str>, String> {
        let found = self.variables.iter().find(|(n, _)| n == name);
        match found.map(|(_, value)| value.to_str()) {
            None => Ok(None),
            Some(Some(value)) => Ok(Some(value)),
            Some(None) => Err(format!("{name} is not UTF-8")),
        }
    }

    /// The first of `names` that is set.
    fn first(&self, names: &[&'static str]) -> Result<Option<(&'static str, &str)>, String> {
        for &name in names {
            if let Some(value) = self.get(name)? {
                return Ok(Some((name, value)));
            }
        }
        Ok(None)
    }

    /// The proxy for a tunnel to `host`. The error names the variable, never its value.
    pub fn proxy_for(&self, host: &Host) -> Result<Decision, String> {
        let names = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
        let Some((variable, url)) = self.first(&names)? else {
            return Ok(Decision::Nothing);
        };
        if let Some((variable, list)) = self.first(&["no_proxy", "NO_PROXY"])?
            && let Some(entry) = no_proxy::exempting(list, host)
        {
            let entry = entry.to_owned();
            return Ok(Decision::Exempt { variable, entry });
        }
        match Proxy::parse(url) {
            Ok(proxy) => Ok(Decision::Proxy { proxy, variable }),
            Err(why) => Err(format!("{variable}: {why}")),
        }
    }
}
