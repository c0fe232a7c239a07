//! Passwords out of the command line as others see it.

use crate::base::Secret;

/// Overwrites every occurrence of `secrets` in this process's arguments, which `ps` shows to
/// everybody on the machine, and in the environment that it began with, which its user can see. Before that, and where it
/// cannot be done, they can be seen.
#[cfg(target_os = "linux")]
pub fn hide(secrets: &[Secret]) {
    let secrets: Vec<&[u8]> = secrets.iter().map(|s| s.expose().as_bytes()).collect();
    if secrets.iter().all(|s| s.is_empty()) {
        return;
    }
    let _ = overwrite(&secrets);
}

#[cfg(not(target_os = "linux"))]
pub fn hide(_secrets: &[Secret]) {}

/// proc(5): fields 48 to 51 of /proc/self/stat say where the arguments and the environment are in our memory, and
/// /proc/self/mem is that memory.
#[cfg(target_os = "linux")]
fn overwrite(secrets: &[&[u8]]) -> Option<()> {
    use std::os::unix::fs::FileExt;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in field 2 may hold spaces; it ends with the last parenthesis.
    let after_name = &stat[stat.rfind(')')? + 2..];
    let mut fields = after_name.split(' ').skip(48 - 3);
    let mut next = || fields.next()?.parse::<u64>().ok();
    let ranges = [(next()?, next()?), (next()?, next()?)];
    let mut options = std::fs::OpenOptions::new();
    let memory = options.read(true).write(true).open("/proc/self/mem").ok()?;
    for (start, end) in ranges {
        let mut octets = vec![0; usize::try_from(end.checked_sub(start)?).ok()?];
        memory.read_exact_at(&mut octets, start).ok()?;
        cross_out(&mut octets, secrets);
        memory.write_all_at(&octets, start).ok()?;
    }
    Some(())
}

#[cfg(target_os = "linux")]
fn cross_out(octets: &mut [u8], secrets: &[&[u8]]) {
    for secret in secrets.iter().filter(|s| !s.is_empty()) {
        let mut at = 0;
        while let Some(found) = octets[at..]
            .windows(secret.len())
            .position(|w| w == *secret)
        {
            at += found;
            octets[at..at + secret.len()].fill(b'x');
            at += secret.len();
        }
    }
}
