//! The one table of calls. What a call is named, where it is found, what it takes and gives, who may make it, and whether it is served
//! yet: doors, documents and hooks are made from it. Knows nothing of what calls do.
//!
//! To serve one more call: its handler, and `Done` in its row.

use bytes::Buf;
use prost::{DecodeError, Message as _};

use crate::api::*;
use crate::json;
use crate::table::{Described, Message};

/// Who may make a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Auth {
    /// Everybody.
    None,
    /// Who knows the server key: the game.
    ServerKey,
    /// A user with a session.
    User,
    /// A user with a session, or a server that knows the HTTP key.
    HttpKeyOrUser,
}

/// Whether a call is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It is.
    Done,
    /// It is known, and refused with `Unimplemented`.
    NotYet,
}

/// Method of an HTTP request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as HTTP names them")]
pub enum Method {
    GET,
    POST,
    PUT,
    DELETE,
}

/// What the body of an HTTP request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Body {
    /// Not looked at.
    None,
    /// The request but what the path gives.
    Whole,
    /// The field of this name; the query gives the others.
    Field(&'static str),
}

/// One way to a call over HTTP.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path; `{name}` is a segment that gives the field of this name.
    pub path: &'static str,
    /// What its body is.
    pub body: Body,
}

/// One row of the table.
#[derive(Debug)]
pub struct Row {
    /// Which call.
    pub call: CallName,
    /// Its name: the method of gRPC's service `nakama.api.Nakama`, and what hooks are called by.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// What it takes.
    pub request: &'static Message,
    /// What it gives.
    pub reply: &'static Message,
    /// Who may make it.
    pub auth: Auth,
    /// Whether it is served.
    pub state: State,
    /// Its ways over HTTP, the usual one first.
    pub routes: &'static [Route],
}

const fn body(text: &'static str) -> Body {
    match text.as_bytes() {
        b"" => Body::None,
        b"*" => Body::Whole,
        _ => Body::Field(text),
    }
}

macro_rules! calls {
    ($(
        #[doc = $about:literal]
        $name:ident($request:ty) -> $reply:ident, $auth:ident, $state:ident, $($method:ident $path:literal $(body $body:literal)?),+;
    )+) => {
        /// A call, without what it takes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum CallName { $(#[doc = $about] $name,)+ }

        /// A call, with what it takes.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Call { $(#[doc = $about] $name($request),)+ }

        /// The table, in the order of [`CallName`].
        pub static CALLS: &[Row] = &[$(Row {
            call: CallName::$name,
            name: stringify!($name),
            about: $about.trim_ascii(),
            request: <$request as Described>::TABLE,
            reply: <reply_type!($reply) as Described>::TABLE,
            auth: Auth::$auth,
            state: State::$state,
            routes: &[$(Route { method: Method::$method, path: $path, body: body(concat!($($body)?)) }),+],
        },)+];

        impl Call {
            /// Reads what the call takes from protobuf's bytes.
            ///
            /// # Errors
            /// They are not of its request.
            pub fn decode(name: CallName, wire: impl Buf) -> Result<Self, DecodeError> {
                Ok(match name { $(CallName::$name => Self::$name(<$request>::decode(wire)?),)+ })
            }

            /// Which call it is.
            pub fn name(&self) -> CallName {
                match self { $(Self::$name(_) => CallName::$name,)+ }
            }

            /// Protobuf's bytes of what it takes.
            pub fn encode(&self) -> Vec<u8> {
                match self { $(Self::$name(request) => request.encode_to_vec(),)+ }
            }

            /// JSON of what it takes.
            pub fn json(&self) -> Vec<u8> {
                match self { $(Self::$name(request) => json::write(request),)+ }
            }
        }
    };
}

macro_rules! replies {
    ($($name:ident($reply:ty)),+ $(,)?) => {
        /// What a call gives.
        #[derive(Debug, Clone, PartialEq)]
        #[expect(missing_docs, reason = "named as in the schema")]
        #[expect(clippy::large_enum_variant, reason = "an account is made once and moved a few times; a box would cost more")]
        pub enum Reply { $($name($reply),)+ }

        impl Reply {
            /// Shape of what it holds.
            pub fn table(&self) -> &'static Message {
                match self { $(Self::$name(_) => <$reply as Described>::TABLE,)+ }
            }

            /// Reads what `name` gives from protobuf's bytes.
            ///
            /// # Errors
            /// They are not of its reply.
            pub fn decode(name: CallName, wire: impl Buf) -> Result<Self, DecodeError> {
                let table = name.row().reply;
                $(if std::ptr::eq(table, <$reply as Described>::TABLE) {
                    return Ok(Self::$name(<$reply>::decode(wire)?));
                })+
                unreachable!("{} gives {}, which is no reply", name.row().name, table.name)
            }

            /// Protobuf's bytes of it.
            pub fn encode(&self) -> Vec<u8> {
                match self { $(Self::$name(reply) => reply.encode_to_vec(),)+ }
            }

            /// Length of protobuf's bytes of it.
            pub fn encoded_len(&self) -> usize {
                match self { $(Self::$name(reply) => reply.encoded_len(),)+ }
            }

            /// JSON of it.
            pub fn json(&self) -> Vec<u8> {
                match self { $(Self::$name(reply) => json::write(reply),)+ }
            }
        }

        $(impl From<$reply> for Reply {
            fn from(reply: $reply) -> Self {
                Self::$name(reply)
            }
        })+
    };
}

macro_rules! reply_type {
    (Empty) => {
        ()
    };
    ($name:ident) => {
        $name
    };
}

impl CallName {
    /// Its row.
    pub fn row(self) -> &'static Row {
        &CALLS[self as usize]
    }

    /// The call that gRPC and hooks name so.
    pub fn parse(name: &str) -> Option<Self> {
        CALLS.iter().find(|row| row.name == name).map(|row| row.call)
    }
}

replies! {
    Empty(()),
    Session(Session),
    Group(Group),
    Account(Account),
    Users(Users),
    ValidatedSubscription(ValidatedSubscription),
    MatchmakerStats(MatchmakerStats),
    ChannelMessageList(ChannelMessageList),
    FriendList(FriendList),
    FriendsOfFriendsList(FriendsOfFriendsList),
    GroupList(GroupList),
    GroupUserList(GroupUserList),
    LeaderboardRecordList(LeaderboardRecordList),
    MatchList(MatchList),
    PartyList(PartyList),
    NotificationList(NotificationList),
    StorageObjectList(StorageObjectList),
    SubscriptionList(SubscriptionList),
    TournamentList(TournamentList),
    TournamentRecordList(TournamentRecordList),
    UserGroupList(UserGroupList),
    StorageObjects(StorageObjects),
    Rpc(Rpc),
    ValidatePurchaseResponse(ValidatePurchaseResponse),
    ValidateSubscriptionResponse(ValidateSubscriptionResponse),
    LeaderboardRecord(LeaderboardRecord),
    StorageObjectAcks(StorageObjectAcks),
}

calls! {
    /// Invites users by id or name, or accepts their invitations.
    AddFriends(AddFriendsRequest) -> Empty, User, NotYet, POST "/v2/friend";
    /// Adds users to a group.
    AddGroupUsers(AddGroupUsersRequest) -> Empty, User, NotYet, POST "/v2/group/{group_id}/add";
    /// Gives a new session for a refresh token.
    SessionRefresh(SessionRefreshRequest) -> Session, ServerKey, Done, POST "/v2/account/session/refresh" body "*";
    /// Ends the session, or all sessions of the user.
    SessionLogout(SessionLogoutRequest) -> Empty, User, Done, POST "/v2/session/logout" body "*";
    /// Signs in with Sign in with Apple.
    AuthenticateApple(AuthenticateAppleRequest) -> Session, ServerKey, Done, POST "/v2/account/authenticate/apple" body "account";
    /// Signs in with an id of the game's own.
    AuthenticateCustom(AuthenticateCustomRequest) -> Session, ServerKey, Done, POST "/v2/account/authenticate/custom" body "account";
    /// Signs in with a device id.
    AuthenticateDevice(AuthenticateDeviceRequest) -> Session, ServerKey, Done, POST "/v2/account/authenticate/device" body "account";
    /// Signs in with an e-mail address and a password.
    AuthenticateEmail(AuthenticateEmailRequest) -> Session, ServerKey, Done, POST "/v2/account/authenticate/email" body "account";
    /// Signs in with Facebook.
    AuthenticateFacebook(AuthenticateFacebookRequest) -> Session, ServerKey, Done, POST "/v2/account/authenticate/facebook" body "account";
    /// Signs in with a Facebook instant game.
    AuthenticateFacebookInstantGame(AuthenticateFacebookInstantGameRequest) -> Session, ServerKey, Done, POST "/v2/account/authenticate/facebookinstantgame" body "account";
    /// Signs in with Apple's Game Center.
    AuthenticateGameCenter(AuthenticateGameCenterRequest) -> Session, ServerKey, Done, POST "/v2/account/authenticate/gamecenter" body "account";
    /// Signs in with Google.
    AuthenticateGoogle(AuthenticateGoogleRequest) -> Session, ServerKey, Done, POST "/v2/account/authenticate/google" body "account";
    /// Signs in with Steam.
    AuthenticateSteam(AuthenticateSteamRequest) -> Session, ServerKey, Done, POST "/v2/account/authenticate/steam" body "account";
    /// Bans users from a group.
    BanGroupUsers(BanGroupUsersRequest) -> Empty, User, NotYet, POST "/v2/group/{group_id}/ban";
    /// Blocks users by id or name.
    BlockFriends(BlockFriendsRequest) -> Empty, User, NotYet, POST "/v2/friend/block";
    /// Creates a group that the caller owns.
    CreateGroup(CreateGroupRequest) -> Group, User, NotYet, POST "/v2/group" body "*";
    /// Deletes the caller's account.
    DeleteAccount(()) -> Empty, User, Done, DELETE "/v2/account";
    /// Ends friendships by id or name.
    DeleteFriends(DeleteFriendsRequest) -> Empty, User, NotYet, DELETE "/v2/friend";
    /// Deletes a group.
    DeleteGroup(DeleteGroupRequest) -> Empty, User, NotYet, DELETE "/v2/group/{group_id}";
    /// Deletes the caller's record of a leaderboard.
    DeleteLeaderboardRecord(DeleteLeaderboardRecordRequest) -> Empty, User, NotYet, DELETE "/v2/leaderboard/{leaderboard_id}";
    /// Deletes notifications.
    DeleteNotifications(DeleteNotificationsRequest) -> Empty, User, NotYet, DELETE "/v2/notification";
    /// Deletes the caller's record of a tournament.
    DeleteTournamentRecord(DeleteTournamentRecordRequest) -> Empty, User, NotYet, DELETE "/v2/tournament/{tournament_id}";
    /// Deletes storage objects.
    DeleteStorageObjects(DeleteStorageObjectsRequest) -> Empty, User, Done, PUT "/v2/storage/delete" body "*";
    /// Hands an event to the runtime.
    Event(Event) -> Empty, User, NotYet, POST "/v2/event" body "*";
    /// Gives the caller's account.
    GetAccount(()) -> Account, User, Done, GET "/v2/account";
    /// Gives users by id, name or Facebook id.
    GetUsers(GetUsersRequest) -> Users, User, Done, GET "/v2/user";
    /// Gives a subscription by product.
    GetSubscription(GetSubscriptionRequest) -> ValidatedSubscription, User, NotYet, GET "/v2/iap/subscription/{product_id}";
    /// Tells how matchmaking goes.
    GetMatchmakerStats(()) -> MatchmakerStats, User, NotYet, GET "/v2/matchmaker/stats";
    /// Says that the server is there.
    Healthcheck(()) -> Empty, None, Done, GET "/healthcheck";
    /// Takes friends over from Facebook.
    ImportFacebookFriends(ImportFacebookFriendsRequest) -> Empty, User, NotYet, POST "/v2/friend/facebook" body "account";
    /// Takes friends over from Steam.
    ImportSteamFriends(ImportSteamFriendsRequest) -> Empty, User, NotYet, POST "/v2/friend/steam" body "account";
    /// Joins an open group, or asks to join a closed one.
    JoinGroup(JoinGroupRequest) -> Empty, User, NotYet, POST "/v2/group/{group_id}/join";
    /// Joins a tournament.
    JoinTournament(JoinTournamentRequest) -> Empty, User, NotYet, POST "/v2/tournament/{tournament_id}/join";
    /// Removes users from a group.
    KickGroupUsers(KickGroupUsersRequest) -> Empty, User, NotYet, POST "/v2/group/{group_id}/kick";
    /// Leaves a group.
    LeaveGroup(LeaveGroupRequest) -> Empty, User, NotYet, POST "/v2/group/{group_id}/leave";
    /// Adds Sign in with Apple to the caller's account.
    LinkApple(AccountApple) -> Empty, User, Done, POST "/v2/account/link/apple" body "*";
    /// Adds an id of the game's own to the caller's account.
    LinkCustom(AccountCustom) -> Empty, User, Done, POST "/v2/account/link/custom" body "*";
    /// Adds a device id to the caller's account.
    LinkDevice(AccountDevice) -> Empty, User, Done, POST "/v2/account/link/device" body "*";
    /// Adds an e-mail address and a password to the caller's account.
    LinkEmail(AccountEmail) -> Empty, User, Done, POST "/v2/account/link/email" body "*";
    /// Adds Facebook to the caller's account.
    LinkFacebook(LinkFacebookRequest) -> Empty, User, Done, POST "/v2/account/link/facebook" body "account";
    /// Adds a Facebook instant game to the caller's account.
    LinkFacebookInstantGame(AccountFacebookInstantGame) -> Empty, User, Done, POST "/v2/account/link/facebookinstantgame" body "*";
    /// Adds Apple's Game Center to the caller's account.
    LinkGameCenter(AccountGameCenter) -> Empty, User, Done, POST "/v2/account/link/gamecenter" body "*";
    /// Adds Google to the caller's account.
    LinkGoogle(AccountGoogle) -> Empty, User, Done, POST "/v2/account/link/google" body "*";
    /// Adds Steam to the caller's account.
    LinkSteam(LinkSteamRequest) -> Empty, User, Done, POST "/v2/account/link/steam" body "*";
    /// Gives the history of a chat channel.
    ListChannelMessages(ListChannelMessagesRequest) -> ChannelMessageList, User, NotYet, GET "/v2/channel/{channel_id}";
    /// Lists the caller's friends.
    ListFriends(ListFriendsRequest) -> FriendList, User, NotYet, GET "/v2/friend";
    /// Lists friends of the caller's friends.
    ListFriendsOfFriends(ListFriendsOfFriendsRequest) -> FriendsOfFriendsList, User, NotYet, GET "/v2/friend/friends";
    /// Lists groups.
    ListGroups(ListGroupsRequest) -> GroupList, User, NotYet, GET "/v2/group";
    /// Lists a group's members.
    ListGroupUsers(ListGroupUsersRequest) -> GroupUserList, User, NotYet, GET "/v2/group/{group_id}/user";
    /// Lists places of a leaderboard.
    ListLeaderboardRecords(ListLeaderboardRecordsRequest) -> LeaderboardRecordList, User, NotYet, GET "/v2/leaderboard/{leaderboard_id}";
    /// Lists places of a leaderboard around one of them.
    ListLeaderboardRecordsAroundOwner(ListLeaderboardRecordsAroundOwnerRequest) -> LeaderboardRecordList, User, NotYet, GET "/v2/leaderboard/{leaderboard_id}/owner/{owner_id}";
    /// Lists running matches.
    ListMatches(ListMatchesRequest) -> MatchList, User, Done, GET "/v2/match";
    /// Lists parties.
    ListParties(ListPartiesRequest) -> PartyList, User, NotYet, GET "/v2/party";
    /// Lists notifications.
    ListNotifications(ListNotificationsRequest) -> NotificationList, User, NotYet, GET "/v2/notification";
    /// Lists storage objects that the caller may read.
    ListStorageObjects(ListStorageObjectsRequest) -> StorageObjectList, User, Done, GET "/v2/storage/{collection}", GET "/v2/storage/{collection}/{user_id}";
    /// Lists the caller's subscriptions.
    ListSubscriptions(ListSubscriptionsRequest) -> SubscriptionList, User, NotYet, POST "/v2/iap/subscription" body "*";
    /// Lists tournaments.
    ListTournaments(ListTournamentsRequest) -> TournamentList, User, NotYet, GET "/v2/tournament";
    /// Lists places of a tournament.
    ListTournamentRecords(ListTournamentRecordsRequest) -> TournamentRecordList, User, NotYet, GET "/v2/tournament/{tournament_id}";
    /// Lists places of a tournament around one of them.
    ListTournamentRecordsAroundOwner(ListTournamentRecordsAroundOwnerRequest) -> TournamentRecordList, User, NotYet, GET "/v2/tournament/{tournament_id}/owner/{owner_id}";
    /// Lists a user's groups.
    ListUserGroups(ListUserGroupsRequest) -> UserGroupList, User, NotYet, GET "/v2/user/{user_id}/group";
    /// Raises users in a group by one step.
    PromoteGroupUsers(PromoteGroupUsersRequest) -> Empty, User, NotYet, POST "/v2/group/{group_id}/promote";
    /// Lowers users in a group by one step.
    DemoteGroupUsers(DemoteGroupUsersRequest) -> Empty, User, NotYet, POST "/v2/group/{group_id}/demote";
    /// Reads storage objects.
    ReadStorageObjects(ReadStorageObjectsRequest) -> StorageObjects, User, Done, POST "/v2/storage" body "*";
    /// Calls a function that the runtime has registered.
    RpcFunc(Rpc) -> Rpc, HttpKeyOrUser, Done, POST "/v2/rpc/{id}" body "payload", GET "/v2/rpc/{id}";
    /// Takes Sign in with Apple from the caller's account.
    UnlinkApple(AccountApple) -> Empty, User, Done, POST "/v2/account/unlink/apple" body "*";
    /// Takes an id of the game's own from the caller's account.
    UnlinkCustom(AccountCustom) -> Empty, User, Done, POST "/v2/account/unlink/custom" body "*";
    /// Takes a device id from the caller's account.
    UnlinkDevice(AccountDevice) -> Empty, User, Done, POST "/v2/account/unlink/device" body "*";
    /// Takes an e-mail address and a password from the caller's account.
    UnlinkEmail(AccountEmail) -> Empty, User, Done, POST "/v2/account/unlink/email" body "*";
    /// Takes Facebook from the caller's account.
    UnlinkFacebook(AccountFacebook) -> Empty, User, Done, POST "/v2/account/unlink/facebook" body "*";
    /// Takes a Facebook instant game from the caller's account.
    UnlinkFacebookInstantGame(AccountFacebookInstantGame) -> Empty, User, Done, POST "/v2/account/unlink/facebookinstantgame" body "*";
    /// Takes Apple's Game Center from the caller's account.
    UnlinkGameCenter(AccountGameCenter) -> Empty, User, Done, POST "/v2/account/unlink/gamecenter" body "*";
    /// Takes Google from the caller's account.
    UnlinkGoogle(AccountGoogle) -> Empty, User, Done, POST "/v2/account/unlink/google" body "*";
    /// Takes Steam from the caller's account.
    UnlinkSteam(AccountSteam) -> Empty, User, Done, POST "/v2/account/unlink/steam" body "*";
    /// Changes the caller's account.
    UpdateAccount(UpdateAccountRequest) -> Empty, User, Done, PUT "/v2/account" body "*";
    /// Changes a group.
    UpdateGroup(UpdateGroupRequest) -> Empty, User, NotYet, PUT "/v2/group/{group_id}" body "*";
    /// Checks a purchase from Apple.
    ValidatePurchaseApple(ValidatePurchaseAppleRequest) -> ValidatePurchaseResponse, User, NotYet, POST "/v2/iap/purchase/apple" body "*";
    /// Checks a subscription from Apple.
    ValidateSubscriptionApple(ValidateSubscriptionAppleRequest) -> ValidateSubscriptionResponse, User, NotYet, POST "/v2/iap/subscription/apple" body "*";
    /// Checks a purchase from Google.
    ValidatePurchaseGoogle(ValidatePurchaseGoogleRequest) -> ValidatePurchaseResponse, User, NotYet, POST "/v2/iap/purchase/google" body "*";
    /// Checks a subscription from Google.
    ValidateSubscriptionGoogle(ValidateSubscriptionGoogleRequest) -> ValidateSubscriptionResponse, User, NotYet, POST "/v2/iap/subscription/google" body "*";
    /// Checks a purchase from Huawei.
    ValidatePurchaseHuawei(ValidatePurchaseHuaweiRequest) -> ValidatePurchaseResponse, User, NotYet, POST "/v2/iap/purchase/huawei" body "*";
    /// Checks a purchase in a Facebook instant game.
    ValidatePurchaseFacebookInstant(ValidatePurchaseFacebookInstantRequest) -> ValidatePurchaseResponse, User, NotYet, POST "/v2/iap/purchase/facebookinstant" body "*";
    /// Writes the caller's score in a leaderboard.
    WriteLeaderboardRecord(WriteLeaderboardRecordRequest) -> LeaderboardRecord, User, NotYet, POST "/v2/leaderboard/{leaderboard_id}" body "record";
    /// Writes storage objects.
    WriteStorageObjects(WriteStorageObjectsRequest) -> StorageObjectAcks, User, Done, PUT "/v2/storage" body "*";
    /// Writes the caller's score in a tournament.
    WriteTournamentRecord(WriteTournamentRecordRequest) -> LeaderboardRecord, User, NotYet, PUT "/v2/tournament/{tournament_id}" body "record", POST "/v2/tournament/{tournament_id}" body "record";
}

#[cfg(test)]
mod tests;
