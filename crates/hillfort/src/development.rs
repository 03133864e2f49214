//! A certificate for development, signed by itself: made once, kept in the data folder, so that a browser has to be told only once.
//!
//! Nobody but this machine can trust it. Knows nothing of doors.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use hillfort_edge::Certificate;

const CHAIN: &str = "development-certificate.pem";
const KEY: &str = "development-key.pem";
/// Names and addresses that it is good for.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The certificate of this folder; makes one when there is none that can be used.
///
/// # Errors
/// The folder cannot be written, or the system gives no randomness.
pub(crate) fn certificate(folder: &Path) -> io::Result<Certificate> {
    if let (Ok(chain_pem), Ok(key_pem)) = (std::fs::read(folder.join(CHAIN)), std::fs::read(folder.join(KEY))) {
        let kept = Certificate { chain_pem, key_pem };
        if kept.check().is_ok() {
            return Ok(kept);
        }
    }
    let made = rcgen::generate_simple_self_signed(NAMES.map(String::from)).map_err(io::Error::other)?;
    let made = Certificate { chain_pem: made.cert.pem().into(), key_pem: made.signing_key.serialize_pem().into() };
    // The key first: a certificate without its key would be of no use.
    let mut key = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(folder.join(KEY))?;
    key.write_all(&made.key_pem)?;
    std::fs::write(folder.join(CHAIN), &made.chain_pem)?;
    Ok(made)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn one_is_made_and_then_kept() {
        let folder = tempfile::tempdir().unwrap();
        let first = certificate(folder.path()).unwrap();
        assert!(first.check().is_ok());
        let mode = std::fs::metadata(folder.path().join(KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "the key is nobody else's");
        assert_eq!(certificate(folder.path()).unwrap().chain_pem, first.chain_pem);
        // What cannot be used is made anew.
        std::fs::write(folder.path().join(CHAIN), "nonsense").unwrap();
        let second = certificate(folder.path()).unwrap();
        assert!(second.check().is_ok() && second.chain_pem != first.chain_pem);
    }
}
