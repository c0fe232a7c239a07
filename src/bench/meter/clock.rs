//! CPU time of other processes to the nanosecond, with that of their threads that have ended.
//!
//! /proc has this in ticks of 10 ms (stat), or precisely for the threads that live (schedstat): a process that ends within
//! milliseconds would count for nothing in the first, and a thread that ends is forgotten in the second.

use std::time::Duration;

/// What a child of ours is found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Child {
    Running,
    /// With the CPU time that it used, and those below it that it waited for.
    Ended(Duration),
    /// No child of ours: somebody else has waited for it.
    Gone,
}

/// CPU time of all threads of a process, ended ones included; that of a process that ended, too, until it is waited
/// for. No right is needed for it.
#[cfg(target_os = "linux")]
pub fn of_process(pid: u32) -> Option<Duration> {
    let pid = libc::pid_t::try_from(pid).ok().filter(|pid| *pid > 0)?;
    let mut clock: libc::clockid_t = 0;
    // SAFETY: the call writes one number to `clock`, which lives, and keeps nothing.
    if unsafe { libc::clock_getcpuclockid(pid, &mut clock) } != 0 {
        return None;
    }
    // SAFETY: all zeros are a valid timespec, which is made of integers.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: the call writes one timespec to `time`, which lives, and keeps nothing.
    if unsafe { libc::clock_gettime(clock, &mut time) } != 0 {
        return None;
    }
    let seconds = u64::try_from(time.tv_sec).ok()?;
    Some(Duration::new(seconds, u32::try_from(time.tv_nsec).ok()?))
}

#[cfg(not(target_os = "linux"))]
pub fn of_process(_pid: u32) -> Option<Duration> {
    None
}

/// Waits for a child of ours if it has ended, and does not block if it has not.
pub fn reap(pid: u32) -> Child {
    let Some(pid) = libc::pid_t::try_from(pid).ok().filter(|pid| *pid > 0) else {
        return Child::Gone;
    };
    // SAFETY: all zeros are a valid rusage, which is made of integers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let mut status = 0;
    // SAFETY: the call writes one number and one rusage to places that live, and keeps nothing.
    match unsafe { libc::wait4(pid, &mut status, libc::WNOHANG, &mut usage) } {
        0 => Child::Running,
        found if found == pid => Child::Ended(duration(usage.ru_utime) + duration(usage.ru_stime)),
        _ => Child::Gone,
    }
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn spin() -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"]);
        command
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_that_ended_still_counts() {
        let began = of_process(std::process::id()).unwrap();
        let spent = std::thread::spawn(|| {
            let id = rustix::time::ClockId::ThreadCPUTime;
            let now = || Duration::try_from(rustix::time::clock_gettime(id)).unwrap();
            let begin = now();
            while now() - begin < Duration::from_millis(50) {}
            now() - begin
        });
        let spent = spent.join().unwrap();
        let counted = of_process(std::process::id()).unwrap() - began;
        assert!(counted >= spent, "{counted:?} of {spent:?}");
    }

    /// What it says at the end is what it says before it is waited for: a turn may end between the two.
    #[cfg(target_os = "linux")]
    #[test]
    fn one_that_ended_tells_until_it_is_waited_for() {
        use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
        let mut child = spin().spawn().unwrap();
        let which = WaitId::Pid(Pid::from_child(&child));
        waitid(which, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
        let before = of_process(child.id()).unwrap();
        let Child::Ended(after) = reap(child.id()) else {
            panic!("it has ended");
        };
        assert!(before > Duration::from_millis(1), "{before:?}");
        assert!(before.abs_diff(after) < Duration::from_micros(10));
        assert!(child.wait().is_err(), "it was waited for");
        assert_eq!(reap(child.id()), Child::Gone);
        assert_eq!(of_process(child.id()), None);
    }

    #[test]
    fn one_that_runs_is_not_waited_for() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        assert_eq!(reap(child.id()), Child::Running);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
