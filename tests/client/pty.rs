//! A terminal of the test's own.

use super::LIMIT;
use crate::support::wait_until;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, tcgetattr};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// The keyboard and screen of a terminal, and its other side, which programs have as stdio.
pub struct Terminal {
    keyboard: File,
    screen: Arc<Mutex<Vec<u8>>>,
    stop: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    line: OwnedFd,
}

impl Terminal {
    pub fn new() -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let keyboard = openpt(flags).expect("a new terminal");
        grantpt(&keyboard).expect("the right to a terminal");
        unlockpt(&keyboard).expect("unlock a terminal");
        let name = ptsname(&keyboard, Vec::new()).expect("name of a terminal");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let line = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).expect("open it");
        let keyboard = File::from(keyboard);
        let reader = keyboard.try_clone().expect("clone a descriptor");
        let (screen, stop) = (Arc::default(), Arc::default());
        let (shown, stopped) = (Arc::clone(&screen), Arc::clone(&stop));
        let reader = thread::spawn(move || gather(reader, &shown, &stopped));
        Self {
            keyboard,
            screen,
            stop,
            reader: Some(reader),
            line,
        }
    }

    /// Closes the window.
    pub fn hang_up(self) {}

    pub fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).expect("type");
    }

    /// What a program has for stdin or stdout.
    pub fn stdio(&self) -> Stdio {
        self.line.try_clone().expect("clone a descriptor").into()
    }

    /// All that was shown so far.
    pub fn shown(&self) -> String {
        let bytes = self.screen.lock().expect("screen").clone();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub fn wait_shown(&self, text: &str) {
        let deadline = Instant::now() + LIMIT;
        wait_until(&format!("{text:?} on a terminal"), deadline, || {
            self.shown().contains(text).then_some(())
        });
    }

    /// Modes and control characters.
    pub fn modes(&self) -> Termios {
        tcgetattr(&self.line).expect("modes of a terminal")
    }

    pub fn echoes(&self) -> bool {
        self.modes().local_modes.contains(LocalModes::ECHO)
    }

    pub fn fd(&self) -> impl AsFd + '_ {
        &self.line
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(reader) = self.reader.take() {
            reader.join().ok();
        }
    }
}

fn gather(mut reader: File, shown: &Mutex<Vec<u8>>, stop: &AtomicBool) {
    let pause = Timespec {
        tv_sec: 0,
        tv_nsec: 20_000_000,
    };
    let mut buffer = [0; 4096];
    while !stop.load(Ordering::SeqCst) {
        let mut fds = [PollFd::new(&reader, PollFlags::IN)];
        if poll(&mut fds, Some(&pause)) == Ok(0) {
            continue;
        }
        match reader.read(&mut buffer) {
            Ok(count @ 1..) => shown.lock().expect("screen").extend(&buffer[..count]),
            _ => break,
        }
    }
}
