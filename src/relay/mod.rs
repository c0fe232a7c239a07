//! Two-way copy between wires: counts, half-close, and what came of it, also when it failed.

mod buffers;
pub mod drain;
mod half;
mod timer;

use crate::wire::socket::unsent;
use crate::wire::{Abort, Wire};
use half::{Half, Progress};
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use timer::Timer;

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
    /// Stdio. Once the far side has ended, stdin is sent on only until it is quiet for
    /// [`INPUT_QUIET`]; and a broken stdout ends everything at once.
    Stdio,
}

/// How long stdin must be silent to have no more to say to a far side that has ended: enough for a
/// program that feeds a pipe, too little for anybody to notice.
pub const INPUT_QUIET: Duration = Duration::from_millis(100);

/// What came of it. The counts are right in every case.
#[derive(Debug)]
pub struct Outcome {
    /// Octets that the far side took.
    pub to_far: u64,
    /// Octets that the near side took.
    pub to_near: u64,
    /// Whose clean end came first.
    pub first_end: Option<Side>,
    /// The far side was told of the near side's end before its own end came.
    pub told_first: bool,
    pub end: End,
}

impl Outcome {
    /// Of something that broke before a relay could begin.
    pub fn not_begun(why: String) -> Self {
        Outcome {
            to_far: 0,
            to_near: 0,
            first_end: None,
            told_first: false,
            end: End::Broken {
                side: Side::Far,
                access: Access::Read,
                error: io::Error::other(why),
            },
        }
    }
}

#[derive(Debug)]
pub enum End {
    /// Both directions ended cleanly, or there was no more to send to a far side that had ended.
    Clean,
    /// Silence for longer than [`Options::idle`].
    Idle,
    /// The caller wanted it.
    Stopped,
    /// `side` broke; the other side was aborted, after what it still had to get.
    Broken {
        side: Side,
        access: Access,
        error: io::Error,
    },
}

/// What failed on a broken side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Clean => f.write_str("clean"),
            End::Idle => f.write_str("idle for too long"),
            End::Stopped => f.write_str("stopped"),
            End::Broken { side, error, .. } => {
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
    relay_until(near, far, options, std::future::pending())
}

/// The same, but `stop` ends it too, with both sides aborted.
pub fn relay_until<N: Wire, F: Wire>(
    near: N,
    far: F,
    options: Options,
    stop: impl Future<Output = ()> + Send,
) -> impl Future<Output = Outcome> + Send {
    relay_watched(near, far, options, stop, ())
}

/// The same, and somebody is told of the counts as they grow.
pub fn relay_watched<N: Wire, F: Wire>(
    near: N,
    far: F,
    options: Options,
    stop: impl Future<Output = ()> + Send,
    watch: impl Watch,
) -> impl Future<Output = Outcome> + Send {
    let mut relay = Relay::new(near, far, options, watch);
    async move {
        let mut stop = std::pin::pin!(stop);
        let end = poll_fn(|cx| match stop.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(End::Stopped),
            Poll::Pending => relay.poll(cx),
        });
        let end = end.await;
        relay.finish(end).await
    }
}

/// Somebody who wants to know how far a tunnel is while it lives.
pub trait Watch: Send + Sync + Unpin {
    /// So many octets in all were taken by either side.
    fn moved(&self, to_far: u64, to_near: u64);
}

/// Nobody.
impl Watch for () {
    fn moved(&self, _to_far: u64, _to_near: u64) {}
}

struct Relay<N, F, W> {
    near: N,
    far: F,
    watch: W,
    options: Options,
    to_far: Half,
    to_near: Half,
    first_end: Option<Side>,
    told_first: bool,
    /// The first failure; the other direction may still have octets to deliver.
    broken: Option<(Side, Access, io::Error)>,
    timer: Timer,
}

impl<N: Wire, F: Wire, W: Watch> Relay<N, F, W> {
    fn new(near: N, far: F, options: Options, watch: W) -> Self {
        let mut to_far = Half::default();
        to_far.hold_end = options.fin_delay.is_some();
        to_far.small = options.near == Near::Stdio;
        let mut to_near = Half::default();
        to_near.small = to_far.small;
        Relay {
            near,
            far,
            watch,
            options,
            to_far,
            to_near,
            first_end: None,
            told_first: false,
            broken: None,
            timer: Timer::default(),
        }
    }

    async fn finish(&mut self, end: End) -> Outcome {
        self.watch.moved(self.to_far.count, self.to_near.count);
        match &end {
            End::Clean => {}
            End::Idle | End::Stopped => {
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
            told_first: self.told_first,
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
                    Some((side, access, error)) => End::Broken {
                        side,
                        access,
                        error,
                    },
                    None => End::Clean,
                });
            }
            let moved = before != self.position();
            if moved {
                self.watch.moved(self.to_far.count, self.to_near.count);
            }
            match self.poll_timer(cx, moved) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Due::Fin) => self.to_far.hold_end = false,
                Poll::Ready(Due::Input) => self.to_far.end_when_idle = true,
                Poll::Ready(Due::Idle) => return Poll::Ready(End::Idle),
                Poll::Ready(Due::Look) => {
                    if let Some(end) = self.unread_broken() {
                        return Poll::Ready(end);
                    }
                }
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
            // Nothing is left that a FIN could cut off.
            Progress::Done => self.to_far.hold_end = false,
            Progress::ReadFailed(error) => {
                return Some(self.end_broken(Side::Far, Access::Read, error));
            }
            Progress::WriteFailed(error) => {
                if self.options.near != Near::Peer {
                    return Some(self.end_broken(Side::Near, Access::Write, error));
                }
                self.to_far.source_reset = is_reset(&error);
                self.broken
                    .get_or_insert((Side::Near, Access::Write, error));
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
            Progress::Pending => {}
            Progress::Done => self.told_first |= !self.to_near.at_end(),
            Progress::ReadFailed(error) => {
                return Some(self.end_broken(Side::Near, Access::Read, error));
            }
            // The far side may have said why before it broke, and that is still to be read.
            Progress::WriteFailed(error) => {
                self.to_near.source_reset = is_reset(&error);
                self.broken.get_or_insert((Side::Far, Access::Write, error));
            }
        }
        None
    }

    /// A side that cannot be read any more is gone; an earlier failure is the cause.
    fn end_broken(&mut self, side: Side, access: Access, error: io::Error) -> End {
        let (side, access, error) = self.broken.take().unwrap_or((side, access, error));
        End::Broken {
            side,
            access,
            error,
        }
    }

    /// A side that is not read, because it has ended or because the other takes nothing, may break
    /// without anybody's noticing: then the other would be held for ever.
    fn unread_broken(&mut self) -> Option<End> {
        self.timer.looks += 1;
        let unread = |half: &Half| half.is_blocked() || half.at_end();
        if unread(&self.to_far)
            && let Some(error) = self.near.broken()
        {
            return Some(self.end_broken(Side::Near, Access::Read, error));
        }
        if unread(&self.to_near)
            && let Some(error) = self.far.broken()
        {
            return Some(self.end_broken(Side::Far, Access::Read, error));
        }
        None
    }

    /// What there is to wait for, and how long.
    fn next_due(&self) -> Option<(Duration, Due)> {
        // While the near side does not take what came, it is not the far side that is quiet; and a
        // person who reads slowly is not an idle tunnel.
        let slow = self.to_near.is_blocked();
        let idle = self.options.idle;
        let idle = idle.filter(|_| !(slow && self.options.near != Near::Peer));
        let holding = self.to_far.at_end() && self.to_far.hold_end && !slow;
        let fin = self.options.fin_delay.filter(|_| holding);
        let far_ended = self.to_near.is_over() && !self.to_far.at_end();
        let waits_for_input =
            far_ended && self.options.near == Near::Stdio && !self.to_far.is_blocked();
        let input = waits_for_input.then_some(INPUT_QUIET);
        let halves = [&self.to_far, &self.to_near];
        let unread = halves.iter().any(|half| half.is_blocked() || half.at_end());
        // A person who reads slowly will read what came before the break, however late.
        let look = unread && self.options.near == Near::Peer;
        let candidates = [
            look.then_some((drain::PATIENCE * (self.timer.looks + 1), Due::Look)),
            fin.map(|wait| (wait, Due::Fin)),
            input.map(|wait| (wait, Due::Input)),
            idle.map(|wait| (wait, Due::Idle)),
        ];
        candidates
            .into_iter()
            .flatten()
            .min_by_key(|(wait, _)| *wait)
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, moved: bool) -> Poll<Due> {
        if moved {
            self.timer.restart();
        }
        let Some((wait, due)) = self.next_due() else {
            self.timer.rest(cx);
            return Poll::Pending;
        };
        loop {
            ready!(self.timer.poll_quiet(cx, wait));
            // The far side cannot answer what has not reached it.
            let on_its_way = self.far.tcp().is_some_and(|tcp| unsent(tcp) > 0);
            if !(due == Due::Fin && on_its_way) {
                return Poll::Ready(due);
            }
            self.timer.restart();
        }
    }
}

/// The peer had not ended its stream: it was cut off. (A write to a peer that had ended before it
/// went away fails with EPIPE, and its end was a clean one.)
fn is_reset(error: &io::Error) -> bool {
    error.kind() != io::ErrorKind::BrokenPipe
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    /// The FIN that was held back.
    Fin,
    /// stdin has no more for a far side that has ended.
    Input,
    Idle,
    /// Whether a side that is not read still lives.
    Look,
}

#[cfg(test)]
mod tests;
