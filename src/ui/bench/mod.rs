//! What `bench` shows: progress, a table with histograms, and later readers' formats.

pub mod html;
pub mod json;
pub mod progress;
pub mod table;
mod units;
