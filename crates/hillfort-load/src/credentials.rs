//! The key that signs hellos, from flags or the environment. Knows nothing of what a hello is for.

use anyhow::Context as _;
use clap::Args;
use hillfort_proto::hello::{AppId, Hello, HelloKey, KeyId};
use hillfort_proto::limits::HELLO_BYTES;

use crate::clock::unix_ms;

/// Secret of the development keys, which every copy of Hillfort knows: a server that uses them listens on loopback only.
pub const DEVELOPMENT_SECRET_HEX: &str = "68696c6c666f72742d646576656c6f706d656e742d7365637265742d30303031";

/// Whose key is used.
#[derive(Debug, Clone, Args)]
pub(crate) struct Credentials {
    /// App that the key belongs to
    #[arg(long, env = "HILLFORT_LOAD_APP", default_value_t = 1)]
    app: u32,
    /// Number of the key
    #[arg(long, env = "HILLFORT_LOAD_KEY", default_value_t = 1)]
    key: u16,
    /// Secret of the key, in hexadecimal; the development secret when absent
    #[arg(long, env = "HILLFORT_LOAD_SECRET_HEX", default_value = DEVELOPMENT_SECRET_HEX, hide_default_value = true, hide_env_values = true)]
    secret_hex: String,
}

impl Credentials {
    /// The key, checked.
    pub(crate) fn signer(&self) -> anyhow::Result<HelloKey> {
        let secret = bytes_of_hex(&self.secret_hex).context("the secret is not hexadecimal")?;
        HelloKey::new(AppId(self.app), KeyId(self.key), &secret).context("the secret cannot be used")
    }

    /// The key that a server has when nothing is configured.
    pub(crate) fn development() -> Self {
        Self { app: 1, key: 1, secret_hex: DEVELOPMENT_SECRET_HEX.to_owned() }
    }
}

/// A hello of now with a fresh nonce.
pub(crate) fn fresh_hello(signer: &HelloKey) -> anyhow::Result<[u8; HELLO_BYTES]> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
    Ok(Hello::sign(unix_ms(), nonce, signer))
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect::<Option<Vec<u8>>>()?;
    let pairs = digits.chunks_exact(2);
    pairs.remainder().is_empty().then(|| pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_read() {
        let check = |text: &str, expect: Option<&[u8]>| assert_eq!(bytes_of_hex(text).as_deref(), expect, "{text}");
        check("", Some(&[]));
        check("00fF1a", Some(&[0, 255, 26]));
        check("abc", None);
        check("zz", None);
        check("é1", None);
    }

    #[test]
    fn a_bad_secret_is_refused_with_a_reason() {
        let check = |secret_hex: &str, expect: &str| {
            let error = Credentials { app: 1, key: 1, secret_hex: secret_hex.to_owned() }.signer().expect_err("a bad secret");
            assert!(error.to_string().contains(expect), "{error}");
        };
        check("xyz", "not hexadecimal");
        check("0011", "cannot be used");
        assert!(Credentials { app: 1, key: 1, secret_hex: DEVELOPMENT_SECRET_HEX.to_owned() }.signer().is_ok());
    }
}
