//! How long a tunnel may be silent: some are left alone for different times, side by side.

use crate::base::Target;
use crate::carrier::Carrier;
use crate::doctor::oracle::{Oracle, Order};
use crate::doctor::probe::Probe;
use crate::doctor::report::Idle;
use crate::wire::BoxWire;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// Parts of the longest silence that other tunnels are left alone for.
const PARTS: [u32; 4] = [8, 4, 2, 1];

/// What became of one tunnel.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// It ended after so much silence.
    Cut(Duration),
    /// It carried something both ways after so much silence.
    Alive(Duration),
    /// It did not, and had not told.
    Dead(Duration),
}

/// All carriers at the same time, each with four tunnels.
pub async fn all(
    probe: &Probe,
    carriers: &[Carrier],
    oracle: Option<&Oracle>,
    longest: Duration,
) -> Vec<Idle> {
    let mut left_alone = JoinSet::new();
    for carrier in carriers {
        for part in PARTS {
            let Some(wire) = open(probe, *carrier, oracle).await else {
                continue;
            };
            let (carrier, patience) = (*carrier, probe.settings.patience());
            left_alone.spawn(async move { (carrier, fate(wire, longest / part, patience).await) });
        }
    }
    let mut fates = Vec::new();
    while let Some(joined) = left_alone.join_next().await {
        fates.extend(joined);
    }
    let of = |carrier: &Carrier| {
        let own = fates.iter().filter(|(c, _)| c == carrier);
        sum_up(*carrier, own.map(|(_, fate)| *fate))
    };
    carriers.iter().map(of).collect()
}

/// A tunnel to something that sends back what it gets.
async fn open(probe: &Probe, carrier: Carrier, oracle: Option<&Oracle>) -> Option<BoxWire> {
    let echo: Option<&Target> = probe.settings.echo.as_ref();
    let target = echo.or(oracle.map(Oracle::target))?;
    let mut wire = probe.open(carrier, target).await.ok()?.wire;
    if let (None, Some(oracle)) = (echo, oracle) {
        let patience = probe.settings.patience();
        oracle.order(&mut wire, Order::Echo, patience).await.ok()?;
    }
    Some(wire)
}

async fn fate(mut wire: BoxWire, silence: Duration, patience: Duration) -> Fate {
    let began = Instant::now();
    if timeout(silence, wire.read_u8()).await.is_ok() {
        return Fate::Cut(began.elapsed());
    }
    let back = timeout(patience, async {
        wire.write_all(b"?").await?;
        wire.flush().await?;
        wire.read_u8().await
    });
    match back.await {
        Ok(Ok(b'?')) => Fate::Alive(silence),
        _ => Fate::Dead(silence),
    }
}

fn sum_up(carrier: Carrier, fates: impl Iterator<Item = Fate> + Clone) -> Idle {
    let least = |of: fn(Fate) -> Option<Duration>| fates.clone().filter_map(of).min();
    let cut = least(|fate| match fate {
        Fate::Cut(after) => Some(after),
        _ => None,
    });
    let dead = least(|fate| match fate {
        Fate::Dead(after) => Some(after),
        _ => None,
    });
    let alive = fates.clone().filter_map(|fate| match fate {
        Fate::Alive(after) => Some(after),
        _ => None,
    });
    let alive = alive.max();
    let (verdict, after) = match (cut, dead, alive) {
        (Some(cut), ..) => ("cut", Some(cut)),
        (None, Some(dead), _) => ("dead", Some(dead)),
        (None, None, Some(alive)) => ("alive", Some(alive)),
        (None, None, None) => ("unknown", None),
    };
    Idle {
        carrier,
        verdict,
        after_s: after.map(|d| d.as_secs_f64()),
        alive_s: alive.map(|d| d.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_fate_counts() {
        let s = Duration::from_secs;
        for (fates, verdict, after, alive) in [
            (
                vec![Fate::Alive(s(1)), Fate::Cut(s(3)), Fate::Cut(s(2))],
                "cut",
                Some(2.0),
                Some(1.0),
            ),
            (
                vec![Fate::Dead(s(8)), Fate::Dead(s(4)), Fate::Alive(s(2))],
                "dead",
                Some(4.0),
                Some(2.0),
            ),
            (
                vec![Fate::Alive(s(1)), Fate::Alive(s(2))],
                "alive",
                Some(2.0),
                Some(2.0),
            ),
            (vec![], "unknown", None, None),
        ] {
            let seen = sum_up(Carrier::H1, fates.into_iter());
            assert_eq!(
                (seen.verdict, seen.after_s, seen.alive_s),
                (verdict, after, alive)
            );
        }
    }
}
