//! A lane's turn of pings: how long a small message takes to an echo and back.

use crate::base::{Error, Kind, Result};
use crate::bench::connection::{Echo, close, of_lane};
use crate::bench::meter::{Meter, since};
use crate::bench::report::Round;
use crate::bench::samples::Shared;
use crate::bench::schedule::Schedule;
use crate::bench::tally::Clock;
use crate::bench::{Lane, Settings};
use crate::wire::Deadline;
use tokio::task::JoinSet;

/// One turn; its samples are added to `samples`.
pub async fn turn(
    lane: &Lane,
    settings: &Settings,
    meter: &Meter,
    samples: &Shared,
) -> Result<Round> {
    let mut echoes = Vec::new();
    for _ in 0..settings.streams {
        echoes.push(Echo::open(lane, settings.far, settings.limit).await?.0);
    }
    let before = meter.cpu(&lane.opener.processes());
    let clock = Clock::of_time(settings.warm_up, settings.turn());
    samples.lock().begin();
    let all = echoes.len();
    let mut workers = JoinSet::new();
    for (n, echo) in echoes.into_iter().enumerate() {
        let schedule = Schedule::new(clock, settings.rate, n, all)?;
        let (lane, settings, samples) = (lane.clone(), settings.clone(), samples.clone());
        workers.spawn(async move { worker(&lane, &settings, echo, schedule, &samples).await });
    }
    let mut left = Vec::new();
    while let Some(joined) = workers.join_next().await {
        let joined = joined.map_err(|e| Error::internal(format!("a worker failed: {e}")))?;
        left.extend(joined?);
    }
    let cpu = since(before, meter.cpu(&lane.opener.processes()));
    for echo in left {
        tokio::spawn(close(echo.wire));
    }
    let samples = samples.lock();
    let turn = &samples.turn;
    let median = turn.times.value_at_quantile(0.5) as f64 / 1e9;
    Ok(Round {
        value: (turn.succeeded > 0).then_some(median),
        seconds: clock.paced(turn.last_begin),
        samples: turn.succeeded,
        cpu,
        ..Round::default()
    })
}

/// The connection is given back, if it still lives.
async fn worker(
    lane: &Lane,
    settings: &Settings,
    echo: Echo,
    mut schedule: Schedule,
    samples: &Shared,
) -> Result<Option<Echo>> {
    let mut echo = Some(echo);
    // What cannot be made good in this time is not done at all.
    let over = Deadline::after(settings.warm_up + settings.turn() + settings.limit);
    while let Some(due) = schedule.next().await? {
        if over.is_over() {
            samples.lock().miss(&due, settings.limit);
            continue;
        }
        let result = match &mut echo {
            Some(echo) => echo.ping(settings.message, settings.limit).await,
            None => reopen(lane, settings, &mut echo).await,
        };
        let counts = schedule.counts(&due);
        match result {
            Ok(()) => {
                schedule.went_well();
                if counts {
                    samples.lock().record(&due);
                }
            }
            Err(error) if error.kind() == Kind::Altered => return Err(of_lane(lane, error)),
            Err(error) => {
                echo = None;
                if counts {
                    let error = of_lane(lane, error);
                    samples.lock().fail(&due, settings.limit, error);
                }
                schedule.rest().await;
            }
        }
    }
    Ok(echo)
}

/// A connection that broke is opened anew, and what that takes is part of the message that needed it.
async fn reopen(lane: &Lane, settings: &Settings, echo: &mut Option<Echo>) -> Result<()> {
    let (mut fresh, ..) = Echo::open(lane, settings.far, settings.limit).await?;
    fresh.ping(settings.message, settings.limit).await?;
    *echo = Some(fresh);
    Ok(())
}
