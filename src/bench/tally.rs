//! Counting what comes through in time.

use crate::bench::report::Row;
use std::time::{Duration, Instant};

/// Rows are no longer than this.
const ROW: Duration = Duration::from_secs(1);

/// When a turn warms up, measures and ends.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    pub begin: Instant,
    /// The first moment that counts.
    pub measured: Instant,
    /// Nothing begins after it. A turn that ends by a number of octets has none.
    pub end: Option<Instant>,
}

impl Clock {
    pub fn of_time(warm_up: Duration, time: Duration) -> Self {
        let begin = Instant::now();
        let measured = begin + warm_up;
        Clock {
            begin,
            measured,
            end: Some(measured + time),
        }
    }

    pub fn of_octets() -> Self {
        let begin = Instant::now();
        Clock {
            begin,
            measured: begin,
            end: None,
        }
    }

    /// Seconds in which things were to begin: longer than planned if they began late.
    pub fn paced(&self, last_begin: Option<Instant>) -> f64 {
        let planned = self.end.map_or(Duration::ZERO, |end| end - self.measured);
        let last = last_begin.map(|at| at.saturating_duration_since(self.measured));
        planned.max(last.unwrap_or_default()).as_secs_f64()
    }

    pub fn is_over(&self, now: Instant) -> bool {
        self.end.is_some_and(|end| now >= end)
    }
}

/// Octets of one stream.
pub struct Tally {
    clock: Clock,
    total: u64,
    /// When the total was first known while it counted, and when last, each with the total.
    first: Option<(Instant, u64)>,
    last: Option<(Instant, u64)>,
    warm: u64,
    rows: Vec<u64>,
}

impl Tally {
    pub fn new(clock: Clock) -> Self {
        Tally {
            first: clock.end.is_none().then_some((clock.begin, 0)),
            clock,
            total: 0,
            last: None,
            warm: 0,
            rows: Vec::new(),
        }
    }

    /// So many octets have come through by `now`.
    pub fn count(&mut self, total: u64, now: Instant) {
        let more = total - self.total;
        self.total = total;
        if now < self.clock.measured {
            self.warm += more;
            return;
        }
        if self.clock.end.is_some_and(|end| now > end) {
            return;
        }
        match self.first {
            None => self.first = Some((now, total)),
            Some(_) => self.last = Some((now, total)),
        }
        let row = now.duration_since(self.clock.measured).as_nanos() / ROW.as_nanos();
        let row = usize::try_from(row).unwrap_or(usize::MAX).min(1 << 20);
        if self.rows.len() <= row {
            self.rows.resize(row + 1, 0);
        }
        self.rows[row] += more;
    }

    /// Octets per second of all streams together, between the first and the last moment at which any total was known:
    /// so it is exact however seldom that was. A sum of each stream's own rate would be too high where they take turns,
    /// as each would count only its own time.
    pub fn rate<'a>(streams: impl IntoIterator<Item = &'a Tally>) -> Option<f64> {
        let seen = streams.into_iter().filter_map(|tally| {
            let first = tally.first?;
            Some((first, tally.last.unwrap_or(first), tally.measured()))
        });
        let seen: Vec<_> = seen.collect();
        let ((from, before), (_, after), measured) = *seen.iter().min_by_key(|s| s.0.0)?;
        let to = seen.iter().map(|s| s.1.0).max()?;
        // What the first moment told came before it.
        let earlier = measured - (after - before);
        let octets = seen.iter().map(|s| s.2).sum::<u64>() - earlier;
        let seconds = to.duration_since(from).as_secs_f64();
        (seconds > 0.0).then(|| octets as f64 / seconds)
    }

    /// Octets that came through while it counted.
    pub fn measured(&self) -> u64 {
        self.rows.iter().sum()
    }

    /// Adds stream `number`'s rows to those of other streams of the same turn; `offset` is where the turn begins.
    pub fn add_to(&self, rows: &mut Vec<Row>, number: usize, offset: f64) {
        let warm_up = (self.clock.measured - self.clock.begin).as_secs_f64();
        let ends = match (self.clock.end, self.last) {
            (Some(end), _) => end,
            (None, Some((last, _))) => last,
            (None, None) => self.clock.measured,
        };
        let measured = ends.duration_since(self.clock.measured).as_secs_f64();
        let warm = (warm_up > 0.0).then_some((0.0, warm_up, self.warm, true));
        let count = (measured / ROW.as_secs_f64()).ceil().max(1.0) as usize;
        let others = (0..count).map(|n| {
            let start = n as f64 * ROW.as_secs_f64();
            let seconds = (measured - start).min(ROW.as_secs_f64());
            let octets = self.rows.get(n).copied().unwrap_or(0);
            (warm_up + start, seconds, octets, false)
        });
        for (n, (start, seconds, octets, omitted)) in warm.into_iter().chain(others).enumerate() {
            if rows.len() <= n {
                rows.push(Row {
                    start: offset + start,
                    seconds,
                    octets: 0,
                    by_stream: Vec::new(),
                    omitted,
                    tcp: None,
                });
            }
            rows[n].seconds = rows[n].seconds.max(seconds);
            rows[n].octets += octets;
            // A stream that took longer than those before it has rows of its own.
            rows[n].by_stream.resize(number, 0);
            rows[n].by_stream.push(octets);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_that_take_turns_are_no_faster_than_their_way() {
        let clock = Clock::of_time(Duration::ZERO, Duration::from_secs(2));
        let at = |ms: u64| clock.begin + Duration::from_millis(ms);
        let mut streams = [(); 3].map(|()| Tally::new(clock));
        for n in 1..=100 {
            streams[0].count(n * 1000, at(n * 10));
            streams[1].count(n * 1000, at(1000 + n * 10));
        }
        // The first count, of 1000, tells of the time before it. One stream was left out.
        let rate = Tally::rate(&streams).unwrap();
        assert!((rate - 199_000.0 / 1.99).abs() < 1e-6, "{rate}");
        streams[2].count(500, at(1500));
        let rate = Tally::rate(&streams).unwrap();
        assert!((rate - 199_500.0 / 1.99).abs() < 1e-6, "{rate}");
        assert_eq!(Tally::rate(&streams[2..]), None);
    }

    #[test]
    fn a_rate_counts_from_count_to_count() {
        let clock = Clock::of_time(Duration::from_millis(100), Duration::from_millis(2500));
        let at = |ms: u64| clock.begin + Duration::from_millis(ms);
        let mut tally = Tally::new(clock);
        tally.count(1000, at(50));
        tally.count(3000, at(600));
        tally.count(5000, at(1600));
        // After the end: part of the total only.
        tally.count(9000, at(2700));
        assert_eq!(Tally::rate([&tally]), Some(2000.0));
        assert_eq!(tally.measured(), 4000);
        let mut rows = Vec::new();
        tally.add_to(&mut rows, 0, 10.0);
        tally.add_to(&mut rows, 2, 10.0);
        let shown: Vec<_> = rows.iter().map(|r| (r.octets, r.omitted)).collect();
        assert_eq!(
            shown,
            [(2000, true), (4000, false), (4000, false), (0, false)]
        );
        assert_eq!(rows[1].by_stream, [2000, 0, 2000]);
        assert_eq!(rows[1].start, 10.1);
        assert!((rows[3].seconds - 0.5).abs() < 1e-9);
    }
}
