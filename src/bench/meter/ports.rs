//! Who listens on a port of this machine, as /proc tells.

use std::fs;
use std::path::Path;

/// Processes that listen on a TCP port of this machine, as far as we may look; without ourselves.
pub fn listeners(port: u16) -> Vec<u32> {
    let mut found = holders(&inodes(port));
    found.retain(|(pid, _)| *pid != std::process::id());
    found.into_iter().map(|(pid, _)| pid).collect()
}

/// Somebody listens on a TCP port of this machine who was not found: a process of another user, mostly.
pub fn unseen(port: u16) -> bool {
    let inodes = inodes(port);
    let found = holders(&inodes);
    let held = |inode: &String| found.iter().any(|(_, held)| held.contains(inode));
    !inodes.iter().all(held)
}

/// Processes with those of the sockets that they have.
fn holders(inodes: &[String]) -> Vec<(u32, Vec<String>)> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    if inodes.is_empty() {
        return Vec::new();
    }
    let found = processes.flatten().filter_map(|process| {
        let pid = process.file_name().to_str()?.parse().ok()?;
        let held = held(&process.path().join("fd"), inodes)?;
        (!held.is_empty()).then_some((pid, held))
    });
    found.collect()
}

fn held(descriptors: &Path, inodes: &[String]) -> Option<Vec<String>> {
    let open = fs::read_dir(descriptors).ok()?.flatten();
    let held = open.filter_map(|fd| {
        let to = fs::read_link(fd.path()).ok()?;
        let inode = to.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
        inodes.iter().find(|i| *i == inode).cloned()
    });
    Some(held.collect())
}

fn inodes(port: u16) -> Vec<String> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening(&table, port))
        .collect()
}

/// Columns of /proc/net/tcp: number, local address, remote address, state (0A is LISTEN), …, inode as the tenth.
fn listening(table: &str, port: u16) -> Vec<String> {
    let end = format!(":{port:04X}");
    let lines = table.lines().filter_map(|line| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let (local, state) = (columns.get(1)?, columns.get(3)?);
        (local.ends_with(&end) && *state == "0A").then(|| columns.get(9).copied().map(String::from))
    });
    lines.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_found_in_the_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                     0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n   \
                     1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0\n";
        assert_eq!(listening(table, 8080), ["4711"]);
        assert_eq!(listening(table, 8081), [""; 0]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn our_own_listener_is_neither_another_s_nor_unseen() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let inodes = inodes(port);
        assert_eq!(inodes.len(), 1);
        let holders = holders(&inodes);
        assert!(holders.iter().any(|(pid, _)| *pid == std::process::id()));
        assert!(!unseen(port));
        drop(listener);
        assert!(!unseen(port), "nobody listens any more");
    }

    /// A socket on its way from one process to another is nobody's, as one of another user is for all that we see.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_listener_that_nobody_is_seen_to_have() {
        use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
        use std::os::fd::AsFd;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut buffer = SendAncillaryBuffer::new(&mut space);
        let sent = [listener.as_fd()];
        assert!(buffer.push(SendAncillaryMessage::ScmRights(&sent)));
        let octet = [std::io::IoSlice::new(&[0])];
        sendmsg(&near, &octet, &mut buffer, SendFlags::empty()).unwrap();
        drop(listener);
        assert!(unseen(port));
        assert_eq!(listeners(port), [0; 0]);
        drop((near, far));
    }
}
