//! The filter on real interfaces: two network namespaces joined by a veth pair, real TCP through it, floods from a generator. Needs
//! root; without it the tests say so and pass. Namespaces belong to threads and go with them, also when a test fails.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "all of this is a test")]

mod bans;
mod flood;
mod hosts;
mod ladder;
mod traffic;
