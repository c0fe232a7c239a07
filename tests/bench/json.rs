//! `--json`: what iperf3's readers look for is there and adds up, and the schema describes all of it and nothing else.

use super::sample::{report as sample, times};
use super::{number, report};
use crate::support::Run;
use crate::support::proc::tool;
use serde_json::{Value, json};
use std::path::Path;
use tuncat::bench::{Mode, Report};
use tuncat::ui::bench::json::object;

/// What the schema says against a document; nothing if it fits.
fn complaint(document: &Value) -> Option<String> {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("document.json");
    std::fs::write(&file, document.to_string()).expect("write a document");
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/bench.schema.json");
    let mut command = tool("jsonschema", "python3-jsonschema");
    command.arg("-i").arg(file).arg(schema);
    let output = Run::new(command).run();
    match output.code {
        0 => None,
        1 => Some(output.stderr),
        code => panic!("jsonschema ended with {code}: {}", output.stderr),
    }
}

fn at<'a>(document: &'a Value, pointer: &str) -> &'a Value {
    document
        .pointer(pointer)
        .unwrap_or_else(|| panic!("no {pointer} in {document:#}"))
}

fn only(modes: &[Mode]) -> Report {
    let mut report = sample();
    report.settings.modes.retain(|mode| modes.contains(mode));
    for lane in &mut report.lanes {
        lane.measured.retain(|m| modes.contains(&m.mode));
    }
    report
}

#[test]
fn the_schema_describes_what_is_printed() {
    let args = [
        "-x",
        "embedded:",
        "--via",
        "h1,h2",
        "-t",
        "0.4",
        "--rounds",
        "2",
        "--tunnels",
        "20",
        "--hold",
        "100ms",
    ];
    let run = report(&args);
    assert_eq!(run["lanes"].as_array().map(Vec::len), Some(3));
    let streamless = object(&only(&[Mode::Ping, Mode::Hold]));
    assert_eq!(streamless["subject"], Value::Null);
    for document in [run, object(&sample()), streamless] {
        assert_eq!(complaint(&document), None, "{document:#}");
    }
}

#[test]
fn the_schema_finds_what_is_wrong() {
    let right = object(&sample());
    let wrong: [(&str, Value); 6] = [
        ("/format", json!(2)),
        ("/start/timestamp/timesecs", json!("now")),
        ("/lanes/1/measured/0/value/unit", json!("bits")),
        ("/lanes/1/measured/2/latency_us/corrected/p99", json!(null)),
        ("/lanes/1/measured/0/value/ci95", json!([1])),
        ("/intervals/0/sum/bytes", json!(-1)),
    ];
    for (pointer, value) in wrong {
        let mut document = right.clone();
        *document
            .pointer_mut(pointer)
            .unwrap_or_else(|| panic!("no {pointer}")) = value;
        assert!(complaint(&document).is_some(), "{pointer}");
    }
    for pointer in [
        "",
        "/start/environment",
        "/lanes/0",
        "/lanes/0/measured/4/held",
        "/end/sum_sent",
    ] {
        let mut document = right.clone();
        let object = document.pointer_mut(pointer).and_then(Value::as_object_mut);
        object
            .expect("an object")
            .insert("surplus".into(), json!(1));
        let said = complaint(&document).unwrap_or_default();
        assert!(said.contains("surplus"), "{pointer}: {said}");
    }
    let mut document = right.clone();
    document
        .as_object_mut()
        .and_then(|o| o.remove("lanes"))
        .expect("lanes");
    let said = complaint(&document).unwrap_or_default();
    assert!(said.contains("lanes"), "{said}");
}

/// Everything that the iperf3 package of PyPI takes out of a TCP client's result.
#[test]
fn readers_of_iperf3_find_what_they_look_for() {
    let args = [
        "-x",
        "embedded:",
        "--via",
        "h1,h2",
        "-m",
        "stream",
        "-t",
        "0.6",
        "--rounds",
        "2",
        "-P",
        "2",
    ];
    let run = report(&args);
    assert_eq!(run["subject"], json!({ "lane": "h1", "mode": "upload" }));
    for text in [
        "timestamp/time",
        "system_info",
        "version",
        "connected/0/local_host",
        "connected/0/remote_host",
        "test_start/protocol",
    ] {
        assert!(at(&run, &format!("/start/{text}")).is_string(), "{text}");
    }
    for integer in [
        "timestamp/timesecs",
        "connected/1/local_port",
        "connecting_to/port",
        "test_start/num_streams",
        "test_start/blksize",
    ] {
        assert!(at(&run, &format!("/start/{integer}")).is_u64(), "{integer}");
    }
    assert_eq!(at(&run, "/start/test_start/num_streams"), 2);
    assert_eq!(at(&run, "/start/test_start/reverse"), 0);
    assert!(number(at(&run, "/end/cpu_utilization_percent/host_total")) > 0.0);
    assert!(number(at(&run, "/end/cpu_utilization_percent/remote_total")) > 0.0);

    let intervals = run["intervals"].as_array().expect("intervals");
    let mut bytes = 0;
    for interval in intervals {
        let sum = &interval["sum"];
        let streams = interval["streams"].as_array().expect("streams");
        let parts = streams.iter().map(|s| s["bytes"].as_u64().expect("bytes"));
        assert_eq!(parts.sum::<u64>(), sum["bytes"].as_u64().expect("bytes"));
        if sum["omitted"] == false {
            bytes += sum["bytes"].as_u64().expect("bytes");
        }
    }
    let (sent, received) = (at(&run, "/end/sum_sent"), at(&run, "/end/sum_received"));
    assert_eq!(sent["bytes"], bytes);
    assert_eq!(received["bytes"], bytes);
    assert_eq!(sent["total_bytes"], received["total_bytes"]);
    assert!(
        sent["total_bytes"].as_u64() > Some(bytes),
        "with the warm-up"
    );
    let value = at(&run, "/lanes/1/measured/0/value/mean");
    assert_eq!(&received["bits_per_second"], value);
    let streams = run["end"]["streams"].as_array().expect("streams");
    let of_streams = streams
        .iter()
        .map(|s| s["receiver"]["bytes"].as_u64().expect("bytes"));
    assert_eq!(of_streams.sum::<u64>(), bytes);
}

#[test]
fn a_download_is_reversed_and_the_baseline_is_the_last_choice() {
    let mut report = only(&[Mode::Download]);
    let document = object(&report);
    assert_eq!(
        document["subject"],
        json!({ "lane": "h2", "mode": "download" })
    );
    assert_eq!(at(&document, "/start/test_start/reverse"), 1);
    assert_eq!(at(&document, "/intervals/0/sum/sender"), false);
    report.lanes.truncate(1);
    assert_eq!(object(&report)["subject"]["lane"], "direct");
}

/// The lane `slow` of the sample cannot keep the rate.
#[test]
fn times_of_a_queue_are_not_given() {
    let document = object(&sample());
    for (mode, value) in [(2, false), (3, true)] {
        let kept = at(&document, &format!("/lanes/1/measured/{mode}"));
        let overloaded = at(&document, &format!("/lanes/2/measured/{mode}"));
        assert_eq!(kept["overloaded"], false);
        assert!(kept["latency_us"]["corrected"].is_object());
        assert_eq!(overloaded["overloaded"], true);
        assert_eq!(overloaded["pace"]["overloaded"], true);
        assert_eq!(overloaded["latency_us"], Value::Null);
        assert_eq!(overloaded["setup_us"], Value::Null);
        // So many tunnels could be opened; but a ping's value is a time.
        assert_eq!(overloaded["value"].is_object(), value);
        assert_eq!(overloaded["rounds"][0]["value"].is_number(), value);
    }
}

#[test]
fn one_in_a_thousand_needs_ten_thousand_samples() {
    for (count, shown) in [(9_999, false), (10_000, true)] {
        let mut report = sample();
        let ping = &mut report.lanes[0].measured[2];
        ping.latency.as_mut().expect("latency").uncorrected = times(50e3, 10.0, count);
        let document = object(&report);
        let times = at(&document, "/lanes/0/measured/2/latency_us/uncorrected");
        assert_eq!(times["count"], count);
        assert_eq!(times["p999"].is_number(), shown);
        assert!(number(&times["p50"]) < number(&times["p99"]));
    }
}
