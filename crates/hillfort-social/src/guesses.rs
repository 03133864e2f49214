//! Failed sign-ins with passwords: how many an account and an address may have. Owns the keys and their order; the numbers are
//! configuration, the buckets are [`crate::limits`]'.
//!
//! A guess is charged before the password is looked at, and put back unless it was wrong: a hundred at once find no gap, and a server that
//! is busy charges nobody. An account that is guessed at from everywhere stays open to the addresses from which its owner signed in before.

use std::net::IpAddr;

use hillfort_api::{ApiError, Code};

use crate::core::Core;
use crate::limits::{TryAgainIn, source};

const PAIR: u8 = 3;
const ACCOUNT: u8 = 4;
const ADDRESS: u8 = 5;
const KNOWN: u8 = 6;

/// A guess that was charged.
#[derive(Debug)]
pub(crate) struct Guess<'a> {
    /// The name that was given. `None`: a secret that names nobody.
    account: Option<&'a str>,
    source: u64,
    known: bool,
}

/// Why a secret did not open anything.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It was wrong.
    Wrong(ApiError),
    /// Something else was in the way, and nobody has learned whether it was right.
    Other(ApiError),
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self::Other(error)
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Wrong(error) | Refused::Other(error) => error,
        }
    }
}

impl Core {
    /// Charges a guess at `account`, the name that was given, whether it exists or not. What is refused is not charged anywhere.
    pub(crate) fn guess<'a>(&self, account: &'a str, address: IpAddr) -> Result<Guess<'a>, ApiError> {
        let (now_ms, source, rules) = (self.now_ms(), source(address), &self.config.guesses);
        let known = self.known.remembers(&(KNOWN, account, source), now_ms);
        self.guesses.take(&(ADDRESS, source), rules.address, now_ms).map_err(too_many)?;
        if let Err(again) = self.guesses.take(&(PAIR, account, source), rules.pair, now_ms) {
            self.guesses.put_back(&(ADDRESS, source), rules.address, now_ms);
            return Err(too_many(again));
        }
        if !known && let Err(again) = self.guesses.take(&(ACCOUNT, account), rules.account, now_ms) {
            self.guesses.put_back(&(ADDRESS, source), rules.address, now_ms);
            self.guesses.put_back(&(PAIR, account, source), rules.pair, now_ms);
            return Err(too_many(again));
        }
        Ok(Guess { account: Some(account), source, known })
    }

    /// Charges a guess at a secret that names no account: by address alone.
    pub(crate) fn blind_guess(&self, address: IpAddr) -> Result<Guess<'static>, ApiError> {
        let source = source(address);
        self.guesses.take(&(ADDRESS, source), self.config.guesses.address, self.now_ms()).map_err(too_many)?;
        Ok(Guess { account: None, source, known: false })
    }

    /// What became of a guess: one that was wrong stays charged, one that was right makes its address known.
    pub(crate) fn settle<T>(&self, guess: Option<&Guess<'_>>, tried: Result<T, Refused>) -> Result<T, ApiError> {
        if let Some(guess) = guess {
            if !matches!(tried, Err(Refused::Wrong(_))) {
                self.put_back(guess);
            }
            if let (Ok(_), Some(account)) = (&tried, guess.account) {
                let known_ms = i64::from(self.config.guesses.known_days) * 86_400_000;
                self.known.remember(&(KNOWN, account, guess.source), known_ms, self.now_ms());
            }
        }
        Ok(tried?)
    }

    fn put_back(&self, guess: &Guess<'_>) {
        let (now_ms, rules) = (self.now_ms(), &self.config.guesses);
        self.guesses.put_back(&(ADDRESS, guess.source), rules.address, now_ms);
        let Some(account) = guess.account else { return };
        self.guesses.put_back(&(PAIR, account, guess.source), rules.pair, now_ms);
        if !guess.known {
            self.guesses.put_back(&(ACCOUNT, account), rules.account, now_ms);
        }
    }
}

fn too_many(again: TryAgainIn) -> ApiError {
    ApiError::new(Code::ResourceExhausted, format!("Too many failed sign-ins: try again in {} s.", again.0.max(1) / 1000 + 1))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};

    use hillfort_api::{ApiError, Code};

    use super::Refused;
    use crate::config::Config;
    use crate::core::{Core, KNOWN_MAX};
    use crate::limits::Allowance;

    const NOW_MS: i64 = 1_700_000_000_000;

    fn check(run: impl FnOnce(&Core)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { run(&*Core::in_memory(NOW_MS).await) });
    }

    fn from(network: u64) -> IpAddr {
        Ipv6Addr::from(u128::from(0x2001_0db8_0000_0000_u64 + network) << 64).into()
    }

    fn wrong() -> Result<(), Refused> {
        Err(Refused::Wrong(ApiError::new(Code::Unauthenticated, "wrong")))
    }

    #[test]
    fn known_addresses_push_no_guess_out() {
        check(|core| {
            for network in 0..3 * KNOWN_MAX as u64 {
                let guess = core.guess("eve", from(network)).unwrap();
                core.settle(Some(&guess), Ok(())).unwrap();
            }
            // Many accounts, of which some share a set with whatever is there.
            for number in 0..200 {
                let (name, network) = (format!("ada{number}"), from(1 << 30 | number));
                for _ in 0..5 {
                    let guess = core.guess(&name, network).unwrap();
                    core.settle(Some(&guess), wrong()).unwrap_err();
                }
                assert_eq!(core.guess(&name, network).unwrap_err().code, Code::ResourceExhausted, "{name}");
            }
        });
    }

    #[test]
    fn only_what_was_wrong_is_charged() {
        check(|core| {
            for _ in 0..100 {
                let guess = core.guess("ada", from(1)).unwrap();
                let busy = Err::<(), _>(Refused::Other(ApiError::new(Code::ResourceExhausted, "busy")));
                assert_eq!(core.settle(Some(&guess), busy).unwrap_err().message, "busy");
                let blind = core.blind_guess(from(1)).unwrap();
                core.settle(Some(&blind), Ok(())).unwrap();
            }
            for _ in 0..5 {
                let guess = core.guess("ada", from(1)).unwrap();
                core.settle(Some(&guess), wrong()).unwrap_err();
            }
            // What is refused for the account costs the address nothing: of its thirty, five are gone.
            for _ in 0..100 {
                assert!(core.guess("ada", from(1)).is_err());
            }
            let others = (0..100).filter(|number| {
                let name = format!("other{number}");
                core.guess(&name, from(1)).is_ok_and(|guess| core.settle(Some(&guess), wrong()).is_err())
            });
            assert_eq!(others.count(), 25);
        });
    }

    #[test]
    fn what_the_account_refuses_is_put_back() {
        let rules = Config::default().guesses;
        assert_eq!((rules.account, rules.pair), (Allowance::new(50, 20_000), Allowance::new(5, 60_000)));
        check(|core| {
            for network in 0..50 {
                let guess = core.guess("ada", from(network)).unwrap();
                core.settle(Some(&guess), wrong()).unwrap_err();
            }
            for _ in 0..40 {
                assert!(core.guess("ada", from(1000)).is_err(), "neither the pair nor the address is charged for it");
            }
            for number in 0..30 {
                let name = format!("bob{number}");
                let guess = core.guess(&name, from(1000)).unwrap();
                core.settle(Some(&guess), wrong()).unwrap_err();
            }
        });
    }
}
