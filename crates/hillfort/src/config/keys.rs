//! Keys of the hello: from hexadecimal text or a file with it. Owns the development key and keeps secrets out of logs and error
//! texts.

use std::fmt;
use std::path::Path;

use hillfort_proto::hello::{AppId, HelloKey, KeyId, KeyRing};

use super::{Files, raw};

/// Secret of the key with which Hillfort starts out of the box. Everybody knows it.
pub const DEVELOPMENT_SECRET_HEX: &str = "68696c6c666f72742d646576656c6f706d656e742d7365637265742d30303031";

/// What `config print` writes in place of a secret.
pub(super) const HIDDEN: &str = "(hidden)";

/// One key, with its secret: for our own bots and for the client page.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// App that it belongs to.
    pub app: AppId,
    /// Its number.
    pub key: KeyId,
    /// Its secret.
    pub secret: Vec<u8>,
}

impl fmt::Debug for Key {
    /// The secret stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("app", &self.app).field("key", &self.key).finish_non_exhaustive()
    }
}

impl Key {
    /// Whether everybody knows its secret.
    #[must_use]
    pub fn is_development(&self) -> bool {
        bytes_of_hex(DEVELOPMENT_SECRET_HEX).is_some_and(|secret| secret == self.secret)
    }

    /// Its secret as text.
    #[must_use]
    pub fn secret_hex(&self) -> String {
        self.secret.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// One key as written into one with its secret. The error says what is wrong and which name it is about.
pub(super) fn read(raw: &raw::Key, files: &dyn Files) -> Result<Key, (&'static str, String)> {
    let (name, text) = match (raw.secret_hex.as_str(), raw.secret_file.as_str()) {
        ("", "") => return Err(("keys.secret_hex", "a key needs a secret: secret_hex or secret_file".to_owned())),
        (HIDDEN, _) => return Err(("keys.secret_hex", "`config print` hides secrets: put the secret back".to_owned())),
        (hex, "") => ("keys.secret_hex", hex.to_owned()),
        ("", path) => ("keys.secret_file", read_text(Path::new(path), files).map_err(|text| ("keys.secret_file", text))?),
        _ => return Err(("keys.secret_hex", "there are secret_hex and secret_file: one of them is enough".to_owned())),
    };
    let secret = bytes_of_hex(text.trim())
        .ok_or_else(|| (name, "the secret is not hexadecimal: make one by `openssl rand -hex 32`".to_owned()))?;
    Ok(Key { app: AppId(raw.app), key: KeyId(raw.key), secret })
}

/// The keys as the guard takes them. The error says which key is meant.
pub(super) fn ring(keys: &[Key]) -> Result<KeyRing, String> {
    let mut ring = KeyRing::new();
    for key in keys {
        let named = |error| format!("app {} key {}: {error}", key.app.0, key.key.0);
        if ring.find(key.app, key.key).is_some() {
            return Err(format!("app {} key {} is there twice", key.app.0, key.key.0));
        }
        ring.insert(HelloKey::new(key.app, key.key, &key.secret).map_err(named)?).map_err(named)?;
    }
    if ring.is_empty() { Err("at least one key is needed, else nobody gets in".to_owned()) } else { Ok(ring) }
}

fn read_text(path: &Path, files: &dyn Files) -> Result<String, String> {
    let bytes = files.read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    String::from_utf8(bytes).map_err(|_| format!("{} is not text", path.display()))
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect::<Option<Vec<u8>>>()?;
    let pairs = digits.chunks_exact(2);
    pairs.remainder().is_empty().then(|| pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}
