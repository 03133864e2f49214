//! Messages from the client, borrowed. Owns their bytes and the limits of their fields; knows nothing of session state.

use super::Encode;
use super::wire::{bytes_len, each, fixed64_len, message_head_len, put_bytes, put_fixed64, put_message, put_uint, uint_len};
use crate::ids::{RoomId, SessionId};
use crate::limits::{
    GAME_BYTES_MAX, INPUT_BYTES_MAX, LIST_LABEL_BYTES_MAX, NAME_CHARS_MAX, PING_PAD_BYTES_MAX, RESUME_TOKEN_BYTES,
    ROOM_NAME_BYTES_MAX, ROOM_PARAMS_BYTES_MAX, TICKET_BYTES_MAX,
};
use crate::reject::Reject;

/// One message from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientView<'a> {
    /// Number of a sequenced message, from 1; 0 for the others.
    pub seq: u64,
    /// Highest number received from the server; 0 says nothing new.
    pub ack: u64,
    /// What it says.
    pub body: ClientBody<'a>,
}

/// What a client can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientBody<'a> {
    /// A new session, for a player shown as `name`.
    Login {
        /// Display name; see [`check_name`].
        name: &'a str,
    },
    /// A known session, on a new connection.
    Resume {
        /// From Welcome.
        session: SessionId,
        /// From Welcome.
        token: &'a [u8; RESUME_TOKEN_BYTES],
        /// Highest sequenced message received from the server.
        received: u64,
    },
    /// A seat in a room of `game`. Sequenced.
    Join {
        /// Name of the game; see [`check_game`].
        game: &'a str,
        /// Which room.
        room: Wanted<'a>,
    },
    /// Gives the seat up. Sequenced.
    Leave,
    /// One input for the room. Sequenced.
    Input {
        /// Meaning is the game's; also the rate class.
        op: u32,
        /// At most [`INPUT_BYTES_MAX`] bytes.
        data: &'a [u8],
    },
    /// Asks for a Pong.
    Ping {
        /// Comes back unchanged.
        echo: u64,
        /// Comes back unchanged; at most [`PING_PAD_BYTES_MAX`] bytes.
        pad: &'a [u8],
    },
    /// Answers a Ping.
    Pong {
        /// From the Ping.
        echo: u64,
        /// From the Ping.
        pad: &'a [u8],
    },
    /// Carries nothing but `ack`.
    Ack,
    /// Ends the session for good.
    Bye,
    /// Answers a Challenge.
    Work {
        /// See [`crate::work`].
        nonce: u64,
    },
    /// Asks for a list of rooms.
    List(Ask<'a>),
    /// Asks for the room's scene anew: what came does not fit to what is known.
    Resync,
    /// Shows before a login that this player has played here.
    Ticket {
        /// From the server; at most [`TICKET_BYTES_MAX`] bytes.
        ticket: &'a [u8],
    },
}

/// Which room a join is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// Any room with a free seat, or a new one.
    Any,
    /// This one.
    Room(RoomId),
    /// The one of this name, made when there is none.
    Named {
        /// See [`check_room_name`]; never empty.
        name: &'a str,
        /// For a room that is made now; at most [`ROOM_PARAMS_BYTES_MAX`] bytes.
        params: &'a [u8],
    },
}

/// Which rooms a list is to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask<'a> {
    /// Comes back in the answer.
    pub ask: u32,
    /// Name of the game.
    pub game: &'a str,
    /// Words that a room's label must have; at most [`LIST_LABEL_BYTES_MAX`] bytes. See [`Ask::fits`].
    pub label: &'a str,
    /// Only rooms with a free seat.
    pub free: bool,
}

impl Ask<'_> {
    /// Whether a label has all the words of the filter. A word with `=` must be there as a whole word, another one anywhere in the label;
    /// words end at white space, large and small letters differ.
    #[must_use]
    pub fn fits(&self, label: &str) -> bool {
        self.label.split_whitespace().all(|word| {
            if word.contains('=') { label.split_whitespace().any(|found| found == word) } else { label.contains(word) }
        })
    }
}

impl<'a> ClientView<'a> {
    /// A message that is not sequenced.
    #[must_use]
    pub const fn unsequenced(body: ClientBody<'a>) -> Self {
        Self { seq: 0, ack: 0, body }
    }

    /// Reads a payload. Borrows from it, allocates nothing. The limits of [`ClientBody::check`] are not applied yet.
    ///
    /// # Errors
    /// [`Reject::Message`]; [`Reject::ResumeToken`] when the token has the wrong length.
    #[inline]
    pub fn read(payload: &'a [u8]) -> Result<Self, Reject> {
        let (mut seq, mut ack, mut body) = (0, 0, None);
        each(payload, |number, value| {
            match number {
                1 => seq = value.uint64()?,
                2 => ack = value.uint64()?,
                3..=15 if body.is_some() => return Err(Reject::Message),
                3..=15 => body = Some(ClientBody::read(number, value.bytes()?)?),
                _ => {}
            }
            Ok(())
        })?;
        body.map(|body| Self { seq, ack, body }).ok_or(Reject::Message)
    }
}

impl<'a> ClientBody<'a> {
    /// Whether it carries a sequence number.
    #[must_use]
    pub const fn is_sequenced(&self) -> bool {
        matches!(self, Self::Join { .. } | Self::Leave | Self::Input { .. })
    }

    /// Whether its fields are within their limits.
    ///
    /// # Errors
    /// [`Reject::LoginName`], [`Reject::RoomGame`], [`Reject::RoomName`], [`Reject::RoomParams`], [`Reject::RoomFilter`],
    /// [`Reject::InputLength`]; [`Reject::Message`] for a pad or a ticket that is too long.
    #[inline]
    pub fn check(&self) -> Result<(), Reject> {
        match self {
            Self::Login { name } => check_name(name),
            Self::Join { game, room: Wanted::Named { name, params } } => {
                check_game(game)?;
                check_room_name(name)?;
                if params.len() > ROOM_PARAMS_BYTES_MAX { Err(Reject::RoomParams) } else { Ok(()) }
            }
            Self::Join { game, .. } => check_game(game),
            Self::List(Ask { label, .. }) if label.len() > LIST_LABEL_BYTES_MAX => Err(Reject::RoomFilter),
            Self::List(Ask { game, .. }) => check_game(game),
            Self::Input { data, .. } if data.len() > INPUT_BYTES_MAX => Err(Reject::InputLength),
            Self::Ticket { ticket } if ticket.len() > TICKET_BYTES_MAX => Err(Reject::Message),
            Self::Ping { pad, .. } | Self::Pong { pad, .. } if pad.len() > PING_PAD_BYTES_MAX => Err(Reject::Message),
            _ => Ok(()),
        }
    }

    fn read(number: u32, bytes: &'a [u8]) -> Result<Self, Reject> {
        match number {
            7 => Self::read_input(bytes),
            8 => read_ping(bytes).map(|(echo, pad)| Self::Ping { echo, pad }),
            9 => read_ping(bytes).map(|(echo, pad)| Self::Pong { echo, pad }),
            3 => Self::read_login(bytes),
            4 => Self::read_resume(bytes),
            5 => Self::read_join(bytes),
            6 => each(bytes, |_, _| Ok(())).map(|()| Self::Leave),
            10 => each(bytes, |_, _| Ok(())).map(|()| Self::Ack),
            11 => each(bytes, |_, _| Ok(())).map(|()| Self::Bye),
            12 => Self::read_work(bytes),
            13 => Self::read_list(bytes),
            14 => each(bytes, |_, _| Ok(())).map(|()| Self::Resync),
            15 => read_data(bytes).map(|ticket| Self::Ticket { ticket }),
            _ => Err(Reject::Message),
        }
    }

    fn read_login(bytes: &'a [u8]) -> Result<Self, Reject> {
        let mut name = "";
        each(bytes, |number, value| {
            if number == 1 {
                name = value.text()?;
            }
            Ok(())
        })?;
        Ok(Self::Login { name })
    }

    fn read_resume(bytes: &'a [u8]) -> Result<Self, Reject> {
        let (mut session, mut token, mut received) = (0, &[][..], 0);
        each(bytes, |number, value| {
            match number {
                1 => session = value.fixed64()?,
                2 => token = value.bytes()?,
                3 => received = value.uint64()?,
                _ => {}
            }
            Ok(())
        })?;
        let token = token.try_into().map_err(|_| Reject::ResumeToken)?;
        Ok(Self::Resume { session: SessionId(session), token, received })
    }

    fn read_join(bytes: &'a [u8]) -> Result<Self, Reject> {
        let (mut game, mut room, mut name, mut params) = ("", 0, "", &[][..]);
        each(bytes, |number, value| {
            match number {
                1 => game = value.text()?,
                2 => room = value.fixed64()?,
                3 => name = value.text()?,
                4 => params = value.bytes()?,
                _ => {}
            }
            Ok(())
        })?;
        let room = match (room, name, params) {
            (0, "", []) => Wanted::Any,
            (room, "", []) => Wanted::Room(RoomId(room)),
            (_, "", _) => return Err(Reject::Message),
            (0, name, params) => Wanted::Named { name, params },
            _ => return Err(Reject::Message),
        };
        Ok(Self::Join { game, room })
    }

    fn read_list(bytes: &'a [u8]) -> Result<Self, Reject> {
        let mut list = Ask { ask: 0, game: "", label: "", free: false };
        each(bytes, |number, value| {
            match number {
                1 => list.ask = value.uint32()?,
                2 => list.game = value.text()?,
                3 => list.label = value.text()?,
                4 => list.free = value.uint64()? != 0,
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self::List(list))
    }

    fn read_work(bytes: &[u8]) -> Result<Self, Reject> {
        let mut nonce = 0;
        each(bytes, |number, value| {
            if number == 1 {
                nonce = value.fixed64()?;
            }
            Ok(())
        })?;
        Ok(Self::Work { nonce })
    }

    #[inline]
    fn read_input(bytes: &'a [u8]) -> Result<Self, Reject> {
        read_op_data(bytes).map(|(op, data)| Self::Input { op, data })
    }

    /// Bytes of the body itself, without its field number and length.
    #[inline]
    fn inner_len(&self) -> usize {
        match self {
            Self::Login { name } => bytes_len(name.as_bytes()),
            Self::Resume { session, token, received } => fixed64_len(session.0) + bytes_len(*token) + uint_len(*received),
            Self::Join { game, room } => {
                bytes_len(game.as_bytes())
                    + match room {
                        Wanted::Any => 0,
                        Wanted::Room(room) => fixed64_len(room.0),
                        Wanted::Named { name, params } => bytes_len(name.as_bytes()) + bytes_len(params),
                    }
            }
            Self::List(Ask { ask, game, label, free }) => {
                uint_len(u64::from(*ask)) + bytes_len(game.as_bytes()) + bytes_len(label.as_bytes()) + uint_len(u64::from(*free))
            }
            Self::Input { op, data } => uint_len(u64::from(*op)) + bytes_len(data),
            Self::Ping { echo, pad } | Self::Pong { echo, pad } => fixed64_len(*echo) + bytes_len(pad),
            Self::Leave | Self::Ack | Self::Bye | Self::Resync => 0,
            Self::Work { nonce } => fixed64_len(*nonce),
            Self::Ticket { ticket } => bytes_len(ticket),
        }
    }

    const fn number(&self) -> u8 {
        match self {
            Self::Login { .. } => 3,
            Self::Resume { .. } => 4,
            Self::Join { .. } => 5,
            Self::Leave => 6,
            Self::Input { .. } => 7,
            Self::Ping { .. } => 8,
            Self::Pong { .. } => 9,
            Self::Ack => 10,
            Self::Bye => 11,
            Self::Work { .. } => 12,
            Self::List(_) => 13,
            Self::Resync => 14,
            Self::Ticket { .. } => 15,
        }
    }
}

impl Encode for ClientView<'_> {
    #[inline]
    fn encoded_len(&self) -> usize {
        let inner = self.body.inner_len();
        uint_len(self.seq) + uint_len(self.ack) + message_head_len(self.body.number(), inner) + inner
    }

    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        put_uint(1, self.seq, out);
        put_uint(2, self.ack, out);
        put_message(self.body.number(), self.body.inner_len(), out);
        match self.body {
            ClientBody::Login { name } => put_bytes(1, name.as_bytes(), out),
            ClientBody::Resume { session, token, received } => {
                put_fixed64(1, session.0, out);
                put_bytes(2, token, out);
                put_uint(3, received, out);
            }
            ClientBody::Join { game, room } => {
                put_bytes(1, game.as_bytes(), out);
                match room {
                    Wanted::Any => {}
                    Wanted::Room(room) => put_fixed64(2, room.0, out),
                    Wanted::Named { name, params } => {
                        put_bytes(3, name.as_bytes(), out);
                        put_bytes(4, params, out);
                    }
                }
            }
            ClientBody::List(Ask { ask, game, label, free }) => {
                put_uint(1, u64::from(ask), out);
                put_bytes(2, game.as_bytes(), out);
                put_bytes(3, label.as_bytes(), out);
                put_uint(4, u64::from(free), out);
            }
            ClientBody::Input { op, data } => {
                put_uint(1, u64::from(op), out);
                put_bytes(2, data, out);
            }
            ClientBody::Ping { echo, pad } | ClientBody::Pong { echo, pad } => {
                put_fixed64(1, echo, out);
                put_bytes(2, pad, out);
            }
            ClientBody::Leave | ClientBody::Ack | ClientBody::Bye | ClientBody::Resync => {}
            ClientBody::Work { nonce } => put_fixed64(1, nonce, out),
            ClientBody::Ticket { ticket } => put_bytes(1, ticket, out),
        }
    }
}

/// Whether a display name may be shown: 1 to [`NAME_CHARS_MAX`] characters, no space at either end, no control characters and none
/// that turn the direction of the text around or are nothing to see (U+200B, U+200E, U+200F, U+202A–202E, U+2066–2069, U+FEFF).
///
/// # Errors
/// [`Reject::LoginName`].
pub fn check_name(name: &str) -> Result<(), Reject> {
    // A character has at most 4 bytes, so the first test bounds the others.
    let fits = name.len() <= NAME_CHARS_MAX * 4 && (1..=NAME_CHARS_MAX).contains(&name.chars().count());
    let plain = !name.chars().any(is_hidden) && name.trim().len() == name.len();
    if fits && plain { Ok(()) } else { Err(Reject::LoginName) }
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Whether this can be the name of a game: 1 to [`GAME_BYTES_MAX`] of `a`–`z`, `0`–`9` and `-`.
///
/// # Errors
/// [`Reject::RoomGame`].
pub fn check_game(game: &str) -> Result<(), Reject> {
    let fits = (1..=GAME_BYTES_MAX).contains(&game.len());
    let plain = game.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if fits && plain { Ok(()) } else { Err(Reject::RoomGame) }
}

/// Whether this can be the name of a room: 1 to [`ROOM_NAME_BYTES_MAX`] bytes, no space at either end, and none of the characters that
/// [`check_name`] refuses.
///
/// # Errors
/// [`Reject::RoomName`].
pub fn check_room_name(name: &str) -> Result<(), Reject> {
    let fits = (1..=ROOM_NAME_BYTES_MAX).contains(&name.len()) && name.trim().len() == name.len();
    if fits && !name.chars().any(is_hidden) { Ok(()) } else { Err(Reject::RoomName) }
}

/// Fields of Ping and Pong, the same in both directions.
#[inline]
pub(super) fn read_ping(bytes: &[u8]) -> Result<(u64, &[u8]), Reject> {
    let (mut echo, mut pad) = (0, &[][..]);
    each(bytes, |number, value| {
        match number {
            1 => echo = value.fixed64()?,
            2 => pad = value.bytes()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((echo, pad))
}

/// The only field of RoomScene and of Ticket.
#[inline]
pub(super) fn read_data(bytes: &[u8]) -> Result<&[u8], Reject> {
    let mut data = &[][..];
    each(bytes, |number, value| {
        if number == 1 {
            data = value.bytes()?;
        }
        Ok(())
    })?;
    Ok(data)
}

/// Fields of Input and RoomEvent.
#[inline]
pub(super) fn read_op_data(bytes: &[u8]) -> Result<(u32, &[u8]), Reject> {
    let (mut op, mut data) = (0, &[][..]);
    each(bytes, |number, value| {
        match number {
            1 => op = value.uint32()?,
            2 => data = value.bytes()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((op, data))
}
