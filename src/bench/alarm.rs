//! Waking up at a point in time, to some microseconds where the system can do that.

use std::io;
use std::time::Instant;

/// tokio's timers tick in milliseconds, which is longer than most pings take; timerfd(2) has nanoseconds.
#[cfg(target_os = "linux")]
pub struct Alarm(tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>);

#[cfg(target_os = "linux")]
impl Alarm {
    pub fn new() -> io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // SAFETY: the descriptor is owned by the AsyncFd and stays open until that is dropped.
        let fd = unsafe { tokio::io::unix::AsyncFd::register(fd)? };
        Ok(Alarm(fd))
    }

    /// Returns at once when `at` has passed.
    pub async fn until(&self, at: Instant) -> io::Result<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        loop {
            let left = at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            let spec = |d: std::time::Duration| Timespec {
                tv_sec: d.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: d.subsec_nanos().into(),
            };
            let once = Itimerspec {
                it_interval: spec(std::time::Duration::ZERO),
                it_value: spec(left),
            };
            timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
            let mut ready = self.0.readable().await?;
            // The number of expirations; it is read only so that the next one shows.
            let _ = rustix::io::read(&self.0, &mut [0; 8]);
            ready.clear_ready();
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub struct Alarm;

#[cfg(not(target_os = "linux"))]
impl Alarm {
    pub fn new() -> io::Result<Self> {
        Ok(Alarm)
    }

    pub async fn until(&self, at: Instant) -> io::Result<()> {
        tokio::time::sleep_until(at.into()).await;
        Ok(())
    }
}
