//! The folder of recordings: files of rooms that ended or were asked for, the oldest deleted when there are too many bytes of them.
//!
//! World threads hand recordings over by a bounded queue and never wait: one that finds it full is counted as lost. A thread of the
//! shelf's own folds and writes them. Knows nothing of why a recording is to be kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::SystemTime;

use hillfort_world::{End, Recording};

/// Recordings that wait to be written at most.
const WAITING_MAX: usize = 16;
/// How the names of recordings end.
pub const RECORDING_EXTENSION: &str = "hillrec";

/// One end of the shelf. A clone is another.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    queue: SyncSender<Recording>,
    folder: Arc<Folder>,
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    bytes_max: u64,
    /// Held while the folder is changed.
    changing: Mutex<()>,
}

impl Shelf {
    /// Makes the folder, and starts the thread that writes. It ends when the last end is gone and all is written.
    pub(crate) fn open(path: &Path, bytes_max: u64) -> io::Result<(Self, JoinHandle<()>)> {
        fs::create_dir_all(path)?;
        let folder = Arc::new(Folder { path: path.to_owned(), bytes_max, changing: Mutex::default() });
        let (queue, queued) = sync_channel(WAITING_MAX);
        let writes = Arc::clone(&folder);
        let thread = Builder::new().name("recordings".into()).spawn(move || writes.write_all(&queued))?;
        Ok((Self { queue, folder }, thread))
    }

    /// Has the recording written soon. `false`: too many wait.
    pub(crate) fn put(&self, recording: Recording) -> bool {
        self.queue.try_send(recording).is_ok()
    }

    /// Writes the recording now, on this thread.
    pub(crate) fn write(&self, recording: &Recording) -> io::Result<PathBuf> {
        self.folder.write(recording)
    }
}

impl Folder {
    fn write_all(&self, queued: &Receiver<Recording>) {
        for recording in queued {
            match self.write(&recording) {
                Ok(path) => tracing::info!("recording of a room: {}", path.display()),
                Err(error) => tracing::warn!(%error, folder = %self.path.display(), "a recording could not be written"),
            }
        }
    }

    fn write(&self, recording: &Recording) -> io::Result<PathBuf> {
        let bytes = recording.to_file();
        if bytes.len() as u64 > self.bytes_max {
            let why =
                format!("it has {} bytes, and the folder may have {} (world.record_folder_mib)", bytes.len(), self.bytes_max);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        let path = self.path.join(name(recording));
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.make_space(bytes.len() as u64)?;
        // A server that is killed meanwhile leaves no half of a recording under its name.
        let draft = path.with_extension("part");
        fs::write(&draft, bytes)?;
        fs::rename(&draft, &path)?;
        Ok(path)
    }

    /// Deletes the oldest until `bytes` more, which are within the bound by themselves, are with the others, too.
    fn make_space(&self, bytes: u64) -> io::Result<()> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == RECORDING_EXTENSION || extension == "part") {
                let about = entry.metadata()?;
                kept.push((about.modified().unwrap_or(SystemTime::UNIX_EPOCH), path, about.len()));
            }
        }
        kept.sort();
        let mut sum = bytes + kept.iter().map(|(_, _, len)| len).sum::<u64>();
        for (_, path, len) in kept {
            if sum <= self.bytes_max {
                break;
            }
            fs::remove_file(path)?;
            sum -= len;
        }
        Ok(())
    }
}

/// Game, room, tick and how it ended: the same room at the same tick is the same file.
fn name(recording: &Recording) -> String {
    let end = match recording.end {
        End::Open => "open",
        End::Closed => "closed",
        End::Fault { .. } => "fault",
    };
    let origin = &recording.origin;
    format!("{}-{:016x}-{}-{}-{end}.{RECORDING_EXTENSION}", origin.game, origin.room, origin.made_unix_ms, recording.ticks)
}

#[cfg(test)]
mod tests {
    use hillfort_world::{Origin, Segment};

    use super::*;

    fn recording(room: u64) -> Recording {
        let origin = Origin { game: "fort".into(), room, ..Origin::default() };
        Recording { origin, end: End::Closed, ticks: 7, stopped_at: None, segments: vec![Arc::new(Segment::default())] }
    }

    #[test]
    fn what_was_put_is_there_when_the_thread_ended() {
        let folder = tempfile::tempdir().unwrap();
        let (shelf, thread) = Shelf::open(&folder.path().join("recordings"), 1 << 20).unwrap();
        assert!(shelf.put(recording(1)));
        let asked = shelf.write(&recording(2)).unwrap();
        drop(shelf);
        thread.join().unwrap();
        assert_eq!(Recording::from_file(&fs::read(asked).unwrap()), Ok(recording(2)));
        let first = folder.path().join("recordings").join(name(&recording(1)));
        assert_eq!(Recording::from_file(&fs::read(first).unwrap()), Ok(recording(1)));
    }

    #[test]
    fn a_recording_beyond_the_folder_is_refused_and_nothing_goes_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let large = Recording { origin: Origin { params: vec![7; 4096].into(), ..Origin::default() }, ..recording(2) };
        let most = large.to_file().len() as u64;
        assert!((recording(1).to_file().len() as u64) < most);
        let (shelf, _thread) = Shelf::open(folder.path(), most - 1).unwrap();
        let small = shelf.write(&recording(1)).unwrap();
        assert_eq!(shelf.write(&large).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(small.exists(), "what is there stays");
        let (exact, _thread) = Shelf::open(folder.path(), most).unwrap();
        assert!(exact.write(&large).unwrap().exists() && !small.exists(), "one that fits alone is alone");
    }

    #[test]
    fn the_oldest_go_and_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (shelf, _thread) = Shelf::open(folder.path(), recording(9).to_file().len() as u64 * 7 / 2).unwrap();
        fs::write(folder.path().join("notes.txt"), [0; 4096]).unwrap();
        for room in 0..9 {
            let path = shelf.write(&recording(room)).unwrap();
            let written = fs::File::options().append(true).open(path).unwrap();
            written.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(room)).unwrap();
        }
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        let expect: Vec<_> = (6..9).map(|room| name(&recording(room))).chain(["notes.txt".to_owned()]).collect();
        assert_eq!(names, expect);
    }
}
