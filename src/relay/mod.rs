//! Two-way copy between wires: counts, half-close, and what came of it, also when it failed.

mod buffers;
mod drain;
mod half;

use crate::wire::{Abort, Wire};
use half::{Half, Progress};
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// One end of the relay. For `connect` the near side is stdio; for `listen` and `serve` it is the
/// client that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Near,
    Far,
}

/// How the relay behaves at the ends of its streams.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Ends the relay after this much silence in both directions.
    pub idle: Option<Duration>,
    /// After the near side's end the far side gets its FIN only once it has been quiet for this
    /// long: many HTTP/1.1 proxies answer a FIN by tearing the tunnel down, reply and all.
    pub fin_delay: Option<Duration>,
    pub near: Near,
}

/// What the near side is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Near {
    /// A peer of its own: each direction lives until its own end.
    #[default]
    Peer,
    /// Stdio. Once the far side has ended, what stdin has ready is still sent, then all is over;
    /// a broken stdout ends everything at once.
    Stdio,
    /// Stdio with stdin from a file: it is sent to its end, also to a far side that has ended.
    FileStdio,
}

/// What came of it. The counts are right in every case.
#[derive(Debug)]
pub struct Outcome {
    /// Octets that the far side took.
    pub to_far: u64,
    /// Octets that the near side took.
    pub to_near: u64,
    /// Whose clean end came first.
    pub first_end: Option<Side>,
    pub end: End,
}

#[derive(Debug)]
pub enum End {
    /// Both directions ended cleanly, or there was no more to send to a far side that had ended.
    Clean,
    /// Silence for longer than [`Options::idle`].
    Idle,
    /// `side` broke; the other side was aborted, after what it still had to get.
    Broken { side: Side, error: io::Error },
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Clean => f.write_str("clean"),
            End::Idle => f.write_str("idle for too long"),
            End::Broken { side, error } => {
                let side = match side {
                    Side::Near => "near",
                    Side::Far => "far",
                };
                write!(f, "the {side} side broke: {error}")
            }
        }
    }
}

/// Carries octets both ways until both ends are reached or one side breaks.
///
/// Not an `async fn` with these arguments: it would keep them beside the state made of them for as
/// long as the tunnel lives.
pub fn relay<N: Wire, F: Wire>(
    near: N,
    far: F,
    options: Options,
) -> impl Future<Output = Outcome> + Send {
    let mut relay = Relay::new(near, far, options);
    async move { relay.run().await }
}

struct Relay<N, F> {
    near: N,
    far: F,
    options: Options,
    to_far: Half,
    to_near: Half,
    first_end: Option<Side>,
    /// The first failure; the other direction may still have octets to deliver.
    broken: Option<(Side, io::Error)>,
    timer: Timer,
}

/// Only there when an idle limit is set or a FIN is held back.
#[derive(Default)]
struct Timer {
    quiet_since: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<N: Wire, F: Wire> Relay<N, F> {
    fn new(near: N, far: F, options: Options) -> Self {
        let mut to_far = Half::default();
        to_far.hold_end = options.fin_delay.is_some();
        Relay {
            near,
            far,
            options,
            to_far,
            to_near: Half::default(),
            first_end: None,
            broken: None,
            timer: Timer::default(),
        }
    }

    async fn run(&mut self) -> Outcome {
        let end = poll_fn(|cx| self.poll(cx)).await;
        match &end {
            End::Clean => {}
            End::Idle => {
                self.near.abort(Abort::Cancel);
                self.far.abort(Abort::Cancel);
            }
            // What the broken side sent before it broke has been written; a reset must not
            // overtake it. Boxed: the room is needed at the end only.
            End::Broken {
                side: Side::Near, ..
            } => {
                if self.options.near == Near::Peer {
                    Box::pin(drain::sent(&mut self.far)).await;
                }
                self.far.abort(Abort::Connect);
            }
            End::Broken {
                side: Side::Far, ..
            } => {
                Box::pin(drain::sent(&mut self.near)).await;
                self.near.abort(Abort::Connect);
            }
        }
        Outcome {
            to_far: self.to_far.count,
            to_near: self.to_near.count,
            first_end: self.first_end,
            end,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            let before = self.position();
            if let Some(end) = self.poll_far_to_near(cx) {
                return Poll::Ready(end);
            }
            if let Some(end) = self.poll_near_to_far(cx) {
                return Poll::Ready(end);
            }
            if self.to_far.is_over() && self.to_near.is_over() {
                return Poll::Ready(match self.broken.take() {
                    Some((side, error)) => End::Broken { side, error },
                    None => End::Clean,
                });
            }
            let moved = before != self.position();
            match self.poll_timer(cx, moved) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Due::Fin) => self.to_far.hold_end = false,
                Poll::Ready(Due::Idle) => return Poll::Ready(End::Idle),
            }
        }
    }

    /// Changes whenever a timer has to start anew.
    fn position(&self) -> (u64, bool) {
        (self.to_far.count + self.to_near.count, self.to_far.at_end())
    }

    fn poll_far_to_near(&mut self, cx: &mut Context<'_>) -> Option<End> {
        let progress = self.to_near.poll(cx, &mut self.far, &mut self.near);
        if self.to_near.at_end() {
            self.first_end.get_or_insert(Side::Far);
        }
        match progress {
            Progress::Pending => {}
            Progress::Done => {
                // Nothing is left that a FIN could cut off.
                self.to_far.hold_end = false;
                self.to_far.end_when_idle = self.options.near == Near::Stdio;
            }
            Progress::ReadFailed(error) => return Some(self.end_broken(Side::Far, error)),
            Progress::WriteFailed(error) => {
                if self.options.near != Near::Peer {
                    return Some(self.end_broken(Side::Near, error));
                }
                self.broken.get_or_insert((Side::Near, error));
            }
        }
        None
    }

    fn poll_near_to_far(&mut self, cx: &mut Context<'_>) -> Option<End> {
        let progress = self.to_far.poll(cx, &mut self.near, &mut self.far);
        if self.to_far.at_end() {
            self.first_end.get_or_insert(Side::Near);
        }
        match progress {
            Progress::Pending | Progress::Done => {}
            Progress::ReadFailed(error) => return Some(self.end_broken(Side::Near, error)),
            // The far side may have said why before it broke, and that is still to be read.
            Progress::WriteFailed(error) => {
                self.broken.get_or_insert((Side::Far, error));
            }
        }
        None
    }

    /// A side that cannot be read any more is gone; an earlier failure is the cause.
    fn end_broken(&mut self, side: Side, error: io::Error) -> End {
        let (side, error) = self.broken.take().unwrap_or((side, error));
        End::Broken { side, error }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, moved: bool) -> Poll<Due> {
        let holding = self.to_far.at_end() && self.to_far.hold_end;
        let fin = self.options.fin_delay.filter(|_| holding);
        let (wait, due) = match (fin, self.options.idle) {
            (Some(fin), Some(idle)) if idle < fin => (idle, Due::Idle),
            (Some(fin), _) => (fin, Due::Fin),
            (None, Some(idle)) => (idle, Due::Idle),
            (None, None) => return Poll::Pending,
        };
        let now = Instant::now();
        if moved || self.timer.quiet_since.is_none() {
            self.timer.quiet_since = Some(now);
        }
        let at = self.timer.quiet_since.unwrap_or(now) + wait;
        let sleep = self
            .timer
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().poll(cx).map(|()| due)
    }
}

enum Due {
    Fin,
    Idle,
}

#[cfg(test)]
mod tests;
