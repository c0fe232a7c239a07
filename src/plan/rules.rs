//! The file of `serve --rules`: TOML with the same rules as the options, and those of single users.

use crate::http::Field;
use crate::policy::rule::parse_net;
use crate::policy::{InnerRule, Rule};
use ipnet::IpNet;
use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use toml::{Table, Value};

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulesFile {
    pub targets: Targets,
    pub allow_clients: Vec<IpNet>,
    pub users: BTreeMap<String, Targets>,
    /// What a certificate says of its holder, and the user that this is.
    pub certificates: Option<HashMap<String, String>>,
    pub inner_allow: Vec<InnerRule>,
    pub inner_deny: Vec<InnerRule>,
    pub inner_fields: Vec<Field>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    pub allow: Vec<Rule>,
    pub deny: Vec<Rule>,
}

impl RulesFile {
    /// An error says where in the file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let table: Table = toml::from_str(text).map_err(|e: toml::de::Error| {
            let before = e
                .span()
                .map_or("", |span| text.get(..span.start).unwrap_or(""));
            let line = before.matches('\n').count() + 1;
            format!("line {line}: {}", e.message())
        })?;
        let mut file = RulesFile::default();
        for (key, value) in &table {
            match key.as_str() {
                "allow" => file.targets.allow = list(key, value)?,
                "deny" => file.targets.deny = list(key, value)?,
                "allow-clients" => file.allow_clients = each(key, value, parse_net)?,
                "users" => file.users = users(table_of(key, value)?)?,
                "certificates" => file.certificates = Some(certificates(table_of(key, value)?)?),
                "inner" => file.inner(table_of(key, value)?)?,
                _ => return Err(unknown(key)),
            }
        }
        Ok(file)
    }

    fn inner(&mut self, table: &Table) -> Result<(), String> {
        for (key, value) in table {
            let place = format!("inner.{key}");
            match key.as_str() {
                "allow" => self.inner_allow = list(&place, value)?,
                "deny" => self.inner_deny = list(&place, value)?,
                "header" => self.inner_fields = each(&place, value, Field::parse)?,
                _ => return Err(unknown(&place)),
            }
        }
        Ok(())
    }
}

fn users(table: &Table) -> Result<BTreeMap<String, Targets>, String> {
    let mut users = BTreeMap::new();
    for (name, value) in table {
        let place = format!("users.{name}");
        let mut targets = Targets::default();
        for (key, value) in table_of(&place, value)? {
            let place = format!("{place}.{key}");
            match key.as_str() {
                "allow" => targets.allow = list(&place, value)?,
                "deny" => targets.deny = list(&place, value)?,
                _ => return Err(unknown(&place)),
            }
        }
        users.insert(name.clone(), targets);
    }
    Ok(users)
}

fn certificates(table: &Table) -> Result<HashMap<String, String>, String> {
    const KINDS: [&str; 5] = ["CN=", "dns:", "email:", "uri:", "sha256:"];
    let mut users = HashMap::new();
    for (identity, user) in table {
        if !KINDS.iter().any(|kind| identity.starts_with(kind)) {
            let kinds = KINDS.join(", ");
            return Err(format!(
                "certificates: '{identity}' begins with none of {kinds}"
            ));
        }
        let Some(user) = user.as_str().filter(|user| !user.is_empty()) else {
            return Err(format!(
                "certificates.\"{identity}\": the user is not a text"
            ));
        };
        let identity = match identity.strip_prefix("sha256:") {
            Some(digits) => format!("sha256:{}", digits.replace(':', "").to_ascii_lowercase()),
            None => identity.clone(),
        };
        users.insert(identity, user.to_owned());
    }
    Ok(users)
}

fn list<T: FromStr<Err = String>>(place: &str, value: &Value) -> Result<Vec<T>, String> {
    each(place, value, str::parse)
}

fn each<T>(
    place: &str,
    value: &Value,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let Value::Array(values) = value else {
        return Err(format!("{place}: not a list of texts"));
    };
    let one = |(n, value): (usize, &Value)| {
        let text = value
            .as_str()
            .ok_or_else(|| format!("{place}: not a list of texts"))?;
        parse(text).map_err(|why| format!("{place}, number {}, '{text}': {why}", n + 1))
    };
    values.iter().enumerate().map(one).collect()
}

fn table_of<'a>(place: &str, value: &'a Value) -> Result<&'a Table, String> {
    value
        .as_table()
        .ok_or_else(|| format!("{place}: not a table"))
}

fn unknown(place: &str) -> String {
    format!("{place}: there is no such key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_can_be_said() {
        let file = RulesFile::parse(
            r#"
            allow = ["*.example.com:443", "10.0.0.0/8:22"]
            deny = ["10.9.9.9"]
            allow-clients = ["192.0.2.0/24"]
            [users.ann]
            allow = ["unix:/run/x"]
            [users."b o b"]
            deny = ["*:25"]
            [certificates]
            "dns:build.example" = "ann"
            "sha256:AB:CD" = "bob"
            [inner]
            allow = ["GET a.test/*"]
            deny = ["/admin*"]
            header = ["X-Client: {client}", "Cookie:"]
            "#,
        );
        let file = file.unwrap();
        assert_eq!(file.targets.allow.len(), 2);
        assert_eq!(file.users["b o b"].deny, ["*:25".parse().unwrap()]);
        assert_eq!(file.certificates.unwrap()["sha256:abcd"], "bob");
        assert_eq!((file.inner_allow.len(), file.inner_deny.len()), (1, 1));
        assert_eq!(file.inner_fields[1].value, b"");
    }

    #[test]
    fn what_is_wrong_and_where() {
        for (text, place) in [
            ("allow = [\"x\"\n", "line"),
            ("\nallow = x", "line 2"),
            ("alow = []", "alow: there is no such key"),
            ("allow = \"x\"", "allow: not a list"),
            ("allow = [1]", "allow: not a list"),
            (
                "allow = [\"ok\", \"x:99999\"]",
                "allow, number 2, 'x:99999'",
            ),
            ("allow-clients = [\"host\"]", "allow-clients, number 1"),
            ("users = 1", "users: not a table"),
            ("[users.ann]\nalow = []", "users.ann.alow"),
            (
                "[users.ann]\nallow = [\"x:y\"]",
                "users.ann.allow, number 1",
            ),
            ("[certificates]\nx = \"ann\"", "'x' begins with none of"),
            ("[certificates]\n\"CN=x\" = 1", "the user is not a text"),
            ("[inner]\ndeny = [\"get /\"]", "inner.deny, number 1"),
            ("[inner]\nheader = [\"x\"]", "inner.header, number 1"),
        ] {
            let error = RulesFile::parse(text).unwrap_err();
            assert!(error.contains(place), "{text:?}: {error}");
        }
    }
}
