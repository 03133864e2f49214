//! The borrowed forms against prost's, and hostile payloads.

use prost::Message;

use super::schema::{ClientMessage, Input, client_message};
use super::*;

#[test]
fn an_input_reads_the_same_in_both_forms() {
    let owned = ClientMessage { seq: 300, ack: 7, body: Some(client_message::Body::Input(Input { op: 9, data: vec![1, 2, 3] })) };
    let bytes = owned.encode_to_vec();
    let view = ClientView::read(&bytes).unwrap();
    assert_eq!(view, ClientView { seq: 300, ack: 7, body: ClientBody::Input { op: 9, data: &[1, 2, 3] } });
    let mut out = Vec::new();
    view.put(Framing::Bare, &mut out);
    assert_eq!(out, bytes);
}
