//! Units that suit all figures of a chart.

use crate::bench::report::Mode;
use crate::ui::bench::units;
use maud::{Markup, html};

/// What a report's own unit is divided by, and what that is called.
#[derive(Clone, Copy)]
pub struct Unit {
    pub name: &'static str,
    per: f64,
}

impl Unit {
    /// For values of a mode up to `largest`.
    pub fn of(mode: Mode, largest: f64) -> Unit {
        match mode {
            Mode::Upload | Mode::Download | Mode::RoundTrip => Unit::rate(largest),
            Mode::Ping => {
                let Unit { name, per } = Unit::time(largest * 1e9);
                Unit {
                    name,
                    per: per / 1e9,
                }
            }
            Mode::Open => Unit {
                name: "per s",
                per: 1.0,
            },
            Mode::Hold => Unit::octets(largest),
        }
    }

    /// For octets per second.
    pub fn rate(largest: f64) -> Unit {
        match largest * 8.0 {
            bits if bits >= 1e9 => Unit {
                name: "Gbit/s",
                per: 1e9 / 8.0,
            },
            bits if bits >= 1e6 => Unit {
                name: "Mbit/s",
                per: 1e6 / 8.0,
            },
            _ => Unit {
                name: "kbit/s",
                per: 1e3 / 8.0,
            },
        }
    }

    /// For nanoseconds.
    pub fn time(largest: f64) -> Unit {
        match largest {
            ns if ns >= 1e10 => Unit {
                name: "s",
                per: 1e9,
            },
            ns if ns >= 1e7 => Unit {
                name: "ms",
                per: 1e6,
            },
            _ => Unit {
                name: "µs",
                per: 1e3,
            },
        }
    }

    pub fn octets(largest: f64) -> Unit {
        match largest {
            octets if octets >= 1e6 => Unit {
                name: "MB",
                per: 1e6,
            },
            _ => Unit {
                name: "kB",
                per: 1e3,
            },
        }
    }

    pub fn plain(name: &'static str) -> Unit {
        Unit { name, per: 1.0 }
    }

    pub fn scaled(self, value: f64) -> f64 {
        value / self.per
    }

    /// Three significant digits, without the unit.
    pub fn figure(self, value: f64) -> String {
        units::figure(self.scaled(value))
    }

    pub fn with_name(self, value: f64) -> String {
        format!("{} {}", self.figure(value), self.name)
    }
}

/// A tick's number: as many decimals as it needs.
pub fn tick(value: f64) -> String {
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match value.abs() >= 1e4 {
        true => format!("{}k", tick(value / 1e3)),
        false => text.into(),
    }
}

/// A figure with the exact value beside it, for programs that read the page.
pub fn data(class: &str, exact: f64, shown: &str) -> Markup {
    html! { data class=(class) value=(exact) { (shown) } }
}
