//! Hostile text as messages of the client API: what is read must be written and read again as the same.

use hillfort_api::json::{Unknown, read, to_wire, write};
use hillfort_api::realtime::Envelope;
use hillfort_api::tables::MESSAGES;
use hillfort_api::{CALLS, Call, Reply};

/// The first byte says what to read, the others are the text.
pub fn api_json(bytes: &[u8]) {
    let Some((&first, text)) = bytes.split_first() else { return };
    let unknown = if first & 1 == 0 { Unknown::Skip } else { Unknown::Refuse };
    if let Ok(envelope) = read::<Envelope>(text, unknown) {
        let again = write(&envelope);
        let second: Envelope = read(&again, Unknown::Refuse).expect("what was written is read");
        assert_eq!(write(&second), again, "the second time as the first");
    }
    let _ = to_wire(MESSAGES[usize::from(first >> 1) % MESSAGES.len()], text, unknown);
    let row = &CALLS[usize::from(first >> 1) % CALLS.len()];
    if let Ok(wire) = to_wire(row.request, text, unknown) {
        assert!(wire.len() <= text.len() * 4 + 16, "{} bytes from {}", wire.len(), text.len());
        let call = Call::decode(row.call, wire.as_slice()).expect("the reader writes what prost reads");
        let again = to_wire(row.request, &call.json(), Unknown::Refuse).expect("what was written is read");
        assert_eq!(Call::decode(row.call, again.as_slice()).expect("the same").json(), call.json());
    }
    if let Ok(call) = Call::decode(row.call, text) {
        // Times beyond the year 9999 are written, but not read.
        let _ = to_wire(row.request, &call.json(), Unknown::Refuse);
    }
    if let Ok(reply) = Reply::decode(row.call, text) {
        let _ = reply.json();
    }
}
