//! The whole content of an answer, so that its connection can be used again.

use crate::http::chunked::Decoder;
use crate::http::head::ResponseHead;
use crate::wire::{BoxWire, Deadline};
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// Octets that are read for that; for more, another connection costs less.
const MOST: usize = 64 * 1024;

/// As much of a content as was read.
pub struct Whole {
    pub octets: Vec<u8>,
    /// It is all, and nothing came behind it.
    pub ended: bool,
}

/// The content of an answer of which `rest` has been read.
pub async fn content(
    head: &ResponseHead,
    rest: Vec<u8>,
    wire: &mut BoxWire,
    patience: Duration,
) -> Whole {
    let mut reading = Reading {
        octets: rest,
        taken: 0,
        length: length(head),
    };
    let patience = Deadline::after(patience);
    let ended = loop {
        match reading.state() {
            State::Ended => break true,
            State::Hopeless => break false,
            State::More => {}
        }
        match patience.run(wire.read_buf(&mut reading.octets)).await {
            Ok(Ok(n)) if n > 0 => {}
            _ => break false,
        }
    };
    Whole {
        octets: reading.octets,
        ended,
    }
}

enum Length {
    Octets(usize),
    Chunked(Decoder),
    /// Until the connection is closed.
    Unknown,
}

enum State {
    More,
    Ended,
    Hopeless,
}

/// RFC 9112 §6.3, for answers to which content belongs.
fn length(head: &ResponseHead) -> Length {
    let fields = &head.fields;
    if let Some(coding) = fields.text("transfer-encoding") {
        return match coding.eq_ignore_ascii_case("chunked") {
            true => Length::Chunked(Decoder::default()),
            false => Length::Unknown,
        };
    }
    let length = fields.text("content-length");
    match length.and_then(|l| l.parse().ok()) {
        Some(octets) => Length::Octets(octets),
        None => Length::Unknown,
    }
}

struct Reading {
    /// Decoded up to `taken`.
    octets: Vec<u8>,
    taken: usize,
    length: Length,
}

impl Reading {
    fn state(&mut self) -> State {
        match &mut self.length {
            Length::Octets(all) => match self.octets.len().cmp(all) {
                std::cmp::Ordering::Equal => State::Ended,
                std::cmp::Ordering::Less if *all <= MOST => State::More,
                _ => State::Hopeless,
            },
            Length::Chunked(decoder) => {
                let mut coded = self.octets.split_off(self.taken);
                for octet in &mut coded {
                    // Behind the end: an answer that nobody asked for.
                    if decoder.is_over() {
                        return State::Hopeless;
                    }
                    match decoder.compact(std::slice::from_mut(octet)) {
                        Ok(0) => {}
                        Ok(_) => self.octets.push(*octet),
                        Err(_) => return State::Hopeless,
                    }
                }
                self.taken = self.octets.len();
                match decoder.is_over() {
                    true => State::Ended,
                    false if self.taken > MOST => State::Hopeless,
                    false => State::More,
                }
            }
            Length::Unknown => State::Hopeless,
        }
    }
}
