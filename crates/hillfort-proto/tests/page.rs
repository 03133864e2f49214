//! docs/protocol.md against the code: reject table, limits, example bytes.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

use std::time::Duration;

use hillfort_proto::limits;
use hillfort_proto::reject::Reject;
use serde_json::Value;

const PAGE: &str = include_str!("../../../docs/protocol.md");
const HELLO: &str = include_str!("../vectors/hello.json");
const FRAME: &str = include_str!("../vectors/frame.json");
const MESSAGE: &str = include_str!("../vectors/message.json");

/// Cells of the table rows below the heading, of tables with this many columns.
fn rows(heading: &str, columns: usize) -> Vec<Vec<&'static str>> {
    let section = PAGE.split(&format!("\n## {heading}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
    section
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect::<Vec<_>>())
        .filter(|cells| cells.len() == columns)
        .skip(2) // head and rule
        .collect()
}

#[test]
fn the_reject_table_is_that_of_the_code() {
    let page: Vec<_> = rows("Rejects", 5).into_iter().map(|row| row[..4].join(" ")).collect();
    let code: Vec<_> = Reject::ALL
        .iter()
        .map(|reject| format!("{} {} {} {}", reject.code(), reject.label(), reject.stage().label(), reject.websocket_code()))
        .collect();
    assert_eq!(page, code);
}

#[test]
fn the_limits_are_those_of_the_code() {
    let ms = |time: Duration| time.as_millis() as u64;
    let code = [
        (limits::HELLO_BYTES as u64, "HELLO_BYTES"),
        (limits::FRAME_HEADER_BYTES as u64, "FRAME_HEADER_BYTES"),
        (limits::CLIENT_PAYLOAD_BYTES_MAX as u64, "CLIENT_PAYLOAD_BYTES_MAX"),
        (limits::SERVER_PAYLOAD_BYTES_MAX as u64, "SERVER_PAYLOAD_BYTES_MAX"),
        (limits::INPUT_BYTES_MAX as u64, "INPUT_BYTES_MAX"),
        (limits::ROOM_DATA_BYTES_MAX as u64, "ROOM_DATA_BYTES_MAX"),
        (limits::NAME_CHARS_MAX as u64, "NAME_CHARS_MAX"),
        (limits::GAME_BYTES_MAX as u64, "GAME_BYTES_MAX"),
        (limits::ROOM_NAME_BYTES_MAX as u64, "ROOM_NAME_BYTES_MAX"),
        (limits::ROOM_PARAMS_BYTES_MAX as u64, "ROOM_PARAMS_BYTES_MAX"),
        (limits::LIST_LABEL_BYTES_MAX as u64, "LIST_LABEL_BYTES_MAX"),
        (limits::LIST_ROOMS_MAX as u64, "LIST_ROOMS_MAX"),
        (limits::RESUME_TOKEN_BYTES as u64, "RESUME_TOKEN_BYTES"),
        (limits::PING_PAD_BYTES_MAX as u64, "PING_PAD_BYTES_MAX"),
        (limits::WORK_SALT_BYTES as u64, "WORK_SALT_BYTES"),
        (u64::from(limits::WORK_BITS_MAX), "WORK_BITS_MAX"),
        (ms(limits::HELLO_WINDOW), "HELLO_WINDOW"),
        (ms(limits::LOGIN_WAIT), "LOGIN_WAIT"),
        (ms(limits::HEARTBEAT), "HEARTBEAT"),
        (ms(limits::LATENCY_PING), "LATENCY_PING"),
        (ms(limits::STALE), "STALE"),
        (u64::from(limits::HEARTBEATS_MISSED_MAX), "HEARTBEATS_MISSED_MAX"),
        (ms(limits::RESUME_WINDOW), "RESUME_WINDOW"),
        (limits::UNACKED_MESSAGES_MAX as u64, "UNACKED_MESSAGES_MAX"),
        (limits::UNACKED_BYTES_MAX as u64, "UNACKED_BYTES_MAX"),
        (limits::ACK_EVERY_MESSAGES, "ACK_EVERY_MESSAGES"),
        (ms(limits::ACK_DELAY_MAX), "ACK_DELAY_MAX"),
    ];
    let page: Vec<_> =
        rows("Limits", 3).into_iter().map(|row| (row[1].split(' ').next().unwrap().parse::<u64>().unwrap(), row[2])).collect();
    assert_eq!(page, code);
}

#[test]
fn the_examples_are_vectors() {
    let files = [("hello", HELLO), ("frame", FRAME), ("message", MESSAGE)];
    let files = files.map(|(name, text)| (name, serde_json::from_str::<Value>(text).unwrap()));
    let mut seen = 0;
    for part in PAGE.split("<!-- vector ").skip(1) {
        let (path, rest) = part.split_once(" -->\n```text\n").unwrap();
        let bytes: String = rest.split("```").next().unwrap().split_whitespace().collect();
        let [file, list, name] = path.splitn(3, '/').collect::<Vec<_>>()[..] else { panic!("{path}") };
        let (_, vectors) = files.iter().find(|(known, _)| *known == file).unwrap();
        let vector = vectors[list].as_array().unwrap().iter().find(|vector| vector["name"] == name);
        assert_eq!(vector.unwrap_or_else(|| panic!("{path}"))["hex"], bytes, "{path}");
        seen += 1;
    }
    assert_eq!(seen, 19);
}
