//! The states of streams, and the frames that carry requests and tunnels (RFC 9113 §4, §5, §6.1, §6.2, §6.10, §8.1).

use super::Verdict::{Connection, Fine, Stream};
use super::{ENDED, IDLE, LIVE, NEXT, Rule, request};
use crate::attacks::frames::{
    code, connect, data, flag, frame, headers, kind, reset, window_update,
};
use crate::attacks::peer::ECHO;

pub fn rules() -> Vec<Rule> {
    let open = request(flag::END_HEADERS, &[]);
    let and = |frame: Vec<u8>| [&open[..], &frame].concat();
    let half = request(0, &[]);
    let half_and = |frame: Vec<u8>| [&half[..], &frame].concat();
    let gone = [&open[..], &reset(NEXT, code::CANCEL)].concat();
    let gone_and = |frame: Vec<u8>| [&gone[..], &frame].concat();
    let ended = request(ENDED, &[]);
    let ended_and = |frame: Vec<u8>| [&ended[..], &frame].concat();
    let end = frame(kind::CONTINUATION, flag::END_HEADERS, NEXT, &[]);
    vec![
        (
            "4.1",
            "an unknown kind",
            frame(0x77, 0xff, LIVE, &[1; 50]),
            Fine,
        ),
        (
            "4.1",
            "unknown flags",
            frame(kind::PING, 0xfe, 0, &[1; 8]),
            Fine,
        ),
        (
            "4.1",
            "the reserved bit",
            frame(kind::PING, 0, 1 << 31, &[1; 8]),
            Fine,
        ),
        (
            "4.2",
            "DATA too large",
            data(LIVE, &[0; 70_000]),
            Connection(code::FRAME_SIZE_ERROR),
        ),
        (
            "4.2",
            "HEADERS too large",
            headers(NEXT, &[0; 70_000]),
            Connection(code::FRAME_SIZE_ERROR),
        ),
        (
            "4.3",
            "not HPACK",
            headers(NEXT, &[0x80]),
            Connection(code::COMPRESSION_ERROR),
        ),
        (
            "4.3",
            "PRIORITY in a block",
            half_and(frame(kind::PRIORITY, 0, LIVE, &[0, 0, 0, 0, 1])),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "4.3",
            "another block in a block",
            half_and(headers(5, &connect(ECHO))),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "5.5",
            "an unknown kind in a block",
            half_and(frame(0x77, 0, NEXT, &[])),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "5.1",
            "DATA on an idle stream",
            data(IDLE, b"x"),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "5.1",
            "RST_STREAM on an idle stream",
            reset(IDLE, code::CANCEL),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "5.1",
            "WINDOW_UPDATE on an idle stream",
            window_update(IDLE, 1),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "5.1",
            "PRIORITY on an idle stream",
            frame(kind::PRIORITY, 0, IDLE, &[0, 0, 0, 0, 1]),
            Fine,
        ),
        (
            "5.1",
            "DATA after END_STREAM",
            ended_and(data(NEXT, b"x")),
            Stream(code::STREAM_CLOSED),
        ),
        (
            "5.1",
            "HEADERS after END_STREAM",
            ended_and(open.clone()),
            Stream(code::STREAM_CLOSED),
        ),
        (
            "5.1",
            "WINDOW_UPDATE after END_STREAM",
            ended_and(window_update(NEXT, 1)),
            Fine,
        ),
        (
            "5.1",
            "DATA after RST_STREAM",
            gone_and(data(NEXT, b"x")),
            Stream(code::STREAM_CLOSED),
        ),
        (
            "5.1",
            "HEADERS after RST_STREAM",
            gone_and(open.clone()),
            Stream(code::STREAM_CLOSED),
        ),
        (
            "5.1",
            "WINDOW_UPDATE after RST_STREAM",
            gone_and(window_update(NEXT, 1)),
            Fine,
        ),
        (
            "5.1.1",
            "an even stream",
            headers(2, &connect(ECHO)),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "5.1.1",
            "a stream passed over",
            [headers(7, &connect(ECHO)), headers(5, &connect(ECHO))].concat(),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "5.1.1",
            "HEADERS on stream 0",
            headers(0, &connect(ECHO)),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "6.1",
            "DATA on stream 0",
            data(0, b"x"),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "6.1",
            "DATA of too much padding",
            frame(kind::DATA, flag::PADDED, LIVE, &[5, 1, 2]),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "6.2",
            "HEADERS of too much padding",
            frame(kind::HEADERS, ENDED | flag::PADDED, NEXT, &[200, 0x88]),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "6.2",
            "padding",
            request(flag::END_HEADERS | flag::PADDED, &[0]),
            Fine,
        ),
        (
            "6.2",
            "a priority",
            request(flag::END_HEADERS | flag::PRIORITY, &[0, 0, 0, 0, 9]),
            Fine,
        ),
        ("6.10", "a block in two", half_and(end.clone()), Fine),
        (
            "6.10",
            "CONTINUATION of nothing",
            end.clone(),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "6.10",
            "CONTINUATION after the end",
            and(end),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "6.10",
            "CONTINUATION of another stream",
            half_and(frame(kind::CONTINUATION, flag::END_HEADERS, LIVE, &[])),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "6.10",
            "CONTINUATION on stream 0",
            half_and(frame(kind::CONTINUATION, flag::END_HEADERS, 0, &[])),
            Connection(code::PROTOCOL_ERROR),
        ),
        (
            "8.1",
            "a second HEADERS",
            and(open.clone()),
            Stream(code::PROTOCOL_ERROR),
        ),
    ]
}
