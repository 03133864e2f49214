//! The script's functions, looked up once. Owns their names.

use hillfort_script::Instance;

/// A callback of the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Create,
    JoinAttempt,
    Join,
    Message,
    Timer,
    Tick,
    Drop,
    Reconnect,
    Leave,
    Signal,
    Save,
    Restore,
    Dispose,
}

const NAMES: [&str; 13] = [
    "on_create",
    "on_join_attempt",
    "on_join",
    "on_message",
    "on_timer",
    "on_tick",
    "on_drop",
    "on_reconnect",
    "on_leave",
    "on_signal",
    "on_save",
    "on_restore",
    "on_dispose",
];

/// Those that the script defines.
pub(super) struct Entries([Option<hillfort_script::Entry>; NAMES.len()]);

impl Entries {
    pub(super) fn of(instance: &Instance) -> Self {
        Self(NAMES.map(|name| instance.entry(name)))
    }

    pub(super) const fn get(&self, entry: Entry) -> Option<&hillfort_script::Entry> {
        self.0[entry as usize].as_ref()
    }

    pub(super) const fn has(&self, entry: Entry) -> bool {
        self.0[entry as usize].is_some()
    }
}
