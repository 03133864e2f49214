//! Matches: relayed ones, which are lists of sessions here, and those that rooms of the realm run. Knows nothing of rules.
//!
//! - `relayed`: creating, joining, and handing data on
//! - `seats`: which session sits in which room; `rooms`: joining, leaving, data in both directions
//! - [`MatchList`]: what runs, for lists and for modules

mod list;
mod relayed;
mod rooms;
pub(crate) mod seats;

pub use list::{MatchList, RoomLine, Rooms};
