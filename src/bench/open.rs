//! A lane's turn of opens: how many tunnels can be opened, and where the time goes.

use crate::base::{Error, Kind, Result, Setup};
use crate::bench::connection::{Echo, close, of_lane};
use crate::bench::meter::{Meter, since};
use crate::bench::report::Round;
use crate::bench::samples::Shared;
use crate::bench::schedule::Schedule;
use crate::bench::tally::Clock;
use crate::bench::{Far, Lane, Settings};
use crate::wire::{BoxWire, Deadline};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// With a rate, tunnels that are being opened at the same time, at most; those beyond begin late, and that counts.
const AT_ONCE: usize = 256;
/// Tunnels that are being closed beside that: closing is not what is measured, but descriptors are not endless.
const CLOSING: usize = 64;

/// One turn; its samples are added to `samples`.
pub async fn turn(
    lane: &Lane,
    settings: &Settings,
    meter: &Meter,
    samples: &Shared,
) -> Result<Round> {
    let before = meter.cpu(&lane.opener.processes());
    let clock = Clock::of_time(settings.warm_up, settings.turn());
    samples.lock().begin();
    let all = match settings.rate {
        None => settings.streams,
        Some(rate) => ((rate / 10.0) as usize).clamp(settings.streams.min(AT_ONCE), AT_ONCE),
    };
    let closing = Arc::new(Semaphore::new(CLOSING));
    let mut workers = JoinSet::new();
    for n in 0..all {
        let schedule = Schedule::new(clock, settings.rate, n, all)?;
        let (lane, settings, samples) = (lane.clone(), settings.clone(), samples.clone());
        let closing = closing.clone();
        workers.spawn(async move { worker(&lane, &settings, schedule, &samples, closing).await });
    }
    let mut rate = 0.0;
    while let Some(joined) = workers.join_next().await {
        rate += joined.map_err(|e| Error::internal(format!("a worker failed: {e}")))??;
    }
    let cpu = since(before, meter.cpu(&lane.opener.processes()));
    let samples = samples.lock();
    let turn = &samples.turn;
    let seconds = clock.paced(turn.last_begin);
    // With a rate they are as many as were asked for, or as could be.
    let rate = match settings.rate {
        None => rate,
        Some(_) => turn.succeeded as f64 / seconds,
    };
    Ok(Round {
        value: (turn.succeeded > 0).then_some(rate),
        seconds,
        samples: turn.succeeded,
        cpu,
        ..Round::default()
    })
}

/// Opens one after the other; how many a second, from the first one's beginning to the last one's end.
async fn worker(
    lane: &Lane,
    settings: &Settings,
    mut schedule: Schedule,
    samples: &Shared,
    closing: Arc<Semaphore>,
) -> Result<f64> {
    let over = Deadline::after(settings.warm_up + settings.turn() + settings.limit);
    let mut opened = 0;
    let mut times: Option<(Instant, Instant)> = None;
    while let Some(due) = schedule.next().await? {
        if over.is_over() {
            samples.lock().miss(&due, settings.limit);
            continue;
        }
        let result = open(lane, settings).await;
        let counts = schedule.counts(&due);
        if counts {
            let now = Instant::now();
            times = Some((times.map_or(due.actual, |(first, _)| first), now));
        }
        match result {
            Ok((wire, setup, first_byte)) => {
                schedule.went_well();
                if counts {
                    opened += 1;
                    let mut samples = samples.lock();
                    samples.record(&due);
                    samples.record_phases(&setup, first_byte);
                }
                // Behind many that do not close, one more is cut off: waiting for them would count.
                if let Ok(permit) = closing.clone().try_acquire_owned() {
                    tokio::spawn(async move {
                        close(wire).await;
                        drop(permit);
                    });
                }
            }
            Err(error) if error.kind() == Kind::Altered => return Err(of_lane(lane, error)),
            Err(error) => {
                if counts {
                    let error = of_lane(lane, error);
                    samples.lock().fail(&due, settings.limit, error);
                }
                schedule.rest().await;
            }
        }
    }
    let took = times.map_or(0.0, |(first, last)| (last - first).as_secs_f64());
    Ok(if took > 0.0 {
        f64::from(opened) / took
    } else {
        0.0
    })
}

async fn open(lane: &Lane, settings: &Settings) -> Result<(BoxWire, Setup, Option<Duration>)> {
    if settings.far == Far::Discard {
        let opened = lane.opener.open().await?;
        return Ok((opened.wire, opened.setup, None));
    }
    let (echo, setup, first_byte) = Echo::open(lane, settings.far, settings.limit).await?;
    Ok((echo.wire, setup, Some(first_byte)))
}
