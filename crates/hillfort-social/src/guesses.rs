//! Failed sign-ins with passwords: how many an account and an address may have. Owns the keys and their order; the numbers are
//! configuration, the buckets are [`crate::limits`]'.
//!
//! A guess is charged before the password is looked at, and put back when it was right: a hundred at once find no gap. An account that is
//! guessed at from everywhere stays open to the addresses from which its owner signed in before.

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

impl Core {
    /// Charges a guess at `account`, the name that was given, whether it exists or not.
    pub(crate) fn guess<'a>(&self, account: &'a str, address: IpAddr) -> Result<Guess<'a>, ApiError> {
        let (now_ms, source, rules) = (self.now_ms(), source(address), &self.config.guesses);
        let known = self.memory.remembers(&(KNOWN, account, source), now_ms);
        self.memory.take(&(ADDRESS, source), rules.address, now_ms).map_err(too_many)?;
        self.memory.take(&(PAIR, account, source), rules.pair, now_ms).map_err(too_many)?;
        if !known {
            self.memory.take(&(ACCOUNT, account), rules.account, now_ms).map_err(too_many)?;
        }
        Ok(Guess { account: Some(account), source, known })
    }

    /// Charges a guess at a secret that names no account: by address alone.
    pub(crate) fn blind_guess(&self, address: IpAddr) -> Result<Guess<'static>, ApiError> {
        let source = source(address);
        self.memory.take(&(ADDRESS, source), self.config.guesses.address, self.now_ms()).map_err(too_many)?;
        Ok(Guess { account: None, source, known: false })
    }

    /// It was right: nothing is charged, and the address is known from now on.
    pub(crate) fn guessed_right(&self, guess: &Guess<'_>) {
        let (now_ms, rules) = (self.now_ms(), &self.config.guesses);
        self.memory.put_back(&(ADDRESS, guess.source), rules.address, now_ms);
        let Some(account) = guess.account else { return };
        self.memory.put_back(&(PAIR, account, guess.source), rules.pair, now_ms);
        if !guess.known {
            self.memory.put_back(&(ACCOUNT, account), rules.account, now_ms);
        }
        let known_ms = i64::from(rules.known_days) * 86_400_000;
        self.memory.remember(&(KNOWN, account, guess.source), known_ms, now_ms);
    }
}

fn too_many(again: TryAgainIn) -> ApiError {
    ApiError::new(Code::ResourceExhausted, format!("Too many failed sign-ins: try again in {} s.", again.0.max(1) / 1000 + 1))
}
