//! How a lane is drawn: always in the same colour, and with a shape that tells it without colour.

use crate::bench::LaneKind;
use crate::bench::report::Report;
use maud::{Markup, html};

/// Colours of lanes other than the baseline, which is grey (see style.css).
const COLOURS: usize = 7;
/// Around 0, as SVG paths.
const SHAPES: [&str; 7] = [
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
    "M-3.6 -3.6H3.6V3.6H-3.6z",
    "M0 -5L5 0L0 5L-5 0z",
    "M0 -4.8L4.8 3.8H-4.8z",
    "M0 4.8L4.8 -3.8H-4.8z",
    "M-1.5 -4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
    "M-4.2 -2.2L-2.2 -4.2L0 -2L2.2 -4.2L4.2 -2.2L2 0L4.2 2.2L2.2 4.2L0 2L-2.2 4.2L-4.2 2.2L-2 0z",
];

#[derive(Clone, Copy)]
pub struct Key(usize);

impl Key {
    /// Of the report's lane `n`.
    pub fn of(report: &Report, n: usize) -> Key {
        let direct = report
            .lanes
            .first()
            .is_some_and(|lane| lane.kind == LaneKind::Direct);
        Key(n + usize::from(!direct))
    }

    /// The class that sets the colour.
    pub fn class(self) -> String {
        match self.0 {
            0 => "k0".into(),
            n => format!("k{}", (n - 1) % COLOURS + 1),
        }
    }

    /// As many lanes as have colours and shapes alike are told apart.
    fn shape(self) -> &'static str {
        SHAPES
            .get((self.0 + self.0 / (COLOURS + 1)) % SHAPES.len())
            .copied()
            .unwrap_or("")
    }

    /// At the beginning of a lane's name.
    pub fn swatch(self) -> Markup {
        html! {
            svg class={ "swatch " (self.class()) } width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true" {
                path d=(self.shape()) {}
            }
        }
    }

    /// In a chart, at `x` and `y` as SVG takes them.
    pub fn mark(self, x: &str, y: &str, hollow: bool, title: &str) -> Markup {
        let class = match hollow {
            true => "mark hollow",
            false => "mark",
        };
        html! {
            svg class={ (class) " " (self.class()) } x=(x) y=(y) {
                title { (title) }
                path d=(self.shape()) {}
            }
        }
    }
}

/// What fills the warm-up.
pub fn patterns() -> Markup {
    html! {
        svg.defs width="0" height="0" aria-hidden="true" {
            defs {
                pattern #hatch width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                    rect width="2" height="5" {}
                }
            }
        }
    }
}
