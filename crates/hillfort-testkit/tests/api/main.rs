//! The API behind its doors, whole but for sockets and files: requests to the routers, answered by accounts over a store in memory, with a
//! clock that the test moves.
//!
//! - `rig`: the doors, and shorthands for requests
//! - `signed`: calls that must be signed, and names of routes that go stale
//! - `fuzz`: hostile requests that are made from the OpenAPI document
//! - `table`: for each call that is served, what is refused and how

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fuzz;
mod rig;
mod signed;
mod table;
