//! The folder for what the server keeps: made when absent, and held by one server at a time.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

/// The folder, held as long as this lives; the kernel lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct DataFolder {
    _held: File,
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    /// It cannot be made or written.
    #[error("{folder} cannot be made or written: give another by --set data.folder=PATH")]
    Unusable {
        /// As configured.
        folder: String,
        /// Why.
        source: io::Error,
    },
    /// Another server works with it.
    #[error("{0} belongs to a Hillfort that is running: stop it, or give another folder by --set data.folder=PATH")]
    Held(String),
}

impl DataFolder {
    /// Makes the folder and holds it.
    ///
    /// # Errors
    /// [`DataError`], with what to do.
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let folder = path.display().to_string();
        let lock = std::fs::create_dir_all(path).and_then(|()| File::create(path.join("lock")));
        let held = lock.map_err(|source| DataError::Unusable { folder: folder.clone(), source })?;
        flock(&held, FlockOperation::NonBlockingLockExclusive).map_err(|_| DataError::Held(folder))?;
        Ok(Self { _held: held })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/data");
        let first = DataFolder::open(&path).unwrap();
        assert!(matches!(DataFolder::open(&path), Err(DataError::Held(_))));
        drop(first);
        DataFolder::open(&path).unwrap();
    }

    #[test]
    fn a_file_in_its_place_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("data"), "").unwrap();
        assert!(matches!(DataFolder::open(&folder.path().join("data")), Err(DataError::Unusable { .. })));
    }
}
