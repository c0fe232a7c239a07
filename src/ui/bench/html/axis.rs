//! Scales with round numbers.

/// Ticks of an axis, about.
const TICKS: f64 = 5.0;
/// Steps between them, times a power of ten.
const STEPS: [f64; 4] = [1.0, 2.0, 5.0, 10.0];

/// Where a value lies between the ends of a chart.
pub struct Axis {
    from: f64,
    to: f64,
    logarithmic: bool,
    pub ticks: Vec<f64>,
}

impl Axis {
    /// From 0 to the first tick that is no less than `most`.
    pub fn linear(most: f64) -> Axis {
        let mut axis = Axis::until(most);
        let step = axis.ticks.get(1).copied().unwrap_or(1.0);
        axis.to = (axis.to / step - 1e-9).ceil() * step;
        axis.fill(step);
        axis
    }

    /// From 0 to `end`.
    pub fn until(end: f64) -> Axis {
        let end = match end.is_finite() && end > 0.0 {
            true => end,
            false => 1.0,
        };
        let least = end / TICKS;
        let power = 10_f64.powf(least.log10().floor());
        let step = STEPS
            .into_iter()
            .map(|s| s * power)
            .find(|s| *s >= least * (1.0 - 1e-9));
        let mut axis = Axis {
            from: 0.0,
            to: end,
            logarithmic: false,
            ticks: Vec::new(),
        };
        axis.fill(step.unwrap_or(end));
        axis
    }

    fn fill(&mut self, step: f64) {
        let count = (self.to / step + 1e-6).floor() as u32;
        self.ticks = (0..=count).map(|n| f64::from(n) * step).collect();
    }

    /// Between 1, 2 or 5 times powers of ten that hold both; 1 and powers of ten only where there are many.
    pub fn logarithmic(low: f64, high: f64) -> Axis {
        let low = low.max(f64::MIN_POSITIVE);
        let high = high.max(low);
        let wide = (high / low).log10() > 2.5;
        let steps: &[f64] = match wide {
            true => &[1.0],
            false => &[1.0, 2.0, 5.0],
        };
        let first = low.log10().floor() as i32;
        let last = high.log10().ceil() as i32;
        let powers = (first..=last).map(|power| 10_f64.powi(power));
        let all: Vec<f64> = powers
            .flat_map(|power| steps.iter().map(move |s| s * power))
            .collect();
        let from = all
            .iter()
            .copied()
            .rfind(|t| *t <= low * (1.0 + 1e-9))
            .unwrap_or(low);
        let to = all
            .iter()
            .copied()
            .find(|t| *t >= high * (1.0 - 1e-9) && *t > from);
        let to = to.unwrap_or(from * 10.0);
        let ticks = all
            .into_iter()
            .filter(|t| (from..=to).contains(t))
            .collect();
        Axis {
            from,
            to,
            logarithmic: true,
            ticks,
        }
    }

    /// From 0 to 1; what lies outside is at the end.
    pub fn place(&self, value: f64) -> f64 {
        let share = match self.logarithmic {
            true => (value.max(f64::MIN_POSITIVE) / self.from).ln() / (self.to / self.from).ln(),
            false => (value - self.from) / (self.to - self.from),
        };
        match share.is_finite() {
            true => share.clamp(0.0, 1.0),
            false => 0.0,
        }
    }
}

/// A share as SVG and CSS take it.
pub fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_hold_the_most() {
        assert_eq!(Axis::linear(9.42).ticks, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(Axis::linear(10.0).ticks, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(Axis::linear(1013.0).ticks.last(), Some(&1500.0));
        assert_eq!(Axis::until(1.5).ticks, [0.0, 0.5, 1.0, 1.5]);
        assert_eq!(
            Axis::logarithmic(30.0, 1300.0).ticks,
            [20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0]
        );
        assert_eq!(
            Axis::logarithmic(3.0, 90_000.0).ticks,
            [1.0, 10.0, 100.0, 1000.0, 10_000.0, 100_000.0]
        );
    }

    #[test]
    fn every_value_has_a_place() {
        for axis in [
            Axis::linear(0.0),
            Axis::linear(f64::NAN),
            Axis::logarithmic(0.0, 0.0),
            Axis::logarithmic(5.0, 5.0),
        ] {
            assert!(axis.ticks.len() >= 2, "{:?}", axis.ticks);
            for value in [0.0, -1.0, 1e300, f64::NAN] {
                assert!((0.0..=1.0).contains(&axis.place(value)));
            }
        }
        assert_eq!(Axis::linear(10.0).place(5.0), 0.5);
        assert!((Axis::logarithmic(1.0, 100.0).place(10.0) - 0.5).abs() < 1e-12);
    }
}
