//! The key that signs the tickets of players: made once, kept in the data folder, so that a restart takes no ticket back. Knows nothing of
//! tickets.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use hillfort_guard::TICKET_KEY_BYTES;

const NAME: &str = "tickets.key";

/// The key of this folder; makes one when there is none, or when it was cut short, which takes all tickets back.
///
/// # Errors
/// The folder cannot be read or written, or the system gives no randomness.
pub(crate) fn of(folder: &Path) -> io::Result<[u8; TICKET_KEY_BYTES]> {
    let path = folder.join(NAME);
    let mut key = [0; TICKET_KEY_BYTES];
    match File::open(&path).and_then(|mut file| file.read_exact(&mut key)) {
        Ok(()) => return Ok(key),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof) => {}
        Err(error) => return Err(error),
    }
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    file.write_all(&key)?;
    file.sync_all()?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn one_is_made_and_then_kept() {
        let folder = tempfile::tempdir().unwrap();
        let first = of(folder.path()).unwrap();
        assert_eq!(of(folder.path()).unwrap(), first);
        let path = folder.path().join(NAME);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "it is nobody else's");
        std::fs::write(&path, &first[1..]).unwrap();
        let second = of(folder.path()).unwrap();
        assert!(second != first && of(folder.path()).unwrap() == second);
        assert!(of(&path).is_err(), "no folder");
    }
}
