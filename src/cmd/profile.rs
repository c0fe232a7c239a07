//! Profiles: options from a TOML file, as if they stood on the command line in front of those that do.
//!
//! What a key means is what the option of that name means: there is no second list of them.

use crate::base::{Error, Result};
use crate::cli::Cli;
use crate::ui::report;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Options of which one rules the others out: they all say which way to go.
const WAY: [&str; 3] = ["proxy", "pac", "no-proxy"];
/// What is no option of a profile.
const NOT_HERE: [&str; 6] = [
    "config",
    "profile",
    "help",
    "explain",
    "from-profile",
    "version",
];
/// Commands that go through proxies.
const COMMANDS: [&str; 4] = ["connect", "listen", "bench", "doctor"];

/// The arguments with those of the profile that is wanted, if any.
pub fn expand(args: Vec<OsString>) -> Result<Vec<OsString>> {
    let by_variable = std::env::var("TUNCAT_PROFILE")
        .ok()
        .filter(|n| !n.is_empty());
    let wanted = |a: &OsString| {
        let text = a.to_string_lossy();
        text.starts_with("--profile") || text.starts_with("--config")
    };
    let usual = usual_file().filter(|file| file.exists());
    if usual.is_none() && by_variable.is_none() && !args.iter().any(wanted) {
        return Ok(args);
    }
    let definition = Cli::command();
    // What is wrong with them is said by whoever parses them in earnest.
    let Ok(matches) = definition.clone().try_get_matches_from(&args) else {
        return Ok(args);
    };
    let Some((name, typed)) = matches.subcommand().filter(|(n, _)| COMMANDS.contains(n)) else {
        return Ok(args);
    };
    let command = definition.find_subcommand(name);
    let command = command.ok_or_else(|| Error::internal("a command without a definition"))?;
    let named = typed.get_one::<String>("profile").cloned().or(by_variable);
    let file = match (typed.get_one::<PathBuf>("config"), usual) {
        (Some(file), _) => file.clone(),
        (None, Some(file)) => file,
        (None, None) => return Err(no_file(named.as_deref())),
    };
    let file = File::read(&file)?;
    let Some(profile) = named.as_deref().or(file.default.as_deref()) else {
        return Ok(args);
    };
    let options = file.options(profile, &mut Vec::new())?;
    // The environment is for this shell, the file for all of them; but who names a profile wants it.
    let environment = named.is_none() && has_proxy_variable();
    let added = arguments(
        &file,
        profile,
        &options,
        &definition,
        command,
        typed,
        environment,
    )?;
    let at = args
        .iter()
        .position(|a| a == name)
        .map_or(args.len(), |at| at + 1);
    let (before, after) = args.split_at(at);
    Ok([before, &added, after].concat())
}

fn usual_file() -> Option<PathBuf> {
    let folder = match std::env::var_os("XDG_CONFIG_HOME").filter(|f| !f.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => std::env::home_dir()?.join(".config"),
    };
    Some(folder.join("tuncat/config.toml"))
}

fn has_proxy_variable() -> bool {
    let names = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
    names
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|v| !v.is_empty()))
}

fn no_file(profile: Option<&str>) -> Error {
    let file = usual_file().map_or("config.toml".into(), |f| f.display().to_string());
    let cause = match profile {
        Some(name) => format!("profile {name}: there is no {file}"),
        None => format!("there is no {file}"),
    };
    Error::usage(cause).hint("--config names another file")
}

struct File {
    path: PathBuf,
    text: String,
    default: Option<String>,
    profiles: Table,
}

impl File {
    fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|e| Error::usage(format!("{shown}: {e}")))?;
        let mut table: Table = toml::from_str(&text).map_err(|e: toml::de::Error| {
            let line = e.span().map_or(1, |span| line_of(&text, span.start));
            Error::usage(format!(
                "{shown}:{line}: {}",
                e.message().replace('\n', " ")
            ))
        })?;
        let wrong = |what: &str| Error::usage(format!("{shown}: {what}"));
        let default = match table.remove("profile") {
            None => None,
            Some(Value::String(name)) => Some(name),
            Some(_) => return Err(wrong("profile = \"NAME\" is a name")),
        };
        let profiles = match table.remove("profiles") {
            None => Table::new(),
            Some(Value::Table(profiles)) => profiles,
            Some(_) => return Err(wrong("profiles are tables: [profiles.NAME]")),
        };
        if let Some(key) = table.keys().next() {
            let at = path.display();
            let line = line_with(&text, key);
            let cause = format!("{at}:{line}: '{key}' stands outside of a profile");
            return Err(Error::usage(cause).hint("write it below [profiles.NAME]"));
        }
        Ok(File {
            path: path.into(),
            text,
            default,
            profiles,
        })
    }

    /// Those of a profile and of the ones that it inherits from, its own first.
    fn options(&self, name: &str, seen: &mut Vec<String>) -> Result<Vec<(String, Value)>> {
        let shown = self.path.display();
        if seen.iter().any(|s| s == name) {
            let chain = seen.join(" -> ");
            return Err(Error::usage(format!(
                "{shown}: profiles inherit in a circle: {chain} -> {name}"
            )));
        }
        seen.push(name.into());
        let table = match self.profiles.get(name) {
            Some(Value::Table(table)) => table,
            Some(_) => return Err(Error::usage(format!("{shown}: profile {name} is no table"))),
            None => {
                let names: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
                let hint = match names.is_empty() {
                    true => "it has none".to_owned(),
                    false => format!("it has {}", names.join(", ")),
                };
                return Err(Error::usage(format!("{shown}: no profile {name}")).hint(hint));
            }
        };
        let mut options: Vec<(String, Value)> = Vec::new();
        for (key, value) in table.iter().filter(|(key, _)| *key != "inherits") {
            options.push((key.clone(), value.clone()));
        }
        match table.get("inherits") {
            None => {}
            Some(Value::String(parent)) => {
                for (key, value) in self.options(parent, seen)? {
                    let one_of = |list: &[&str]| list.contains(&key.as_str());
                    let ruled_out =
                        one_of(&WAY) && options.iter().any(|(k, _)| WAY.contains(&k.as_str()));
                    if !ruled_out && !options.iter().any(|(k, _)| *k == key) {
                        options.push((key, value));
                    }
                }
            }
            Some(_) => {
                return Err(Error::usage(format!(
                    "{shown}: inherits = \"NAME\" is a name"
                )));
            }
        }
        Ok(options)
    }

    fn wrong(&self, key: &str, what: String) -> Error {
        let line = line_with(&self.text, key);
        Error::usage(format!("{}:{line}: {what}", self.path.display()))
    }

    /// Passwords in it are for its owner alone.
    fn warn_of_readers(&self) {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&self.path).map_or(0, |m| m.permissions().mode());
        if mode & 0o077 != 0 {
            let shown = self.path.display();
            report::warning(&format!(
                "{shown} holds a password, and others can read it (chmod 600)"
            ));
        }
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}

/// Where a key stands, as well as it can be told.
fn line_with(text: &str, key: &str) -> usize {
    let names = |line: &str| {
        let name = line
            .split('=')
            .next()
            .unwrap_or("")
            .trim()
            .trim_matches(['"', '\'']);
        name == key
    };
    text.lines().position(names).map_or(1, |n| n + 1)
}

fn long<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command
        .get_arguments()
        .find(|arg| arg.get_long() == Some(name))
}

#[allow(clippy::too_many_arguments)]
fn arguments(
    file: &File,
    profile: &str,
    options: &[(String, Value)],
    definition: &Command,
    command: &Command,
    typed: &ArgMatches,
    environment: bool,
) -> Result<Vec<OsString>> {
    let is_typed = |name: &str| {
        let id = long(command, name).map(|arg| arg.get_id().as_str());
        id.is_some_and(|id| typed.value_source(id) == Some(ValueSource::CommandLine))
    };
    let way_is_given = environment || WAY.iter().any(|name| is_typed(name));
    let mut added = Vec::new();
    for (key, value) in options {
        let anywhere = COMMANDS
            .iter()
            .filter_map(|c| definition.find_subcommand(c));
        let known =
            anywhere.clone().any(|c| long(c, key).is_some()) && !NOT_HERE.contains(&key.as_str());
        if !known {
            let all = anywhere.flat_map(|c| c.get_arguments().filter_map(Arg::get_long));
            let nearest = all
                .filter(|name| !NOT_HERE.contains(name))
                .max_by(|a, b| likeness(a, key).total_cmp(&likeness(b, key)));
            let error = file.wrong(key, format!("there is no option '{key}'"));
            return Err(error.hint(format!("is it '{}'?", nearest.unwrap_or("proxy"))));
        }
        let Some(arg) = long(command, key) else {
            continue;
        };
        let is_way = WAY.contains(&key.as_str());
        if is_typed(key) || (is_way && way_is_given) {
            continue;
        }
        if holds_password(key, value) {
            file.warn_of_readers();
        }
        for text in texts(file, arg, key, value)? {
            added.push(OsString::from(text));
        }
        if is_way {
            let shown = file.path.display();
            added.push(format!("--from-profile=profile {profile} of {shown}").into());
        }
    }
    Ok(added)
}

fn holds_password(key: &str, value: &Value) -> bool {
    let of_text = |text: &str| match key {
        "proxy-user" => text.contains(':'),
        "proxy" => text.rsplit_once('@').is_some_and(|(user, _)| {
            let user = user.rsplit_once("://").map_or(user, |(_, user)| user);
            user.contains(':')
        }),
        _ => false,
    };
    match value {
        Value::String(text) => of_text(text),
        Value::Array(values) => values.iter().filter_map(Value::as_str).any(of_text),
        _ => false,
    }
}

/// `--key=value` for each value.
fn texts(file: &File, arg: &Arg, key: &str, value: &Value) -> Result<Vec<String>> {
    let is_flag = matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::Count);
    if is_flag {
        return match value {
            Value::Boolean(true) => Ok(vec![format!("--{key}")]),
            Value::Boolean(false) => Ok(Vec::new()),
            _ => Err(file.wrong(key, format!("'{key}' is true or false"))),
        };
    }
    let values = match value {
        Value::Array(values) => values.clone(),
        one => vec![one.clone()],
    };
    if values.len() > 1 && !matches!(arg.get_action(), ArgAction::Append) {
        return Err(file.wrong(key, format!("'{key}' has one value")));
    }
    let is_file = arg
        .get_value_names()
        .is_some_and(|names| names.iter().any(|n| n == "FILE"));
    let text = |value: &Value| match value {
        Value::String(text) if is_file => Ok(placed(&file.path, text)),
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        _ => Err(file.wrong(key, format!("'{key}' is a text or a number"))),
    };
    let values = values.iter().map(text).collect::<Result<Vec<_>>>()?;
    Ok(values.into_iter().map(|v| format!("--{key}={v}")).collect())
}

/// A path in the file is meant from where the file is.
fn placed(file: &Path, text: &str) -> String {
    let home = text
        .strip_prefix("~/")
        .and_then(|rest| Some(std::env::home_dir()?.join(rest)));
    let path = home.unwrap_or_else(|| {
        let folder = file.parent().unwrap_or(Path::new("."));
        folder.join(text)
    });
    path.display().to_string()
}

/// How much of a word is in another: pairs of letters that both have.
fn likeness(a: &str, b: &str) -> f64 {
    let pairs = |text: &str| {
        text.as_bytes()
            .windows(2)
            .map(<[u8]>::to_vec)
            .collect::<Vec<_>>()
    };
    let (a, b) = (pairs(a), pairs(b));
    let both = a.iter().filter(|pair| b.contains(pair)).count();
    2.0 * both as f64 / (a.len() + b.len()).max(1) as f64
}
