//! Accounts and wallets as modules see them. Owns the fields, named as Nakama's where nothing else is said; their bounds are the backend's.

use crate::id::Id;

/// A user's public side. Times are UTC seconds, `metadata` is a JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    pub user_id: Id,
    pub username: String,
    pub display_name: String,
    pub avatar_url: String,
    pub lang_tag: String,
    pub location: String,
    pub timezone: String,
    pub metadata: String,
    pub apple_id: String,
    pub facebook_id: String,
    pub facebook_instant_game_id: String,
    pub google_id: String,
    pub gamecenter_id: String,
    pub steam_id: String,
    pub online: bool,
    pub edge_count: i32,
    pub create_time: i64,
    pub update_time: i64,
}

/// A user with what only the user may see.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    pub user: User,
    pub wallet: Wallet,
    pub email: String,
    pub devices: Vec<String>,
    pub custom_id: String,
    pub verify_time: Option<i64>,
    pub disable_time: Option<i64>,
}

/// Amounts by the name of what they count.
pub type Wallet = Vec<(String, i64)>;

/// New values for an account; nothing: as before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountUpdate {
    pub user_id: Id,
    pub username: Option<String>,
    pub display_name: Option<String>,
    pub timezone: Option<String>,
    pub location: Option<String>,
    pub lang_tag: Option<String>,
    pub avatar_url: Option<String>,
    /// A JSON object.
    pub metadata: Option<String>,
}

/// A way to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    Apple {
        token: String,
    },
    Custom {
        id: String,
    },
    Device {
        id: String,
    },
    Email {
        email: String,
        password: String,
    },
    /// Signs in by name: only for [`super::Ask::Authenticate`].
    Username {
        username: String,
        password: String,
    },
    Facebook {
        token: String,
        import: bool,
    },
    FacebookInstantGame {
        player_info: String,
    },
    GameCenter {
        player_id: String,
        bundle_id: String,
        timestamp_s: i64,
        salt: String,
        signature: String,
        public_key_url: String,
    },
    Google {
        token: String,
    },
    Steam {
        token: String,
        import: bool,
    },
}

/// Who signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    /// The user.
    pub user_id: Id,
    /// The user's name.
    pub username: String,
    /// Whether the account is new.
    pub created: bool,
}

/// A session token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The token.
    pub token: String,
    /// Expires then, UTC seconds.
    pub expires_s: i64,
}

/// A change of a wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletUpdate {
    /// Whose.
    pub user_id: Id,
    /// What is added; taken when negative. A wallet never goes below zero.
    pub changeset: Wallet,
    /// A JSON object for the ledger.
    pub metadata: String,
}

/// A wallet before and after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletResult {
    /// Whose.
    pub user_id: Id,
    /// Before.
    pub previous: Wallet,
    /// After.
    pub updated: Wallet,
}

/// A page of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// Newest first.
    pub items: Vec<LedgerItem>,
    /// Where the next page begins; empty: there is none.
    pub cursor: String,
}

/// A line of a ledger. Times are UTC seconds, `metadata` is a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerItem {
    pub id: Id,
    pub user_id: Id,
    pub changeset: Wallet,
    pub metadata: String,
    pub create_time: i64,
    pub update_time: i64,
}
