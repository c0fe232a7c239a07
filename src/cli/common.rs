//! Options that several commands have.

use crate::auth;
use crate::carrier::Carrier;
use crate::cli::TlsOptions;
use crate::dial::Congestion;
use crate::dial::resolve::Pinned;
use crate::http::post::Template;
use clap::{ArgAction, Args};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The way to the target.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Proxy")]
pub struct ProxyOptions {
    /// Proxy to go through: http://, https://, h2c://, h3://, socks5h:// or embedded:
    ///
    /// [http|https|h2c|h3|socks4|socks4a|socks5|socks5h://][USER[:PASSWORD]@]HOST[:PORT]; without a scheme http, without a port 1080 (https, h3: 443), as with
    /// curl. With socks4 and socks5 names are resolved here, with socks4a and socks5h by the proxy. Repeat it for a chain: each proxy is asked for a tunnel to the next. 'embedded:' is a terminator inside this process, over
    /// TLS on a loopback port; the targets echo:, discard: and source:BYTES answer behind it.
    /// Without -x the environment decides: https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY, and no_proxy or NO_PROXY for exceptions.
    // Taken as text, like every value that may hold a secret: clap repeats in its errors what it
    // cannot parse.
    #[arg(short = 'x', long = "proxy", value_name = "URL")]
    pub proxy: Vec<String>,

    /// Profile to take options from
    ///
    /// Options of the command line win over those of a profile, and over the environment's proxy variables; a profile that is named here (or by
    /// TUNCAT_PROFILE) wins over those variables, one that the file names as the usual one does not.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,

    /// File with profiles, instead of ~/.config/tuncat/config.toml
    ///
    /// TOML: [profiles.NAME] tables whose keys are the long options, such as proxy, via, proxy-user or cacert; lists for those that can be repeated;
    /// inherits = "OTHER". At the top, profile = "NAME" names the usual one. Paths are meant from where the file is.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Where the way comes from, if it is a profile.
    #[arg(long, hide = true)]
    pub from_profile: Option<String>,

    /// Carriers to use with the (last) proxy, in order of preference: auto, or h3, h2, h1, h3-post, h2-post, h1-post, post, ws
    ///
    /// h1, h2 and h3 are CONNECT, h1-post, h2-post and h3-post (post for the first two) carry the tunnel in the content of a POST and of its
    /// answer, h1-ws and h2-ws (or ws for both) in WebSocket messages. The next one is tried
    /// where the proxy says that it does not do the one before. Over TLS the proxy chooses the HTTP version. h3 with https:// is tried
    /// over QUIC on the UDP port of the same number, and TCP a moment later: the first handshake that is done wins, and only then
    /// anything is asked. 'auto' is h3,h2,h1,post,ws over TLS, and h1,h1-post,h1-ws in the clear. What worked is remembered for ten minutes (in
    /// ~/.cache/tuncat/ways). If not given: h2,h1 over TLS, h1 in the clear.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub via: Vec<Via>,

    /// Path of POST and WebSocket tunnels at the (last) proxy
    ///
    /// {host} and {port} stand for the target; in a path without them the authority of the request names it, as Envoy does it. If not given:
    /// /.well-known/masque/tcp/{host}/{port}/
    #[arg(long, value_name = "TEMPLATE")]
    pub path: Option<Template>,

    /// Script that says which proxy is for what (PAC): a file, or an http, https or file URL
    ///
    /// Its alternatives are tried in order where one cannot be reached. Names in it are looked up here, --resolve first.
    #[arg(long, value_name = "FILE|URL", conflicts_with = "proxy")]
    pub pac: Option<String>,

    /// Use no proxy, whatever the environment says
    #[arg(long, conflicts_with_all = ["proxy", "pac"])]
    pub no_proxy: bool,

    /// User and password for the (first) proxy
    ///
    /// Without a password it is taken from --proxy-pass-file, TUNCAT_PROXY_PASSWORD, --netrc, --proxy-auth-command or a prompt on the
    /// terminal (or of SSH_ASKPASS, as with ssh), in that order.
    #[arg(short = 'U', long, value_name = "USER[:PASSWORD]")]
    pub proxy_user: Option<String>,

    /// File whose first line is the password for the (first) proxy
    #[arg(long, value_name = "FILE")]
    pub proxy_pass_file: Option<PathBuf>,

    /// Look for user and password of proxies in ~/.netrc
    #[arg(long)]
    pub netrc: bool,

    /// The same in another file
    #[arg(long, value_name = "FILE")]
    pub netrc_file: Option<PathBuf>,

    /// Command that says what to show to a proxy
    ///
    /// It is run by sh and gets 'protocol=', 'host=' and perhaps 'username=' lines, as git's credential helpers do; it prints 'username=' and
    /// 'password=' lines, or the value of the Proxy-Authorization field. -w limits its time.
    #[arg(long, value_name = "COMMAND")]
    pub proxy_auth_command: Option<String>,

    /// Ways to authenticate that may be used: negotiate, ntlm, digest, basic, bearer
    ///
    /// If not given, the proxy's answer decides, and the strongest that it offers is used: negotiate (Kerberos, with the ticket of 'kinit', where no
    /// user is named), ntlm, digest, basic. With basic or bearer alone the credentials go with the first request, unasked; for bearer the password
    /// is the token.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub proxy_auth: Vec<auth::Scheme>,

    /// Header field for the (first) proxy's request, 'Name: value'
    ///
    /// 'Name:' alone removes a field that is sent by default.
    #[arg(short = 'H', long = "header", value_name = "FIELD")]
    pub header: Vec<String>,

    #[command(flatten)]
    pub tls: TlsOptions,

    /// Seconds until the tunnel must be open; 0 for no limit
    #[arg(short = 'w', long, value_name = "TIME", value_parser = parse_duration,
          default_value = "30", help_heading = "Proxy")]
    pub connect_timeout: Duration,

    /// What tells QUIC (h3) that the path is full: cubic (loss) or bbr (rate and delay)
    #[arg(
        long,
        value_name = "NAME",
        default_value = "cubic",
        help_heading = "Proxy"
    )]
    pub congestion: Congestion,

    /// Use IPv4 only
    #[arg(short = '4', long, help_heading = "Proxy")]
    pub ipv4: bool,

    /// Use IPv6 only
    #[arg(short = '6', long, conflicts_with = "ipv4", help_heading = "Proxy")]
    pub ipv6: bool,

    /// Address to use for a host and port instead of asking the resolver
    #[arg(
        long,
        value_name = "HOST:PORT:ADDRESS[,ADDRESS]",
        help_heading = "Proxy"
    )]
    pub resolve: Vec<Pinned>,
}

/// One word of `--via`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via(pub Vec<Carrier>);

impl FromStr for Via {
    type Err = String;

    fn from_str(text: &str) -> Result<Via, String> {
        match text {
            "auto" => Ok(Via(Carrier::LADDER.to_vec())),
            "post" => Ok(Via(vec![Carrier::H2Post, Carrier::H1Post])),
            "ws" => Ok(Via(vec![Carrier::H1Ws, Carrier::H2Ws])),
            _ => Ok(Via(vec![text.parse()?])),
        }
    }
}

/// What is told, and how.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// Tell on stderr what happens; twice for more
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,

    /// At the end, or on failure, one JSON object on stderr
    #[arg(long)]
    pub json: bool,
}

/// `30`, `1.5`, `500ms`, `30s`, `2m` or `1h`; a number alone is in seconds.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("the unit is one of ms, s, m, h".into()),
    };
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match digits.parse::<f64>() {
        // Ten years are for ever, and small enough to be added to any point in time.
        Ok(number) if plain && number * unit > 315_360_000.0 => Err("that is too long".into()),
        Ok(number) if plain => {
            Duration::try_from_secs_f64(number * unit).map_err(|e| e.to_string())
        }
        _ => Err("a time is written 30, 1.5, 500ms, 2m or 1h".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in [
            ("30", 30_000),
            ("1.5", 1500),
            ("500ms", 500),
            ("2m", 120_000),
            ("0", 0),
        ] {
            assert_eq!(
                parse_duration(text).unwrap(),
                Duration::from_millis(ms),
                "{text}"
            );
        }
        for bad in [
            "",
            "s",
            "-1",
            "1d",
            "inf",
            "nan",
            "1e3",
            "+1",
            "1 s",
            "99999999999999999999",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad:?}");
        }
    }
}
