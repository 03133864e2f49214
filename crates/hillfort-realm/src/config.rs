//! Plain settings of the realm, already checked.

use std::path::PathBuf;
use std::time::Duration;

/// Most rooms that one process can be told to host: what a room id has bits for, on one world thread.
pub const ROOMS_MAX: u32 = 1 << 24;

/// Settings of the realm. The number of world threads is that of the ports it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Rooms on all world threads together, at most [`ROOMS_MAX`].
    pub rooms_max: u32,
    /// A room that nobody has had a seat in for this long is ended, or sleeps when it has a name and its rules can save it.
    pub empty_room: Duration,
    /// Bytes that sleeping rooms may take on each world thread; beyond that those that have slept longest end. 0: no room sleeps.
    pub asleep_bytes_max: usize,
    /// Where rooms are saved for the next start; `None`: nowhere.
    pub saves: Option<Saves>,
    /// Start of all rooms' random numbers. A fixed one makes rooms repeatable, a random one makes them unpredictable.
    pub seed: u64,
    /// What is recorded and kept.
    pub recordings: Recordings,
}

/// What becomes of the calls into rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recordings {
    /// Whether rooms are recorded, and which recordings become files by themselves.
    pub keep: Keep,
    /// Memory of one room's recorder.
    pub room_bytes: usize,
    /// Memory of the recorders of one world thread's rooms together.
    pub thread_bytes: usize,
    /// Where files go; `None` is nowhere.
    pub folder: Option<PathBuf>,
    /// Bytes of all files together: beyond them the oldest are deleted.
    pub folder_bytes: u64,
}

/// Which rooms leave a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// None: nothing is recorded.
    Nothing,
    /// Those that end by a fault.
    Faults,
    /// All.
    All,
}

impl Default for Recordings {
    /// Faults, 4 MiB a room, 64 MiB a thread, no folder, 256 MiB of files.
    fn default() -> Self {
        Self { keep: Keep::Faults, room_bytes: 4 << 20, thread_bytes: 64 << 20, folder: None, folder_bytes: 256 << 20 }
    }
}

/// How rooms are saved for the next start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saves {
    /// Folder for their files; made when it is absent.
    pub folder: PathBuf,
    /// How often each room is saved: what a crash of the process loses at most.
    pub every: Duration,
}

impl Default for Config {
    /// 20,000 rooms, empty ones kept for 30 s, 64 MiB of sleeping ones, none saved, seed 0, recorded as [`Recordings`] has it.
    fn default() -> Self {
        Self {
            rooms_max: 20_000,
            empty_room: Duration::from_secs(30),
            asleep_bytes_max: 64 * 1024 * 1024,
            saves: None,
            seed: 0,
            recordings: Recordings::default(),
        }
    }
}
