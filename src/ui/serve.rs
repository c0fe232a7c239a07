//! What `serve` says on a terminal: where it listens, how to use it, and the tunnels that live.

use crate::accept::ledger::Tunnel;
use crate::accept::{Address, Ledger};
use crate::tls::Pin;
use crate::ui::{report, screen};
use console::{Term, pad_str, truncate_str};
use indicatif::HumanBytes;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between two pictures.
const REFRESH: Duration = Duration::from_secs(1);
/// Tunnels in the table, at most, and lines that stay free above it.
const ROWS: usize = 16;
const FREE: usize = 6;

static ENDED: AtomicBool = AtomicBool::new(false);

/// The first lines; on a terminal also those to copy, and the table from now on.
pub fn begin(addresses: &[Address], pin: Option<&Pin>, users: bool, ledger: &Arc<Ledger>) {
    let scheme = if pin.is_some() { "https" } else { "http" };
    for address in addresses {
        let shown = match address {
            Address::Tcp(address) => format!("{scheme}://{address}"),
            unix => format!("{unix} ({scheme})"),
        };
        report::line(&format!("tuncat: listening on {shown}"));
    }
    if let Some(pin) = pin {
        report::line(&format!("tuncat: pin {pin}"));
    }
    let term = Term::stderr();
    if !term.is_term() {
        return;
    }
    if let Some(Address::Tcp(address)) = addresses.first() {
        let host = match address.ip() {
            ip if ip.is_unspecified() => host_name(),
            IpAddr::V6(ip) => format!("[{ip}]"),
            ip => ip.to_string(),
        };
        let pin = pin.map(Pin::to_string);
        for line in client_lines(scheme, &host, address.port(), pin.as_deref(), users) {
            report::line(&line);
        }
    }
    let ledger = ledger.clone();
    tokio::spawn(async move {
        let mut before = HashMap::new();
        loop {
            tokio::time::sleep(REFRESH).await;
            if ENDED.load(Ordering::Acquire) {
                return;
            }
            let size = term.size();
            screen::show(table(&ledger.tunnels(), &mut before, size));
        }
    });
}

/// The table goes; other lines stay.
pub fn end() {
    ENDED.store(true, Ordering::Release);
    screen::show(Vec::new());
}

/// Where the admin page is.
pub fn admin(address: &Address) -> String {
    match address {
        Address::Tcp(address) => format!("http://{address}"),
        other => other.to_string(),
    }
}

/// Ready to copy.
fn client_lines(
    scheme: &str,
    host: &str,
    port: u16,
    pin: Option<&str>,
    users: bool,
) -> Vec<String> {
    let url = format!("{scheme}://{host}:{port}");
    let user = if users { " -U USER" } else { "" };
    let trust = pin.map_or(String::new(), |pin| format!(" --pin {pin}"));
    let curl_user = if users { " -U USER" } else { "" };
    let curl_trust = pin.map_or(String::new(), |pin| {
        format!(" --proxy-insecure --proxy-pinnedpubkey {pin}")
    });
    let tls = match pin {
        Some(_) => ", transport_socket: tls",
        None => "",
    };
    vec![
        format!("  tuncat  tuncat connect -x {url}{trust}{user} HOST PORT"),
        format!("  ssh     ssh -o 'ProxyCommand=tuncat connect -x {url}{trust}{user} %h %p' HOST"),
        format!("  curl    curl -p -x {url}{curl_trust}{curl_user} https://HOST/"),
        format!(
            "  Envoy   tunneling_config: {{ hostname: HOST:PORT }}, cluster: {host}:{port}{tls}"
        ),
    ]
}

fn host_name() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}

/// The tunnels with the most traffic since the last time, in lines that fit.
fn table(
    tunnels: &[Arc<Tunnel>],
    before: &mut HashMap<u64, u64>,
    (height, width): (u16, u16),
) -> Vec<String> {
    let total = |tunnel: &Arc<Tunnel>| {
        let (to, from) = tunnel.bytes();
        to + from
    };
    let mut rows: Vec<(u64, &Arc<Tunnel>)> = tunnels
        .iter()
        .map(|tunnel| {
            let past = before.get(&tunnel.id).copied().unwrap_or(0);
            (total(tunnel).saturating_sub(past), tunnel)
        })
        .collect();
    *before = tunnels.iter().map(|t| (t.id, total(t))).collect();
    let sum: u64 = rows.iter().map(|(rate, _)| rate).sum();
    rows.sort_by_key(|(rate, tunnel)| (std::cmp::Reverse(*rate), tunnel.id));
    let room = usize::from(height).saturating_sub(FREE).min(ROWS);
    let mut lines = vec![format!("{} tunnels, {}/s", tunnels.len(), HumanBytes(sum))];
    if !rows.is_empty() && room > 0 {
        let names = [
            "CLIENT", "USER", "VIA", "TARGET", "AGE", "TO", "FROM", "RATE",
        ];
        lines.push(row(names.map(String::from)));
    }
    for (rate, tunnel) in rows.iter().take(room) {
        let (to, from) = tunnel.bytes();
        lines.push(row([
            tunnel.who.client.to_string(),
            tunnel.who.user.as_deref().unwrap_or("-").to_owned(),
            tunnel.who.carrier.to_string(),
            tunnel.target.to_string(),
            age(tunnel.age()),
            HumanBytes(to).to_string(),
            HumanBytes(from).to_string(),
            format!("{}/s", HumanBytes(*rate)),
        ]));
    }
    if rows.len() > room {
        lines.push(format!("and {} more", rows.len() - room));
    }
    let fit = |line: String| truncate_str(&line, usize::from(width).saturating_sub(1), "…").into();
    lines.into_iter().map(fit).collect()
}

fn row(cells: [String; 8]) -> String {
    const WIDTHS: [usize; 8] = [22, 10, 7, 26, 8, 11, 11, 13];
    let cell = |(cell, width): (&String, usize)| {
        let cell = crate::base::escape::escape(cell.as_bytes(), 64);
        let cell = truncate_str(&cell, width, "…").into_owned();
        pad_str(&cell, width, console::Alignment::Left, None).into_owned()
    };
    let cells: Vec<String> = cells.iter().zip(WIDTHS).map(cell).collect();
    format!("  {}", cells.join(" ").trim_end())
}

fn age(age: Duration) -> String {
    let s = age.as_secs();
    match s {
        0..=99 => format!("{s}s"),
        100..=5999 => format!("{}m{:02}s", s / 60, s % 60),
        _ => format!("{}h{:02}m", s / 3600, s / 60 % 60),
    }
}
