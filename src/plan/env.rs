//! Which proxy the environment names, exactly as curl reads it.

use crate::base::{Host, Proxy};
use crate::plan::no_proxy;

/// The environment variables that matter. An empty variable counts as unset, as with curl.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: Vec<(String, String)>,
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
    Exempt { variable: &'static str },
}

impl Environment {
    /// Of this process. Values that are not UTF-8 are left out: no proxy has such a name.
    pub fn of_process() -> Self {
        let all = std::env::vars_os();
        Environment {
            variables: all
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .filter(|(name, value)| {
                    !value.is_empty()
                        && (name.to_ascii_lowercase().ends_with("_proxy")
                            || name.starts_with("TUNCAT_"))
                })
                .collect(),
        }
    }

    /// For tests: just these.
    pub fn new(variables: &[(&str, &str)]) -> Self {
        let owned = |&(name, value): &(&str, &str)| (String::from(name), String::from(value));
        Environment {
            variables: variables
                .iter()
                .filter(|v| !v.1.is_empty())
                .map(owned)
                .collect(),
        }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.variables.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The first of `names` that is set.
    fn first(&self, names: &[&'static str]) -> Option<(&'static str, &str)> {
        names.iter().find_map(|&name| Some((name, self.get(name)?)))
    }

    /// The proxy for a tunnel to `host`. The error names the variable, never its value.
    pub fn proxy_for(&self, host: &Host) -> Result<Decision, String> {
        let names = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
        let Some((variable, url)) = self.first(&names) else {
            return Ok(Decision::Nothing);
        };
        if let Some((variable, list)) = self.first(&["no_proxy", "NO_PROXY"])
            && no_proxy::exempts(list, host)
        {
            return Ok(Decision::Exempt { variable });
        }
        match Proxy::parse(url) {
            Ok(proxy) => Ok(Decision::Proxy { proxy, variable }),
            Err(why) => Err(format!("{variable}: {why}")),
        }
    }
}
