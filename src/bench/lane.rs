//! The ways that are measured against each other.

use crate::base::{Result, Setup};
use crate::bench::LaneKind;
use crate::bench::meter::Commands;
use crate::carrier::Carrier;
use crate::wire::BoxWire;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// Opens connections to the target, one way or another.
pub trait Opener: Send + Sync {
    fn open(&self) -> Opening<'_>;

    /// Processes that live as long as their connections, and are this way's alone.
    fn processes(&self) -> Commands {
        Commands::default()
    }

    /// A process for each connection: not as many can be held as there could be sockets.
    fn is_costly(&self) -> bool {
        false
    }
}

pub type Opening<'a> = Pin<Box<dyn Future<Output = Result<Opened>> + Send + 'a>>;

/// A connection to the target.
pub struct Opened {
    pub wire: BoxWire,
    pub setup: Setup,
}

/// One way, with its name.
#[derive(Clone)]
pub struct Lane {
    pub name: String,
    pub kind: LaneKind,
    /// Proxies without credentials, an endpoint, or a command.
    pub route: Vec<String>,
    pub carrier: Option<Carrier>,
    pub opener: Arc<dyn Opener>,
    /// The user asked for just this one: without it the run has failed.
    pub wanted: bool,
}
