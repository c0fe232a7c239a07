//! A lane's turn of idle tunnels: what they cost, and whether they live on.

use crate::base::memory::give_back;
use crate::base::{Error, Kind, Result, Setup};
use crate::bench::connection::{Echo, of_lane};
use crate::bench::meter::{Memory, Meter, since};
use crate::bench::report::{Held, Round};
use crate::bench::samples::Shared;
use crate::bench::{Lane, Settings};
use crate::wire::Deadline;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

/// Tunnels that are being opened at the same time.
const AT_ONCE: usize = 16;
/// Where each tunnel is a process of its own.
const COSTLY: usize = 50;
/// Processes that carried the tunnels of the turn before give memory back for a while, or end: until nothing has
/// changed for so long, but no longer than that.
const QUIET: Duration = Duration::from_millis(300);
const SETTLE: Duration = Duration::from_secs(5);
/// How long a tunnel may take to take its end.
const GOODBYE: Duration = Duration::from_secs(1);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// The one turn: its round, and what was held.
pub async fn turn(
    lane: &Lane,
    settings: &Settings,
    meter: &Meter,
    samples: &Shared,
) -> Result<(Round, Held)> {
    let wanted = match lane.opener.is_costly() {
        true => settings.tunnels.min(COSTLY),
        false => settings.tunnels,
    };
    // What earlier turns left must not pass for room that these tunnels do not need.
    give_back();
    let memory_before = settled(meter).await;
    let cpu_before = meter.cpu(&lane.opener.processes());
    let echoes = open_all(lane, settings, wanted, samples).await?;
    let opened = echoes.len() as u64;
    let idle = Instant::now();
    tokio::time::sleep(settings.hold).await;
    let memory = meter.memory(&lane.opener.processes());
    let idle = idle.elapsed();
    let survivors = survivors(lane, settings, echoes, samples).await?;
    let survived = survivors.len() as u64;
    let cpu = since(cpu_before, meter.cpu(&lane.opener.processes()));
    for mut echo in survivors {
        // One that cannot even take an end is dropped, which is one.
        let _ = Deadline::after(GOODBYE).run(echo.wire.shutdown()).await;
    }
    let held = Held {
        wanted: wanted as u64,
        opened,
        survived,
        idle,
        memory: grown(memory_before, memory),
    };
    let round = Round {
        value: held.per_tunnel(),
        seconds: idle.as_secs_f64(),
        samples: survived,
        cpu,
        ..Round::default()
    };
    Ok((round, held))
}

async fn settled(meter: &Meter) -> Vec<(String, u64)> {
    let begin = Instant::now();
    let (mut last, mut since) = (meter.memory(&[]), begin);
    while since.elapsed() < QUIET && begin.elapsed() < SETTLE {
        tokio::time::sleep(LOOK).await;
        let now = meter.memory(&[]);
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    last
}

/// Those that still carry an octet both ways, all asked at the same time: dead ones cost one wait, not one each.
async fn survivors(
    lane: &Lane,
    settings: &Settings,
    echoes: Vec<Echo>,
    samples: &Shared,
) -> Result<Vec<Echo>> {
    let mut asked = JoinSet::new();
    for mut echo in echoes {
        let limit = settings.limit;
        asked.spawn(async move { echo.ping(1, limit).await.map(|()| echo) });
    }
    let mut alive = Vec::new();
    while let Some(joined) = asked.join_next().await {
        match joined.map_err(|e| Error::internal(format!("a ping failed: {e}")))? {
            Ok(echo) => alive.push(echo),
            Err(error) if error.kind() == Kind::Altered => return Err(of_lane(lane, error)),
            Err(error) => samples.lock().error(of_lane(lane, error)),
        }
    }
    Ok(alive)
}

async fn open_all(
    lane: &Lane,
    settings: &Settings,
    wanted: usize,
    samples: &Shared,
) -> Result<Vec<Echo>> {
    let mut opening: JoinSet<Result<(Echo, Setup, Duration)>> = JoinSet::new();
    let mut echoes = Vec::new();
    let mut failed = 0;
    for n in 0..wanted + AT_ONCE {
        if n >= AT_ONCE.min(wanted) {
            let Some(joined) = opening.join_next().await else {
                break;
            };
            let joined = joined.map_err(|e| Error::internal(format!("an open failed: {e}")))?;
            match joined {
                Ok((echo, ..)) => echoes.push(echo),
                Err(error) if error.kind() == Kind::Altered => return Err(of_lane(lane, error)),
                Err(error) => {
                    samples.lock().error(of_lane(lane, error));
                    failed += 1;
                }
            }
        }
        // As many as are tried at once have failed, and none has come about: the rest would do no better.
        let hopeless = failed >= AT_ONCE && echoes.is_empty();
        if n < wanted && !hopeless {
            let (lane, settings) = (lane.clone(), settings.clone());
            opening.spawn(async move { Echo::open(&lane, settings.far, settings.limit).await });
        }
    }
    Ok(echoes)
}

/// Processes that came since began with nothing.
fn grown(before: Vec<(String, u64)>, after: Vec<(String, u64)>) -> Vec<(String, Memory)> {
    let grown = after.into_iter().map(|(name, after)| {
        let before = before.iter().find(|(n, _)| *n == name);
        let before = before.map_or(0, |(_, octets)| *octets);
        (name, Memory { before, after })
    });
    grown.collect()
}
