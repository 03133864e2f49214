//! The API behind its doors, whole but for sockets: requests to the routers, answered by accounts over a database, with a clock that the test
//! moves.
//!
//! - `rig`: the doors, and shorthands for requests; `engine`: the databases; `play`: matches, and a module in Lua
//! - `services`, `stand_in`: Apple, Google, Facebook, Game Center and Steam, as the tests of accounts have them
//! - `signed`: calls that must be signed, and names of routes that go stale
//! - `fuzz`: hostile requests that are made from the OpenAPI document
//! - `table`: for each call that is served, what is refused and how
//! - `text`: text that is a command to somebody, taken to those who might obey it

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "what was asked is shown with a test that failed, or by --no-capture")]

mod engine;
mod fuzz;
mod play;
mod rig;
#[expect(dead_code, reason = "what is tested of each service alone")]
#[path = "../../../hillfort-social/tests/it/services.rs"]
mod services;
mod signed;
#[expect(dead_code, reason = "tests beside the adapters use the rest")]
#[path = "../../../hillfort-social/src/outside/stand_in/server.rs"]
mod stand_in;
mod table;
mod text;
