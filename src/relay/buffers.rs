//! Buffers that are taken only while they hold data. An idle tunnel owns none.

use std::cell::RefCell;

/// Octets of one buffer.
pub const SIZE: usize = 64 * 1024;

/// Free buffers kept per thread; more are given back to the allocator.
const KEPT: usize = 8;

thread_local! {
    static FREE: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of [`SIZE`] octets with whatever was in it before.
pub fn take() -> Box<[u8]> {
    let kept = FREE.with_borrow_mut(Vec::pop);
    kept.unwrap_or_else(|| vec![0; SIZE].into_boxed_slice())
}

pub fn give_back(buffer: Box<[u8]>) {
    FREE.with_borrow_mut(|free| {
        if free.len() < KEPT {
            free.push(buffer);
        }
    });
}
