//! What an operator sets. Plain values: the binary reads files, this crate checks what it is given when it starts.

use crate::budgets::Budgets;
use crate::checks::{BATCH_MAX, VARS_MAX};
use crate::limits::Allowance;
use crate::outside::facebook::FacebookConfig;
use crate::outside::fetch::Trust;
use crate::outside::game_center::GameCenterConfig;
use crate::outside::steam::SteamConfig;
use crate::passwords::PasswordCost;
use crate::signed::rules::MustSign;

/// Everything that accounts, sessions and their limits need to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What clients show before they have a session. Empty: nobody signs in.
    pub server_key: String,
    /// What servers of the studio show to call RPCs. Empty: they cannot.
    pub http_key: String,
    /// Lifetimes of tokens.
    pub sessions: SessionConfig,
    /// What a password costs.
    pub passwords: PasswordCost,
    /// Whether a sign-in with an unknown address is refused like a wrong password (code 16), though Nakama says that there is no such
    /// account (code 5).
    pub hide_unknown: bool,
    /// Limits of failed sign-ins with passwords.
    pub guesses: Guesses,
    /// Calls that an account and an address may make, by class.
    pub budgets: Budgets,
    /// How much one call may carry.
    pub payloads: Payloads,
    /// Services that vouch for people.
    pub outside: OutsideConfig,
    /// Tokens for new passwords.
    pub reset: ResetConfig,
    /// Calls that must be signed.
    pub signed: MustSign,
    /// Whether a session has names of routes that hold for it alone and go stale. See [`crate::aliases`] for what that is worth.
    pub route_aliases: RouteAliases,
    /// Seconds that an account is kept in memory for those who look others up.
    pub people_cache_s: u32,
    /// Whether this server alone writes to its store. Where several do, ids that a server does not know are asked of the store.
    pub alone: bool,
}

/// How much one call may carry, within the longest request that doors take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payloads {
    /// Bytes of a storage object's value; at most [`hillfort_store::OBJECT_VALUE_MAX`].
    pub object_bytes: usize,
    /// Bytes of a function's payload.
    pub rpc_bytes: usize,
    /// Ids or objects; at most 1,024.
    pub batch: usize,
    /// Bytes of a session's variables, names and values together; at most 2,048.
    pub vars_bytes: usize,
}

/// Whether sessions have names of their own for routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteAliases {
    /// They have none.
    Off,
    /// They may use them.
    On,
    /// They must, but for asking for them (`hillfort.routes`).
    Only,
}

/// Lifetimes of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionConfig {
    /// Of an access token, seconds.
    pub token_s: u32,
    /// Of a refresh token, seconds.
    pub refresh_s: u32,
    /// Milliseconds for which the refresh token before is still taken after its successor was given out, from the address that got that, and
    /// gets the same successor: its answer may have been lost, or two parts of a client refresh at once. Later than that, or from another
    /// address, an old one ends the session. 0 is
    /// strict.
    pub grace_ms: u32,
    /// Whether a sign-in ends all other sessions of the account.
    pub single: bool,
}

/// Limits of failed sign-ins with passwords. What succeeds is not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guesses {
    /// For one account from one address.
    pub pair: Allowance,
    /// For one account from all addresses together, but for those from which it signed in before.
    pub account: Allowance,
    /// For one address, whatever the accounts.
    pub address: Allowance,
    /// Days for which an address from which somebody signed in is known.
    pub known_days: u32,
}

/// Services that vouch for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutsideConfig {
    /// Bundle ids of the game's apps at Apple. Empty: not configured.
    pub apple_bundle_ids: Vec<String>,
    /// Client ids of the game's apps at Google. Empty: not configured.
    pub google_client_ids: Vec<String>,
    /// Where Apple's and Google's keys are, if not where they publish them.
    pub apple_keys_url: Option<String>,
    /// The same for Google.
    pub google_keys_url: Option<String>,
    /// Whether identity tokens must have a nonce: the SHA-256, in hexadecimal digits, of what the client sends as the variable `nonce`.
    pub nonce: bool,
    /// Facebook.
    pub facebook: FacebookConfig,
    /// Game Center.
    pub game_center: GameCenterConfig,
    /// Steam.
    pub steam: SteamConfig,
    /// Whom to trust beside the system's authorities.
    pub trust: Trust,
}

/// Tokens for new passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetConfig {
    /// Minutes for which one is good.
    pub minutes: u32,
    /// What the mail links to; `{token}` is replaced. Empty: the mail has the token alone.
    pub link: String,
    /// Name of the game in the mail.
    pub game: String,
    /// Mails for one address.
    pub allowance: Allowance,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server_key: String::new(),
            http_key: String::new(),
            sessions: SessionConfig { token_s: 60, refresh_s: 3600, grace_ms: 10_000, single: false },
            passwords: PasswordCost::default(),
            hide_unknown: false,
            guesses: Guesses {
                pair: Allowance::new(5, 60_000),
                account: Allowance::new(50, 20_000),
                address: Allowance::new(30, 10_000),
                known_days: 30,
            },
            budgets: Budgets::default(),
            payloads: Payloads { object_bytes: 1 << 18, rpc_bytes: 1 << 18, batch: BATCH_MAX, vars_bytes: VARS_MAX },
            outside: OutsideConfig::default(),
            reset: ResetConfig {
                minutes: 30,
                link: String::new(),
                game: "the game".to_owned(),
                allowance: Allowance::new(3, 600_000),
            },
            signed: MustSign::default(),
            route_aliases: RouteAliases::Off,
            people_cache_s: 10,
            alone: true,
        }
    }
}
