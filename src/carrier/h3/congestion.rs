//! How fast a QUIC connection sends (RFC 9002 §7).

use quinn::congestion::{BbrConfig, ControllerFactory, CubicConfig};
use std::str::FromStr;
use std::sync::Arc;

/// What tells that the path is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Congestion {
    /// Lost packets (RFC 9438), as TCP has it on most systems.
    #[default]
    Cubic,
    /// The rate at which packets arrive, and their delay (BBR): loss that is no congestion matters less.
    Bbr,
}

impl Congestion {
    pub fn factory(self) -> Arc<dyn ControllerFactory + Send + Sync> {
        match self {
            Congestion::Cubic => Arc::new(CubicConfig::default()),
            Congestion::Bbr => Arc::new(BbrConfig::default()),
        }
    }
}

impl FromStr for Congestion {
    type Err = String;

    fn from_str(text: &str) -> Result<Congestion, String> {
        match text {
            "cubic" => Ok(Congestion::Cubic),
            "bbr" => Ok(Congestion::Bbr),
            _ => Err("there are cubic and bbr".into()),
        }
    }
}
