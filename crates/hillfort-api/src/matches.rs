//! Matches: the port to those that run, and what doors and the rooms of match handlers say to each other. Knows nothing of how either is
//! made.
//!
//! A room of the game [`HANDLER_GAME`] is run by a match handler. It hears more with each input than other rooms do, and its events say
//! more: both are a short header before the data. Rooms of other games hear and send plain op codes and data, and what a room cannot say
//! by an op code of 32 bits is told with op codes beyond them: [`STATE_OP`], [`SCENE_OP`], [`SCENE_ANEW_OP`].

use std::collections::BTreeMap;

use prost::Message as _;

use crate::api::{ListMatchesRequest, Match};
use crate::error::ApiError;
pub use crate::service::Later;
use crate::service::UserId;
use crate::sessions::SessionId;

/// Game whose rooms are run by match handlers.
pub const HANDLER_GAME: &str = "match-handler";
/// Op code of a room's newest state.
pub const STATE_OP: i64 = 1 << 32;
/// Op code of a packet of a room's scene: what is new since the last.
pub const SCENE_OP: i64 = STATE_OP + 1;
/// The same for a packet before which everything is to be forgotten.
pub const SCENE_ANEW_OP: i64 = STATE_OP + 2;
/// Most bytes of a username: names of accounts are shorter.
pub const USERNAME_BYTES_MAX: usize = 255;
/// Bytes before the data of an input.
pub const INPUT_HEADER_BYTES: usize = 17;

const RELIABLE: u8 = 1;
const HAS_SENDER: u8 = 2;

/// Matches that run. The door of sockets and the realm have them; handlers and modules ask.
pub trait Matches: Send + Sync {
    /// Starts a match of a handler; `params` is a JSON object. Gives its id.
    fn create(&self, handler: String, params: Option<String>) -> Later<Result<String, ApiError>>;

    /// The match of this id, if it runs.
    fn get(&self, match_id: String) -> Later<Result<Option<Match>, ApiError>>;

    /// Those that the request asks for; its bounds were checked.
    fn list(&self, request: ListMatchesRequest) -> Later<Result<Vec<Match>, ApiError>>;

    /// Passes `data` to a match handler. Gives what it answers.
    fn signal(&self, match_id: String, data: String) -> Later<Result<String, ApiError>>;
}

/// What a door knows about a player who wants to join.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PlayerFacts {
    /// The user's id.
    #[prost(bytes = "vec", tag = "1")]
    pub user_id: Vec<u8>,
    /// The socket's.
    #[prost(bytes = "vec", tag = "2")]
    pub session_id: Vec<u8>,
    /// The user's name.
    #[prost(string, tag = "3")]
    pub username: String,
    /// When the session's token ends, UTC seconds.
    #[prost(int64, tag = "4")]
    pub expires_s: i64,
    /// The session's variables.
    #[prost(btree_map = "string, string", tag = "5")]
    pub vars: BTreeMap<String, String>,
    /// The client's address.
    #[prost(string, tag = "6")]
    pub client_ip: String,
    /// The client's port.
    #[prost(string, tag = "7")]
    pub client_port: String,
    /// What the client said when it asked.
    #[prost(btree_map = "string, string", tag = "8")]
    pub metadata: BTreeMap<String, String>,
}

/// From what the room of a handler is made.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct HandlerParams {
    /// Name of the module.
    #[prost(string, tag = "1")]
    pub handler: String,
    /// A JSON object.
    #[prost(string, optional, tag = "2")]
    pub params: Option<String>,
}

/// A session in a match, as data are marked with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender<'a> {
    /// The user.
    pub user_id: UserId,
    /// The socket.
    pub session_id: SessionId,
    /// The user's name; at most [`USERNAME_BYTES_MAX`] bytes.
    pub username: &'a str,
}

/// An input of the room of a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandlerInput<'a> {
    /// Meaning of the data.
    pub op_code: i64,
    /// As the client marked it.
    pub reliable: bool,
    /// When it came, UTC milliseconds.
    pub received_ms: i64,
    /// What.
    pub data: &'a [u8],
}

/// An event of the room of a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandlerEvent<'a> {
    /// Meaning of the data.
    pub op_code: i64,
    /// As the handler marked it.
    pub reliable: bool,
    /// Whom the receiver is to see as the sender.
    pub sender: Option<Sender<'a>>,
    /// What.
    pub data: &'a [u8],
}

impl PlayerFacts {
    /// Facts about `session_id` of `user_id`, the rest empty.
    #[must_use]
    pub fn of(user_id: UserId, session_id: SessionId) -> Self {
        Self { user_id: user_id.0.to_vec(), session_id: session_id.0.to_vec(), ..Self::default() }
    }

    /// The user and the socket.
    #[must_use]
    pub fn ids(&self) -> Option<(UserId, SessionId)> {
        Some((UserId(self.user_id.as_slice().try_into().ok()?), SessionId(self.session_id.as_slice().try_into().ok()?)))
    }

    /// Reads what [`PlayerFacts::encode_to_vec`] wrote; nothing from a door that says less.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        Self::decode(bytes).ok().filter(|facts| facts.ids().is_some())
    }
}

impl<'a> HandlerInput<'a> {
    /// Appends the input.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.op_code.to_le_bytes());
        out.extend_from_slice(&self.received_ms.to_le_bytes());
        out.push(if self.reliable { RELIABLE } else { 0 });
        out.extend_from_slice(self.data);
    }

    /// Reads it; `None`: the input is of a door that says less.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (op_code, rest) = bytes.split_first_chunk()?;
        let (received_ms, rest) = rest.split_first_chunk()?;
        let (flags, data) = rest.split_first()?;
        let (op_code, received_ms) = (i64::from_le_bytes(*op_code), i64::from_le_bytes(*received_ms));
        Some(Self { op_code, reliable: flags & RELIABLE != 0, received_ms, data })
    }
}

impl<'a> HandlerEvent<'a> {
    /// Appends the event. A name that is too long is cut.
    pub fn write(&self, out: &mut Vec<u8>) {
        let flags = (u8::from(self.reliable) * RELIABLE) | (u8::from(self.sender.is_some()) * HAS_SENDER);
        out.extend_from_slice(&self.op_code.to_le_bytes());
        out.push(flags);
        if let Some(sender) = self.sender {
            let name = &sender.username[..sender.username.floor_char_boundary(USERNAME_BYTES_MAX)];
            out.extend_from_slice(&sender.user_id.0);
            out.extend_from_slice(&sender.session_id.0);
            out.push(name.len() as u8);
            out.extend_from_slice(name.as_bytes());
        }
        out.extend_from_slice(self.data);
    }

    /// Reads it; `None`: no handler wrote it.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (op_code, rest) = bytes.split_first_chunk()?;
        let (flags, mut data) = rest.split_first()?;
        let mut sender = None;
        if flags & HAS_SENDER != 0 {
            let (user_id, rest) = data.split_first_chunk()?;
            let (session_id, rest) = rest.split_first_chunk()?;
            let (len, rest) = rest.split_first()?;
            let (name, rest) = rest.split_at_checked(usize::from(*len))?;
            let username = std::str::from_utf8(name).ok()?;
            sender = Some(Sender { user_id: UserId(*user_id), session_id: SessionId(*session_id), username });
            data = rest;
        }
        Some(Self { op_code: i64::from_le_bytes(*op_code), reliable: flags & RELIABLE != 0, sender, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_and_events_come_back_as_they_were_written() {
        let mut out = Vec::new();
        let input = HandlerInput { op_code: -3, reliable: true, received_ms: 1_764_000_000_123, data: b"go" };
        input.write(&mut out);
        assert_eq!(out.len(), INPUT_HEADER_BYTES + 2);
        assert_eq!(HandlerInput::read(&out), Some(input));
        let long = "ü".repeat(200);
        let sender = Sender { user_id: UserId([1; 16]), session_id: SessionId([2; 16]), username: &long };
        let table = [
            (HandlerEvent { op_code: i64::MIN, reliable: false, sender: None, data: b"" }, ""),
            (HandlerEvent { op_code: 7, reliable: true, sender: Some(Sender { username: "ann", ..sender }), data: b"x" }, "ann"),
            (HandlerEvent { op_code: 7, reliable: true, sender: Some(sender), data: b"x" }, &long[..254]),
        ];
        for (event, name) in table {
            out.clear();
            event.write(&mut out);
            let read = HandlerEvent::read(&out).expect("is whole");
            assert_eq!((read.op_code, read.reliable, read.data), (event.op_code, event.reliable, event.data));
            assert_eq!(read.sender.map_or("", |sender| sender.username), name);
            for cut in 0..out.len() - event.data.len() {
                assert_eq!(HandlerEvent::read(&out[..cut]), None);
            }
        }
        assert_eq!(HandlerInput::read(&[0; INPUT_HEADER_BYTES - 1]), None);
    }

    #[test]
    fn facts_are_of_somebody() {
        let facts = PlayerFacts { username: "ann".to_owned(), ..PlayerFacts::of(UserId([1; 16]), SessionId([2; 16])) };
        assert_eq!(PlayerFacts::read(&facts.encode_to_vec()), Some(facts));
        assert_eq!(PlayerFacts::read(b""), None, "another door's");
        assert_eq!(PlayerFacts::read(&[0xff; 9]), None);
    }
}
