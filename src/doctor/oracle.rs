//! A target of our own, to which the proxy is asked for tunnels: it sees what comes out at the other
//! end, and can end, fall silent or reset as it is told.
//!
//! It greets every connection with a number that nobody else knows, and our side sends nothing before it
//! has seen that, so nothing ever goes to a stranger. What our side then sends first is an order, with
//! the same number, so that strangers get nothing out of the oracle.

mod script;

pub use script::{End, Order, Seen};

use crate::base::{Host, Target};
use crate::tls::{Identity, Pin};
use crate::wire::{BoxWire, Socket};
use ring::rand::SecureRandom;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// Connections at a time; more have to wait.
const CONNECTIONS: usize = 64;
/// For an order, or a handshake, to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// Listens as long as it lives.
pub struct Oracle {
    plain: Target,
    tls: Target,
    /// Of the key that the TLS side holds.
    pub pin: Pin,
    state: Arc<State>,
    accepting: [JoinHandle<()>; 2],
}

/// What the listeners and the probes share.
pub struct State {
    secret: String,
    accepted: watch::Sender<usize>,
    accepted_tls: AtomicUsize,
    /// Tunnels open, and lead elsewhere.
    elsewhere: AtomicBool,
    orders: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Seen>>>,
    /// Octets that the last [`Order::Grow`] has sent.
    pub grown: AtomicU64,
}

impl Oracle {
    /// On two ports of `ip` that the system picks. The error is one clause.
    pub async fn start(ip: IpAddr) -> Result<Oracle, String> {
        let identity = Identity::self_signed()?;
        let pin = identity.pin()?;
        let acceptor = TlsAcceptor::from(identity.server_config(&[])?);
        let text = |e: io::Error| e.to_string();
        let plain = TcpListener::bind((ip, 0)).await.map_err(text)?;
        let tls = TcpListener::bind((ip, 0)).await.map_err(text)?;
        let target = |listener: &TcpListener| {
            let port = listener.local_addr().map_err(text)?.port();
            let host = Host::Ip(ip);
            Ok::<_, String>(Target::Tcp { host, port })
        };
        let targets = (target(&plain)?, target(&tls)?);
        let state = Arc::new(State {
            secret: secret()?,
            accepted: watch::Sender::new(0),
            accepted_tls: AtomicUsize::new(0),
            elsewhere: AtomicBool::new(false),
            orders: AtomicU64::new(0),
            waiting: Mutex::default(),
            grown: AtomicU64::new(0),
        });
        let shared = state.clone();
        let serving = accept(plain, move |stream| {
            let state = shared.clone();
            state.accepted.send_modify(|count| *count += 1);
            async move { greeted(&state, Socket::from(stream)).await }
        });
        let shared_too = state.clone();
        let shaking = accept(tls, move |stream| {
            shared_too.accepted_tls.fetch_add(1, Ordering::SeqCst);
            let acceptor = acceptor.clone();
            async move {
                let mut stream = acceptor.accept(stream).await?;
                stream.read_u8().await?;
                Ok(())
            }
        });
        Ok(Oracle {
            plain: targets.0,
            tls: targets.1,
            pin,
            state,
            accepting: [tokio::spawn(serving), tokio::spawn(shaking)],
        })
    }

    pub fn target(&self) -> &Target {
        &self.plain
    }

    /// Speaks TLS at once, and nothing inside.
    pub fn tls_target(&self) -> &Target {
        &self.tls
    }

    /// Connections so far to the side without TLS.
    pub fn accepted(&self) -> usize {
        *self.state.accepted.borrow()
    }

    /// There have been more than `before`, or there are in time: who asked for one may hear of it before it is taken here.
    pub async fn accepts_after(&self, before: usize, patience: Duration) -> bool {
        let mut accepted = self.state.accepted.subscribe();
        let another = accepted.wait_for(|count| *count > before);
        timeout(patience, another)
            .await
            .is_ok_and(|done| done.is_ok())
    }

    /// The same of the side with TLS.
    pub fn accepted_tls(&self) -> usize {
        self.state.accepted_tls.load(Ordering::SeqCst)
    }

    /// Octets that the last [`Order::Grow`] has sent.
    pub fn grown(&self) -> u64 {
        self.state.grown.load(Ordering::SeqCst)
    }

    /// Waits for the greeting, which proves that the tunnel ends here, and gives an order. What the oracle
    /// sees after that is told at the end of its connection.
    pub async fn order(
        &self,
        wire: &mut BoxWire,
        order: Order,
        patience: Duration,
    ) -> Result<oneshot::Receiver<Seen>, String> {
        // It would be waited for in vain again, by each carrier and for each question.
        if self.state.elsewhere.load(Ordering::SeqCst) {
            return Err("tunnels do not lead to our own target".into());
        }
        let mut greeting = vec![0; self.greeting_length()];
        match timeout(patience, wire.read_exact(&mut greeting)).await {
            Ok(Ok(_)) if self.is_greeting(&greeting) => {}
            Ok(Ok(_)) => return Err("something else than our own target answered".into()),
            Ok(Err(error)) => return Err(format!("the tunnel broke at once: {error}")),
            Err(_) if self.accepted() + self.accepted_tls() == 0 => {
                self.state.elsewhere.store(true, Ordering::SeqCst);
                return Err("a tunnel was opened, and our own target was not connected to".into());
            }
            Err(_) => return Err("our own target's greeting did not come through".into()),
        }
        let (line, seen) = self.written(order);
        let sent = timeout(patience, wire.write_all(line.as_bytes())).await;
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(format!("the tunnel broke at once: {error}")),
            Err(_) => return Err("the tunnel takes nothing".into()),
        }
        wire.flush().await.map_err(|e| e.to_string())?;
        Ok(seen)
    }

    /// The order as it goes over the wire.
    pub fn written(&self, order: Order) -> (String, oneshot::Receiver<Seen>) {
        let number = self.state.orders.fetch_add(1, Ordering::SeqCst);
        let (sender, seen) = oneshot::channel();
        let waiting = self.state.waiting.lock();
        waiting
            .unwrap_or_else(PoisonError::into_inner)
            .insert(number, sender);
        let line = format!("{} {number} {}\n", self.state.secret, order.written());
        (line, seen)
    }

    pub fn greeting_length(&self) -> usize {
        self.state.secret.len() + 1
    }

    pub fn is_greeting(&self, octets: &[u8]) -> bool {
        octets.strip_suffix(b"\n") == Some(self.state.secret.as_bytes())
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        self.accepting.iter().for_each(JoinHandle::abort);
    }
}

fn secret() -> Result<String, String> {
    let mut octets = [0; 16];
    ring::rand::SystemRandom::new()
        .fill(&mut octets)
        .map_err(|_| "no random numbers from the system")?;
    Ok(octets.iter().map(|o| format!("{o:02x}")).collect())
}

/// Runs `script` on every connection. A connection that is not taken is no reason to stop.
async fn accept<F>(listener: TcpListener, script: impl Fn(TcpStream) -> F)
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let running = script(stream);
                tokio::spawn(async move {
                    let _ = running.await;
                    drop(permit);
                });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Greets, takes an order, and carries it out.
async fn greeted(state: &State, mut wire: Socket) -> io::Result<()> {
    wire.write_all(format!("{}\n", state.secret).as_bytes())
        .await?;
    let line = timeout(PATIENCE, line(&mut wire)).await??;
    let mut words = line.split(' ');
    let ours = words.next() == Some(&*state.secret);
    let number = words.next().and_then(|n| n.parse().ok());
    let (true, Some(number), Some(order)) = (ours, number, Order::read(words)) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let seen = order.carry_out(&state.grown, wire).await;
    let waiting = state.waiting.lock();
    let waiting = waiting
        .unwrap_or_else(PoisonError::into_inner)
        .remove(&number);
    if let Some(waiting) = waiting {
        let _ = waiting.send(seen);
    }
    Ok(())
}

/// Up to the line feed and not beyond it.
async fn line(wire: &mut Socket) -> io::Result<String> {
    let mut line = Vec::new();
    while line.len() < 200 {
        match wire.read_u8().await? {
            b'\n' => break,
            octet => line.push(octet),
        }
    }
    String::from_utf8(line).map_err(io::Error::other)
}
