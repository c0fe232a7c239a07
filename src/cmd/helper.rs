//! Programs that know a password: `--proxy-auth-command`, and `SSH_ASKPASS`.

use crate::auth::Means;
use crate::base::{Blame, Credentials, Error, Kind, Proxy, Result, Secret, Stage};
use rustix::process::{Pid, Signal, kill_process_group};
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

/// Octets of an answer.
const LONGEST: u64 = 64 * 1024;

/// Asks `command` what to show to `proxy`. It gets what `git credential` would give it on stdin, and answers in the same way, or
/// with the value of the field.
pub async fn ask(
    command: &str,
    proxy: &Proxy,
    user: Option<&str>,
    limit: Duration,
) -> Result<Means> {
    let mut question = format!(
        "protocol={}\nhost={}:{}\n",
        proxy.scheme, proxy.host, proxy.port
    );
    if let Some(user) = user {
        question += &format!("username={user}\n");
    }
    question.push('\n');
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).stdin(Stdio::piped());
    let answer = run(shell, question.as_bytes(), limit)
        .await
        .map_err(failed)?;
    means(&answer, user).map_err(failed)
}

fn failed(why: String) -> Error {
    let cause = format!("--proxy-auth-command: {why}");
    Error::new(Kind::Usage, Stage::Arguments, Blame::User, cause)
}

fn means(answer: &str, user: Option<&str>) -> Result<Means, String> {
    let value = |name: &str| {
        let mut lines = answer.lines().filter_map(|line| line.split_once('='));
        lines.find(|(n, _)| *n == name).map(|(_, value)| value)
    };
    if let (Some(scheme), Some(credential)) = (value("authtype"), value("credential")) {
        return Ok(Means::Fixed(Secret::new(format!("{scheme} {credential}"))));
    }
    if let Some(password) = value("password") {
        let user = value("username").or(user);
        return Ok(Means::Password(Credentials {
            user: user.ok_or("it gave a password and no username")?.into(),
            password: Some(Secret::new(password)),
        }));
    }
    let mut lines = answer.lines().filter(|line| !line.trim().is_empty());
    match (lines.next(), lines.next()) {
        (Some(line), None) if line.contains(' ') && !line.chars().any(char::is_control) => {
            Ok(Means::Fixed(Secret::new(line.trim())))
        }
        (None, _) => Err("it printed nothing".into()),
        _ => Err(
            "what it printed is neither 'username=' and 'password=' lines nor one 'Scheme value'"
                .into(),
        ),
    }
}

/// The password that the user types into a window, as ssh asks for it.
pub async fn askpass(program: &str, prompt: &str) -> std::result::Result<Secret, String> {
    let mut command = Command::new(program);
    command.arg(prompt).stdin(Stdio::null());
    let answer = run(command, &[], Duration::ZERO).await;
    let answer = answer.map_err(|why| format!("SSH_ASKPASS: {why}"))?;
    Ok(Secret::new(answer.lines().next().unwrap_or("")))
}

/// What it prints. It is ended with all its children when the time is over or nobody waits any more.
async fn run(
    mut command: Command,
    input: &[u8],
    limit: Duration,
) -> Result<Zeroizing<String>, String> {
    command
        .env_remove("TUNCAT_PROXY_PASSWORD")
        .stdout(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command
        .spawn()
        .map_err(|e| format!("it cannot be started: {e}"))?;
    let group = Group(child.id().and_then(|id| Pid::from_raw(id as i32)));
    let talking = talk(&mut child, input);
    let done = match limit {
        Duration::ZERO => Ok(talking.await),
        limit => tokio::time::timeout(limit, talking).await,
    };
    drop(group);
    let output = done.map_err(|_| format!("no answer within {} s", limit.as_secs_f64()))?;
    let output = output.map_err(|e| e.to_string())?;
    let text = Zeroizing::new(output.stdout);
    if text.len() as u64 > LONGEST {
        return Err("it printed too much".into());
    }
    if !output.status.success() {
        return Err(format!("it ended with {}", output.status));
    }
    let text = std::str::from_utf8(&text).map_err(|_| "what it printed is not UTF-8")?;
    Ok(Zeroizing::new(text.to_owned()))
}

async fn talk(child: &mut Child, input: &[u8]) -> std::io::Result<Output> {
    if let Some(mut stdin) = child.stdin.take() {
        // It may not want to know.
        let _ = stdin.write_all(input).await;
    }
    let mut stdout = Vec::new();
    if let Some(stream) = child.stdout.take() {
        stream.take(LONGEST + 1).read_to_end(&mut stdout).await?;
    }
    Ok(Output {
        status: child.wait().await?,
        stdout,
        stderr: Vec::new(),
    })
}

/// A helper and what it started.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // Gone already, mostly.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}
