//! The first octets of a POST tunnel, which prove that answers are not held back on the way.

use crate::base::Error;
use crate::carrier::refused;
use crate::http::post::GREETING;
use crate::wire::{BoxWire, Deadline};
use tokio::io::AsyncReadExt;

/// Takes the greeting, which the answer's head announced, off the tunnel; by `last` at the latest.
pub async fn take(wire: &mut BoxWire, last: Deadline) -> Result<(), Error> {
    let mut greeting = [0; GREETING.len()];
    let patience = Deadline::after(refused::GREETING_PATIENCE).or(last);
    match patience.run(wire.read_exact(&mut greeting)).await {
        Ok(Ok(_)) if greeting == *GREETING => Ok(()),
        Ok(Ok(_)) => Err(refused::wrong_greeting()),
        Ok(Err(error)) => Err(refused::broken_greeting(&error)),
        Err(_) => Err(refused::answer_buffered()),
    }
}
