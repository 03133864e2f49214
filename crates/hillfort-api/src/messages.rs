//! Which messages of the realtime socket there are, who sends them and whether they are served: `docs/nakama.md` is made from this table, and hooks are
//! held against it. Knows nothing of what messages do.

use crate::calls::State;

/// Who sends a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The client.
    Client,
    /// The server.
    Server,
    /// Either.
    Both,
}

use Sender::{Both, Client, Server};
use State::{Done, NotYet};

/// Every message of an `Envelope`, in the order of the schema.
pub const MESSAGES: &[(&str, Sender, State)] = &[
    ("channel", Server, NotYet),
    ("channel_join", Client, NotYet),
    ("channel_leave", Client, NotYet),
    ("channel_message", Server, NotYet),
    ("channel_message_ack", Server, NotYet),
    ("channel_message_send", Client, NotYet),
    ("channel_message_update", Client, NotYet),
    ("channel_message_remove", Client, NotYet),
    ("channel_presence_event", Server, NotYet),
    ("error", Server, Done),
    ("match", Server, Done),
    ("match_create", Client, Done),
    ("match_data", Server, Done),
    ("match_data_send", Client, Done),
    ("match_join", Client, Done),
    ("match_leave", Client, Done),
    ("match_presence_event", Server, Done),
    ("matchmaker_add", Client, NotYet),
    ("matchmaker_matched", Server, NotYet),
    ("matchmaker_remove", Client, NotYet),
    ("matchmaker_ticket", Server, NotYet),
    ("notifications", Server, NotYet),
    ("rpc", Both, Done),
    ("status", Server, Done),
    ("status_follow", Client, Done),
    ("status_presence_event", Server, Done),
    ("status_unfollow", Client, Done),
    ("status_update", Client, Done),
    ("stream_data", Server, Done),
    ("stream_presence_event", Server, Done),
    ("ping", Both, Done),
    ("pong", Both, Done),
    ("party", Server, NotYet),
    ("party_create", Client, NotYet),
    ("party_join", Client, NotYet),
    ("party_leave", Client, NotYet),
    ("party_promote", Client, NotYet),
    ("party_leader", Server, NotYet),
    ("party_accept", Client, NotYet),
    ("party_remove", Client, NotYet),
    ("party_close", Both, NotYet),
    ("party_join_request_list", Client, NotYet),
    ("party_join_request", Server, NotYet),
    ("party_matchmaker_add", Client, NotYet),
    ("party_matchmaker_remove", Client, NotYet),
    ("party_matchmaker_ticket", Server, NotYet),
    ("party_data", Server, NotYet),
    ("party_data_send", Client, NotYet),
    ("party_presence_event", Server, NotYet),
    ("party_update", Client, NotYet),
];

/// The row of a message, by its field in an envelope.
#[must_use]
pub fn message(field: &str) -> Option<(Sender, State)> {
    MESSAGES.iter().find(|(name, ..)| *name == field).map(|(_, sender, state)| (*sender, *state))
}

#[cfg(test)]
mod tests {
    use super::MESSAGES;
    use crate::realtime::Envelope;
    use crate::table::Described;

    #[test]
    fn every_message_is_listed() {
        let wanted: Vec<_> =
            Envelope::TABLE.fields.iter().filter(|field| field.oneof.is_some()).map(|field| field.name).collect();
        let listed: Vec<_> = MESSAGES.iter().map(|(name, ..)| *name).collect();
        assert_eq!(listed, wanted);
    }
}
