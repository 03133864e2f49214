//! Every limit that both ends must know, in one place, related by compile-time asserts. Knows nothing of who enforces them.

use std::time::Duration;

/// Bytes of the signed hello.
pub const HELLO_BYTES: usize = 72;
/// Bytes of a frame header.
pub const FRAME_HEADER_BYTES: usize = 8;
/// Largest payload that a client may send.
pub const CLIENT_PAYLOAD_BYTES_MAX: usize = 4 * 1024;
/// Largest payload that the server sends.
pub const SERVER_PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// Largest `Input.data`.
pub const INPUT_BYTES_MAX: usize = 1024;
/// Largest input that a room may ask for, from doors whose messages are longer than frames.
pub const ROOM_INPUT_BYTES_MAX: usize = 4 * 1024;
/// Most bytes of what a door says about who asks for a seat.
pub const JOIN_FACTS_BYTES_MAX: usize = 8 * 1024;
/// Largest `RoomEvent.data` and `RoomState.data`.
pub const ROOM_DATA_BYTES_MAX: usize = 60 * 1024;
/// Most characters of a display name.
pub const NAME_CHARS_MAX: usize = 24;
/// Most bytes of a game's name.
pub const GAME_BYTES_MAX: usize = 32;
/// Most bytes of a room's name.
pub const ROOM_NAME_BYTES_MAX: usize = 64;
/// Largest `Join.params`.
pub const ROOM_PARAMS_BYTES_MAX: usize = 1024;
/// Largest `List.label`, and how much of a room's label a list shows.
pub const LIST_LABEL_BYTES_MAX: usize = 256;
/// Most rooms in one list.
pub const LIST_ROOMS_MAX: usize = 100;
/// Bytes of the token that resumes a session.
pub const RESUME_TOKEN_BYTES: usize = 16;
/// Largest ticket.
pub const TICKET_BYTES_MAX: usize = 64;
/// Largest `pad` of a ping.
pub const PING_PAD_BYTES_MAX: usize = 64;
/// Clock difference that a hello may have, either way.
pub const HELLO_WINDOW: Duration = Duration::from_secs(3);
/// Bytes of the salt of a challenge.
pub const WORK_SALT_BYTES: usize = 16;
/// Most zero bits that a challenge asks for: 16.8 million tries are expected, several seconds of a fast core.
pub const WORK_BITS_MAX: u8 = 24;
/// A connection has this long after its hello to log in or resume, work included.
pub const LOGIN_WAIT: Duration = Duration::from_secs(10);
/// The server pings a session that it has not heard from for this long.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// The server pings a session that sits in a room this often, to know its latency.
pub const LATENCY_PING: Duration = Duration::from_secs(2);
/// A session not heard from for this long is stale: still open, counted as such.
pub const STALE: Duration = Duration::from_secs(30);
/// A connection is dropped after this many unanswered heartbeats.
pub const HEARTBEATS_MISSED_MAX: u32 = 3;
/// A session without a connection lives on for this long.
pub const RESUME_WINDOW: Duration = Duration::from_secs(30);
/// Sequenced messages that one side keeps until they are acknowledged.
pub const UNACKED_MESSAGES_MAX: usize = 256;
/// Bytes of those messages.
pub const UNACKED_BYTES_MAX: usize = 256 * 1024;
/// A side acknowledges at the latest after this many sequenced messages ...
pub const ACK_EVERY_MESSAGES: u64 = 32;
/// ... or this long after the first one.
pub const ACK_DELAY_MAX: Duration = Duration::from_millis(500);

const _: () = assert!(INPUT_BYTES_MAX <= ROOM_INPUT_BYTES_MAX, "all doors' inputs fit");
const _: () = assert!(INPUT_BYTES_MAX + 64 <= CLIENT_PAYLOAD_BYTES_MAX, "an input and its envelope fit a client payload");
const _: () = assert!(
    LIST_ROOMS_MAX * (ROOM_NAME_BYTES_MAX + LIST_LABEL_BYTES_MAX + 64) <= ROOM_DATA_BYTES_MAX,
    "a list fits a server payload"
);
const _: () =
    assert!(ROOM_PARAMS_BYTES_MAX + ROOM_NAME_BYTES_MAX + GAME_BYTES_MAX + 64 <= CLIENT_PAYLOAD_BYTES_MAX, "a join fits");
const _: () = assert!(ROOM_DATA_BYTES_MAX + 64 <= SERVER_PAYLOAD_BYTES_MAX, "room data and its envelope fit a server payload");
const _: () = assert!(SERVER_PAYLOAD_BYTES_MAX <= UNACKED_BYTES_MAX, "one largest message fits the resume log");
const _: () = assert!(ACK_EVERY_MESSAGES as usize * 2 <= UNACKED_MESSAGES_MAX, "acks come well before the log is full");
const _: () = assert!(HEARTBEAT.as_secs() < STALE.as_secs(), "a session is pinged before it is stale");
const _: () =
    assert!(STALE.as_secs() < HEARTBEAT.as_secs() * HEARTBEATS_MISSED_MAX as u64, "a session is stale before it is dropped");
