//! The key with which commands on this machine ask the console: made once, kept in the data folder. Whoever can read that folder has the
//! server anyway. Knows nothing of what is asked.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use subtle::ConstantTimeEq as _;

/// Name of its file in the data folder.
pub(crate) const NAME: &str = "console.key";

/// The key. Its digits are a secret.
#[derive(Clone)]
pub struct ConsoleKey([u8; 32]);

impl ConsoleKey {
    /// A key that nobody has.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub(crate) fn random() -> io::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(Self(bytes))
    }

    /// The key of this folder; makes one when there is none, or when it was cut short.
    ///
    /// # Errors
    /// The folder cannot be read or written, or the system gives no randomness.
    pub(crate) fn of(folder: &Path) -> io::Result<Self> {
        let path = folder.join(NAME);
        match Self::read(&path) {
            Ok(Some(key)) => return Ok(key),
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let key = Self::random()?;
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        file.write_all(key.text().as_bytes())?;
        file.sync_all()?;
        Ok(key)
    }

    /// The key in this file; `None` when it is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        Ok(bytes(std::fs::read_to_string(path)?.trim()).map(Self))
    }

    /// As requests carry it.
    pub(crate) fn text(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether the text is this key. Takes as long for any other of its length.
    pub(crate) fn is(&self, text: &str) -> bool {
        bytes(text).is_some_and(|given| given.ct_eq(&self.0).into())
    }
}

impl fmt::Debug for ConsoleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConsoleKey(..)")
    }
}

/// 32 bytes that are written in hexadecimal digits.
pub(crate) fn bytes(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let digit = |at: usize| char::from(digits[at]).to_digit(16);
    let mut bytes = [0; 32];
    for (n, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::try_from(digit(2 * n)? * 16 + digit(2 * n + 1)?).expect("two hexadecimal digits are a byte");
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn one_is_made_and_then_kept() {
        let folder = tempfile::tempdir().unwrap();
        let first = ConsoleKey::of(folder.path()).unwrap();
        let again = ConsoleKey::of(folder.path()).unwrap();
        assert!(again.is(&first.text()) && !again.is(&ConsoleKey::random().unwrap().text()));
        assert!(!again.is("") && !again.is(&first.text()[1..]) && !again.is(&"x".repeat(64)));
        let path = folder.path().join(NAME);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "it is nobody else's");
        assert_eq!(format!("{first:?}"), "ConsoleKey(..)");
        std::fs::write(&path, &first.text()[1..]).unwrap();
        assert!(!ConsoleKey::of(folder.path()).unwrap().is(&first.text()), "one that was cut short is made anew");
        assert!(ConsoleKey::of(&path).is_err(), "no folder");
    }
}
