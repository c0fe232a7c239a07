//! The target of a measurement as a TCP server.

use crate::base::Builtin;
use crate::builtin;
use crate::relay::{Options, relay};
use crate::wire::Socket;
use std::io;
use std::time::Duration;
use tokio::net::TcpListener;

/// After a failed accept, such as for want of descriptors.
const REST: Duration = Duration::from_millis(50);

/// Serves [`Builtin::Bench`] on a listener, for ever. A connection is closed or reset as its client does it.
pub async fn serve(listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let far = builtin::open(Builtin::Bench);
                tokio::spawn(relay(Socket::from(stream), far, Options::default()));
            }
            Err(error) => {
                tracing::warn!("the target cannot accept: {error}");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// A listener for it.
pub async fn bind(address: std::net::SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}
