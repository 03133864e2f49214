//! What all handlers share: configuration, store, secrets, limits, and the ports. Owns how it is put together; knows no call.

use std::sync::{Arc, OnceLock, Weak};

use hillfort_api::{ApiError, Sessions, UserId};
use hillfort_store::{Store, WriteBehind, WriteBehindOptions};
use tokio::runtime::Handle;

use crate::aliases::Aliases;
use crate::config::{Config, RouteAliases};
use crate::faults;
use crate::limits::Limits;
use crate::mail::Outbox;
use crate::outside::facebook::Facebook;
use crate::outside::fetch::Fetch;
use crate::outside::game_center::GameCenter;
use crate::outside::id_token::{IdTokens, Issuer};
use crate::outside::steam::Steam;
use crate::passwords::Passwords;
use crate::people::People;
use crate::ports::{Clock, Matches, Runtime};
use crate::revoked::Revoked;
use crate::sessions::RefreshStats;
use crate::token::TokenKey;

/// Keys in the table of budgets: half a million accounts and addresses that did something lately, in 8 MiB.
const LIMITED_MAX: usize = 1 << 19;
/// Keys in the table of guesses, in 4 MiB.
const GUESSES_MAX: usize = 1 << 18;
/// Addresses from which somebody signed in, and sessions that were looked up: 2 MiB each.
pub(crate) const KNOWN_MAX: usize = 1 << 17;

/// What every handler may use.
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) store: Store,
    /// Values of modules that change often.
    pub(crate) behind: WriteBehind,
    pub(crate) clock: Clock,
    pub(crate) secrets: Secrets,
    pub(crate) revoked: Revoked,
    pub(crate) passwords: Passwords,
    /// Budgets of calls.
    pub(crate) budgets: Limits,
    /// Failed sign-ins, mails and exports.
    pub(crate) guesses: Limits,
    /// Addresses from which somebody signed in. Tables of their own for what is remembered for long: it would push guesses out.
    pub(crate) known: Limits,
    /// Sessions that were looked up in the store.
    pub(crate) looked_up: Limits,
    pub(crate) people: People,
    pub(crate) refreshes: RefreshStats,
    pub(crate) outside: Outside,
    pub(crate) mail: Outbox,
    /// When this server began, in seconds: revocations from before are in the store alone.
    pub(crate) started_s: i64,
    pub(crate) aliases: Option<Aliases>,
    /// Where work goes on that must be finished, whoever asked for it.
    pub(crate) threads: Handle,
    pub(crate) runtime: OnceLock<Arc<dyn Runtime>>,
    pub(crate) matches: OnceLock<Arc<dyn Matches>>,
    pub(crate) sockets: OnceLock<Arc<dyn Sessions>>,
    /// Itself, for what goes on after an answer.
    pub(crate) this: Weak<Self>,
    /// Permits for mails that are prepared after an answer.
    pub(crate) resets: Arc<tokio::sync::Semaphore>,
}

/// Services that vouch for people.
pub(crate) struct Outside {
    pub(crate) fetch: Fetch,
    pub(crate) apple: IdTokens,
    pub(crate) google: IdTokens,
    pub(crate) facebook: Facebook,
    pub(crate) game_center: GameCenter,
    pub(crate) steam: Steam,
}

/// Keys that the server made at its first start and keeps in its store.
#[derive(Debug)]
pub(crate) struct Secrets {
    pub(crate) access: TokenKey,
    pub(crate) refresh: TokenKey,
    pub(crate) signing: [u8; 32],
}

impl Secrets {
    /// Reads them, or makes them: of several servers on one store, all get the same.
    pub(crate) async fn of(store: &Store) -> Result<Self, String> {
        let access = secret(store, "secret.access").await?;
        let refresh = secret(store, "secret.refresh").await?;
        let signing = secret(store, "secret.signing").await?;
        Ok(Self { access: TokenKey::new(&access), refresh: TokenKey::new(&refresh), signing })
    }
}

async fn secret(store: &Store, name: &str) -> Result<[u8; 32], String> {
    let kept = store.meta.get_or_put(name.to_owned(), random::<32>().to_vec()).await;
    let kept = kept.map_err(|why| format!("{name}: {why}"))?;
    kept.try_into().map_err(|_| format!("{name} in the store is not 32 bytes: it was changed from outside"))
}

/// Bytes from the system.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes
}

impl Outside {
    fn new(config: &Config) -> Result<Self, String> {
        let outside = &config.outside;
        let issuer = |mut issuer: Issuer, keys_url: &Option<String>| {
            issuer.nonce = outside.nonce;
            if let Some(url) = keys_url {
                issuer.keys_url.clone_from(url);
            }
            IdTokens::new(issuer)
        };
        Ok(Self {
            fetch: Fetch::new(&outside.trust)?,
            apple: issuer(Issuer::apple(outside.apple_bundle_ids.clone()), &outside.apple_keys_url),
            google: issuer(Issuer::google(outside.google_client_ids.clone()), &outside.google_keys_url),
            facebook: Facebook::new(outside.facebook.clone(), outside.nonce),
            game_center: GameCenter::new(outside.game_center.clone()),
            steam: Steam::new(outside.steam.clone()),
        })
    }
}

impl Core {
    pub(crate) async fn start(config: Config, store: Store, mail: Outbox, clock: Clock) -> Result<Arc<Self>, String> {
        let seed = || (u64::from_ne_bytes(random()), u64::from_ne_bytes(random()));
        let secrets = Secrets::of(&store).await?;
        let aliases = secret(&store, "secret.aliases").await?;
        let passwords = Passwords::start(&config.passwords)?;
        let outside = Outside::new(&config)?;
        Ok(Arc::new_cyclic(|this| Self {
            secrets,
            revoked: Revoked::default(),
            passwords,
            budgets: Limits::new(LIMITED_MAX, seed()),
            guesses: Limits::new(GUESSES_MAX, seed()),
            known: Limits::new(KNOWN_MAX, seed()),
            looked_up: Limits::new(KNOWN_MAX, seed()),
            people: People::new(store.accounts.clone(), config.people_cache_s, config.alone),
            refreshes: RefreshStats::default(),
            outside,
            mail,
            started_s: clock() / 1000,
            aliases: (config.route_aliases != RouteAliases::Off).then(|| Aliases::new(aliases)),
            threads: Handle::current(),
            runtime: OnceLock::new(),
            matches: OnceLock::new(),
            sockets: OnceLock::new(),
            this: this.clone(),
            resets: crate::reset::permits(),
            behind: WriteBehind::start(store.objects.clone(), WriteBehindOptions::default()),
            config,
            store,
            clock,
        }))
    }

    /// One over a store in memory, with passwords that cost nothing, at a time that stands still.
    #[cfg(test)]
    pub(crate) async fn in_memory(now_ms: i64) -> Arc<Self> {
        let store = Store::open("memory:", hillfort_store::Options::default()).await.expect("memory is there");
        let passwords = crate::passwords::PasswordCost { memory_kib: 64, passes: 1, threads: 1, queue: 8 };
        let mail = Outbox::start(crate::mail::MailConfig::None).expect("no mail");
        let clock: Clock = Arc::new(move || now_ms);
        Self::start(Config { passwords, ..Config::default() }, store, mail, clock).await.expect("it starts")
    }

    pub(crate) fn now_ms(&self) -> i64 {
        (self.clock)()
    }

    pub(crate) fn now_s(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }

    /// Whether a socket of the user is open.
    pub(crate) fn is_online(&self, user: UserId) -> bool {
        self.sockets.get().is_some_and(|sockets| !sockets.of_user(user).is_empty())
    }

    /// Closes all sockets of a user.
    pub(crate) fn close_sockets(&self, user: UserId, code: hillfort_api::Close, reason: &str) {
        if let Some(sockets) = self.sockets.get() {
            for session in sockets.of_user(user) {
                sockets.close(session, code, reason);
            }
        }
    }
}

/// The error of a sign-out that cannot be remembered.
pub(crate) fn full(full: crate::revoked::Full) -> ApiError {
    faults::internal("too many sign-outs within the lifetime of a token", &full);
    ApiError::new(hillfort_api::Code::ResourceExhausted, "Too many sign-outs at once: try again in a moment.")
}
