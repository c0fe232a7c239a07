//! What stands between a client and a terminator, on one port number for UDP and TCP, and lets through what it is told to.

use crate::support::wait_for;
use socket2::SockRef;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What becomes of datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Udp {
    Pass,
    /// Nothing comes through.
    Blocked,
    /// Each of the client's is late by so much.
    Late(Duration),
    /// The first one of a client is lost.
    LosesFirst,
}

/// What becomes of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tcp {
    Pass,
    Resets,
    /// Closes when the client has said something.
    Closes,
    /// Answers what is no TLS.
    Garbage,
    Late(Duration),
}

/// How things stand.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// Of the terminator.
    pub port: u16,
    pub udp: Udp,
    pub tcp: Tcp,
}

pub struct Front {
    pub port: u16,
    /// And how often it was set.
    mode: Arc<Mutex<(Mode, u64)>>,
    over: Arc<AtomicBool>,
}

impl Front {
    pub fn start(mode: Mode) -> Self {
        let (listener, socket) = wait_for("a port that is free for both", || {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
            let socket = UdpSocket::bind(listener.local_addr().ok()?).ok()?;
            Some((listener, socket))
        });
        let front = Front {
            port: listener.local_addr().expect("address").port(),
            mode: Arc::new(Mutex::new((mode, 0))),
            over: Arc::default(),
        };
        let (mode, over) = (front.mode.clone(), front.over.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                let (now, _) = *mode.lock().expect("mode");
                if let Ok(stream) = stream {
                    thread::spawn(move || connection(stream, now));
                }
            }
        });
        let (mode, over) = (front.mode.clone(), front.over.clone());
        thread::spawn(move || datagrams(&socket, &mode, &over));
        front
    }

    /// For all that comes from now on.
    pub fn set(&self, mode: Mode) {
        let mut now = self.mode.lock().expect("mode");
        *now = (mode, now.1 + 1);
    }

    /// `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let here = (Ipv4Addr::LOCALHOST, self.port);
        let _ = TcpStream::connect(here);
        if let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
            let _ = socket.send_to(b"", here);
        }
    }
}

fn connection(mut stream: TcpStream, mode: Mode) -> io::Result<()> {
    match mode.tcp {
        Tcp::Pass => {}
        Tcp::Late(late) => thread::sleep(late),
        Tcp::Resets => return SockRef::from(&stream).set_linger(Some(Duration::ZERO)),
        Tcp::Closes => return stream.read(&mut [0; 2048]).map(drop),
        Tcp::Garbage => {
            let _ = stream.read(&mut [0; 2048])?;
            return stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    }
    let far = TcpStream::connect((Ipv4Addr::LOCALHOST, mode.port))?;
    stream.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (near_copy, far_copy) = (stream.try_clone()?, far.try_clone()?);
    thread::spawn(move || pass(&far_copy, &near_copy));
    pass(&stream, &far);
    Ok(())
}

/// To the end, which is passed on as it was.
fn pass(mut from: &TcpStream, mut to: &TcpStream) {
    let done = io::copy(&mut from, &mut to);
    if done.is_err() {
        let _ = SockRef::from(to).set_linger(Some(Duration::ZERO));
        let _ = to.shutdown(Shutdown::Both);
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn datagrams(socket: &UdpSocket, mode: &Mutex<(Mode, u64)>, over: &AtomicBool) {
    let mut clients: HashMap<SocketAddr, (UdpSocket, Mode, u64)> = HashMap::new();
    let mut datagram = [0; 65536];
    loop {
        let Ok((count, client)) = socket.recv_from(&mut datagram) else {
            continue;
        };
        if over.load(Ordering::SeqCst) {
            return;
        }
        let (now, turn) = *mode.lock().expect("mode");
        // The port may have been another client's before, when things stood otherwise.
        let known = clients.get(&client).is_some_and(|known| known.2 == turn);
        if !known && let Ok(far) = upstream(socket, client, now.port) {
            clients.insert(client, (far, now, turn));
        }
        let Some((far, mode, _)) = clients.get(&client) else {
            continue;
        };
        match mode.udp {
            Udp::Blocked => {}
            Udp::LosesFirst if !known => {}
            Udp::Pass | Udp::LosesFirst => drop(far.send(&datagram[..count])),
            Udp::Late(late) => {
                let (far, datagram) = (far.try_clone(), datagram[..count].to_vec());
                thread::spawn(move || {
                    thread::sleep(late);
                    far.map(|far| far.send(&datagram))
                });
            }
        }
    }
}

/// A socket of the client's own towards the terminator; what comes back goes to the client.
fn upstream(socket: &UdpSocket, client: SocketAddr, port: u16) -> io::Result<UdpSocket> {
    let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    far.connect((Ipv4Addr::LOCALHOST, port))?;
    // No client of the tests is silent for so long and then goes on.
    far.set_read_timeout(Some(Duration::from_secs(40)))?;
    let (receiving, back) = (far.try_clone()?, socket.try_clone()?);
    thread::spawn(move || {
        let mut datagram = [0; 65536];
        while let Ok(count) = receiving.recv(&mut datagram) {
            let _ = back.send_to(&datagram[..count], client);
        }
    });
    Ok(far)
}
