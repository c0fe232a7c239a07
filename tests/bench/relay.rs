//! A relay in front of a target that does something known to the octets on their way.

use crate::support::Target;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::thread;

/// What is done to each piece: the octets, and the position of the first of them.
pub type Treat = Box<dyn FnMut(&mut [u8], u64) + Send>;

/// Carries connections to `port`, each with a new treatment for what goes to the target and what comes from it.
pub fn relay(port: u16, treat: impl Fn() -> (Treat, Treat) + Send + Sync + 'static) -> Target {
    Target::start(move |near, _| {
        let far = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let (up, down) = treat();
        let (near_again, far_again) = (near.try_clone()?, far.try_clone()?);
        let upward = thread::spawn(move || carry(&near_again, &far_again, up));
        let downward = carry(&far, &near, down);
        upward.join().expect("a relay's thread").and(downward)
    })
}

pub fn untouched() -> Treat {
    Box::new(|_, _| {})
}

fn carry(mut from: &TcpStream, mut to: &TcpStream, mut treat: Treat) -> io::Result<()> {
    let mut buffer = vec![0; 128 * 1024];
    let mut position = 0;
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return to.shutdown(Shutdown::Write);
        }
        treat(&mut buffer[..length], position);
        position += length as u64;
        to.write_all(&buffer[..length])?;
    }
}
