//! `--html`: the page opens in a real browser from a file, asks for nothing, complains about nothing, shows the figures
//! of the JSON of the same run, and is text where somebody wanted it to be more.

use super::sample::{HOSTILE, report as sample};
use super::{bench, number};
use crate::support::ClosedPort;
use crate::support::peers::chromium;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use std::sync::OnceLock;
use tuncat::bench::environment::Environment;
use tuncat::ui::bench::{html::page, json::object};

/// One run for all tests that want one: its JSON and its page.
fn run() -> &'static (Value, String) {
    static RUN: OnceLock<(Value, String)> = OnceLock::new();
    RUN.get_or_init(|| {
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("bench.html");
        // What was there is gone, however long it was.
        std::fs::write(&file, "before\n".repeat(1_000_000)).expect("write a file");
        let args = [
            "-x",
            "embedded:",
            "--via",
            "h1,h2",
            "-t",
            "0.6",
            "--rounds",
            "3",
            "--tunnels",
            "20",
            "--hold",
            "100ms",
        ];
        let output = bench(args)
            .args(["--json", "--html"])
            .arg(&file)
            .run()
            .expect_code(0);
        let json = serde_json::from_slice(&output.stdout).expect("one JSON object on stdout");
        (json, std::fs::read_to_string(&file).expect("the page"))
    })
}

/// What came of a page in the browser.
struct Opened {
    dom: String,
    /// What it, or the browser about it, wrote to the console.
    console: Vec<String>,
    /// What was asked of the network.
    asked: Vec<String>,
}

/// A page without any complaint or request. `options` may take a screenshot.
#[track_caller]
fn open(page: &str, options: &[&str]) -> String {
    let Opened {
        dom,
        console,
        asked,
    } = in_browser(page, options);
    assert_eq!(console, [""; 0]);
    assert_eq!(asked, [""; 0]);
    dom
}

fn in_browser(page: &str, options: &[&str]) -> Opened {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("page.html");
    std::fs::write(&file, page).expect("write a page");
    let log = folder.path().join("net.json");
    let mut all = vec![
        // What a page writes to the console, also about what its policy forbids, goes to stderr.
        "--enable-logging=stderr".to_owned(),
        "--v=0".to_owned(),
        format!("--log-net-log={}", log.display()),
        // What the browser asks for by itself stays on this machine.
        "--host-resolver-rules=MAP * ~NOTFOUND".to_owned(),
    ];
    all.extend(options.iter().map(|o| (*o).to_owned()));
    let output = chromium(&all, &format!("file://{}", file.display()));
    assert_eq!(output.code, 0, "{}", output.stderr);
    let lines = output
        .stderr
        .lines()
        .filter(|line| line.contains("CONSOLE"));
    let net = std::fs::read_to_string(&log).expect("the browser's log of its network");
    // A line for each event. What the browser asks for by itself was not begun by any origin.
    let requests = net.lines().filter(|line| {
        line.contains("\"initiator\":") && !line.contains("\"initiator\":\"not an origin\"")
    });
    let urls = requests.filter_map(|line| line.split_once("\"url\":\"")?.1.split('"').next());
    Opened {
        console: lines.map(str::to_owned).collect(),
        asked: urls
            .filter(|url| url.starts_with("http"))
            .map(str::to_owned)
            .collect(),
        dom: String::from_utf8(output.stdout).expect("a DOM is text"),
    }
}

/// Figures of a class: the exact value, and what is shown.
fn data<'a>(dom: &'a str, class: &str) -> Vec<(f64, &'a str)> {
    let start = format!("<data class=\"{class}\" value=\"");
    let found = dom.split(&start).skip(1).map(|rest| {
        let (exact, rest) = rest.split_once("\">").expect("a value");
        (
            exact.parse().expect("a number"),
            rest.split('<').next().unwrap_or(""),
        )
    });
    found.collect()
}

/// The cell of the first table.
#[track_caller]
fn cell<'a>(dom: &'a str, lane: &str, mode: &str) -> &'a str {
    let named = format!("data-lane=\"{lane}\" data-mode=\"{mode}\"");
    let cells = dom
        .split("<td")
        .map(|rest| rest.split("</td>").next().unwrap_or(""));
    let mut cells = cells.filter(|cell| cell.contains(&named));
    cells
        .next()
        .unwrap_or_else(|| panic!("no cell of {lane}, {mode}"))
}

/// The same to so many digits as are shown.
#[track_caller]
fn expect_near(shown: f64, exact: f64) {
    assert!(
        (shown - exact).abs() <= exact.abs() * 0.006 + 1e-4,
        "{shown} for {exact}"
    );
}

#[test]
fn the_page_shows_the_figures_of_the_json() {
    let (json, page) = run();
    let dom = open(page, &[]);
    let mut cells = 0;
    for lane in json["lanes"].as_array().expect("lanes") {
        for measured in lane["measured"].as_array().expect("modes") {
            let name = lane["name"].as_str().expect("a name");
            let mode = measured["mode"].as_str().expect("a mode");
            let cell = cell(&dom, name, mode);
            let (exact, shown) = data(cell, "mean")[0];
            let (scale, units): (f64, &[(&str, f64)]) = match mode {
                "ping" => (1e6, &[("µs", 1.0), ("ms", 1e3), ("s", 1e6)]),
                "open" => (1.0, &[("per s", 1.0)]),
                "hold" => (1.0, &[("kB", 1e3), ("MB", 1e6)]),
                _ => (8.0, &[("kbit/s", 1e3), ("Mbit/s", 1e6), ("Gbit/s", 1e9)]),
            };
            let value = number(&measured["value"]["mean"]);
            assert!(
                (exact * scale - value).abs() <= value.abs() * 1e-6,
                "{name} {mode}"
            );
            let unit = units
                .iter()
                .find(|(unit, _)| cell.contains(&format!(", {unit}\"")));
            let unit = unit.unwrap_or_else(|| panic!("no unit in {cell}")).1;
            expect_near(shown.parse::<f64>().expect("a figure") * unit, value);
            if let Some(ratio) = measured["ratio"]["mean"].as_f64() {
                let (exact, shown) = data(cell, "factor")[0];
                expect_near(exact, ratio);
                expect_near(
                    shown.trim_end_matches('×').parse().expect("a figure"),
                    ratio,
                );
                let bounds = !measured["ratio"]["ci95"].is_null();
                let same = measured["ratio"]["difference_shown"] == false;
                assert_eq!(
                    cell.contains("no difference shown"),
                    bounds && same,
                    "{cell}"
                );
            }
            cells += 1;
        }
    }
    assert_eq!(cells, 3 * 5);
    // Percentiles are in the tables below the charts.
    let times = data(&dom, "us");
    for mode in [2, 3] {
        let p99 = &json["lanes"][1]["measured"][mode]["latency_us"]["uncorrected"]["p99"];
        assert!(
            times.iter().any(|(exact, _)| *exact == number(p99)),
            "{p99}"
        );
    }
}

/// What the page offers for download is what `--json` has printed.
#[test]
fn the_page_holds_the_json() {
    let (json, page) = run();
    let (_, rest) = page
        .split_once("data:application/json;base64,")
        .expect("the JSON");
    let encoded = rest.split('"').next().unwrap_or("");
    let decoded = BASE64_STANDARD.decode(encoded).expect("base64");
    let held: Value = serde_json::from_slice(&decoded).expect("JSON");
    assert_eq!(&held, json);
}

/// Else the checks of [`open`] would say nothing.
#[test]
fn requests_and_complaints_would_be_seen() {
    let image = "http://127.0.0.1:9/image.png";
    let page = format!("<!doctype html><img src=\"{image}\"><script>console.error('oh')</script>");
    let opened = in_browser(&page, &[]);
    assert!(
        opened.asked.iter().any(|url| url == image),
        "{:?}",
        opened.asked
    );
    assert!(
        opened.console.iter().any(|line| line.contains("oh")),
        "{:?}",
        opened.console
    );
}

/// Not even where no policy would stop it.
#[test]
fn nothing_outside_is_named() {
    let page = &run().1;
    for what in ["src=", "@import", "url(http", "<script", "stylesheet"] {
        assert!(!page.contains(what), "{what}");
    }
}

#[test]
fn what_a_way_is_called_stays_text() {
    let report = sample();
    let dom = open(&page(&report), &[]);
    assert!(!dom.contains("<script"), "a script");
    assert!(!dom.contains("<img"), "an image");
    let title = dom
        .split("<title>")
        .nth(1)
        .and_then(|rest| rest.split("</title>").next());
    assert!(
        title.is_some_and(|t| t.starts_with("tuncat bench: direct, h2, slow, &lt;script&gt;")),
        "{title:?}"
    );
    let text = HOSTILE.replace('<', "&lt;").replace('>', "&gt;");
    assert!(dom.contains(&text), "its name");
    assert!(dom.contains("envoy &lt;4711&gt;"), "a process's name");
}

#[test]
fn what_must_be_said_is_said() {
    let mut report = sample();
    let kept = page(&report);
    assert!(
        kept.contains("Publishable: release build"),
        "a quiet machine"
    );
    assert!(kept.contains("refused"), "why there is no tunnel");
    assert!(kept.contains("drifted by 12 %"), "a warning");
    assert!(kept.contains("no answer within 30 s"), "an error");
    let ping = cell(&kept, "slow", "ping");
    assert!(
        ping.contains("overloaded") && ping.contains("612 of 1000 per s"),
        "{ping}"
    );
    assert!(data(ping, "mean").is_empty(), "a time of a queue: {ping}");
    let open = cell(&kept, "slow", "open");
    assert!(
        open.contains("overloaded") && open.contains("3 failed"),
        "{open}"
    );

    report.environment = Environment {
        build: "debug",
        disturbances: vec![("make (1)".into(), 0.5)],
        ..report.environment
    };
    let doubtful = page(&report);
    assert!(
        doubtful.contains("Not publishable: this is a debug build; make (1) used 50 % of a core")
    );
    assert!(!doubtful.contains("Publishable: release"));
}

/// A page of nothing, and one of very much, are pages.
#[test]
fn any_report_has_a_page() {
    let mut report = sample();
    let rounds = report.lanes[0].measured[0].rounds.clone();
    report.lanes[0].measured[0].rounds = rounds.into_iter().cycle().take(2000).collect();
    let long = page(&report).len();
    let short = page(&sample()).len();
    // The JSON has all intervals, the chart not more than can be seen.
    let json = object(&report).to_string().len() - object(&sample()).to_string().len();
    assert!(
        long < short + json * 4 / 3 + 400_000,
        "{long} octets, {json} of them JSON"
    );

    for lane in &mut report.lanes {
        lane.measured.clear();
    }
    assert!(page(&report).contains("refused"));
    report.lanes.clear();
    report.settings.modes.clear();
    assert!(page(&report).contains("</html>"));
}

#[test]
fn the_page_is_drawn_in_light_and_dark() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let shot = |page: &str, size: &str, scheme: &str| -> Vec<u8> {
        let file = folder.path().join("shot.png");
        let options = [
            format!("--screenshot={}", file.display()),
            format!("--window-size={size}"),
            format!("--blink-settings=preferredColorScheme={scheme}"),
        ];
        open(page, &options.each_ref().map(String::as_str));
        let octets = std::fs::read(&file).expect("a screenshot");
        std::fs::remove_file(&file).expect("remove it");
        assert!(octets.starts_with(b"\x89PNG"), "a PNG");
        octets
    };
    let page = page(&sample());
    let blank = shot("<!doctype html><p>", "1280,3000", "1").len();
    let [light, dark] = ["1", "0"].map(|scheme| shot(&page, "1280,3000", scheme));
    let narrow = shot(&page, "500,3000", "1");
    assert_ne!(light, dark);
    for shot in [light, dark, narrow] {
        // What is drawn does not compress as an empty page does.
        assert!(
            shot.len() > 5 * blank,
            "{} octets, {blank} blank",
            shot.len()
        );
    }
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_the_run() {
    let output = bench(["--html", "/nowhere/at/all.html", "-t", "60"]).run();
    assert!(output.elapsed.as_secs() < 5, "it ran first");
    assert_eq!(output.stdout_len, 0);
    let line = output.expect_failure(2);
    assert!(line.contains("--html /nowhere/at/all.html"), "{line}");
}

/// A run that fails leaves what was there, and nothing where nothing was.
#[test]
fn a_failed_run_writes_no_page() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (old, new) = (
        folder.path().join("old.html"),
        folder.path().join("new.html"),
    );
    std::fs::write(&old, "kept").expect("write a file");
    for file in [&old, &new] {
        let closed = ClosedPort::new();
        let proxy = format!("http://{}", closed.addr());
        let output = bench(["--no-direct", "-x", &proxy, "--via", "h1", "--html"])
            .arg(file)
            .run();
        assert_ne!(output.code, 0);
    }
    assert_eq!(std::fs::read_to_string(&old).expect("the file"), "kept");
    assert!(!new.exists());
}
