//! What opening a tunnel took.

use std::fmt;
use std::time::Duration;

/// How long each phase of the set-up took, over all hops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup {
    pub resolve: Duration,
    pub tcp: Duration,
    pub tls: Duration,
    /// From the request to its answer.
    pub request: Duration,
}

impl Setup {
    pub fn total(&self) -> Duration {
        self.resolve + self.tcp + self.tls + self.request
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |d: Duration| d.as_secs_f64() * 1e3;
        write!(
            f,
            "{:.1} ms (resolve {:.1}, tcp {:.1}, tls {:.1}, request {:.1})",
            ms(self.total()),
            ms(self.resolve),
            ms(self.tcp),
            ms(self.tls),
            ms(self.request)
        )
    }
}
