//! The port through which modules reach everything outside a sandbox. Owns the questions and answers; knows nothing of who answers.
//!
//! Who asks is the server itself: no permission of a user's is checked, except where a question names a caller. Arguments were checked for type and form,
//! not for what a store may refuse: the backend says no with a [`Fault`].

use futures_util::future::BoxFuture;

mod accounts;
mod play;
mod storage;

pub use accounts::{
    Account, AccountUpdate, Authenticated, Credential, Ledger, LedgerItem, Token, User, Wallet, WalletResult, WalletUpdate,
};
pub use play::{MatchInfo, MatchQuery, Stream, StreamMeta, StreamPresence, StreamTarget};
pub use storage::{
    MultiUpdate, MultiUpdated, ObjectAck, ObjectDelete, ObjectKey, ObjectList, ObjectQuery, ObjectWrite, StorageObject,
};

use crate::id::Id;

/// The backend cannot do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// gRPC's number.
    pub code: u8,
    /// What is wrong, for the module's author. At most [`FAULT_BYTES_MAX`] bytes are kept.
    pub message: String,
}

/// Bytes of a fault's message that a module sees.
pub const FAULT_BYTES_MAX: usize = 1024;

/// Answers modules. One for all threads.
pub trait Backend: Send + Sync {
    /// Does what `ask` says. An answer of another kind than [`Ask`] names is a bug of the backend's. Dropping the future does not undo what it began.
    fn ask(&self, ask: Ask) -> BoxFuture<'static, Result<Answer, Fault>>;
}

/// What a module wants of the server. Each names the [`Answer`] that it gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// These accounts → [`Answer::Accounts`]; unknown ones are left out.
    Accounts(Vec<Id>),
    /// These users → [`Answer::Users`].
    Users {
        /// By id.
        ids: Vec<Id>,
        /// By name.
        usernames: Vec<String>,
        /// By Facebook's id.
        facebook_ids: Vec<String>,
    },
    /// So many users by chance, at most 1,000 → [`Answer::Users`].
    UsersRandom(u32),
    /// Changes an account → [`Answer::Done`].
    AccountUpdate(AccountUpdate),
    /// Deletes an account → [`Answer::Done`].
    AccountDelete {
        /// Whose.
        user_id: Id,
        /// Whether to keep a record that it was deleted.
        recorded: bool,
    },
    /// Everything that is kept of a user, as JSON → [`Answer::Text`].
    AccountExport(Id),
    /// Bans and ends their sessions → [`Answer::Done`].
    UsersBan(Vec<Id>),
    /// → [`Answer::Done`].
    UsersUnban(Vec<Id>),
    /// Signs in, makes the account when `create` says so → [`Answer::Authenticated`].
    Authenticate {
        /// By what.
        credential: Credential,
        /// Name of a new account; one is made up when there is none.
        username: Option<String>,
        /// Whether an account may be made.
        create: bool,
    },
    /// A session token → [`Answer::Token`].
    TokenGenerate {
        /// For whom.
        user_id: Id,
        /// With this name; empty: one is made up.
        username: String,
        /// Expires then, UTC seconds; nothing: as configured.
        expires_s: Option<i64>,
        /// Goes into the token.
        vars: Vec<(String, String)>,
    },
    /// Adds a way to sign in → [`Answer::Done`].
    Link {
        /// To whom.
        user_id: Id,
        /// What.
        credential: Credential,
    },
    /// Takes a way to sign in → [`Answer::Done`].
    Unlink {
        /// From whom.
        user_id: Id,
        /// What. Empty texts: whatever there is of its kind.
        credential: Credential,
    },
    /// → [`Answer::Objects`]; those that are not there are left out.
    StorageRead(Vec<ObjectKey>),
    /// All or none → [`Answer::Acks`], in the same order.
    StorageWrite(Vec<ObjectWrite>),
    /// Each for itself, committed soon; a newer value of an object takes the place of one that waits → [`Answer::Done`].
    StorageWriteBehind(Vec<ObjectWrite>),
    /// All or none → [`Answer::Done`].
    StorageDelete(Vec<ObjectDelete>),
    /// A page → [`Answer::ObjectList`].
    StorageList(ObjectQuery),
    /// All or none → [`Answer::Multi`].
    MultiUpdate(MultiUpdate),
    /// All or none → [`Answer::Wallets`], in the same order.
    WalletsUpdate {
        /// At least one.
        updates: Vec<WalletUpdate>,
        /// Whether each is noted in the ledger.
        ledger: bool,
    },
    /// A page, newest first → [`Answer::Ledger`].
    LedgerList {
        /// Whose.
        user_id: Id,
        /// 0 to 100.
        limit: u32,
        /// Where the last page ended; empty: from the beginning.
        cursor: String,
    },
    /// Members that are laid over the metadata of a line of the ledger → [`Answer::LedgerItem`].
    LedgerUpdate {
        /// The line.
        item_id: Id,
        /// A JSON object.
        metadata: String,
    },
    /// Starts a match of a module → [`Answer::Text`]: its id.
    MatchCreate {
        /// The module's name.
        module: String,
        /// A JSON object for `match_init`, or nothing.
        params: Option<String>,
    },
    /// → [`Answer::Match`].
    MatchGet(String),
    /// → [`Answer::Matches`].
    MatchList(MatchQuery),
    /// → [`Answer::Text`]: what the match said.
    MatchSignal {
        /// The match.
        match_id: String,
        /// What to say.
        data: String,
    },
    /// Closes a session → [`Answer::Done`].
    SessionDisconnect {
        /// Which.
        session_id: Id,
        /// A [`crate::matches::PresenceReason`]'s number, 0 to 4.
        reason: u8,
    },
    /// Makes tokens invalid; empty ones: all of the user's → [`Answer::Done`].
    SessionLogout {
        /// Whose.
        user_id: Id,
        /// The session's token.
        token: String,
        /// The refresh token.
        refresh_token: String,
    },
    /// Has a session hear of the status of users, or no longer → [`Answer::Done`], also when there is no such session.
    StatusFollow {
        /// Which.
        session_id: Id,
        /// Whose status.
        user_ids: Vec<Id>,
        /// From now on, or no longer.
        follow: bool,
    },
    /// → [`Answer::StreamPresences`].
    StreamUsers {
        /// Where.
        stream: Stream,
        /// Whether hidden presences are wanted.
        hidden: bool,
        /// Whether the others are.
        not_hidden: bool,
    },
    /// → [`Answer::StreamMeta`].
    StreamUser {
        /// Where.
        stream: Stream,
        /// Who.
        target: StreamTarget,
    },
    /// → [`Answer::Flag`]: whether the user was not there before.
    StreamJoin {
        /// Where.
        stream: Stream,
        /// Who.
        target: StreamTarget,
        /// How.
        meta: StreamMeta,
    },
    /// → [`Answer::Done`].
    StreamUpdate {
        /// Where.
        stream: Stream,
        /// Who.
        target: StreamTarget,
        /// How.
        meta: StreamMeta,
    },
    /// → [`Answer::Done`].
    StreamLeave {
        /// Where.
        stream: Stream,
        /// Who.
        target: StreamTarget,
    },
    /// → [`Answer::Count`].
    StreamCount(Stream),
    /// Everybody leaves → [`Answer::Done`].
    StreamClose(Stream),
    /// Sends a `stream_data` → [`Answer::Done`].
    StreamSend {
        /// Where.
        stream: Stream,
        /// What.
        data: Vec<u8>,
        /// To these sessions; empty: to all.
        sessions: Vec<Id>,
        /// Whether it must arrive.
        reliable: bool,
    },
    /// Sends an envelope of the realtime API → [`Answer::Done`].
    StreamSendRaw {
        /// Where.
        stream: Stream,
        /// The envelope's JSON.
        envelope: String,
        /// To these sessions; empty: to all.
        sessions: Vec<Id>,
        /// Whether it must arrive.
        reliable: bool,
    },
}

/// What a backend answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Done, nothing to say.
    Done,
    /// Yes or no.
    Flag(bool),
    /// A number.
    Count(u64),
    /// A text.
    Text(String),
    /// Accounts.
    Accounts(Vec<Account>),
    /// Users.
    Users(Vec<User>),
    /// Who signed in.
    Authenticated(Authenticated),
    /// A token.
    Token(Token),
    /// Storage objects.
    Objects(Vec<StorageObject>),
    /// What was written.
    Acks(Vec<ObjectAck>),
    /// A page of storage objects.
    ObjectList(ObjectList),
    /// What several changes at once did.
    Multi(MultiUpdated),
    /// Wallets before and after.
    Wallets(Vec<WalletResult>),
    /// A page of a ledger.
    Ledger(Ledger),
    /// A line of a ledger.
    LedgerItem(LedgerItem),
    /// A match, if it is there.
    Match(Option<MatchInfo>),
    /// Matches.
    Matches(Vec<MatchInfo>),
    /// Who is on a stream.
    StreamPresences(Vec<StreamPresence>),
    /// How a user is on a stream.
    StreamMeta(Option<StreamMeta>),
}
