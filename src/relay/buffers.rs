//! Buffers that are taken only while they hold data. An idle tunnel owns none.

use std::cell::RefCell;

/// For a stream of which little is known, and for one that brings a little at a time.
const SMALL: Pool = Pool {
    octets: 64 * 1024,
    kept: 8,
};
/// For a stream that brings more than that at a time: what each turn costs beside the copying weighs more
/// than the cache. (One stream through `serve` on loopback, against 64 KiB: 1.2 times as fast with 128, 1.3 with
/// 256, 1.4 with 512.) A stalled tunnel keeps one of them, and is to cost less than 512 KiB.
const LARGE: Pool = Pool {
    octets: 256 * 1024,
    kept: 2,
};

/// Octets of one read that show a stream to be of that kind.
pub const BULK: usize = SMALL.octets;

struct Pool {
    /// Of one buffer.
    octets: usize,
    /// Free buffers kept per thread; more are given back to the allocator.
    kept: usize,
}

thread_local! {
    static FREE: RefCell<[Vec<Box<[u8]>>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// A buffer with whatever was in it before.
pub fn take(large: bool) -> Box<[u8]> {
    let kept = FREE.with_borrow_mut(|free| free[usize::from(large)].pop());
    let pool = if large { LARGE } else { SMALL };
    kept.unwrap_or_else(|| vec![0; pool.octets].into_boxed_slice())
}

pub fn give_back(buffer: Box<[u8]>) {
    let large = buffer.len() == LARGE.octets;
    let pool = if large { LARGE } else { SMALL };
    FREE.with_borrow_mut(|free| {
        let free = &mut free[usize::from(large)];
        if free.len() < pool.kept {
            free.push(buffer);
        }
    });
}
