//! Passwords out of the command line as others see it.

use crate::base::Secret;

/// Overwrites every occurrence of `secrets` in this process's arguments, which `ps` shows to
/// everybody on the machine. Before that, and where it cannot be done, they can be seen.
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

/// proc(5): fields 48 and 49 of /proc/self/stat say where the arguments are in our memory, and
/// /proc/self/mem is that memory.
#[cfg(target_os = "linux")]
fn overwrite(secrets: &[&[u8]]) -> Option<()> {
    use std::os::unix::fs::FileExt;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in field 2 may hold spaces; it ends with the last parenthesis.
    let after_name = &stat[stat.rfind(')')? + 2..];
    let mut fields = after_name.split(' ').skip(48 - 3);
    let start: u64 = fields.next()?.parse().ok()?;
    let end: u64 = fields.next()?.parse().ok()?;
    let mut options = std::fs::OpenOptions::new();
    let memory = options.read(true).write(true).open("/proc/self/mem").ok()?;
    let mut arguments = vec![0; usize::try_from(end.checked_sub(start)?).ok()?];
    memory.read_exact_at(&mut arguments, start).ok()?;
    for secret in secrets.iter().filter(|s| !s.is_empty()) {
        let mut at = 0;
        while let Some(found) = arguments[at..]
            .windows(secret.len())
            .position(|w| w == *secret)
        {
            at += found;
            arguments[at..at + secret.len()].fill(b'x');
            at += secret.len();
        }
    }
    memory.write_all_at(&arguments, start).ok()
}
