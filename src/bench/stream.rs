//! A lane's turn of streams: octets per second one way, or to an echo and back.

use crate::base::{Blame, Error, Kind, Result, Stage};
use crate::bench::connection::{close, of_lane};
use crate::bench::lane::Opened;
use crate::bench::meter::{Meter, since};
use crate::bench::pump::{Pump, Pumped};
use crate::bench::report::{Round, TcpRow};
use crate::bench::tally::{Clock, Tally};
use crate::bench::{Lane, Mode, Settings};
use crate::wire::{BoxWire, Wire};
use std::net::SocketAddr;
use tokio::task::JoinSet;

/// How often the far end of an upload tells its count, in octets: at first, and at the rates seen later as often as
/// this many seconds.
pub const FIRST_BLOCK: u64 = 64 * 1024;
const BLOCKS: (u64, u64) = (16 * 1024, 1024 * 1024);
const BLOCK_SECONDS: f64 = 0.005;

/// The block for a rate that was seen, so that counting costs little and still comes often.
pub fn block_for(rate: f64, streams: usize) -> u64 {
    let block = (rate / streams.max(1) as f64 * BLOCK_SECONDS) as u64;
    block.next_power_of_two().clamp(BLOCKS.0, BLOCKS.1)
}

/// One turn; `offset` is where its rows begin.
pub async fn turn(
    lane: &Lane,
    mode: Mode,
    settings: &Settings,
    meter: &Meter,
    block: u64,
    offset: f64,
) -> Result<Round> {
    let mut wires = Vec::new();
    for _ in 0..settings.streams {
        let Opened { wire, .. } = lane.opener.open().await?;
        wires.push(wire);
    }
    let before = meter.cpu(&lane.opener.processes());
    let clock = match settings.octets {
        Some(_) => Clock::of_octets(),
        None => Clock::of_time(settings.warm_up, settings.turn()),
    };
    let mut streams = JoinSet::new();
    for wire in wires {
        let pump = Pump::new(wire, (mode, settings.far), clock, block, settings.octets);
        // What was sent by the end of the turn has to come through, however long that takes, but not with a standstill.
        let stall = settings.limit;
        streams.spawn(async move { pump.run(stall).await });
    }
    let mut done: Vec<Pumped> = Vec::new();
    while let Some(joined) = streams.join_next().await {
        let joined = joined.map_err(|e| Error::internal(format!("a stream failed: {e}")))?;
        done.push(joined.map_err(|e| of_lane(lane, e))?);
    }
    let mut round = Round {
        cpu: since(before, meter.cpu(&lane.opener.processes())),
        ..Round::default()
    };
    for (n, stream) in done.iter().enumerate() {
        round.octets += stream.tally.measured();
        round.sent += stream.sent;
        round.received += stream.received;
        stream.tally.add_to(&mut round.rows, n, offset);
        round.ends.push(ends(&stream.wire));
    }
    round.value = Tally::rate(done.iter().map(|stream| &stream.tally));
    if round.value.is_none() {
        return Err(of_lane(lane, nothing(settings)));
    }
    let measured = round.rows.iter().filter(|row| !row.omitted);
    round.seconds = measured.map(|row| row.seconds).sum();
    let rows = round.rows.iter_mut().filter(|row| !row.omitted);
    for (n, row) in rows.enumerate() {
        row.tcp = tcp_row(n, &done);
    }
    for stream in done {
        tokio::spawn(close(stream.wire));
    }
    Ok(round)
}

fn nothing(settings: &Settings) -> Error {
    let turn = settings.turn().as_secs_f64();
    let cause = format!("nothing came through in the {turn} s that were measured");
    Error::new(Kind::Timeout, Stage::Relay, Blame::Network, cause)
        .hint("a longer --time may show how slow it is")
}

fn ends(wire: &BoxWire) -> Option<(SocketAddr, SocketAddr)> {
    let tcp = wire.tcp()?;
    tcp.local_addr().ok().zip(tcp.peer_addr().ok())
}

/// What became of the connections to the first hop during row `n`.
fn tcp_row(n: usize, done: &[Pumped]) -> Option<TcpRow> {
    let seen = done.iter().filter_map(|stream| {
        let (before, after) = (stream.facts.get(n)?, stream.facts.get(n + 1)?);
        Some((after.retransmits.saturating_sub(before.retransmits), after))
    });
    let seen: Vec<_> = seen.collect();
    let count = u64::try_from(seen.len()).ok().filter(|n| *n > 0)?;
    Some(TcpRow {
        retransmits: seen.iter().map(|(more, _)| u64::from(*more)).sum(),
        rtt_us: seen.iter().map(|(_, f)| u64::from(f.rtt_us)).sum::<u64>() / count,
        cwnd: seen.iter().map(|(_, f)| f.cwnd).sum::<u64>() / count,
    })
}
