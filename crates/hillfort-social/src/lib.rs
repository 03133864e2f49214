//! Floor 3: what calls of the client API mean. Accounts and ways to sign in, sessions, storage, limits; functions of modules and lists of
//! matches by ports.
//!
//! [`Social`] implements [`hillfort_api::Service`] over [`hillfort_store::Store`]. Knows nothing of doors (what is HTTP, what a socket),
//! rooms, or how data are kept. The clock is an argument.

#![forbid(unsafe_code)]

mod account;
pub mod aliases;
mod backend;
pub mod budgets;
mod checks;
pub mod config;
mod core;
mod faults;
mod guesses;
mod housekeeping;
pub mod id;
pub mod limits;
mod links;
pub mod mail;
mod modules;
pub mod outside;
mod own_rpcs;
pub mod passwords;
mod people;
mod play;
pub mod ports;
mod reset;
pub mod revoked;
mod service;
mod sessions;
mod sign_in;
pub mod signed;
mod storage;
mod time;
pub mod token;

pub use budgets::{Budgets, Class};
pub use config::{Config, Guesses, OutsideConfig, Payloads, ResetConfig, RouteAliases, SessionConfig};
pub use mail::{MailConfig, MailStats, Security, SmtpConfig};
pub use people::PeopleStats;
pub use ports::{Clock, Hooks, Later, Matches, Runtime, system_clock};
pub use service::Social;
pub use sessions::RefreshStats;
pub use signed::rules::MustSign;
