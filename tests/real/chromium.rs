//! Chromium loads a page by https through `tuncat serve`, its https proxy.

use super::MIB;
use crate::support::peers::{Origin, chromium};
use crate::support::{Pattern, Serve, pattern, wait_for};
use std::collections::HashMap;

/// The page, its style sheet, its script, the images, what it downloads, and two posts.
const REQUESTS: usize = 1 + 1 + 1 + IMAGES + 1 + 2;
/// Those that the script asks for, and the one that comes late.
const IMAGES: usize = 24 + 1;
const DOWNLOAD: u64 = 5 * MIB;
const UPLOAD: u64 = 4 * MIB;

/// Where the page is.
pub fn site() -> Origin {
    let origin = Origin::start("127.0.0.1");
    let image = r#"<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>"#;
    origin.put("page.html", include_str!("chromium/page.html"));
    origin.put("page.js", include_str!("chromium/page.js"));
    origin.put("page.css", "body { color: rgb(1, 2, 3) }");
    origin.put("image.svg", image);
    origin.put("late.svg", image);
    let data = pattern(81, usize::try_from(DOWNLOAD).expect("a length"));
    origin.put("big", &data);
    origin
}

/// Loads the page, and gives how many tunnels each connection to the proxy has carried.
fn load(options: &[&str]) -> Vec<usize> {
    let origin = site();
    // It reaches the origin and nothing else: what a browser asks for by itself is refused before a name is resolved.
    let mut serve = Serve::with(&["-v", "--self-signed", "--allow", &origin.addr()]);
    let pin = serve.pin();
    shows(&origin, &serve.url, &[pin], options);
    tunnels(&serve, &origin.addr())
}

/// Loads the page through a proxy, and compares what it shows.
pub fn shows(origin: &Origin, proxy: &str, pins: &[String], options: &[&str]) {
    let pins = [pins, &[origin.certificate.pin()]].concat();
    let pins: Vec<_> = pins.iter().map(|pin| pin.replace("sha256//", "")).collect();
    let mut all = vec![
        format!("--proxy-server={proxy}"),
        // By default nothing on loopback goes through a proxy.
        "--proxy-bypass-list=<-loopback>".to_owned(),
        format!("--ignore-certificate-errors-spki-list={}", pins.join(",")),
    ];
    all.extend(options.iter().map(|&option| option.to_owned()));
    let url = format!("https://{}/page.html", origin.addr());
    let output = chromium(&all, &url);

    let dom = String::from_utf8_lossy(&output.stdout);
    let shown = |id: &str| {
        let (_, rest) = dom.split_once(&format!("<p id=\"{id}\">"))?;
        rest.split('<').next()
    };
    let message = format!("{dom}\n{}", output.stderr);
    assert_eq!(shown("error"), Some(""), "{message}");
    assert_eq!(shown("images"), Some("24 of width 8"), "{message}");
    assert_eq!(shown("style"), Some("rgb(1, 2, 3)"), "{message}");
    let hashes = [DOWNLOAD, UPLOAD].map(|len| Pattern::sha256(81, len));
    assert_eq!(shown("down"), Some(&*hashes[0]), "{message}");
    assert_eq!(shown("up"), Some(&*hashes[1]), "{message}");
}

/// Every request is a connection of its own to the origin, and so a tunnel of its own.
fn tunnels(serve: &Serve, origin: &str) -> Vec<usize> {
    wait_for("the proxy to tell of all tunnels", || {
        let mut clients = HashMap::<_, usize>::new();
        for (client, target) in serve.tunnels() {
            assert_eq!(target, origin);
            *clients.entry(client).or_default() += 1;
        }
        let counts: Vec<_> = clients.into_values().collect();
        (counts.iter().sum::<usize>() >= REQUESTS).then_some(counts)
    })
}

#[test]
fn loads_a_page_over_http2() {
    let counts = load(&[]);
    assert!(counts.iter().any(|&count| count >= 20), "{counts:?}");
}

/// The same browser without HTTP/2: a connection per tunnel.
#[test]
fn loads_a_page_over_http1() {
    let counts = load(&["--disable-http2"]);
    assert!(counts.iter().all(|&count| count == 1), "{counts:?}");
}
