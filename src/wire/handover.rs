//! A connected socket given to another process over a unix socket (`SCM_RIGHTS`, unix(7)).

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, getsockname, sendmsg,
};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use tokio::net::TcpStream;

/// Whether a descriptor can be sent over this one: it is a unix socket.
pub fn can_take(over: BorrowedFd<'_>) -> bool {
    getsockname(over).is_ok_and(|name| name.address_family() == AddressFamily::UNIX)
}

/// Sends `tcp` over `over` with one octet beside it, as OpenSSH's `ProxyUseFdpass` and `nc -F` have it.
/// The socket is made blocking, which is how a process expects to get one. Waits as long as `over` is full.
pub fn send(over: BorrowedFd<'_>, tcp: &TcpStream) -> io::Result<()> {
    ioctl_fionbio(tcp, false)?;
    let descriptors = [tcp.as_fd()];
    loop {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(io::Error::other("no room for a descriptor"));
        }
        let sent = sendmsg(
            over,
            &[IoSlice::new(&[0])],
            &mut ancillary,
            SendFlags::NOSIGNAL,
        );
        match sent {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::from_borrowed_fd(over, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
