//! What a session asks its owner to decide or to do. Knows nothing of how that is done.

use crate::ids::{RoomId, SessionId};
use crate::limits::RESUME_TOKEN_BYTES;
use crate::message::{Ask, Wanted};
use crate::reject::Reject;

/// What a connection asks for first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// As [`Event::Login`]; the session keeps the name.
    Login,
    /// As [`Event::Resume`].
    Resume {
        /// As the client says.
        session: SessionId,
        /// As the client says.
        token: [u8; RESUME_TOKEN_BYTES],
        /// As the client says.
        received: u64,
    },
}

/// What its owner has to decide or to do. Data is borrowed from the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// Answer with [`super::Session::accept_login`], [`super::Session::challenge`] or close. The name has passed its check; [`super::Session::name`] keeps it.
    Login {
        /// Display name.
        name: &'a str,
    },
    /// Judge it before the login that follows. Nothing is answered.
    Ticket {
        /// As the client says; at most [`crate::limits::TICKET_BYTES_MAX`] bytes.
        ticket: &'a [u8],
    },
    /// Look the session up and let it [`super::Session::resume`] on this connection, ask for work with [`super::Session::challenge`], or
    /// close with [`Reject::ResumeUnknown`].
    Resume {
        /// As the client says.
        session: SessionId,
        /// As the client says.
        token: &'a [u8; RESUME_TOKEN_BYTES],
        /// As the client says.
        received: u64,
    },
    /// Find a seat; answer with [`super::Session::enqueue_joined`] or [`super::Session::enqueue_join_refused`], now or later.
    Join {
        /// Name of the game, well formed.
        game: &'a str,
        /// Which room, well formed.
        room: Wanted<'a>,
    },
    /// Answer with [`super::Session::enqueue_rooms`]. Well formed.
    List(Ask<'a>),
    /// Give the seat up; answer with [`super::Session::enqueue_left`], now or later.
    Leave {
        /// Where the session sits.
        room: RoomId,
    },
    /// Have the room send its scene anew.
    Resync {
        /// Where the session sits.
        room: RoomId,
    },
    /// Hand it to the room. At most [`crate::limits::INPUT_BYTES_MAX`] bytes.
    Input {
        /// Where the session sits.
        room: RoomId,
        /// Meaning is the game's; also the rate class.
        op: u32,
        /// Meaning is the game's.
        data: &'a [u8],
    },
    /// The work that [`super::Session::challenge`] asked for is done: go on with what the connection had asked for.
    Worked(Opening),
    /// One message was refused and the client has been told: count it.
    Refused(Reject),
    /// The session is over because the client said so: close the connection with [`Reject::Goodbye`], give the seat up.
    Bye,
}
