//! The port between doors and those who answer: who calls, with what right, and the one function that takes a call. Knows nothing of
//! how bytes became a call, nor of what it does.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use crate::calls::{Auth, Call, CallName, Reply};
use crate::error::{ApiError, Code};
use crate::realtime::Envelope;
use crate::sessions::SessionId;

/// Id of an account: the bytes of a UUID.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct UserId(pub [u8; 16]);

/// What a caller shows to say who they are. Text as it came: nothing in it is checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Credentials<'a> {
    /// Name part of `Authorization: Basic`.
    ServerKey(&'a str),
    /// `Authorization: Bearer`, or the socket's parameter `token`.
    Token(&'a str),
    /// Parameter `http_key`, of servers that call RPCs.
    HttpKey(&'a str),
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Has shown nothing.
    Nobody,
    /// The game, without a user.
    ServerKey,
    /// A server of the studio.
    HttpKey,
    /// A user with a session.
    User(Arc<SessionUser>),
}

/// What a session token says, after it was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionUser {
    /// The account.
    pub user_id: UserId,
    /// As of when the token was made.
    pub username: String,
    /// What the client had kept in the token.
    pub vars: BTreeMap<String, String>,
    /// End of the token, in seconds since 1970.
    pub expires_s: i64,
    /// When the token was made, in seconds since 1970.
    pub issued_s: i64,
    /// Names the session, so that it can be revoked.
    pub token_id: String,
    /// Which of the account's generations of tokens it is of: an older one is void.
    pub generation: i64,
}

/// Through which door a call came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// HTTP with JSON.
    Rest,
    /// gRPC or gRPC-Web.
    Grpc,
    /// The realtime socket, with its session.
    Socket(SessionId),
    /// The console, for an operator.
    Console,
}

/// Who calls, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub who: Who,
    /// The client's, as balancers that are listed report it.
    pub address: SocketAddr,
    /// Through which door.
    pub via: Via,
    /// Headers of the request, named as Nakama names them: `Content-Type` from HTTP, `content-type` from gRPC. Only for RPCs, which
    /// hand them to the runtime; else empty.
    pub headers: Vec<(String, String)>,
    /// Parameters of the query but `http_key`. Only for RPCs; else empty.
    pub query: Vec<(String, String)>,
}

/// A request as it was sent, for calls that have to be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent<'a> {
    /// Method of HTTP; of gRPC it is `POST`.
    pub method: &'a str,
    /// Path with its query, as it was sent.
    pub path: &'a str,
    /// The body, without `Content-Encoding`; of gRPC the message, unpacked and without the five bytes before it.
    pub body: &'a [u8],
    /// Header `x-hillfort-signature`. `None`: there is none, or more than one.
    pub signature: Option<&'a str>,
}

/// What a call comes to, later.
pub type Answer = Pin<Box<dyn Future<Output = Result<Reply, ApiError>> + Send>>;

/// What comes later.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Which hooks there are around something that a caller does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hooks {
    /// One before.
    pub before: bool,
    /// One after.
    pub after: bool,
}

/// Who answers calls. Doors ask it, and nothing else.
pub trait Service: Send + Sync {
    /// Who shows these credentials. Cheap (one MAC, one look into memory): refused ones never reach a database.
    ///
    /// # Errors
    /// `Unauthenticated` when they are not, or no longer, valid; the message is [`Credentials::refused`].
    fn caller(&self, credentials: Credentials<'_>) -> Result<Who, ApiError>;

    /// Whether credentials that were refused were good once: a session that is over. Whoever shows such has done nothing wrong. Cheap as well.
    fn were_good(&self, _credentials: Credentials<'_>) -> bool {
        false
    }

    /// Whether a request for `call` is signed, where it has to be. Doors that have requests ask it before [`Self::call`], and before anything
    /// is spent on the call.
    ///
    /// # Errors
    /// `Unauthenticated`, saying what is missing or wrong; `ResourceExhausted` when too many sessions sign.
    fn check_signature(&self, _caller: &Caller, _call: &Call, _sent: &Sent<'_>) -> Result<(), ApiError> {
        Ok(())
    }

    /// The call that `who` means by a name that was made for its session. `None`: there is no such name, or it is stale.
    fn alias(&self, _who: &Who, _name: &str) -> Option<CallName> {
        None
    }

    /// Whether a session must use such names for `call`.
    fn wants_alias(&self, _who: &Who, _call: &Call) -> bool {
        false
    }

    /// Whether the session was ended since its token was looked at: its user was banned, or signed out. Cheap: memory alone.
    fn has_ended(&self, _user: &SessionUser) -> bool {
        false
    }

    /// Takes a call from the budgets of its caller and of its address. Doors ask it when they know who calls, and before they read anything else.
    ///
    /// # Errors
    /// `ResourceExhausted`, saying when to come again; nothing was taken.
    fn charge(&self, _call: CallName, _who: &Who, _address: IpAddr) -> Result<(), ApiError> {
        Ok(())
    }

    /// Puts a call back that was charged and then not begun, for no fault of its caller.
    fn put_back(&self, _call: CallName, _who: &Who, _address: IpAddr) {}

    /// Most bytes that the answer to `call` has, where it may be long and is made at once. Doors that keep answers for their readers have room
    /// for that before they make the call. 0: it is short, or nobody knows before.
    fn answer_max(&self, _call: &Call) -> usize {
        0
    }

    /// Carries `call` out. The door has checked that `caller` is of the class that the table asks for, and charged it. The future may be dropped
    /// at any time: what it has begun to write is finished or leaves nothing.
    fn call(&self, caller: Caller, call: Call) -> Answer;

    /// Whether somebody wants to see messages of the realtime socket before they are handled, and after. `message` is the name of the
    /// envelope's field. Cheap: asked for each message.
    fn message_hooks(&self, _message: &'static str) -> Hooks {
        Hooks::default()
    }

    /// Shows a message to the hook before it, which may change it. `None`: it is switched off.
    ///
    /// # Errors
    /// Why it must not be handled.
    fn before_message(&self, _caller: Caller, envelope: Envelope) -> Later<Result<Option<Envelope>, ApiError>> {
        Box::pin(std::future::ready(Ok(Some(envelope))))
    }

    /// Shows what came of a message to the hook after it; `reply` is what the client was answered, if it was.
    fn after_message(&self, _caller: Caller, _reply: Option<Envelope>, _envelope: Envelope) -> Later<()> {
        Box::pin(std::future::ready(()))
    }
}

impl Credentials<'_> {
    /// The error for credentials of this kind that are not valid, as Nakama words it.
    pub fn refused(&self) -> ApiError {
        ApiError::new(
            Code::Unauthenticated,
            match self {
                Self::ServerKey(_) => "Server key invalid",
                Self::Token(_) => "Auth token invalid",
                Self::HttpKey(_) => "HTTP key invalid",
            },
        )
    }
}

/// Credentials are secrets: what is logged is their kind.
impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServerKey(_) => "ServerKey(..)",
            Self::Token(_) => "Token(..)",
            Self::HttpKey(_) => "HttpKey(..)",
        })
    }
}

impl Who {
    /// The user, if it is one.
    pub fn user(&self) -> Option<&Arc<SessionUser>> {
        match self {
            Self::User(user) => Some(user),
            _ => None,
        }
    }
}

impl Auth {
    /// Whether `who` may make calls of this class.
    ///
    /// # Errors
    /// `Unauthenticated`, saying what is missing, as Nakama words it.
    pub fn admits(self, who: &Who) -> Result<(), ApiError> {
        match (self, who) {
            (Self::None, _) => Ok(()),
            (Self::ServerKey, Who::ServerKey) => Ok(()),
            (Self::User, Who::User(_)) => Ok(()),
            (Self::HttpKeyOrUser, Who::User(_) | Who::HttpKey) => Ok(()),
            (Self::ServerKey, _) => Err(ApiError::new(Code::Unauthenticated, "Server key required")),
            (Self::User, _) => Err(ApiError::new(Code::Unauthenticated, "Auth token required")),
            (Self::HttpKeyOrUser, _) => Err(ApiError::new(Code::Unauthenticated, "Auth token or HTTP key required")),
        }
    }
}

impl UserId {
    /// The id that `text` writes as a UUID with hyphens.
    pub fn parse(text: &str) -> Option<Self> {
        uuid_bytes(text).map(Self)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_uuid(&self.0, f)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_uuid(&self.0, f)
    }
}

/// Bytes of a UUID as text has them: 8-4-4-4-12 hexadecimal digits.
pub(crate) fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let text = text.as_bytes();
    if text.len() != 36 || [8, 13, 18, 23].iter().any(|&at| text[at] != b'-') {
        return None;
    }
    let mut digits = text.iter().filter(|&&byte| byte != b'-').map(|&byte| (byte as char).to_digit(16));
    let mut bytes = [0; 16];
    for byte in &mut bytes {
        *byte = (digits.next()?? * 16 + digits.next()??) as u8;
    }
    digits.next().is_none().then_some(bytes)
}

pub(crate) fn write_uuid(bytes: &[u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    // Whole rather than byte by byte: each message of a match has two.
    let (mut text, mut at) = ([b'-'; 36], 0);
    for (index, byte) in bytes.iter().enumerate() {
        at += usize::from(matches!(index, 4 | 6 | 8 | 10));
        text[at] = DIGITS[usize::from(byte >> 4)];
        text[at + 1] = DIGITS[usize::from(byte & 15)];
        at += 2;
    }
    f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
}

#[cfg(test)]
mod tests {
    use super::UserId;

    #[test]
    fn ids_are_uuids() {
        let text = "00112233-4455-6677-8899-aabbccddeeff";
        assert_eq!(UserId::parse(text).map(|id| id.to_string()).as_deref(), Some(text));
        assert_eq!(UserId::parse(&text.to_uppercase()), UserId::parse(text));
        let bad = [
            "",
            "00112233-4455-6677-8899-aabbccddeef",
            "00112233445566778899aabbccddeeff",
            "0011223304455-6677-8899-aabbccddeeff",
        ];
        for text in bad.into_iter().chain([
            "00112233-4455-6677-8899-aabbccddeefg",
            "00112233-4455-6677-8899-aabbccddée",
            "-0112233-4455-6677-8899-aabbccddeeff",
        ]) {
            assert_eq!(UserId::parse(text), None, "{text}");
        }
    }
}
