//! Chromium without a screen.

use crate::support::proc::tool;
use crate::support::run::{Output, Run};
use std::time::Duration;

/// Loads `url` in a browser with a new profile and `options`, to the end of the page's load event; its stdout is the DOM
/// at that time.
pub fn chromium(options: &[String], url: &str) -> Output {
    let home = tempfile::tempdir().expect("temporary folder");
    let profile = home.path().join("profile");
    let mut command = tool("chromium", "chromium");
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu"])
        // /dev/shm is small in some containers.
        .args(["--disable-dev-shm-usage", "--disable-breakpad"])
        .args(["--no-first-run", "--disable-background-networking"])
        .args(["--disable-component-update", "--disable-sync"])
        .args(["--disable-extensions", "--disable-quic"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(options)
        .args(["--dump-dom", url])
        // What it keeps outside of the profile.
        .env("HOME", home.path())
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_CACHE_HOME");
    // On a busy machine its start alone takes many seconds.
    Run::new(command).limit(Duration::from_secs(180)).run()
}
