//! The shape of a result file and of the verdicts.

use serde_json::json;

use super::figure::Promise;
use super::*;

fn figure(value: f64, promise: Promise) -> Figure {
    Figure::new("name", "what it says", value, "×", promise, json!({ "rounds": [1, 2] }))
}

#[test]
fn promises_are_judged_at_their_edges() {
    let check = |value: f64, promise: Promise, met: bool| assert_eq!(figure(value, promise).met, met, "{value} {promise:?}");
    check(0.7, Promise::AtLeast(0.7), true);
    check(0.699, Promise::AtLeast(0.7), false);
    check(1.4, Promise::AtMost(1.4), true);
    check(1.401, Promise::AtMost(1.4), false);
    check(f64::NAN, Promise::AtMost(1.4), false);
    check(f64::INFINITY, Promise::AtLeast(1.0), false);
}

#[test]
fn a_result_file_keeps_its_schema() {
    let report = Report {
        schema: 1,
        date: "2026-11-21T1030Z".to_owned(),
        version: "0.1.0",
        machine: Machine { processor: "p".to_owned(), cores: 2, memory_mib: 1, kernel: "k".to_owned(), load_average: 1.5 },
        separate_cores: true,
        quick: false,
        figures: vec![figure(0.5, Promise::AtLeast(0.7))],
    };
    let expect = json!({
        "schema": 1, "date": "2026-11-21T1030Z", "version": "0.1.0",
        "machine": { "processor": "p", "cores": 2, "memory_mib": 1, "kernel": "k", "load_average": 1.5 },
        "separate_cores": true, "quick": false,
        "figures": [{
            "name": "name", "text": "what it says", "value": 0.5, "unit": "×", "promise": { "at-least": 0.7 }, "met": false,
            "detail": { "rounds": [1, 2] }
        }]
    });
    assert_eq!(serde_json::to_value(&report).expect("plain values"), expect);
    let table = report.render();
    assert!(table.contains("the machine was busy"), "{table}");
    assert!(table.contains("MISSED") && table.contains("≥ 0.70 ×"), "{table}");
}

#[test]
fn the_measured_ping_is_as_long_as_a_frame_of_the_bare_echo() {
    assert_eq!(frames::ping_frame().len(), crate::limits::ECHO_FRAME_BYTES);
}
