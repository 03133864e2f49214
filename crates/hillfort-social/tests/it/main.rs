//! Calls as doors make them, over a store in memory, with a clock that the test moves.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod accounts;
mod attacks;
mod hooks;
mod links;
mod modules;
mod outside;
mod passwords;
mod rig;
mod sessions;
mod storage;
