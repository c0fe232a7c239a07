//! The order of turns, and what becomes of their results.

use crate::base::{Error, Kind, Result};
use crate::bench::connection::{Echo, close};
use crate::bench::environment::{Census, Environment};
use crate::bench::meter::Meter;
use crate::bench::report::{
    Held, LaneReport, Latency, Measured, Mode, Pace, Report, Round, Verified,
};
use crate::bench::samples::Shared;
use crate::bench::statistics::Interval;
use crate::bench::stream::{self, FIRST_BLOCK, block_for};
use crate::bench::{Far, Lane, LaneKind, Settings, hold, open, ping};
use std::time::{Duration, Instant};

/// The baseline may differ so much between the first and the last round.
const DRIFT: f64 = 0.10;
/// From this share of a core on the load generator itself may be what limits a figure.
const BUSY: f64 = 0.95;

/// What is done now, for whoever watches.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    pub lane: &'a str,
    pub mode: Mode,
    /// From 1.
    pub round: u32,
    pub rounds: u32,
    /// Turns done, and turns in all.
    pub done: usize,
    pub of: usize,
}

/// One mode on one lane, while it is measured.
struct Gathered {
    rounds: Vec<Round>,
    samples: Shared,
    held: Option<Held>,
    /// Where the rows of the next turn begin, in seconds.
    offset: f64,
    block: u64,
}

impl Gathered {
    /// Why this mode came to nothing on this lane, if it did.
    fn failure(&self) -> Option<Error> {
        let nothing = match &self.held {
            Some(held) => held.survived == 0,
            None => self.rounds.iter().all(|round| round.value.is_none()),
        };
        let mut samples = self.samples.lock();
        samples.first_error.take().filter(|_| nothing)
    }
}

/// Measures every lane. Octets that came changed end it: then no figure counts. The error beside the report is the first
/// failure that left a lane without a figure.
pub async fn run(
    lanes: &[Lane],
    settings: &Settings,
    meter: &Meter,
    watch: &mut (dyn FnMut(Step<'_>) + Send),
) -> Result<(Report, Option<Error>)> {
    let mut environment = Environment::read();
    let census = Census::take();
    let started = Instant::now();
    let mut unavailable = Vec::new();
    for lane in lanes {
        unavailable.push(check(lane, settings).await.err());
    }
    let live: Vec<usize> = (0..lanes.len())
        .filter(|n| unavailable[*n].is_none())
        .collect();
    // The direct way alone would be an answer to another question.
    let asked = live
        .iter()
        .any(|n| lanes[*n].wanted || lanes[*n].kind != LaneKind::Direct);
    if !asked {
        let others = unavailable.into_iter().flatten();
        let first = others.min_by_key(|e| e.kind() == Kind::Unsupported);
        return Err(first.unwrap_or_else(|| Error::usage("there is nothing to measure")));
    }
    let turns = |mode: &Mode| match mode {
        Mode::Hold => 1,
        _ => settings.rounds,
    };
    let of: u32 = settings.modes.iter().map(turns).sum();
    let of = of as usize * live.len();
    let mut done = 0;
    let mut gathered: Vec<Vec<Gathered>> = lanes.iter().map(|_| Vec::new()).collect();
    for mode in &settings.modes {
        for lane in &mut gathered {
            lane.push(Gathered {
                block: FIRST_BLOCK,
                rounds: Vec::new(),
                samples: Shared::new()?,
                held: None,
                offset: 0.0,
            });
        }
        for round in 1..=turns(mode) {
            // Nobody is always the first, or always behind the same one.
            let first = round as usize % live.len();
            for &n in live.iter().cycle().skip(first).take(live.len()) {
                watch(Step {
                    lane: &lanes[n].name,
                    mode: *mode,
                    round,
                    rounds: turns(mode),
                    done,
                    of,
                });
                let Some(into) = gathered[n].last_mut() else {
                    continue;
                };
                turn(&lanes[n], *mode, settings, meter, into).await?;
                done += 1;
            }
        }
    }
    let elapsed = started.elapsed();
    let commands: Vec<u32> = lanes.iter().flat_map(|l| l.opener.processes()).collect();
    environment.disturbances = census.disturbances(&meter.processes(&commands));
    let baseline: Vec<Vec<Option<f64>>> = match lanes.first() {
        Some(lane) if lane.kind == LaneKind::Direct => gathered[0]
            .iter()
            .map(|g| g.rounds.iter().map(|r| r.value).collect())
            .collect(),
        _ => Vec::new(),
    };
    let failed = gathered.iter().flatten().find_map(Gathered::failure);
    let mut reports = Vec::new();
    for ((lane, gathered), why) in lanes.iter().zip(gathered).zip(&unavailable) {
        let measured = settings.modes.iter().zip(gathered).enumerate();
        let measured = measured.filter(|_| why.is_none()).map(|(m, (mode, g))| {
            let baseline = match lane.kind {
                LaneKind::Direct => None,
                _ => baseline.get(m),
            };
            measured_of(*mode, g, settings, baseline)
        });
        reports.push(LaneReport {
            measured: measured.collect(),
            name: lane.name.clone(),
            kind: lane.kind,
            route: lane.route.clone(),
            carrier: lane.carrier,
            unavailable: why.as_ref().map(Error::to_string),
        });
    }
    let warnings = warnings(&reports, &baseline, settings);
    let report = Report {
        environment,
        settings: settings.clone(),
        lanes: reports,
        warnings,
        elapsed,
    };
    Ok((report, missing(unavailable, lanes).or(failed)))
}

/// A lane that was asked for and cannot be had; or all carriers of a proxy, of which any would have done.
fn missing(unavailable: Vec<Option<Error>>, lanes: &[Lane]) -> Option<Error> {
    let of_proxy = |lane: &Lane| lane.kind == LaneKind::Proxy && !lane.wanted;
    let carriers = unavailable.iter().zip(lanes).filter(|(_, l)| of_proxy(l));
    let none = carriers.clone().count() > 0 && carriers.clone().all(|(why, _)| why.is_some());
    let gone = unavailable.into_iter().zip(lanes);
    let mut gone = gone.filter(|(_, lane)| lane.wanted || none && of_proxy(lane));
    gone.find_map(|(why, _)| why)
}

/// The lane leads to a far end of the kind that is expected.
async fn check(lane: &Lane, settings: &Settings) -> Result<()> {
    if settings.far == Far::Discard {
        let opened = lane.opener.open().await?;
        close(opened.wire).await;
        return Ok(());
    }
    match Echo::open(lane, settings.far, settings.limit).await {
        Ok((echo, ..)) => {
            close(echo.wire).await;
            Ok(())
        }
        Err(error) if settings.far == Far::Bench && error.kind() != Kind::Altered => Err(error),
        Err(error) if error.kind() == Kind::Altered => {
            let cause = format!("what answers there is no {}: target", settings.far.name());
            Err(Error::usage(cause).hint("say what it is with --target-is echo or discard"))
        }
        Err(error) => Err(error),
    }
}

async fn turn(
    lane: &Lane,
    mode: Mode,
    settings: &Settings,
    meter: &Meter,
    into: &mut Gathered,
) -> Result<()> {
    let result = match mode {
        Mode::Upload | Mode::Download | Mode::RoundTrip => {
            let turn = stream::turn(lane, mode, settings, meter, into.block, into.offset);
            turn.await
        }
        Mode::Ping => ping::turn(lane, settings, meter, &into.samples).await,
        Mode::Open => open::turn(lane, settings, meter, &into.samples).await,
        Mode::Hold => {
            hold::turn(lane, settings, meter, &into.samples)
                .await
                .map(|(round, held)| {
                    into.held = Some(held);
                    round
                })
        }
    };
    match result {
        Ok(round) => {
            if let Some(rate) = round.value.filter(|_| mode == Mode::Upload) {
                into.block = block_for(rate, settings.streams);
            }
            if let Some(last) = round.rows.last() {
                into.offset = last.start + last.seconds;
            }
            into.rounds.push(round);
            Ok(())
        }
        // Somebody changed octets, or it is our own fault: nothing counts any more.
        Err(error) if matches!(error.kind(), Kind::Altered | Kind::Internal) => Err(error),
        Err(error) => {
            into.samples.lock().error(error);
            into.rounds.push(Round::default());
            Ok(())
        }
    }
}

fn measured_of(
    mode: Mode,
    gathered: Gathered,
    settings: &Settings,
    baseline: Option<&Vec<Option<f64>>>,
) -> Measured {
    let Gathered {
        rounds,
        samples,
        held,
        ..
    } = gathered;
    let samples = samples.lock();
    let values: Vec<f64> = rounds.iter().filter_map(|r| r.value).collect();
    let pairs = baseline.map(|baseline| {
        let pairs = rounds.iter().zip(baseline);
        let pairs: Vec<(f64, f64)> = pairs.filter_map(|(r, b)| r.value.zip(*b)).collect();
        pairs
    });
    let timed = matches!(mode, Mode::Ping | Mode::Open);
    let seconds: f64 = rounds.iter().map(|r| r.seconds).sum();
    Measured {
        mode,
        value: Interval::of_values(&values),
        ratio: pairs.and_then(|pairs| Interval::of_ratios(&pairs)),
        pace: (settings.rate)
            .filter(|_| timed && seconds > 0.0)
            .map(|offered| {
                let tried = (samples.succeeded + samples.failed) as f64;
                let intended = tried + samples.missed as f64;
                let planned = settings.turn().as_secs_f64() * rounds.len() as f64;
                Pace {
                    offered,
                    // All that was to begin has begun, and the last one no later than it should.
                    achieved: offered * (tried / intended.max(1.0)) * (planned / seconds).min(1.0),
                    scheduler_p99: samples.scheduler.value_at_quantile(0.99),
                }
            }),
        verified: match (mode, settings.far) {
            (_, Far::Discard) if mode.is_stream() => Verified::SentOnly,
            (_, Far::Discard) => Verified::Nothing,
            _ if values.is_empty() => Verified::Nothing,
            _ => Verified::BothEnds,
        },
        errors: samples.errors.clone(),
        phases: (mode == Mode::Open).then(|| samples.phases.clone()),
        latency: timed.then(|| Latency {
            corrected: settings.rate.map(|_| samples.corrected.clone()),
            uncorrected: samples.uncorrected.clone(),
        }),
        held,
        rounds,
    }
}

fn warnings(
    lanes: &[LaneReport],
    baseline: &[Vec<Option<f64>>],
    settings: &Settings,
) -> Vec<String> {
    let mut warnings = Vec::new();
    for (mode, values) in settings.modes.iter().zip(baseline) {
        let known: Vec<f64> = values.iter().copied().flatten().collect();
        let (Some(first), Some(last)) = (known.first(), known.last()) else {
            continue;
        };
        let drift = (last / first - 1.0).abs();
        if drift > DRIFT {
            warnings.push(format!(
                "{mode}: the direct baseline drifted by {:.0} % between the first round and the last; more --rounds and \
                 a quiet machine make ratios surer",
                drift * 100.0
            ));
        }
    }
    for lane in lanes {
        for measured in lane.measured.iter().filter(|m| m.mode.is_stream()) {
            let load: Duration = measured.rounds.iter().map(|r| r.cpu.load).sum();
            let seconds: f64 = measured.rounds.iter().map(|r| r.seconds).sum();
            let warm_up = match settings.octets {
                Some(_) => 0.0,
                None => settings.warm_up.as_secs_f64(),
            };
            let warm_ups = warm_up * measured.rounds.len() as f64;
            if load.as_secs_f64() > BUSY * (seconds + warm_ups) {
                warnings.push(format!(
                    "{}, {}: the load generator had no core left (it is one thread), so the way itself may be faster",
                    lane.name, measured.mode
                ));
            }
        }
    }
    warnings
}
