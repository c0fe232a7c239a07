//! Which carrier of several a proxy was found to take.

use crate::carrier::Carrier;
use std::sync::Mutex;

/// Empty at first.
#[derive(Default)]
pub struct Ladder(Mutex<Option<Carrier>>);

impl Ladder {
    /// `via` in the order to try, and whether the first of them is what worked last.
    pub fn order(&self, via: &[Carrier]) -> (Vec<Carrier>, bool) {
        let mut order = via.to_vec();
        let won = self.0.lock().map_or(None, |won| *won);
        if let Some(at) = order.iter().position(|c| Some(*c) == won) {
            order[..=at].rotate_right(1);
            return (order, true);
        }
        (order, false)
    }

    /// A tunnel was opened with this one.
    pub fn won(&self, carrier: Option<Carrier>) {
        if let Ok(mut won) = self.0.lock() {
            *won = carrier;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_winner_comes_first() {
        let via = [Carrier::H2, Carrier::H1, Carrier::H1Post];
        let ladder = Ladder::default();
        assert_eq!(ladder.order(&via), (via.to_vec(), false));
        ladder.won(Some(Carrier::H1Post));
        let order = vec![Carrier::H1Post, Carrier::H2, Carrier::H1];
        assert_eq!(ladder.order(&via), (order, true));
        ladder.won(Some(Carrier::H2Post));
        assert_eq!(ladder.order(&via), (via.to_vec(), false));
    }
}
