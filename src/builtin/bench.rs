//! `bench:` is the far end of a measurement. The client's first [`Job::LENGTH`] octets say what it does;
//! every octet of a job is checked where it arrives, so that a figure stands for what really came through.

use crate::base::pattern::{PERIOD, REACH, cycle, cycle_mismatch};
use crate::builtin::echo::Echo;
use crate::wire::{Abort, Wire};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a client asks for. Positions are those of [`cycle`], counts are octets from the job's beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Everything comes back.
    Echo,
    /// The client sends the cycle from `start` on. Whenever another `block` has come, and when `total` has, the
    /// count of octets so far goes back as 8 octets, little-endian. An octet that is not the cycle's ends that: its
    /// position goes back with the highest bit set.
    Upload { start: u64, block: u64, total: u64 },
    /// The client gets the cycle from `start` on, as much as `granted`; each further 8 octets it sends,
    /// little-endian, are a new count to send up to.
    Download { start: u64, granted: u64 },
}

/// In an answer to an upload: what came was not what was sent.
pub const ALTERED: u64 = 1 << 63;

impl Job {
    /// Octets of a job on the wire: a letter and three numbers, little-endian.
    pub const LENGTH: usize = 25;

    pub fn to_octets(self) -> [u8; Job::LENGTH] {
        let (letter, numbers) = match self {
            Job::Echo => (b'e', [0; 3]),
            Job::Upload {
                start,
                block,
                total,
            } => (b'u', [start, block, total]),
            Job::Download { start, granted } => (b'd', [start, granted, 0]),
        };
        let mut octets = [letter; Job::LENGTH];
        for (place, number) in octets[1..].chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        octets
    }

    fn from_octets(octets: &[u8; Job::LENGTH]) -> Option<Job> {
        let mut numbers = octets[1..].chunks_exact(8).map(number);
        let (a, b, c) = (numbers.next()?, numbers.next()?, numbers.next()?);
        match octets[0] {
            b'e' => Some(Job::Echo),
            b'u' if b > 0 => Some(Job::Upload {
                start: a % PERIOD,
                block: b,
                total: c,
            }),
            b'd' => Some(Job::Download {
                start: a % PERIOD,
                granted: b,
            }),
            _ => None,
        }
    }
}

/// Eight octets as a number; fewer are its lowest ones.
fn number(octets: &[u8]) -> u64 {
    let octets = octets.iter().rev();
    octets.fold(0, |n, octet| n << 8 | u64::from(*octet))
}

/// Numbers of a fixed length, out of pieces of any.
struct Pieces<const N: usize> {
    octets: [u8; N],
    filled: usize,
}

impl<const N: usize> Default for Pieces<N> {
    fn default() -> Self {
        Pieces {
            octets: [0; N],
            filled: 0,
        }
    }
}

impl<const N: usize> Pieces<N> {
    /// Takes what is missing from the front of `data`; the whole once there is one.
    fn take(&mut self, data: &mut &[u8]) -> Option<[u8; N]> {
        let n = (N - self.filled).min(data.len());
        self.octets[self.filled..self.filled + n].copy_from_slice(&data[..n]);
        *data = &data[n..];
        self.filled += n;
        (self.filled == N).then(|| {
            self.filled = 0;
            self.octets
        })
    }
}

enum State {
    Asked(Pieces<{ Job::LENGTH }>),
    Echo(Echo),
    Upload(Upload),
    Download(Download),
}

struct Upload {
    start: u64,
    block: u64,
    total: u64,
    count: u64,
    altered: Option<u64>,
    /// The last count that was, or is being, told.
    told: u64,
    answer: [u8; 8],
    /// Octets of `answer` that have gone.
    gone: usize,
}

impl Upload {
    fn take(&mut self, data: &[u8]) {
        if self.altered.is_some() {
            return;
        }
        let at = self.start.wrapping_add(self.count);
        match cycle_mismatch(at, data) {
            None => self.count += data.len() as u64,
            Some(wrong) => self.altered = Some(wrong.wrapping_sub(self.start)),
        }
    }

    /// What is still to be told, if anything.
    fn news(&self) -> Option<u64> {
        if let Some(at) = self.altered {
            return Some(at | ALTERED).filter(|news| *news != self.told);
        }
        let whole = match self.count >= self.total {
            true => self.count,
            false => self.count - self.count % self.block,
        };
        (whole > self.told).then_some(whole)
    }

    /// True if anything was put into `buf`.
    fn answer(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let before = buf.filled().len();
        while buf.remaining() > 0 {
            if self.gone == self.answer.len() {
                let Some(news) = self.news() else { break };
                self.told = news;
                self.answer = news.to_le_bytes();
                self.gone = 0;
            }
            let n = (self.answer.len() - self.gone).min(buf.remaining());
            buf.put_slice(&self.answer[self.gone..self.gone + n]);
            self.gone += n;
        }
        buf.filled().len() > before
    }
}

struct Download {
    start: u64,
    count: u64,
    granted: u64,
    grant: Pieces<8>,
}

impl Download {
    fn take(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            if let Some(grant) = self.grant.take(&mut data) {
                self.granted = self.granted.max(number(&grant));
            }
        }
    }

    fn send(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let left = self.granted - self.count;
        let n = buf.remaining().min(REACH);
        let n = n.min(usize::try_from(left).unwrap_or(usize::MAX));
        buf.put_slice(cycle(self.start.wrapping_add(self.count), n));
        self.count += n as u64;
        n > 0
    }
}

/// A target that waits for its job.
pub struct Bench {
    state: State,
    ended: bool,
    /// There is no such job, or the wire was aborted.
    broken: bool,
    reader: Option<Waker>,
}

impl Default for Bench {
    fn default() -> Self {
        Bench {
            state: State::Asked(Pieces::default()),
            ended: false,
            broken: false,
            reader: None,
        }
    }
}

impl Bench {
    fn begin(&mut self, job: Option<Job>) {
        self.state = match job {
            Some(Job::Echo) => State::Echo(Echo::default()),
            Some(Job::Upload {
                start,
                block,
                total,
            }) => State::Upload(Upload {
                start,
                block,
                total,
                count: 0,
                altered: None,
                told: 0,
                answer: [0; 8],
                gone: 8,
            }),
            Some(Job::Download { start, granted }) => State::Download(Download {
                start,
                count: 0,
                granted,
                grant: Pieces::default(),
            }),
            None => {
                self.broken = true;
                return;
            }
        };
    }

    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl Wire for Bench {
    fn abort(&mut self, reason: Abort) {
        self.broken = true;
        if let State::Echo(echo) = &mut self.state {
            echo.abort(reason);
        }
        self.wake();
    }
}

impl AsyncRead for Bench {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.broken {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let moved = match &mut self.state {
            State::Echo(echo) => return Pin::new(echo).poll_read(cx, buf),
            State::Asked(_) => false,
            State::Upload(upload) => upload.answer(buf),
            State::Download(download) => download.send(buf),
        };
        if moved || self.ended {
            return Poll::Ready(Ok(()));
        }
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for Bench {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut taken = data.len();
        match &mut self.state {
            State::Echo(echo) => return Pin::new(echo).poll_write(cx, data),
            State::Asked(pieces) => {
                let mut rest = data;
                let whole = pieces.take(&mut rest);
                taken -= rest.len();
                if let Some(octets) = whole {
                    self.begin(Job::from_octets(&octets));
                }
            }
            State::Upload(upload) => upload.take(data),
            State::Download(download) => download.take(data),
        }
        self.wake();
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ended = true;
        if let State::Echo(echo) = &mut self.state {
            return Pin::new(echo).poll_shutdown(cx);
        }
        self.wake();
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn number_from(wire: &mut Bench) -> u64 {
        wire.read_u64_le().await.unwrap()
    }

    #[tokio::test]
    async fn an_upload_is_counted_block_by_block() {
        let mut wire = Bench::default();
        let job = Job::Upload {
            start: 5,
            block: 1000,
            total: 2500,
        };
        for octet in job.to_octets() {
            wire.write_all(&[octet]).await.unwrap();
        }
        wire.write_all(cycle(5, 999)).await.unwrap();
        wire.write_all(cycle(1004, 1)).await.unwrap();
        assert_eq!(number_from(&mut wire).await, 1000);
        wire.write_all(cycle(1005, 1500)).await.unwrap();
        assert_eq!(number_from(&mut wire).await, 2500);
        wire.shutdown().await.unwrap();
        assert_eq!(wire.read(&mut [0]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn an_upload_that_was_altered_is_told_where() {
        let mut wire = Bench::default();
        let job = Job::Upload {
            start: 0,
            block: 10_000,
            total: u64::MAX,
        };
        wire.write_all(&job.to_octets()).await.unwrap();
        let mut data = cycle(0, 5000).to_vec();
        data[4321] ^= 0x80;
        wire.write_all(&data).await.unwrap();
        assert_eq!(number_from(&mut wire).await, 4321 | ALTERED);
    }

    #[tokio::test]
    async fn a_download_is_what_was_granted() {
        let mut wire = Bench::default();
        let start = u64::MAX - 1;
        let job = Job::Download { start, granted: 10 };
        wire.write_all(&job.to_octets()).await.unwrap();
        let mut got = vec![0; 10];
        wire.read_exact(&mut got).await.unwrap();
        wire.write_all(&300_000_u64.to_le_bytes()[..3])
            .await
            .unwrap();
        wire.write_all(&300_000_u64.to_le_bytes()[3..])
            .await
            .unwrap();
        wire.shutdown().await.unwrap();
        wire.read_to_end(&mut got).await.unwrap();
        assert_eq!(got.len(), 300_000);
        assert_eq!(cycle_mismatch(start % PERIOD, &got), None);
    }

    #[tokio::test]
    async fn an_unknown_job_breaks_the_wire() {
        let mut wire = Bench::default();
        wire.write_all(&[b'x'; Job::LENGTH]).await.unwrap();
        assert!(wire.write_all(b"more").await.is_err());
        assert!(wire.read(&mut [0]).await.is_err());
    }

    #[tokio::test]
    async fn an_echo_is_an_echo() {
        let mut wire = Bench::default();
        let mut sent = Job::Echo.to_octets().to_vec();
        sent.extend_from_slice(b"hello");
        wire.write_all(&sent).await.unwrap();
        wire.shutdown().await.unwrap();
        let mut got = Vec::new();
        wire.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"hello");
    }
}
