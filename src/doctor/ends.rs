//! What becomes of the ends of a tunnel's two directions, and of resets, as our own target sees them.

use crate::base::{Target, pattern};
use crate::carrier::Carrier;
use crate::doctor::oracle::{End, Oracle, Order, Seen};
use crate::doctor::probe::{Closed, Probe};
use crate::doctor::report::Ends;
use crate::wire::{Abort, BoxWire, Wire};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::join;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Octets of a question, and of what is sent after the other side has ended.
const QUESTION: u64 = 4 * 1024;
const MORE: u64 = 64 * 1024;
/// Octets of an answer: more than what is on the way at once on a short path.
const ANSWER: u64 = 256 * 1024;

const UNKNOWN: &str = "unknown";

/// How one carrier treats all four.
pub async fn of(probe: &Probe, carrier: Carrier, oracle: &Oracle) -> Ends {
    let scene = Scene {
        probe,
        carrier,
        oracle,
    };
    // The first alone: it shows whether our target can be reached.
    let client_first = scene.client_first().await;
    if let Err(why) = client_first {
        return unknown(carrier, Some(why));
    }
    let (target_first, target_reset, client_reset) = join!(
        scene.target_first(),
        scene.target_reset(),
        scene.client_reset()
    );
    let mut why = None;
    let mut word = |seen: Result<&'static str, String>| {
        seen.unwrap_or_else(|reason| {
            why.get_or_insert(reason);
            UNKNOWN
        })
    };
    Ends {
        carrier,
        client_first: word(client_first),
        target_first: word(target_first),
        target_reset: word(target_reset),
        client_reset: word(client_reset),
        why,
    }
}

/// All that an echo can tell: whether an answer that is on its way comes through when our side has ended.
pub async fn by_echo(probe: &Probe, carrier: Carrier, echo: &Target) -> Ends {
    let seen = echoed(probe, carrier, echo).await;
    let mut ends = unknown(carrier, seen.as_ref().err().cloned());
    ends.client_first = seen.unwrap_or(UNKNOWN);
    ends
}

/// Nothing was seen, and why.
pub fn unknown(carrier: Carrier, why: Option<String>) -> Ends {
    Ends {
        carrier,
        client_first: UNKNOWN,
        target_first: UNKNOWN,
        target_reset: UNKNOWN,
        client_reset: UNKNOWN,
        why,
    }
}

async fn echoed(probe: &Probe, carrier: Carrier, echo: &Target) -> Result<&'static str, String> {
    let patience = probe.settings.patience();
    let tunnel = probe.open(carrier, echo).await;
    let mut wire = tunnel.map_err(|closed| closed.why())?.wire;
    if !write(&mut wire, QUESTION, patience).await || !end(&mut wire, patience).await {
        return Ok("reply_lost");
    }
    Ok(judge_reply(
        &read(&mut wire, QUESTION, patience).await,
        QUESTION,
    ))
}

struct Scene<'a> {
    probe: &'a Probe,
    carrier: Carrier,
    oracle: &'a Oracle,
}

impl Scene<'_> {
    fn patience(&self) -> Duration {
        self.probe.settings.patience()
    }

    async fn begin(&self, order: Order) -> Result<(BoxWire, oneshot::Receiver<Seen>), String> {
        let tunnel = self.probe.open(self.carrier, self.oracle.target()).await;
        let tunnel = tunnel.map_err(|closed: Closed| closed.why())?;
        let mut wire = tunnel.wire;
        let patience = self.patience();
        let seen = self.oracle.order(&mut wire, order, patience).await?;
        Ok((wire, seen))
    }

    /// What the target saw, if it saw the end in time.
    async fn seen(&self, seen: oneshot::Receiver<Seen>) -> Option<Seen> {
        timeout(self.patience(), seen).await.ok()?.ok()
    }

    /// We ask, end, and want the whole answer.
    async fn client_first(&self) -> Result<&'static str, String> {
        let patience = self.patience();
        let (mut wire, _) = self.begin(Order::AnswerAfterEnd(ANSWER)).await?;
        if !write(&mut wire, QUESTION, patience).await || !end(&mut wire, patience).await {
            return Ok("reply_lost");
        }
        Ok(judge_reply(
            &read(&mut wire, ANSWER, patience).await,
            ANSWER,
        ))
    }

    /// The target ends, and we go on sending.
    async fn target_first(&self) -> Result<&'static str, String> {
        let patience = self.patience();
        let (mut wire, seen) = self.begin(Order::EndFirst(QUESTION)).await?;
        let reply = read(&mut wire, QUESTION, patience).await;
        if !matches!(reply.end, Last::Clean) || !reply.whole(QUESTION) {
            return Ok("cut");
        }
        let sent = write(&mut wire, MORE, patience).await && end(&mut wire, patience).await;
        if !sent {
            return Ok("cut");
        }
        Ok(match self.seen(seen).await {
            Some(seen) if seen.received == MORE && seen.intact && seen.end == End::Clean => "kept",
            Some(_) => "cut",
            None => UNKNOWN,
        })
    }

    /// The target resets.
    async fn target_reset(&self) -> Result<&'static str, String> {
        let patience = self.patience();
        let (mut wire, _) = self.begin(Order::Reset(QUESTION)).await?;
        let mut all = vec![0; QUESTION as usize];
        match timeout(patience, wire.read_exact(&mut all)).await {
            Ok(Ok(_)) => {}
            _ => return Err("what the target sent before its reset did not come".into()),
        }
        if !write(&mut wire, 1, patience).await {
            return Err("the tunnel broke before the target reset it".into());
        }
        let last = read(&mut wire, 0, patience).await;
        match last.end {
            Last::Clean => Ok("clean_end"),
            Last::Broken => Ok("reset"),
            Last::Silence => Err("the target's reset was not passed on in time".into()),
        }
    }

    /// We reset.
    async fn client_reset(&self) -> Result<&'static str, String> {
        let patience = self.patience();
        let (mut wire, seen) = self.begin(Order::Watch(QUESTION)).await?;
        let mut word = [0];
        let sent = write(&mut wire, QUESTION, patience).await;
        match timeout(patience, wire.read_exact(&mut word)).await {
            Ok(Ok(_)) if sent => {}
            _ => return Err("what we sent before our reset did not reach the target".into()),
        }
        wire.abort(Abort::Cancel);
        drop(wire);
        match self.seen(seen).await.map(|seen| seen.end) {
            Some(End::Clean) => Ok("clean_end"),
            Some(End::Reset) => Ok("reset"),
            Some(End::Ours) | None => Err("our reset was not passed on in time".into()),
        }
    }
}

fn judge_reply(reply: &Reply, octets: u64) -> &'static str {
    match reply.end {
        _ if reply.whole(octets) => "kept",
        Last::Silence => "stalled",
        _ if reply.received == 0 => "reply_lost",
        _ => "reply_cut",
    }
}

/// What came, up to its end.
struct Reply {
    received: u64,
    intact: bool,
    end: Last,
}

enum Last {
    Clean,
    Broken,
    /// Nothing for as long as a probe may take.
    Silence,
}

impl Reply {
    fn whole(&self, octets: u64) -> bool {
        self.intact && self.received == octets
    }
}

/// Reads to the end, or to the silence after at most `most` octets.
async fn read(wire: &mut BoxWire, most: u64, patience: Duration) -> Reply {
    let mut reply = Reply {
        received: 0,
        intact: true,
        end: Last::Silence,
    };
    let mut piece = vec![0; 16 * 1024];
    while reply.received <= most {
        match timeout(patience, wire.read(&mut piece)).await {
            Ok(Ok(0)) => {
                reply.end = Last::Clean;
                break;
            }
            Ok(Ok(n)) => {
                reply.intact &= pattern::mismatch(reply.received, &piece[..n]).is_none();
                reply.received += n as u64;
            }
            Ok(Err(_)) => {
                reply.end = Last::Broken;
                break;
            }
            Err(_) => break,
        }
    }
    reply
}

/// Sends so many octets of the pattern; false where that fails.
async fn write(wire: &mut BoxWire, octets: u64, patience: Duration) -> bool {
    let mut all = vec![0; octets as usize];
    pattern::fill(0, &mut all);
    let sending = async {
        wire.write_all(&all).await?;
        wire.flush().await
    };
    done(timeout(patience, sending).await)
}

async fn end(wire: &mut BoxWire, patience: Duration) -> bool {
    done(timeout(patience, wire.shutdown()).await)
}

fn done(result: Result<io::Result<()>, tokio::time::error::Elapsed>) -> bool {
    matches!(result, Ok(Ok(())))
}
