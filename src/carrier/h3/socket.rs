//! The UDP socket below QUIC. Datagrams go to the kernel in batches (segmentation offload) where the peer is known to take
//! them, and else one by one.
//!
//! On one machine a batch stays one until somebody reads it, and a peer that asks for batches (`UDP_GRO`) and then reads
//! with the buffer of a single datagram loses all of it. Envoy 1.40 does that unless its listener has `prefer_gro`. So
//! the peer says in its SETTINGS that it takes batches, and nobody but tuncat does.

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, Endpoint, EndpointConfig, ServerConfig, TokioRuntime, UdpPoller};
use quinn::{Connection, Runtime};
use socket2::SockRef;
use std::collections::HashMap;
use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::task::{Context, Poll};

/// Octets of a batch, at most: what the length field of UDP over IPv4 has room for.
const BATCH: usize = 65_507;

/// Octets that wait in the kernel, either way: a burst of a fast peer's is not to be lost because we were busy for a
/// millisecond. The kernel gives what it allows (`net.core.rmem_max`, `wmem_max`).
const QUEUE: usize = 2 * 1024 * 1024;

/// QUIC on a socket. Without `server` it only begins connections.
pub fn endpoint(
    socket: UdpSocket,
    server: Option<ServerConfig>,
) -> io::Result<(Endpoint, Arc<Batching>)> {
    let queues = SockRef::from(&socket);
    // Where it may be no more, it stays as it is.
    if queues.recv_buffer_size()? < QUEUE {
        let _ = queues.set_recv_buffer_size(QUEUE);
    }
    if queues.send_buffer_size()? < QUEUE {
        let _ = queues.set_send_buffer_size(QUEUE);
    }
    let runtime = Arc::new(TokioRuntime);
    let batching = Arc::new(Batching {
        inner: runtime.wrap_udp_socket(socket)?,
        takers: RwLock::default(),
        unfinished: Mutex::default(),
    });
    let config = EndpointConfig::default();
    let endpoint = Endpoint::new_with_abstract_socket(config, server, batching.clone(), runtime)?;
    Ok((endpoint, batching))
}

pub struct Batching {
    inner: Arc<dyn AsyncUdpSocket>,
    /// Who takes batches, and by how many connections.
    takers: RwLock<HashMap<SocketAddr, usize>>,
    unfinished: Mutex<Option<Unfinished>>,
}

/// Datagrams of which the kernel has not taken all: which, and how many octets it has.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Unfinished {
    which: (SocketAddr, usize, usize),
    done: usize,
}

/// A peer takes batches, as long as this is held.
pub struct Taker {
    socket: Arc<Batching>,
    address: SocketAddr,
}

impl Batching {
    /// Batches that come in are read whole.
    pub fn reads_batches(&self) -> bool {
        self.inner.max_receive_segments() > 1
    }

    /// The peer of `connection` takes batches.
    pub fn send_batches(self: &Arc<Self>, connection: &Connection) -> Taker {
        let address = connection.remote_address();
        let mut takers = self.takers.write().unwrap_or_else(PoisonError::into_inner);
        *takers.entry(address).or_default() += 1;
        Taker {
            socket: self.clone(),
            address,
        }
    }

    fn takes(&self, address: &SocketAddr) -> bool {
        let takers = self.takers.read().unwrap_or_else(PoisonError::into_inner);
        takers.contains_key(address)
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        let takers = self.socket.takers.write();
        let mut takers = takers.unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = takers.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                takers.remove(&self.address);
            }
        }
    }
}

impl AsyncUdpSocket for Batching {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.inner.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let Some(segment) = transmit.segment_size.filter(|segment| *segment > 0) else {
            return self.inner.try_send(transmit);
        };
        let datagrams = match self.takes(&transmit.destination) {
            true => (BATCH / segment).max(1),
            false => 1,
        };
        let (all, piece) = (transmit.contents, datagrams * segment);
        if all.len() <= piece {
            return self.inner.try_send(transmit);
        }
        // What was not taken is offered again, as it was.
        let which = (transmit.destination, all.as_ptr().addr(), all.len());
        let mut unfinished = self
            .unfinished
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let before = unfinished.take_if(|unfinished| unfinished.which == which);
        let mut done = before.map_or(0, |before| before.done);
        while done < all.len() {
            let contents = &all[done..all.len().min(done + piece)];
            let sent = self.inner.try_send(&Transmit {
                destination: transmit.destination,
                ecn: transmit.ecn,
                contents,
                segment_size: (contents.len() > segment).then_some(segment),
                src_ip: transmit.src_ip,
            });
            if let Err(error) = sent {
                *unfinished = Some(Unfinished { which, done });
                return Err(error);
            }
            done += contents.len();
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.inner.poll_recv(cx, bufs, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.inner.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}

impl fmt::Debug for Batching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes note of what it is given, so many times, and then no more.
    #[derive(Debug, Default)]
    struct Recorder {
        taken: Mutex<Vec<(usize, Option<usize>)>>,
        room: Mutex<usize>,
    }

    impl AsyncUdpSocket for Recorder {
        fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
            unreachable!("nothing waits here")
        }

        fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
            let mut room = self.room.lock().unwrap();
            if *room == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            *room -= 1;
            let taken = (transmit.contents.len(), transmit.segment_size);
            self.taken.lock().unwrap().push(taken);
            Ok(())
        }

        fn poll_recv(
            &self,
            _: &mut Context<'_>,
            _: &mut [IoSliceMut<'_>],
            _: &mut [RecvMeta],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }

        fn local_addr(&self) -> io::Result<SocketAddr> {
            Ok(([127, 0, 0, 1], 1).into())
        }
    }

    fn batching() -> (Batching, Arc<Recorder>) {
        let recorder = Arc::new(Recorder::default());
        *recorder.room.lock().unwrap() = usize::MAX;
        let batching = Batching {
            inner: recorder.clone(),
            takers: RwLock::default(),
            unfinished: Mutex::default(),
        };
        (batching, recorder)
    }

    fn transmit(contents: &[u8], segment_size: Option<usize>) -> Transmit<'_> {
        Transmit {
            destination: ([127, 0, 0, 1], 9).into(),
            ecn: None,
            contents,
            segment_size,
            src_ip: None,
        }
    }

    #[test]
    fn strangers_get_datagrams() {
        let (batching, recorder) = batching();
        let bytes = [0; 2500];
        batching.try_send(&transmit(&bytes, Some(1000))).unwrap();
        batching.try_send(&transmit(&bytes[..700], None)).unwrap();
        let expected = [(1000, None), (1000, None), (500, None), (700, None)];
        assert_eq!(*recorder.taken.lock().unwrap(), expected);
    }

    #[test]
    fn others_get_batches_that_fit() {
        let (batching, recorder) = batching();
        let taker = ([127, 0, 0, 1], 9).into();
        batching.takers.write().unwrap().insert(taker, 1);
        let bytes = vec![0; 90_000];
        batching.try_send(&transmit(&bytes, Some(9000))).unwrap();
        batching
            .try_send(&transmit(&bytes[..2500], Some(1000)))
            .unwrap();
        let expected = [
            (63_000, Some(9000)),
            (27_000, Some(9000)),
            (2500, Some(1000)),
        ];
        assert_eq!(*recorder.taken.lock().unwrap(), expected);
    }

    /// What the kernel has is not sent again when it takes more.
    #[test]
    fn a_socket_that_is_full() {
        let (batching, recorder) = batching();
        let bytes = [0; 2500];
        *recorder.room.lock().unwrap() = 2;
        let error = batching
            .try_send(&transmit(&bytes, Some(1000)))
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        *recorder.room.lock().unwrap() = 9;
        batching.try_send(&transmit(&bytes, Some(1000))).unwrap();
        let expected = [(1000, None), (1000, None), (500, None)];
        assert_eq!(*recorder.taken.lock().unwrap(), expected);
        assert!(batching.unfinished.lock().unwrap().is_none());
    }
}
