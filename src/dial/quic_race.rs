//! A proxy that may be reached over QUIC and over TCP: the handshakes race, and nothing is asked before one has won.
//!
//! QUIC begins, TCP follows a moment later or as soon as QUIC has failed (as Happy Eyeballs has it for addresses, RFC 8305
//! §5). Each proves who the proxy is, so that whichever comes first is as good; the other is closed.

use crate::base::{Error, Kind, Result, Stage};
use crate::carrier::{Carrier, Version};
use crate::dial::way::Way;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// What QUIC has before TCP begins.
const HEAD_START: Duration = Duration::from_millis(150);
/// What it has when TCP has failed: its first packet may have been lost, and is sent again after a second.
const LAST_CHANCE: Duration = Duration::from_secs(2);

/// Of two failures that one is told which came later on the way, or is a verdict; else that of TCP, where silence is rare.
fn more_telling(quic: Error, tcp: Error) -> Error {
    let later = quic.stage() == Stage::Tls && tcp.stage() != Stage::Tls;
    let (told, other) = match later || quic.kind() == Kind::CertificateNotTrusted {
        true => (quic, tcp),
        false => (tcp, quic),
    };
    tracing::info!("also: {other}");
    told
}

impl Way<'_> {
    /// Finds out whether the proxy is reached over QUIC where `left` begins with that and has other carriers, too. Where TCP
    /// came first those of QUIC go to `spare`, and the connection is left in `ready`. Whether that was to be found out.
    pub async fn choose_quic_or_tcp(
        &mut self,
        left: &mut Vec<Carrier>,
        spare: &mut Vec<Carrier>,
    ) -> Result<bool> {
        let dialer = self.dialer;
        let tcp: Vec<Carrier> = left.iter().filter(|c| !c.is_quic()).copied().collect();
        let undecided = !tcp.is_empty() && left.first().is_some_and(|c| c.is_quic());
        if !undecided || dialer.quic.is_there() {
            return Ok(false);
        }
        let arrived = Instant::now();
        let finding = self.deadline.run(dialer.ladder.finding.lock()).await;
        let mut failed = finding.map_err(|_| self.name(0, dialer.timeout(Stage::Connect)))?;
        // One that failed while this one waited says enough: a race each, one after another, would outlast the
        // patience of most. TCP is tried, and QUIC at the end.
        let failed_meanwhile = failed.is_some_and(|at| at > arrived);
        if !dialer.quic.is_there() && !dialer.ladder.is_over_tcp() && !failed_meanwhile {
            let won = self.race(&tcp).await;
            *failed = won.is_err().then(Instant::now);
            let won = won?;
            tracing::info!("{} came first", won.name());
            dialer.ladder.reached_over(won);
        }
        if !dialer.quic.is_there() {
            spare.extend(left.extract_if(.., |c| c.is_quic()));
        }
        Ok(true)
    }

    /// A last try over QUIC, where TCP has failed.
    pub async fn rescued_by_quic(&mut self) -> bool {
        match timeout(LAST_CHANCE, self.quic_session()).await {
            Ok(Ok(_)) => return true,
            Ok(Err(error)) => tracing::info!("nor is it reached over QUIC: {error}"),
            Err(_) => tracing::info!("nor is there an answer over QUIC"),
        }
        false
    }

    /// What came first.
    async fn race(&mut self, tcp: &[Carrier]) -> Result<Version> {
        let started = Instant::now();
        let (mut over_quic, mut over_tcp) = (self.fork(), self.fork());
        let reached = {
            let mut quic = std::pin::pin!(over_quic.quic_session());
            let early = timeout(HEAD_START, &mut quic).await;
            let mut reaching = std::pin::pin!(async {
                over_tcp.setup.tcp = started.elapsed();
                over_tcp.reach(0, tcp).await
            });
            match early {
                Ok(Ok(_)) => None,
                Ok(Err(error)) => Some(reaching.await.map_err(|tcp| more_telling(error, tcp))?),
                Err(_) => tokio::select! {
                    session = &mut quic => match session {
                        Ok(_) => None,
                        Err(error) => Some(reaching.await.map_err(|tcp| more_telling(error, tcp))?),
                    },
                    reached = &mut reaching => match reached {
                        Ok(at) => Some(at),
                        Err(error) => match timeout(LAST_CHANCE, &mut quic).await {
                            Ok(Ok(_)) => None,
                            Ok(Err(late)) => return Err(more_telling(late, error)),
                            Err(_) => return Err(error),
                        },
                    },
                },
            }
        };
        let Some(at) = reached else {
            self.setup = over_quic.setup;
            return Ok(Version::Http3);
        };
        (self.setup, self.peer) = (over_tcp.setup, over_tcp.peer);
        let version = at.version;
        self.ready = Mutex::new(Some(at));
        Ok(version)
    }

    /// The same way, from its beginning.
    fn fork(&self) -> Self {
        Way {
            fields: Vec::new(),
            ..self.dialer.way_until(self.deadline)
        }
    }
}
