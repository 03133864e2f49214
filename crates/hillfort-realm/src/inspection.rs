//! One room in detail, for the operator who looks at it: plain data, bounded, of the moment it was asked for. Knows nothing of how it is shown.

use std::sync::Arc;

use hillfort_proto::ids::SessionId;
use hillfort_script::Tree;
use hillfort_sync::Schema;
use hillfort_world::Seat;

use crate::snapshot::RoomSnapshot;

/// Inputs that are kept of a room while somebody looks at it.
pub const INPUTS_SHOWN_MAX: usize = 64;
/// Bytes of each that are kept.
pub const INPUT_BYTES_SHOWN_MAX: usize = 32;
/// Log lines that are kept of it.
pub const LINES_SHOWN_MAX: usize = 32;
/// Bytes of the room's state that are shown.
pub const STATE_BYTES_SHOWN_MAX: usize = 4096;
/// Bytes of the main part of what it tells by itself.
pub const TOLD_BYTES_MAX: usize = 64 * 1024;
/// Values of a saved table that are shown, in all.
pub const BRANCHES_SHOWN_MAX: usize = 4096;
/// Bytes of each string in it.
pub const TEXT_BYTES_SHOWN_MAX: usize = 200;
/// Players, and entities of its scene, that are shown.
pub const ROWS_SHOWN_MAX: usize = 200;

/// What is done to a room by looking at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Nothing.
    Look,
    /// Nothing, but the room is asked for its state, by `on_save`, and for what it tells by itself.
    LookInside,
    /// No tick runs until [`Deed::Resume`], or until nobody has looked at it for ten minutes. Players stay.
    Pause,
    /// One tick runs; a room that was not paused is from now on.
    Step,
    /// Ticks run again. Those that did not meanwhile never do.
    Resume,
}

/// A room.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// What lists of rooms have, too. Inputs a second are those of the last second in which somebody looked.
    pub room: RoomSnapshot,
    /// Empty for a room without a name.
    pub name: Arc<str>,
    /// Whether no tick runs.
    pub paused: bool,
    /// Timers that are set: in which tick, and which.
    pub timers: Vec<(u64, u32)>,
    /// Players, at most [`ROWS_SHOWN_MAX`].
    pub players: Vec<PlayerInspection>,
    /// Inputs since somebody looks, newest last, at most [`INPUTS_SHOWN_MAX`].
    pub inputs: Vec<InputSeen>,
    /// Ticks and lines of its log since somebody looks, newest last, at most [`LINES_SHOWN_MAX`].
    pub lines: Vec<(u64, String)>,
    /// What `on_save` wrote; `None`: not asked for, or not supported.
    pub state: Option<StateSeen>,
    /// JSON that the room tells by itself; `None`: not asked for, or nothing.
    pub told: Option<String>,
    /// Its scene, when it shares one.
    pub scene: Option<SceneInspection>,
}

/// A player.
#[derive(Debug, Clone)]
pub struct PlayerInspection {
    /// Where the player sits.
    pub seat: Seat,
    /// The player's session.
    pub session: SessionId,
    /// Display name.
    pub name: Box<str>,
    /// Whether the connection is there.
    pub connected: bool,
    /// Inputs that wait for a tick.
    pub inputs_waiting: usize,
    /// Bytes of events, states and packets that the room sent, in the last second in which somebody looked.
    pub bytes_per_second: f64,
    /// Entities of the scene in sight, and those that wait because the player's bytes are used up.
    pub sight: Option<(usize, usize)>,
}

/// An input as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputSeen {
    /// The last tick before it.
    pub tick: u64,
    /// Whose it was.
    pub seat: Seat,
    /// What it asks.
    pub op: u32,
    /// Bytes of its data.
    pub len: usize,
    /// The first of them.
    pub start: Vec<u8>,
}

/// What `on_save` wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct StateSeen {
    /// Bytes in all.
    pub len: usize,
    /// The first of them, at most [`STATE_BYTES_SHOWN_MAX`].
    pub start: Vec<u8>,
    /// What they say, when a script gave a table.
    pub tree: Option<Branch>,
}

/// A value of a saved state. A table has at most [`BRANCHES_SHOWN_MAX`] entries with all that are in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Branch {
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A string, or its first [`TEXT_BYTES_SHOWN_MAX`] bytes.
    Text(String),
    /// A buffer: how many bytes it has.
    Bytes(usize),
    /// A table: keys and values, and how many entries are not shown.
    Table(Vec<(String, Self)>, usize),
}

impl Branch {
    /// As much as may be shown.
    pub(crate) fn of(tree: &Tree<'_>) -> Self {
        let mut left = BRANCHES_SHOWN_MAX;
        Self::shown(tree, &mut left)
    }

    fn shown(tree: &Tree<'_>, left: &mut usize) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(TEXT_BYTES_SHOWN_MAX)]).into_owned();
        match tree {
            Tree::Bool(flag) => Self::Bool(*flag),
            Tree::Number(number) => Self::Number(*number),
            Tree::Text(bytes) => Self::Text(text(bytes)),
            Tree::Buffer(bytes) => Self::Bytes(bytes.len()),
            Tree::Table(entries) => {
                let mut shown = Vec::new();
                for (key, value) in entries {
                    let Some(rest) = left.checked_sub(1) else { break };
                    *left = rest;
                    let key = match key {
                        Tree::Text(bytes) => text(bytes),
                        Tree::Number(number) => number.to_string(),
                        _ => continue,
                    };
                    shown.push((key, Self::shown(value, left)));
                }
                let hidden = entries.len() - shown.len();
                Self::Table(shown, hidden)
            }
        }
    }
}

/// A scene.
#[derive(Debug, Clone)]
pub struct SceneInspection {
    /// Its kinds and their fields.
    pub schema: Arc<Schema>,
    /// How many there are of each kind.
    pub counts: Vec<usize>,
    /// Entities, at most [`ROWS_SHOWN_MAX`].
    pub entities: Vec<EntityInspection>,
}

/// An entity of a scene.
#[derive(Debug, Clone, PartialEq)]
pub struct EntityInspection {
    /// How clients call it.
    pub id: u32,
    /// Number of its kind.
    pub kind: u8,
    /// Seat of its owner.
    pub owner: Option<u16>,
    /// Its team; 0 is none.
    pub team: u8,
    /// Values of its fields, in the kind's order.
    pub fields: Vec<f32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_of_a_tree_is_shown_than_may_be() {
        let number = |at: usize| (Tree::Number(at as f64), Tree::Bool(true));
        let table = Tree::Table((1..=BRANCHES_SHOWN_MAX).map(number).collect());
        let Branch::Table(all, 0) = Branch::of(&table) else { panic!("all are shown") };
        assert_eq!((all.len(), all[0].0.as_str()), (BRANCHES_SHOWN_MAX, "1"));
        let Branch::Table(outer, 1) = Branch::of(&Tree::Table(vec![(Tree::Text(b"a"), table), number(7)])) else {
            panic!("one is hidden")
        };
        assert!(matches!(&outer[0].1, Branch::Table(inner, 1) if inner.len() == BRANCHES_SHOWN_MAX - 1));
        let long = Branch::of(&Tree::Text(&[b'x'; 300]));
        assert_eq!(long, Branch::Text("x".repeat(TEXT_BYTES_SHOWN_MAX)));
        assert_eq!(Branch::of(&Tree::Buffer(&[0; 9])), Branch::Bytes(9));
    }
}
