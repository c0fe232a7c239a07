//! A byte stream in which every position has its own expected value: what `source:` sends, and
//! what a receiver checks against.

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
    fn a_flipped_bit_is_found() {
        let mut data = vec![0; 10_000];
        fill(5, &mut data);
        assert_eq!(mismatch(5, &data), None);
        data[9_001] ^= 1;
        assert_eq!(mismatch(5, &data), Some(9_006));
    }
}
