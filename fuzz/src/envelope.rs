//! Hostile bytes as envelopes of the realtime socket, and what doors and match handlers say to each other.

use hillfort_api::json::{Unknown, read, write};
use hillfort_api::label_query::{Label, Query, Subject, Work};
use hillfort_api::match_id::{MatchId, RoomCipher};
use hillfort_api::matches::{HandlerEvent, HandlerInput, PlayerFacts};
use hillfort_api::realtime::Envelope;
use prost::Message as _;

/// Protobuf's bytes of an envelope: what is read is written as JSON, and that is read as the same.
pub fn envelope(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::decode(bytes) {
        let text = write(&envelope);
        // Times beyond the year 9999 are written, but not read.
        if let Ok(second) = read::<Envelope>(&text, Unknown::Refuse) {
            assert_eq!(write(&second), text, "the second time as the first");
        }
    }
    if let Some(input) = HandlerInput::read(bytes) {
        let mut again = Vec::new();
        input.write(&mut again);
        assert_eq!(HandlerInput::read(&again), Some(input));
    }
    if let Some(event) = HandlerEvent::read(bytes) {
        let mut again = Vec::new();
        event.write(&mut again);
        assert_eq!(HandlerEvent::read(&again), Some(event));
    }
    let _ = PlayerFacts::read(bytes);
    if let Some(id) = std::str::from_utf8(bytes).ok().and_then(MatchId::parse) {
        let again = id.to_string();
        assert_eq!(MatchId::parse(&again), Some(id));
        let _ = RoomCipher::new([1, 2, 3, 4]).room(id.uuid);
    }
}

/// A query up to the first zero byte, a label behind it.
pub fn label_query(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (query, label_string) = text.split_once('\0').unwrap_or((&text, "{}"));
    let label = Label::read(label_string);
    if let Ok(query) = Query::read(query) {
        let subject =
            Subject { label: &label, label_string, handler_name: "arena", node: "fort", tick_rate: 10, create_time_ms: 0 };
        let _ = query.wants(&subject, &Work::new(1 << 20));
    }
}
