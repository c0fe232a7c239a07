//! What people and scripts read: stderr lines, JSON, the log, the password prompt.

pub mod log;
pub mod prompt;
pub mod report;
