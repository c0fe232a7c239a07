//! What `bench` shows: progress, a table with histograms, and later readers' formats.

pub mod progress;
pub mod table;
mod units;
