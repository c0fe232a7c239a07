//! Frames about streams and the connection (RFC 9113 §5.3, §6.3 to §6.9).

use super::Verdict::{Connection, Fine, Stream};
use super::{LIVE, NEXT, Rule, request, setting};
use crate::attacks::frames::{code, flag, frame, kind, reset, window_update};

pub fn rules() -> Vec<Rule> {
    let on_itself = [&NEXT.to_be_bytes()[..], &[1]].concat();
    vec![
        (
            "5.3.1",
            "PRIORITY on itself",
            frame(kind::PRIORITY, 0, NEXT, &on_itself),
            Stream(code::PROTOCOL_ERROR),
        ),
        (
            "5.3.1",
            "a priority on itself",
            request(flag::END_HEADERS | flag::PRIORITY, &on_itself),
            Stream(code::PROTOCOL_ERROR),
        ),
        (
            "6.3",
            "PRIORITY on stream 0",
            frame(kind::PRIORITY, 0, 0, &[0; 5]),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "6.3",
            "a short PRIORITY",
            frame(kind::PRIORITY, 0, LIVE, &[0; 4]),
            Stream(code::FRAME_SIZE_ERROR),
        ),
        (
            "6.4",
            "RST_STREAM on stream 0",
            reset(0, code::CANCEL),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "6.4",
            "a short RST_STREAM",
            frame(kind::RST_STREAM, 0, LIVE, &[0; 3]),
            Connection(code::FRAME_SIZE_ERROR),
        ),
        (
            "6.5",
            "ACK with settings",
            frame(kind::SETTINGS, flag::ACK, 0, &[0; 6]),
            Connection(code::FRAME_SIZE_ERROR),
        ),
        (
            "6.5",
            "SETTINGS on a stream",
            frame(kind::SETTINGS, 0, LIVE, &[]),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "6.5",
            "SETTINGS of 5 octets",
            frame(kind::SETTINGS, 0, 0, &[0; 5]),
            Connection(code::FRAME_SIZE_ERROR),
        ),
        (
            "6.5.2",
            "ENABLE_PUSH 2",
            setting(2, 2),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "6.5.2",
            "INITIAL_WINDOW_SIZE 2^31",
            setting(4, 1 << 31),
            Connection(code::FLOW_CONTROL_ERROR),
        ),
        (
            "6.5.2",
            "MAX_FRAME_SIZE 16383",
            setting(5, 16_383),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "6.5.2",
            "MAX_FRAME_SIZE 2^24",
            setting(5, 1 << 24),
            Connection(code::PROTOCOL_ERROR),
        ),
        ("6.5.2", "an unknown setting", setting(0x7777, 1), Fine),
        (
            "6.6",
            "PUSH_PROMISE",
            frame(
                kind::PUSH_PROMISE,
                flag::END_HEADERS,
                LIVE,
                &[0, 0, 0, 2, 0x88],
            ),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "6.7",
            "an ACK that nobody asked for",
            frame(kind::PING, flag::ACK, 0, &[1; 8]),
            Fine,
        ),
        (
            "6.7",
            "PING on a stream",
            frame(kind::PING, 0, LIVE, &[1; 8]),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "6.7",
            "a short PING",
            frame(kind::PING, 0, 0, &[1; 7]),
            Connection(code::FRAME_SIZE_ERROR),
        ),
        (
            "6.8",
            "GOAWAY on a stream",
            frame(kind::GOAWAY, 0, LIVE, &[0; 8]),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "6.9",
            "credit of nothing",
            window_update(LIVE, 0),
            Stream(code::PROTOCOL_ERROR),
        ),
        (
            "6.9",
            "credit of nothing for all",
            window_update(0, 0),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "6.9",
            "a short WINDOW_UPDATE",
            frame(kind::WINDOW_UPDATE, 0, LIVE, &[0; 3]),
            Connection(code::FRAME_SIZE_ERROR),
        ),
        (
            "6.9.1",
            "too much credit",
            window_update(LIVE, (1 << 31) - 1),
            Stream(code::FLOW_CONTROL_ERROR),
        ),
        (
            "6.9.1",
            "too much credit for all",
            window_update(0, (1 << 31) - 1),
            Connection(code::FLOW_CONTROL_ERROR),
        ),
        (
            "6.9.2",
            "a window that overflows",
            [window_update(LIVE, 1 << 30), setting(4, (1 << 31) - 1)].concat(),
            Connection(code::FLOW_CONTROL_ERROR),
        ),
    ]
}
