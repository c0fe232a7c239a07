//! What is held back of a POST and of its answer, and until when. Content goes to our own target only.

use crate::base::error::Held;
use crate::base::{Target, pattern};
use crate::carrier::Carrier;
use crate::doctor::oracle::{Oracle, Order};
use crate::doctor::probe::Probe;
use crate::doctor::raw::{self, Post};
use crate::doctor::report::{Buffering, Verdict, WaySeen};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Octets of content that are sent first, and at most.
const FIRST: u64 = 1024;
const MOST: u64 = 1024 * 1024;
/// How long something may take to pass on what it does not hold back.
const SETTLE: Duration = Duration::from_millis(250);
/// After the end of the content.
const LAST: Duration = Duration::from_secs(1);

/// One POST carrier; nothing where it is not spoken.
pub async fn of(probe: &Probe, way: &WaySeen, oracle: Option<&Oracle>) -> Option<Buffering> {
    let carrier = way.carrier;
    let willing = matches!(
        way.verdict,
        Verdict::Open | Verdict::Spoken | Verdict::TargetUnreachable
    );
    if !carrier.is_post() || !(willing || way.held.is_some()) {
        return None;
    }
    let mut seen = Buffering {
        carrier,
        request: "unknown",
        request_bytes: None,
        answer: "unknown",
        answer_bytes: None,
        why: None,
    };
    if way.verdict == Verdict::Open {
        // The answer came before the end of the request.
        seen.request = "none";
    }
    let done = match (way.held, &probe.settings.echo, oracle) {
        (Some(Held::Request), None, Some(oracle)) => request_held(probe, &mut seen, oracle).await,
        (Some(Held::Answer), None, Some(oracle)) => answer_held(probe, &mut seen, oracle).await,
        (Some(held), ..) => {
            match held {
                Held::Request => seen.request = "until_end",
                Held::Answer => seen.answer = "held",
            }
            Err("how much is held back shows only with tuncat's own target".into())
        }
        (None, Some(echo), _) => echoed(probe, &mut seen, echo).await,
        (None, None, Some(oracle)) => passed_on(probe, &mut seen, oracle).await,
        (None, None, None) => Err("there is no target of our own".into()),
    };
    seen.why = done.err();
    Some(seen)
}

/// A tunnel opens: does an octet go through and come back?
async fn passed_on(probe: &Probe, seen: &mut Buffering, oracle: &Oracle) -> Result<(), String> {
    let before = oracle.accepted();
    let tunnel = probe.open(seen.carrier, oracle.target()).await;
    let mut wire = tunnel.map_err(|closed| closed.why())?.wire;
    let patience = probe.settings.patience() / 4;
    match oracle.order(&mut wire, Order::Echo, patience).await {
        Ok(_) => seen.answer = "none",
        // It was there and said something.
        Err(_) if oracle.accepts_after(before, SETTLE).await => {
            return answer_held(probe, seen, oracle).await;
        }
        Err(why) => return Err(why),
    }
    let back = timeout(patience, async {
        wire.write_all(b"?").await?;
        wire.flush().await?;
        wire.read_u8().await
    });
    match back.await {
        Ok(Ok(_)) => {
            seen.request = "none";
            Ok(())
        }
        Ok(Err(error)) => Err(format!("the tunnel broke: {error}")),
        Err(_) => request_held(probe, seen, oracle).await,
    }
}

async fn echoed(probe: &Probe, seen: &mut Buffering, echo: &Target) -> Result<(), String> {
    let tunnel = probe.open(seen.carrier, echo).await;
    let mut wire = tunnel.map_err(|closed| closed.why())?.wire;
    let back = timeout(probe.settings.patience() / 4, async {
        wire.write_all(b"?").await?;
        wire.flush().await?;
        wire.read_u8().await
    });
    match back.await {
        Ok(Ok(b'?')) => {
            (seen.request, seen.answer) = ("none", "none");
            Ok(())
        }
        Ok(_) => Err("that is no echo".into()),
        Err(_) => Err("an octet did not come back".into()),
    }
}

/// How much content has to come before the request goes on.
async fn request_held(probe: &Probe, seen: &mut Buffering, oracle: &Oracle) -> Result<(), String> {
    let mut steps = vec![FIRST];
    while steps.last().is_some_and(|s| *s < MOST) {
        steps.push(steps.last().map_or(FIRST, |s| s * 2));
    }
    let Some(found) = grow(probe, seen.carrier, oracle, &steps).await? else {
        seen.request = "until_end";
        return Ok(());
    };
    seen.request = "until_bytes";
    seen.request_bytes = Some(found);
    if found > FIRST {
        // Between half of it and all of it.
        let finer: Vec<u64> = (8..=16).map(|n| found * n / 16).collect();
        if let Ok(Some(found)) = grow(probe, seen.carrier, oracle, &finer).await {
            seen.request_bytes = Some(found);
        }
    }
    Ok(())
}

/// Sends content up to each of `steps` in turn; at which of them the answer came, or nothing where it came
/// only with the end.
async fn grow(
    probe: &Probe,
    carrier: Carrier,
    oracle: &Oracle,
    steps: &[u64],
) -> Result<Option<u64>, String> {
    let patience = probe.settings.patience();
    let mut post = raw::begin(probe, carrier, oracle.target()).await?;
    let (order, _) = oracle.written(Order::Sink);
    let mut content = order.into_bytes();
    let most = steps.last().copied().unwrap_or(FIRST).max(FIRST);
    let ordered = content.len();
    content.resize(usize::try_from(most).map_err(|e| e.to_string())?, 0);
    pattern::fill(0, &mut content[ordered..]);
    let mut sent = 0;
    for step in steps {
        let step = usize::try_from(*step).map_err(|e| e.to_string())?;
        post.send(&content[sent..step], patience).await?;
        sent = step;
        if let Some(status) = post.answer(SETTLE).await? {
            return match status {
                200..300 => Ok(Some(sent as u64)),
                _ => Err(format!("after {sent} bytes the answer was {status}")),
            };
        }
    }
    post.end(patience).await?;
    match post.answer(LAST.max(patience / 4)).await? {
        Some(200..300) => Ok(None),
        Some(status) => Err(format!("at the end the answer was {status}")),
        None => Err("no answer, not even at the end of the content".into()),
    }
}

/// How much of the answer has to be there before it goes on.
async fn answer_held(probe: &Probe, seen: &mut Buffering, oracle: &Oracle) -> Result<(), String> {
    seen.answer = "held";
    let patience = probe.settings.patience();
    let before = oracle.accepted();
    let mut post = raw::begin(probe, seen.carrier, oracle.target()).await?;
    match post.answer(patience / 2).await? {
        Some(200..300) => seen.request = "none",
        Some(status) => return Err(format!("the answer was {status}")),
        // Held whole, head and all; only our target can tell that the request has come.
        None if oracle.accepts_after(before, SETTLE).await => seen.request = "none",
        None => return Err("no answer".into()),
    }
    if !oracle.accepts_after(before, LAST).await {
        return Err("our own target was not connected to".into());
    }
    let (order, _) = oracle.written(Order::Grow(MOST));
    post.send(order.as_bytes(), patience).await?;
    let mut after = 0;
    loop {
        match first_content(&mut post, patience).await? {
            // The greeting alone would be there already, were nothing held back.
            Some(octets) if octets > 0 => after += octets as u64,
            Some(_) => return Ok(()),
            None => return Ok(()),
        }
        if after > oracle.greeting_length() as u64 || oracle.grown() > 0 {
            break;
        }
    }
    let grown = oracle.grown();
    if grown < MOST {
        seen.answer = "until_bytes";
        seen.answer_bytes = Some(grown);
    }
    Ok(())
}

async fn first_content(post: &mut Post, patience: Duration) -> Result<Option<usize>, String> {
    // The target has sent all it will after ten pauses.
    post.content(patience.max(Duration::from_secs(5))).await
}
