//! The contract of [`tuncat::wire::Wire`], held by everything that carries bytes.
//!
//! [`rows`] says how each kind of wire comes about, [`cases`] what has to be true of it. A new carrier is one function
//! there and one line below.

mod cases;
mod drip;
pub mod memory;
mod random_sizes;
mod relay;
mod resets;
mod rows;
mod transfer;
mod truncation;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tuncat::wire::BoxWire;

/// The two ends of one connected wire. `near` is the kind that the row is about.
pub struct Pair {
    pub near: BoxWire,
    pub far: BoxWire,
}

/// How a pair should begin.
#[derive(Clone, Default)]
pub struct Start {
    /// What `far` says before anything else, as early as the row can arrange it.
    pub early: Vec<u8>,
    /// The transport below moves one byte at a time, where the row lets it be wrapped.
    pub drip: bool,
}

pub type Making = Pin<Box<dyn Future<Output = Pair> + Send>>;
pub type Make = fn(Start) -> Making;

/// A case may take this long; a hang is a failure.
const LIMIT: Duration = Duration::from_secs(60);

async fn limited(case: impl Future<Output = ()>) {
    tokio::time::timeout(LIMIT, case)
        .await
        .expect("the case hangs");
}

macro_rules! cases_of {
    ($make:path: $($case:ident),*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::limited(super::cases::$case($make)).await;
            }
        )*
    };
}

macro_rules! rows {
    ($($row:ident),*) => {
        $(
            mod $row {
                cases_of!(super::rows::$row:
                    near_ends_first, far_ends_first, both_end_at_once, empty_both_ways, a_dialogue,
                    one_byte_at_a_time, bulk_both_ways, early_bytes_come_first,
                    near_aborts, far_aborts, near_is_dropped, far_is_dropped,
                    near_is_dropped_after_the_far_end, far_is_dropped_after_the_near_end,
                    writing_to_a_peer_that_is_gone);
            }
        )*
    };
}

rows!(
    tcp,
    prefixed,
    tls,
    h1_client,
    h1_end_to_end,
    h1_end_to_end_tls,
    h2_end_to_end,
    h2_end_to_end_tls,
    h1_post_end_to_end,
    h1_post_end_to_end_tls,
    h2_post_end_to_end,
    h2_post_end_to_end_tls,
    h1_ws_end_to_end,
    h1_ws_end_to_end_tls,
    h2_ws_end_to_end,
    h2_ws_end_to_end_tls,
    h3_end_to_end,
    h3_post_end_to_end
);
