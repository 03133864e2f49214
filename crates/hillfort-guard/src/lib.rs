//! Floor 1: who may come in. Addresses, hellos and inputs go in, verdicts come out.
//!
//! Knows nothing of sockets, clocks, threads or randomness: time and the seed are arguments. Everything keyed by a stranger's
//! data has a fixed size, so that a flood of new addresses costs memory that was planned for. Nothing here allocates or logs per
//! connection.
//!
//! The way in, each step a precondition of the next by its type:
//!
//! 1. [`Guard::on_connect`], called right after `accept`, gives an [`Admitted`];
//! 2. at a door of TLS, [`Guard::on_client_hello`] and [`Guard::on_handshake`] need it;
//! 3. [`Guard::on_hello`] needs it and gives an [`Authed`];
//! 4. [`Guard::on_ticket`] is shown the ticket of a client that has one, and [`Guard::on_login`] says whether it comes in and how much it
//!    has to work first;
//! 5. [`InputBuckets::on_input`] charges what the session says afterwards;
//! 6. [`Guard::on_settled`] is told of a session that lasted, which is what makes an address known, and [`Guard::on_played`] of one that
//!    has played, which is what earns a ticket;
//! 7. [`Guard::on_close`] takes the [`Admitted`] back.
//!
//! What the edge finds wrong by itself it reports by [`Guard::on_offence`]. It needs a [`Peer`], which only an admitted connection
//! has: nobody is charged for what was sent in his name. Points of offence lead up a ladder of steps ([`Step`]) whose last one is a ban
//! of seconds to minutes. A ban refuses *new* connections of an address; what is already admitted goes on, since others may share the
//! address. Where others are known to share it, clients with a ticket still come in; where many do, there is no ban at all.

#![forbid(unsafe_code)]

mod admission;
mod ban;
mod bucket;
mod clock;
mod config;
mod fingerprint;
mod fuse;
mod guard;
mod input;
mod known;
mod ladder;
mod lines;
mod news;
mod nonces;
mod offence;
mod open;
mod posture;
mod regions;
mod reputation;
mod source;
mod stats;
mod table;
mod ticket;
mod top;

pub use admission::{Admitted, Authed, Peer};
pub use ban::{Ban, Cause, NotBannable};
pub use bucket::{PER_S_MAX, Rate, RateError};
pub use config::{Config, IpNet};
pub use fingerprint::{Action, ClientHelloFacts, FINGERPRINTS_MAX, FingerprintList, TooManyFingerprints};
pub use fuse::FuseRules;
pub use guard::Guard;
pub use input::{Class, InputBuckets, InputRates, Verdict};
pub use known::{ACCOUNTS_MAX, KNOWN_MAX};
pub use ladder::{BanTimes, InForce, LADDER_MAX, QUIET, Step};
pub use news::{BanNews, NEWS_MAX};
pub use nonces::NONCE_MEMORY;
pub use posture::{Posture, PostureRules};
pub use regions::{Country, Place, Places, RANGES_MAX, Range, RegionRules, Regions, RegionsError};
pub use reputation::{REASONS_MAX, Reason, Reputation};
pub use stats::Stats;
pub use table::SOURCES_MAX;
pub use ticket::{REVOKED_MAX, TICKET_BYTES, TICKET_KEY_BYTES};
pub use top::TopSource;
