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
    /// The last moment at which the total was known before the measured time, and before its end.
    before: (Instant, u64),
    within: (Instant, u64),
    /// The total when the measured time began, and when it ended, in between two such moments.
    at_measured: Option<f64>,
    at_end: Option<f64>,
    warm: u64,
    rows: Vec<u64>,
}

impl Tally {
    pub fn new(clock: Clock) -> Self {
        Tally {
            clock,
            total: 0,
            before: (clock.begin, 0),
            within: (clock.begin, 0),
            at_measured: clock.end.is_none().then_some(0.0),
            at_end: None,
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
            self.before = (now, total);
            self.within = self.before;
            return;
        }
        if self.at_measured.is_none() {
            let at = between(self.before, (now, total), self.clock.measured);
            self.at_measured = Some(at);
        }
        if let Some(end) = self.clock.end
            && now > end
        {
            let within = self.within;
            self.at_end
                .get_or_insert_with(|| between(within, (now, total), end));
            return;
        }
        self.within = (now, total);
        let row = now.duration_since(self.clock.measured).as_nanos() / ROW.as_nanos();
        let row = usize::try_from(row).unwrap_or(usize::MAX).min(1 << 20);
        if self.rows.len() <= row {
            self.rows.resize(row + 1, 0);
        }
        self.rows[row] += more;
    }

    /// Octets per second of all streams together in the measured time, however seldom a total was told: what it was at
    /// that time's beginning and end lies in between the totals around them. Nothing if nothing came.
    pub fn rate<'a>(streams: impl IntoIterator<Item = &'a Tally>) -> Option<f64> {
        let (mut octets, mut seconds) = (0.0, 0.0_f64);
        for tally in streams {
            let total = tally.total as f64;
            let took = match tally.clock.end {
                Some(end) => end - tally.clock.measured,
                // All of them, until the last one has come.
                None => tally.within.0 - tally.clock.begin,
            };
            seconds = seconds.max(took.as_secs_f64());
            octets += tally.at_end.unwrap_or(total) - tally.at_measured.unwrap_or(total);
        }
        (seconds > 0.0 && octets > 0.0).then(|| octets / seconds)
    }

    /// Octets that came through while it counted.
    pub fn measured(&self) -> u64 {
        self.rows.iter().sum()
    }

    /// How many rows there are by now.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Adds stream `number`'s rows to those of other streams of the same turn; `offset` is where the turn begins.
    pub fn add_to(&self, rows: &mut Vec<Row>, number: usize, offset: f64) {
        let warm_up = (self.clock.measured - self.clock.begin).as_secs_f64();
        let ends = self.clock.end.unwrap_or(self.within.0);
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

/// The total at a moment in between two others.
fn between((from, before): (Instant, u64), (to, after): (Instant, u64), at: Instant) -> f64 {
    let whole = to.saturating_duration_since(from).as_secs_f64();
    let part = at.saturating_duration_since(from).as_secs_f64();
    let share = if whole > 0.0 { part / whole } else { 1.0 };
    before as f64 + (after - before) as f64 * share.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock::of_time(Duration::from_millis(100), Duration::from_secs(2))
    }

    fn near(rate: Option<f64>, expected: f64) {
        let rate = rate.unwrap();
        assert!(
            (rate / expected - 1.0).abs() < 1e-6,
            "{rate} is not {expected}"
        );
    }

    #[test]
    fn streams_that_take_turns_are_no_faster_than_their_way() {
        let clock = clock();
        let at = |ms: u64| clock.measured + Duration::from_millis(ms);
        let mut streams = [(); 2].map(|()| Tally::new(clock));
        for stream in &mut streams {
            stream.count(0, clock.begin + Duration::from_millis(50));
        }
        for n in 1..=100 {
            streams[0].count(n * 1000, at(n * 10));
            streams[1].count(0, at(n * 10));
        }
        for n in 1..=100 {
            streams[1].count(n * 1000, at(1000 + n * 10));
        }
        let rate = Tally::rate(&streams).unwrap();
        // The first count of each is of some octets that came in the warm-up.
        assert!((99_000.0..=100_000.0).contains(&rate), "{rate}");
    }

    /// A way that stands still most of the time is as slow as that, wherever the measured time falls.
    #[test]
    fn pauses_count() {
        for shift in 0..37 {
            let clock = Clock::of_time(Duration::from_millis(100), Duration::from_millis(3700));
            let at = |ms: u64| clock.begin + Duration::from_millis(ms);
            let mut tally = Tally::new(clock);
            // 50 ms of 370 carry 1000 octets each 10 ms.
            let mut total = 0;
            for ms in (0..4500).step_by(10) {
                if (ms + shift * 10) % 370 < 50 {
                    total += 1000;
                    tally.count(total, at(ms));
                }
            }
            let rate = Tally::rate([&tally]).unwrap();
            let expected = 5000.0 / 0.37;
            assert!(
                (rate / expected - 1.0).abs() < 0.05,
                "{shift}: {rate} of {expected}"
            );
        }
    }

    /// One count in the measured time, or none: the counts around it tell.
    #[test]
    fn few_counts_will_do() {
        let clock = clock();
        let at = |ms: u64| clock.begin + Duration::from_millis(ms);
        let mut tally = Tally::new(clock);
        tally.count(65_536, at(1500));
        tally.count(131_072, at(3000));
        near(Tally::rate([&tally]), 65_536.0 / 1.5);
        let mut tally = Tally::new(clock);
        tally.count(65_536, at(5000));
        near(Tally::rate([&tally]), 65_536.0 / 5.0);
        let mut tally = Tally::new(clock);
        tally.count(65_536, at(50));
        assert_eq!(Tally::rate([&tally]), None);
    }

    #[test]
    fn a_number_of_octets_takes_until_the_last_has_come() {
        let clock = Clock::of_octets();
        let at = |ms: u64| clock.begin + Duration::from_millis(ms);
        let mut streams = [(); 2].map(|()| Tally::new(clock));
        streams[0].count(1000, at(100));
        streams[1].count(1000, at(400));
        near(Tally::rate(&streams), 2000.0 / 0.4);
    }

    #[test]
    fn rows_are_seconds_of_the_measured_time() {
        let clock = Clock::of_time(Duration::from_millis(100), Duration::from_millis(2500));
        let at = |ms: u64| clock.begin + Duration::from_millis(ms);
        let mut tally = Tally::new(clock);
        tally.count(1000, at(50));
        tally.count(3000, at(600));
        tally.count(5000, at(1600));
        // After the end: part of the total only.
        tally.count(9000, at(2700));
        assert_eq!(tally.measured(), 4000);
        let mut rows = Vec::new();
        tally.add_to(&mut rows, 0, 10.0);
        let shown: Vec<_> = rows.iter().map(|r| (r.octets, r.omitted)).collect();
        assert_eq!(
            shown,
            [(1000, true), (2000, false), (2000, false), (0, false)]
        );
        assert_eq!(rows[1].start, 10.1);
        assert!((rows[3].seconds - 0.5).abs() < 1e-9);
    }
}
