//! Floor 2: the server runtime. Modules written for Nakama's Lua run unmodified in Luau sandboxes.
//!
//! - [`Runtime`]: the handle. RPCs and hooks run on its threads, each with a VM that has loaded all modules; a call is a coroutine, so one that waits for
//!   the backend holds no thread. [`Runtime::reload`] makes new VMs beside the old ones.
//! - [`backend`]: the port through which modules reach accounts, storage, matches and everything else outside a sandbox.
//! - [`mod@matches`]: a match handler as its room sees it; [`Runtime::match_handler`] makes one of a module.
//! - `functions`: the one table of `nk.*`, from which registration, the check of sources and [`reference()`] are made.
//! - [`source`]: modules as files: what is in them that will not work, with file and line.
//!
//! Knows nothing of sockets, stores, rooms or HTTP servers.

#![forbid(unsafe_code)]

pub mod backend;
mod cache;
mod calendar;
mod cron;
mod desk;
mod functions;
mod hooks;
mod http;
mod id;
mod json;
mod log;
pub mod matches;
mod play;
mod reference;
mod runtime;
mod settings;
pub mod source;
mod stage;
mod vm;
mod work;
mod worker;

pub use desk::Kind;
pub use http::HttpSettings;
pub use id::{Id, id_from_text, id_to_text};
pub use reference::reference;
pub use runtime::{ModuleFault, Runtime, Status, Watch};
pub use settings::Settings;
