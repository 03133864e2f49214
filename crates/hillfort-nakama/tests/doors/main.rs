//! The doors, asked by requests that are built from the table of calls; a stand-in answers behind them.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod answers;
mod bodies;
mod grpc;
mod rest;
mod rig;
mod rpc;
mod table;
