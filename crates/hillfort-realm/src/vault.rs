//! Files of rooms: one for each room that can be saved, written by a thread of their own from a bounded queue. Knows nothing of what is in
//! a room.
//!
//! A file is written beside its name, synced, and moved over the older one, so that a crash leaves the older or the newer one whole. The
//! jobs that wait are done together: all are written, then all are synced.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use hillfort_proto::ids::RoomId;

use crate::saved::{SAVED_BYTES_MAX, SavedRoom};

/// Jobs that wait at most; with the largest rooms that is 64 MiB.
const WAITING_MAX: usize = 64;
/// From this many files on, one call syncs all.
const SYNCED_TOGETHER: usize = 8;
/// Highest generation that a room's file may have.
const GENERATION_MAX: u32 = u32::MAX / 2;
/// Ending of a room's file.
const ENDING: &str = "room";

/// What is to be done with a room's file.
#[derive(Debug)]
pub(crate) enum Job {
    Write(RoomId, Vec<u8>),
    Remove(RoomId),
    /// It could not be used: it is kept under another name for somebody to look at.
    SetAside(RoomId),
}

/// What a folder has in it.
#[derive(Debug)]
pub(crate) struct Found {
    /// By number; at most as many as were asked for.
    pub(crate) rooms: Vec<SavedRoom>,
    /// A room that is named from this generation on has no file here, not even one that was not read.
    pub(crate) generation: u32,
}

/// The writing end of the folder.
#[derive(Debug)]
pub(crate) struct Vault {
    folder: PathBuf,
    jobs: Receiver<Job>,
}

impl Vault {
    /// Makes the folder when it is absent, and reads at most `rooms_max` rooms from it, by number; the others stay in their files for a later start. A
    /// file that is damaged is set aside with a line in the log.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub(crate) fn open(folder: &Path, rooms_max: u32) -> io::Result<(Self, SyncSender<Job>, Found)> {
        fs::create_dir_all(folder)?;
        let mut files = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|ending| ending != ENDING) {
                continue;
            }
            match id_of(&path) {
                Some(id) => files.push((id, path)),
                None => damaged(&path),
            }
        }
        files.sort_unstable();
        let generation = files.iter().map(|(id, _)| id.generation() + 1).max().unwrap_or(1);
        let mut found = Found { rooms: Vec::new(), generation };
        for (id, path) in files {
            if found.rooms.len() >= rooms_max as usize {
                tracing::warn!(%rooms_max, "more saved rooms than the server may have: the others stay in their files");
                break;
            }
            match read(&path, id) {
                Some(room) => found.rooms.push(room),
                None => damaged(&path),
            }
        }
        let (sender, jobs) = sync_channel(WAITING_MAX);
        Ok((Self { folder: folder.to_owned(), jobs }, sender, found))
    }

    /// Works until nobody can send jobs any more.
    pub(crate) fn run(mut self) {
        while let Ok(job) = self.jobs.recv() {
            self.work(Some(job));
        }
    }

    /// Does `first` and all jobs that wait.
    pub(crate) fn work(&mut self, first: Option<Job>) {
        let mut written: Vec<(RoomId, File)> = Vec::new();
        for job in first.into_iter().chain(self.jobs.try_iter().take(WAITING_MAX)) {
            match job {
                Job::Write(room, bytes) => {
                    let file = File::create(self.beside(room)).and_then(|mut file| file.write_all(&bytes).map(|()| file));
                    written.retain(|(other, _)| *other != room);
                    written.extend(told(room, file).map(|file| (room, file)));
                }
                Job::Remove(room) => {
                    written.retain(|(other, _)| *other != room);
                    // Neither needs to be there.
                    let _absent = (fs::remove_file(self.beside(room)), fs::remove_file(self.path(room)));
                }
                Job::SetAside(room) => aside(&self.path(room)),
            }
        }
        let synced = self.sync(&written);
        for (room, file) in written {
            let synced = if synced { Ok(()) } else { file.sync_data() };
            told(room, synced.and_then(|()| fs::rename(self.beside(room), self.path(room))));
        }
        if let Err(error) = File::open(&self.folder).and_then(|folder| folder.sync_all()) {
            tracing::warn!(%error, "the folder of saved rooms could not be synced");
        }
    }

    /// Many files are synced by one call for the whole file system: each alone costs a disk as much. `false`: they are to be synced one by one.
    fn sync(&self, written: &[(RoomId, File)]) -> bool {
        written.len() >= SYNCED_TOGETHER && File::open(&self.folder).is_ok_and(|folder| rustix::fs::syncfs(folder).is_ok())
    }

    fn path(&self, room: RoomId) -> PathBuf {
        self.folder.join(format!("{room}.{ENDING}"))
    }

    fn beside(&self, room: RoomId) -> PathBuf {
        self.folder.join(format!("{room}.new"))
    }
}

/// The number that a file is named for. One with a generation that a server would need centuries to reach is none.
fn id_of(path: &Path) -> Option<RoomId> {
    let name = path.file_stem()?.to_str()?;
    let id = u64::from_str_radix(name, 16).ok().map(RoomId)?;
    (id.to_string() == name && id.generation() <= GENERATION_MAX).then_some(id)
}

fn read(path: &Path, id: RoomId) -> Option<SavedRoom> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(SAVED_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).ok()?;
    SavedRoom::decode(&bytes).ok().filter(|room| room.id == Some(id))
}

fn damaged(path: &Path) {
    tracing::warn!(file = %path.display(), "file of a saved room is damaged: set aside, the room is lost");
    aside(path);
}

fn aside(path: &Path) {
    if let Err(error) = fs::rename(path, path.with_extension("damaged")) {
        tracing::warn!(file = %path.display(), %error, "file of a saved room could not be set aside");
    }
}

fn told<T>(room: RoomId, result: io::Result<T>) -> Option<T> {
    result.inspect_err(|error| tracing::warn!(%room, %error, "a room could not be saved")).ok()
}

#[cfg(test)]
mod tests {
    use hillfort_world::CellState;

    use super::*;

    fn room(id: u64) -> SavedRoom {
        let cell = CellState { tick: id, ..CellState::default() };
        SavedRoom { id: Some(RoomId(id)), game: "g".into(), seats_max: 1, hz: 1, cell, ..SavedRoom::default() }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .expect("is there")
            .map(|entry| entry.expect("read").file_name().into_string().expect("UTF-8"))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn rooms_are_written_replaced_removed_and_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut vault, jobs, none) = Vault::open(folder.path(), 10).expect("opens");
        assert!(none.rooms.is_empty());
        for job in [Job::Write(RoomId(1), room(1).encode()), Job::Write(RoomId(2), room(2).encode()), Job::Remove(RoomId(1))] {
            jobs.send(job).expect("fits");
        }
        let newer = SavedRoom { name: "newer".into(), ..room(2) };
        jobs.send(Job::Write(RoomId(2), newer.encode())).expect("fits");
        vault.work(None);
        assert_eq!(names(folder.path()), ["0000000000000002.room"]);
        assert_eq!(Vault::open(folder.path(), 10).expect("opens").2.rooms, [newer]);
        assert_eq!(Vault::open(folder.path(), 0).expect("opens").2.rooms, []);
    }

    #[test]
    fn many_are_synced_together() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut vault, jobs, _) = Vault::open(folder.path(), 10).expect("opens");
        let count = SYNCED_TOGETHER as u64 * 2;
        (1..=count).for_each(|n| jobs.send(Job::Write(RoomId(n), room(n).encode())).expect("fits"));
        vault.work(None);
        let found = Vault::open(folder.path(), 100).expect("opens").2.rooms;
        assert_eq!(found, (1..=count).map(room).collect::<Vec<_>>());
    }

    #[test]
    fn damage_is_set_aside_and_changes_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).expect("written");
        put("0000000000000001.room", &room(1).encode());
        put("0000000000000002.room", &room(2).encode()[..40]);
        put("0000000000000003.room", &room(1).encode());
        put("0000000000000004.new", b"torn");
        let found = Vault::open(folder.path(), 10).expect("opens").2.rooms;
        assert_eq!(found, [room(1)]);
        let expect = ["0000000000000001.room", "0000000000000002.damaged", "0000000000000003.damaged", "0000000000000004.new"];
        assert_eq!(names(folder.path()), expect);
    }
}
