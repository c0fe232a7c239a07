//! Profiles, and `--explain`.

use super::LIMIT;
use super::peer::{OK, Peer};
use crate::support::tuncat::TUNCAT;
use crate::support::{Output, Run, connect};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use tempfile::TempDir;

struct Config {
    folder: TempDir,
    file: String,
}

impl Config {
    /// Where it is looked for: below `XDG_CONFIG_HOME`.
    fn new(text: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let place = folder.path().join("tuncat");
        fs::create_dir(&place).expect("make a folder");
        let file = place.join("config.toml");
        fs::write(&file, text).expect("write a file");
        fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("set a mode");
        let file = file.display().to_string();
        Config { folder, file }
    }

    fn run(&self, args: &[&str]) -> Run {
        let run = connect(args).env("XDG_CONFIG_HOME", self.folder.path());
        run.limit(LIMIT)
    }

    fn explain(&self, args: &[&str], variables: &[(&str, &str)]) -> Value {
        let run = self.run(&[args, &["--explain", "--json"]].concat());
        let run = variables
            .iter()
            .fold(run, |run, (name, value)| run.env(name, value));
        let output = run.run().expect_clean();
        serde_json::from_slice(&output.stdout).expect("an object")
    }

    #[track_caller]
    fn fails(&self, args: &[&str], said: &str) {
        let line = self.run(args).run().expect_failure(2);
        assert!(line.contains(said), "{said:?} in: {line}");
    }
}

fn urls(decision: &Value) -> Vec<&str> {
    let proxies = decision["proxies"].as_array().expect("proxies");
    proxies
        .iter()
        .map(|p| p["url"].as_str().expect("a URL"))
        .collect()
}

const TARGET: &str = "host.example:22";

const FILE: &str = "profile = \"usual\"\n\
    [profiles.usual]\nproxy = \"http://usual.test:1\"\n\
    [profiles.work]\nproxy = [\"http://a.test:1\", \"https://b.test:2\"]\nproxy-user = \"me\"\n\
    proxy-pass-file = \"secret\"\nvia = \"h2,h1\"\ncacert = [\"ca.pem\"]\nconnect-timeout = 7\nipv4 = true\n\
    resolve = \"a.test:1:127.0.0.9\"\nfin-delay = \"2\"\nwarm = 1\nverbose = false\n\
    [profiles.home]\nno-proxy = true\n\
    [profiles.below]\ninherits = \"work\"\nproxy = \"socks5h://s.test\"\nproxy-user = \"you\"\nvia = []\n\
    [profiles.round]\ninherits = \"trip\"\n[profiles.trip]\ninherits = \"round\"\n";

#[test]
fn options_of_a_profile() {
    let config = Config::new(FILE);
    let work = config.explain(&["--profile", "work", TARGET], &[]);
    assert_eq!(urls(&work), ["http://a.test:1", "https://b.test:2"]);
    assert_eq!(work["rule"], format!("profile work of {}", config.file));
    assert_eq!(work["proxies"][0]["addresses"][0], "127.0.0.9:1");
    let folder = config.folder.path().join("tuncat").display().to_string();
    assert_eq!(
        work["proxies"][0]["credentials"],
        format!("user me, password in {folder}/secret")
    );
    assert_eq!(
        work["proxies"][1]["tls"],
        format!("authorities of {folder}/ca.pem")
    );
    assert_eq!(
        work["proxies"][1]["carriers"],
        serde_json::json!(["h2", "h1"])
    );
    assert_eq!(work["connect_timeout_s"], 7.0);
    let below = config.explain(&["--profile", "below", TARGET], &[]);
    assert_eq!(urls(&below), ["socks5h://s.test:1080"]);
    assert_eq!(below["connect_timeout_s"], 7.0);
    let credentials = below["proxies"][0]["credentials"]
        .as_str()
        .expect("credentials");
    assert!(credentials.starts_with("user you, "), "{credentials}");
}

/// Command line, a named profile, the environment, the usual profile, and nothing: each wins over those behind it.
#[test]
fn who_wins() {
    let config = Config::new(FILE);
    let variable = [("https_proxy", "http://variable.test:3")];
    for (args, variables, rule, proxy) in [
        (
            &["-x", "http://typed.test:4", "--profile", "work"][..],
            &variable[..],
            "-x",
            "http://typed.test:4",
        ),
        (
            &["--profile", "work"],
            &variable,
            "profile work of ",
            "http://a.test:1",
        ),
        (&[], &variable, "https_proxy", "http://variable.test:3"),
        (&[], &[], "profile usual of ", "http://usual.test:1"),
    ] {
        let decision = config.explain(&[args, &[TARGET]].concat(), variables);
        let told = decision["rule"].as_str().expect("a rule");
        assert!(told.starts_with(rule), "{told}");
        assert_eq!(urls(&decision)[0], proxy);
    }
    let by_variable = config.explain(&[TARGET], &[("TUNCAT_PROFILE", "home"), variable[0]]);
    assert_eq!(urls(&by_variable), [""; 0]);
    // One option of the command line does not push the others out.
    let decision = config.explain(
        &["--profile", "work", "-w", "3", "-U", "other:x", TARGET],
        &[],
    );
    assert_eq!(decision["connect_timeout_s"], 3.0);
    assert_eq!(
        decision["proxies"][0]["credentials"],
        "user other with a password"
    );
    assert_eq!(urls(&decision).len(), 2);
    let nothing = Config::new("");
    assert_eq!(
        nothing.explain(&[TARGET], &[])["rule"],
        "no -x and no proxy in the environment"
    );
}

#[test]
fn what_is_wrong_in_the_file() {
    let config = Config::new(FILE);
    config.fails(
        &["--profile", "nobody", TARGET],
        "no profile nobody; it has ",
    );
    config.fails(
        &["--profile", "round", TARGET],
        "inherit in a circle: round -> trip -> round",
    );
    for (text, said) in [
        (
            "[profiles.x]\nproxi = \"a\"\n",
            "config.toml:2: there is no option 'proxi'; is it 'proxy'?",
        ),
        ("[profiles.x]\nproxy = \n", "config.toml:2: "),
        (
            "[profiles.x]\n\ninsecure = \"yes\"\n",
            "config.toml:3: 'insecure' is true or false",
        ),
        (
            "[profiles.x]\nproxy-user = [\"a\", \"b\"]\n",
            "config.toml:2: 'proxy-user' has one value",
        ),
        (
            "[profiles.x]\nproxy = {a = 1}\n",
            "config.toml:2: 'proxy' is a text or a number",
        ),
        (
            "[profiles.x]\nexplain = true\n",
            "there is no option 'explain'",
        ),
        ("[profiles]\nx = 1\n", "profile x is no table"),
        ("profiles = 3\n", "profiles are tables"),
        ("profile = 3\n", "is a name"),
        (
            "proxy = \"http://a\"\n",
            "config.toml:1: 'proxy' stands outside of a profile",
        ),
    ] {
        Config::new(text).fails(&["--profile", "x", TARGET], said);
    }
    let nowhere = TempDir::new().expect("a temporary folder");
    let run = connect(["--profile", "x", TARGET]).env("XDG_CONFIG_HOME", nowhere.path());
    assert!(
        run.run()
            .expect_failure(2)
            .contains("config.toml; --config names another file")
    );
    config.fails(
        &["--config", "/nonexistent", TARGET],
        "/nonexistent: No such file",
    );
    config.fails(&["--config", "/", TARGET], "/: Is a directory");
}

/// Every option that leads the way can stand in a profile.
#[test]
fn every_option_is_known() {
    let help = Run::new(Command::new(TUNCAT))
        .args(["connect", "--help"])
        .run();
    let help = String::from_utf8(help.expect_clean().stdout).expect("help is text");
    let options = help.lines().filter_map(|line| {
        let rest = line.trim_start().split_once("--")?.1;
        line.trim_start()
            .starts_with('-')
            .then(|| rest.split([' ', '[', '=']).next())?
    });
    let not_here = ["config", "profile", "help", "explain"];
    let options: Vec<&str> = options.filter(|o| !not_here.contains(o)).collect();
    assert!(options.len() > 30, "{options:?}");
    for option in options {
        let config = Config::new(&format!("[profiles.x]\n{option} = {{}}\n"));
        let line = config
            .run(&["--profile", "x", TARGET])
            .run()
            .expect_failure(2);
        assert!(!line.contains("there is no option"), "{line}");
    }
}

/// A password in a file that others can read is said; and the profile is used, not only explained.
#[test]
fn it_is_used() {
    let peer = Peer::echo(OK);
    let config = Config::new(&format!(
        "[profiles.x]\nproxy = \"{}\"\nproxy-user = \"me:s3cret\"\nproxy-auth = \"basic\"\nfin-now = true\n",
        peer.url()
    ));
    let run = |args: &[&str]| -> Output {
        config
            .run(&[args, &["--profile", "x", "target.test:1"]].concat())
            .stdin("hello")
            .run()
    };
    assert_eq!(run(&[]).expect_clean().stdout, b"hello");
    assert!(
        peer.heads()[0].contains("Basic bWU6czNjcmV0"),
        "{:?}",
        peer.heads()
    );
    fs::set_permissions(&config.file, Permissions::from_mode(0o644)).expect("set a mode");
    let output = run(&[]).expect_code(0);
    assert!(
        output.stderr.contains("others can read it"),
        "{}",
        output.stderr
    );
    assert!(!output.stderr.contains("s3cret"), "{}", output.stderr);
}

/// Nobody is asked for anything, and the words are for people.
#[test]
fn explained_for_people() {
    let peer = Peer::echo(OK);
    let url = peer.url().replace("http://", "http://me:s3cret@");
    let output = connect(["-x", &url, TARGET, "--explain"])
        .run()
        .expect_code(0);
    let text = String::from_utf8(output.stdout).expect("text");
    let wanted = format!(
        "target       {TARGET}\nrule         -x\nproxy        {}\n  addresses  {}\n  carriers   h1\n  \
         login      user me with a password\nresolved by  the proxy\ntime         30.0 s\n",
        peer.url(),
        peer.addr()
    );
    assert_eq!(text, wanted);
    assert_eq!(peer.accepted(), 0);
    let exempt = connect([TARGET, "--explain"]).env("https_proxy", peer.url());
    let exempt = exempt
        .env("no_proxy", "a.test, .example")
        .run()
        .expect_clean();
    let text = String::from_utf8(exempt.stdout).expect("text");
    assert!(
        text.contains("rule         no_proxy: .example\nproxy        none"),
        "{text}"
    );
    let wrong = connect(["-x", "htp://x", TARGET, "--explain"])
        .run()
        .expect_failure(2);
    assert!(wrong.contains("scheme"), "{wrong}");
}
