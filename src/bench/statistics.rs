//! Means and ratios over rounds, with the interval that their scatter allows.

/// A mean with its 95 % interval (Student's t over rounds).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub mean: f64,
    /// Missing where there are fewer than two rounds: one says nothing about the next.
    pub bounds: Option<(f64, f64)>,
}

impl Interval {
    /// Of plain values.
    pub fn of_values(values: &[f64]) -> Option<Interval> {
        let (mean, half) = mean_and_half_width(values)?;
        // None of what is measured here can be less than nothing, however much it scatters.
        let least = values.iter().copied().fold(0.0, f64::min);
        Some(Interval {
            mean,
            bounds: half.map(|half| ((mean - half).max(least), mean + half)),
        })
    }

    /// Of ratios: their geometric mean, since twice as fast and half as fast are equally far from 1.
    pub fn of_ratios(pairs: &[(f64, f64)]) -> Option<Interval> {
        let usable = pairs.iter().filter(|(a, b)| *a > 0.0 && *b > 0.0);
        let logs: Vec<f64> = usable.map(|(a, b)| (a / b).ln()).collect();
        let (mean, half) = mean_and_half_width(&logs)?;
        Some(Interval {
            mean: mean.exp(),
            bounds: half.map(|half| ((mean - half).exp(), (mean + half).exp())),
        })
    }

    /// A ratio of which it cannot be said that it is not 1.
    pub fn shows_no_difference(&self) -> bool {
        self.bounds
            .is_none_or(|(low, high)| low <= 1.0 && high >= 1.0)
    }
}

fn mean_and_half_width(values: &[f64]) -> Option<(f64, Option<f64>)> {
    if values.is_empty() {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.len() < 2 {
        return Some((mean, None));
    }
    let squares = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    let error = (squares / (n - 1.0) / n).sqrt();
    Some((mean, Some(error * t(values.len() - 1))))
}

/// The 97.5 % quantile of Student's t.
fn t(degrees: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
        2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
        2.052, 2.048, 2.045, 2.042,
    ];
    match degrees {
        0 => f64::INFINITY,
        n => TABLE.get(n - 1).copied().unwrap_or_else(|| {
            // The first terms of its series in 1/n about the normal distribution's quantile.
            const Z: f64 = 1.959_964;
            let n = n as f64;
            Z + (Z.powi(3) + Z) / (4.0 * n)
                + (5.0 * Z.powi(5) + 16.0 * Z.powi(3) + 3.0 * Z) / (96.0 * n * n)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_known_values() {
        let interval = Interval::of_values(&[9.0, 10.0, 11.0, 10.0]).unwrap();
        assert_eq!(interval.mean, 10.0);
        let (low, high) = interval.bounds.unwrap();
        // s = 0.8165, s/sqrt(4) = 0.40825, times 3.182
        assert!((high - 11.299).abs() < 1e-3 && (low - 8.701).abs() < 1e-3);
    }

    #[test]
    fn few_values_say_little() {
        assert_eq!(Interval::of_values(&[]), None);
        let one = Interval::of_ratios(&[(2.0, 1.0)]).unwrap();
        assert!((one.mean - 2.0).abs() < 1e-12);
        assert_eq!(one.bounds, None);
        assert!(one.shows_no_difference());
    }

    #[test]
    fn a_difference_shows_when_the_interval_leaves_one_out() {
        let same = [(1.0, 1.1), (1.2, 1.1), (1.0, 1.0)];
        assert!(Interval::of_ratios(&same).unwrap().shows_no_difference());
        let half = [(1.0, 2.1), (1.2, 2.3), (1.0, 2.0)];
        let half = Interval::of_ratios(&half).unwrap();
        assert!(!half.shows_no_difference());
        assert!((half.mean - 0.499).abs() < 1e-3);
    }

    /// Values that scatter as wildly as a normal distribution's, from a known mean: nearly 95 of 100 intervals
    /// hold it.
    #[test]
    fn intervals_cover_the_true_mean() {
        let mut seed = 1_u64;
        let mut uniform = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((seed >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
        };
        let mut normal = || {
            let (a, b) = (uniform(), uniform());
            (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
        };
        let mut covered = 0;
        for _ in 0..10_000 {
            let values: Vec<f64> = (0..5).map(|_| 100.0 + 10.0 * normal()).collect();
            let (low, high) = Interval::of_values(&values).unwrap().bounds.unwrap();
            covered += usize::from(low <= 100.0 && 100.0 <= high);
        }
        assert!((9_400..9_600).contains(&covered), "{covered} of 10,000");
    }
}
