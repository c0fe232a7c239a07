//! What people and scripts read: stderr lines, JSON, figures, the log, the password prompt.

pub mod bench;
pub mod doctor;
pub mod log;
pub mod prompt;
pub mod report;
pub mod screen;
pub mod serve;
