//! Test payload: pseudo-random bytes in which every position differs, and SHA-256.

use ring::digest;
use std::io::{self, Read, Write};

/// The first `len` bytes of the stream that `seed` names.
pub fn pattern(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Pattern::new(seed, len as u64).fill(&mut bytes);
    bytes
}

/// Hex SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> String {
    let mut digest = Digest::new();
    digest.update(bytes);
    digest.finish().1
}

/// A finite stream of position-dependent bytes, so that a lost, doubled or moved block changes the hash.
pub struct Pattern {
    seed: u64,
    offset: u64,
    len: u64,
}

impl Pattern {
    pub fn new(seed: u64, len: u64) -> Self {
        Self {
            seed,
            offset: 0,
            len,
        }
    }

    /// Fills a prefix of `buffer`; 0 at the end of the stream.
    pub fn fill(&mut self, buffer: &mut [u8]) -> usize {
        let left = usize::try_from(self.len - self.offset).unwrap_or(usize::MAX);
        let count = buffer.len().min(left);
        let mut done = 0;
        while done < count {
            let within = (self.offset % 8) as usize;
            let word = mix(self.seed ^ mix(self.offset / 8)).to_le_bytes();
            let part = &word[within..(within + count - done).min(8)];
            buffer[done..done + part.len()].copy_from_slice(part);
            done += part.len();
            self.offset += part.len() as u64;
        }
        count
    }

    /// Hex SHA-256 of the whole stream that `seed` and `len` name.
    pub fn sha256(seed: u64, len: u64) -> String {
        let mut digest = Digest::new();
        io::copy(&mut Self::new(seed, len), &mut digest).expect("hash a pattern");
        digest.finish().1
    }
}

impl Read for Pattern {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.fill(buffer))
    }
}

/// The finaliser of splitmix64: every input bit reaches every output bit.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A running SHA-256 that also counts, and can stand where a writer is wanted.
pub struct Digest {
    context: digest::Context,
    len: u64,
}

impl Digest {
    pub fn new() -> Self {
        Self {
            context: digest::Context::new(&digest::SHA256),
            len: 0,
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.len += bytes.len() as u64;
    }

    /// Bytes seen and their hash in hex.
    pub fn finish(self) -> (u64, String) {
        let hash = self.context.finish();
        let hex = hash.as_ref().iter().map(|byte| format!("{byte:02x}"));
        (self.len, hex.collect())
    }
}

impl Write for Digest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
