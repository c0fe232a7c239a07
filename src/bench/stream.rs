//! A lane's turn of streams: octets per second one way, or to an echo and back.

use crate::base::{Blame, Error, Kind, Result, Stage};
use crate::bench::connection::{close, of_lane, timeout};
use crate::bench::lane::Opened;
use crate::bench::meter::{Meter, since};
use crate::bench::pump::{Pump, Pumped};
use crate::bench::report::{Round, TcpRow};
use crate::bench::tally::{Clock, Tally};
use crate::bench::{Lane, Mode, Settings};
use crate::wire::socket::{TcpFacts, tcp_facts};
use crate::wire::{BoxWire, Deadline, Wire};
use std::net::SocketAddr;
use std::time::Duration;
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
    let facts_before: Vec<Option<TcpFacts>> = wires.iter().map(facts).collect();
    let clock = match settings.octets {
        Some(_) => Clock::of_octets(),
        None => Clock::of_time(settings.warm_up, settings.turn()),
    };
    // With a number of octets there is no telling how long that takes.
    let limit = match settings.octets {
        Some(_) => Deadline::after(Duration::ZERO),
        None => Deadline::after(settings.warm_up + settings.turn() + settings.limit),
    };
    let mut streams = JoinSet::new();
    for wire in wires {
        let pump = Pump::new(wire, (mode, settings.far), clock, block, settings.octets);
        let stall = settings.limit;
        streams.spawn(async move { limit.run(pump.run(stall)).await });
    }
    let mut done: Vec<Pumped> = Vec::new();
    while let Some(joined) = streams.join_next().await {
        let joined = joined.map_err(|e| Error::internal(format!("a stream failed: {e}")))?;
        let pumped = joined.unwrap_or_else(|_| Err(timeout(settings.limit)));
        done.push(pumped.map_err(|e| of_lane(lane, e))?);
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
    if let Some(row) = round.rows.last_mut() {
        row.tcp = tcp_row(&facts_before, &done);
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

fn facts(wire: &BoxWire) -> Option<TcpFacts> {
    wire.tcp().and_then(tcp_facts)
}

fn ends(wire: &BoxWire) -> Option<(SocketAddr, SocketAddr)> {
    let tcp = wire.tcp()?;
    tcp.local_addr().ok().zip(tcp.peer_addr().ok())
}

/// What became of the connections to the first hop during the turn.
fn tcp_row(before: &[Option<TcpFacts>], done: &[Pumped]) -> Option<TcpRow> {
    let after: Vec<TcpFacts> = done.iter().filter_map(|s| facts(&s.wire)).collect();
    let count = u64::try_from(after.len()).ok().filter(|n| *n > 0)?;
    let retransmits = |facts: &TcpFacts| u64::from(facts.retransmits);
    let earlier: u64 = before.iter().flatten().map(retransmits).sum();
    let later: u64 = after.iter().map(retransmits).sum();
    Some(TcpRow {
        retransmits: later.saturating_sub(earlier),
        rtt_us: after.iter().map(|f| u64::from(f.rtt_us)).sum::<u64>() / count,
        cwnd: after.iter().map(|f| f.cwnd).sum::<u64>() / count,
    })
}
