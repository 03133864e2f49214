//! A game as the realm knows it: a name, and how its rooms are made on a world thread. Knows nothing of rules and scripts.

use std::fmt;
use std::sync::Arc;

use hillfort_proto::limits::GAME_BYTES_MAX;
use hillfort_world::{Room, RoomFault};

/// Makes the rooms of one game on one world thread. Need not be `Send`: it is made on the thread, with what its rooms share there
/// (e.g. a script engine).
pub type Factory = Box<dyn FnMut() -> Result<Box<dyn Room>, RoomFault>>;

/// A game that rooms can be made of.
#[derive(Clone)]
pub struct Game {
    name: Arc<str>,
    rules: Arc<str>,
    maker: Arc<dyn Fn() -> Result<Factory, RoomFault> + Send + Sync>,
}

impl Game {
    /// A game. `maker` is called once on each world thread. `None` when the name is not 1 to [`GAME_BYTES_MAX`] of `[a-z0-9-]`.
    pub fn new(name: &str, maker: impl Fn() -> Result<Factory, RoomFault> + Send + Sync + 'static) -> Option<Self> {
        let good = (1..=GAME_BYTES_MAX).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        good.then(|| Self { name: name.into(), rules: "unversioned".into(), maker: Arc::new(maker) })
    }

    /// A game whose rules are a Rust type: each room starts as `make()`.
    pub fn native<R: Room + 'static>(name: &str, make: impl Fn() -> R + Clone + Send + Sync + 'static) -> Option<Self> {
        Self::new(name, move || {
            let make = make.clone();
            Ok(Box::new(move || Ok(Box::new(make()) as Box<dyn Room>)))
        })
    }

    /// Names the version of the rules, at most 128 bytes (the rest is cut off): a recording is replayed by the version that made it. A
    /// game in Rust says the name and version of its crate; scripts are versioned by what they say.
    #[must_use]
    pub fn with_rules(mut self, version: &str) -> Self {
        self.rules = version[..version.floor_char_boundary(128)].into();
        self
    }

    /// Version of the rules.
    #[must_use]
    pub const fn rules(&self) -> &Arc<str> {
        &self.rules
    }

    /// Name that a join asks for.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Sets the game up on the calling thread.
    pub(crate) fn factory(&self) -> Result<Factory, RoomFault> {
        (self.maker)()
    }
}

impl fmt::Debug for Game {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Game").field("name", &self.name).finish_non_exhaustive()
    }
}
