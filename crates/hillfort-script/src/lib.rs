//! Floor 1: the Luau sandbox. Compile, run within budgets, end what oversteps them.
//!
//! - [`Program`]: a source, compiled and checked. Made away from the tick path.
//! - [`Vm`]: one for each world thread and script version (and [`Vm::instances_max`] instances); holds the program's code once.
//! - [`Instance`]: the globals of one room. What one instance writes, no other can read.
//! - [`modules::ModuleVm`]: an engine for many sources whose calls may wait for answers.
//! - [`Host`] and [`Library`]: what the caller lets scripts do, as typed functions.
//!
//! Knows nothing of rooms, sockets, clocks or threads: the time check is a function that the caller gives. The engine's own types
//! stay inside; callers see [`Value`], [`Object`], [`Bytes`] and [`Payload`]. [`convert`] names the traits that arguments and results
//! must have, which plain numbers, strings and tuples of them do.
//!
//! # What is guaranteed
//! - **Loops**: a call ends after [`Limits::steps_max`] loop turns, calls, returns and pattern steps, in coroutines, callbacks and
//!   error handlers too. Catching the error does not help: the budget stays spent, and the call fails even when the script returns.
//! - **Slow single operations** (a shift in a huge table, a comparison of huge strings) are counted as one step each, so a call also ends
//!   after [`Limits::time_max`] of the given clocks, looked at every 64 steps. Searches, sorts and moves whose work grows faster than
//!   their data are bounded by `sandbox.luau`.
//! - **Memory**: a call can add [`Limits::call_bytes_max`] to what the VM holds and no more, so a bomb fails in the room that built it. What
//!   rooms keep over many calls is looked at when the VM is half full, and at each further quarter of [`Limits::vm_bytes_max`]: after
//!   a full collection, each instance that keeps more than [`Limits::room_bytes_max`] is ended, and no other.
//! - **Isolation**: libraries are read-only, there is no way to another instance's globals, no files, no clock, no bytecode, no
//!   `loadstring`, no collector control, and `math.random` draws from the host.
//!
//! # What is not
//! - A long run of expensive operations without any loop or call is bounded only by the size of the source and of the memory.
//! - The look for leaks stops the thread: about 50 ns a byte when the heap is nothing but small tables, so up to 0.4 s by default, and far less
//!   for buffers and strings. It goes through a temporary file (the engine's heap dump). Where none can be made, the instance that
//!   ran when the bound was crossed is ended instead.
//! - Until it is found, a leaking room may keep up to half of [`Limits::vm_bytes_max`].
//! - Weak tables show when the collector ran, and `pairs` over keys that are tables or functions shows where these lie in memory. Neither is
//!   the same in two runs: games that must replay use neither.

#![forbid(unsafe_code)]

mod convert;
mod data;
mod fault;
mod instance;
mod library;
mod meter;
pub mod modules;
mod program;
mod tree;
mod vm;

pub use convert::{Bytes, FromScript, IntoScript, Numbers, Object, Payload, Value};
pub use data::{Data, DataLimits, Values};
pub use fault::{Fault, MESSAGE_BYTES_MAX};
pub use instance::{Entry, Instance};
pub use library::{Host, HostError, Library, Memory};
pub use meter::Limits;
pub use program::{Dialect, Program, SOURCE_BYTES_MAX};
pub use tree::{DEPTH_MAX, MAGIC as TREE_MAGIC, NODES_MAX, NoTree, Tree};
pub use vm::{Stats, Vm};
