//! A byte stream in which every position has its own expected value: what `source:` sends, and
//! what a receiver checks against.

use std::sync::OnceLock;

/// After so many octets the [`cycle`] begins anew. A prime, so that no power of two, and no multiple of
/// one, shifts the cycle onto itself.
pub const PERIOD: u64 = 1_048_583;
/// So many octets of the cycle, at most, come in one piece.
pub const REACH: usize = 256 * 1024;

/// The octets of the pattern from `position` on, written over all of `out`.
///
/// The stream is the sequence of 64-bit little-endian words `splitmix64(0), splitmix64(1), …`, so
/// any shift, gap or repetition shows at once.
pub fn fill(position: u64, out: &mut [u8]) {
    let mut index = position / 8;
    let skip = (position % 8) as usize;
    let head = (8 - skip).min(out.len());
    out[..head].copy_from_slice(&word(index)[skip..skip + head]);
    for chunk in out[head..].chunks_mut(8) {
        index += 1;
        chunk.copy_from_slice(&word(index)[..chunk.len()]);
    }
}

/// The first position at which `data` differs from the pattern from `position` on.
pub fn mismatch(position: u64, data: &[u8]) -> Option<u64> {
    let mut expected = [0; 4096];
    for (n, chunk) in data.chunks(expected.len()).enumerate() {
        let at = position + (n * expected.len()) as u64;
        let expected = &mut expected[..chunk.len()];
        fill(at, expected);
        if chunk != expected {
            let offset = chunk.iter().zip(&*expected).position(|(a, b)| a != b);
            return offset.map(|o| at + o as u64);
        }
    }
    None
}

/// Up to `len` octets (and [`REACH`]) of the cycle from `position` on: the first [`PERIOD`] octets of the
/// pattern over and over. Made once, then sent and checked at the speed of memory.
pub fn cycle(position: u64, len: usize) -> &'static [u8] {
    static CYCLE: OnceLock<Box<[u8]>> = OnceLock::new();
    let cycle = CYCLE.get_or_init(|| {
        let period = PERIOD as usize;
        let mut octets = vec![0; period + REACH];
        fill(0, &mut octets[..period]);
        octets.copy_within(..REACH, period);
        octets.into()
    });
    let at = (position % PERIOD) as usize;
    &cycle[at..at + len.min(REACH)]
}

/// The first position at which `data` differs from the cycle from `position` on.
pub fn cycle_mismatch(position: u64, data: &[u8]) -> Option<u64> {
    let mut at = position;
    for chunk in data.chunks(REACH) {
        let expected = cycle(at, chunk.len());
        if chunk != expected {
            let offset = chunk.iter().zip(expected).position(|(a, b)| a != b);
            return offset.map(|o| at + o as u64);
        }
        at += chunk.len() as u64;
    }
    None
}

fn word(index: u64) -> [u8; 8] {
    let mut z = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_cut_gives_the_same_stream() {
        let mut whole = [0; 200];
        fill(0, &mut whole);
        for start in 0..40 {
            for len in 0..60 {
                let mut part = vec![0; len];
                fill(start as u64, &mut part);
                assert_eq!(part, whole[start..start + len]);
            }
        }
    }

    #[test]
    fn the_cycle_is_the_pattern_over_and_over() {
        let mut data = Vec::new();
        while data.len() < 3 * PERIOD as usize {
            data.extend_from_slice(cycle(7 + data.len() as u64, 100_003));
        }
        let mut begins = [0; 64];
        fill(7, &mut begins);
        assert_eq!(data[..64], begins);
        assert_eq!(data[PERIOD as usize..][..64], begins);
        assert_eq!(cycle_mismatch(7, &data), None);
        assert_eq!(cycle_mismatch(7 + PERIOD, &data), None);
        assert!(cycle_mismatch(8, &data).is_some());
        data[2_000_001] ^= 1;
        assert_eq!(cycle_mismatch(7, &data), Some(2_000_008));
    }

    #[test]
    fn a_flipped_bit_is_found() {
        let mut data = vec![0; 10_000];
        fill(5, &mut data);
        assert_eq!(mismatch(5, &data), None);
        data[9_001] ^= 1;
        assert_eq!(mismatch(5, &data), Some(9_006));
    }
}
