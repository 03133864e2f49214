//! Owns the port of what the server keeps about itself: small values by name, such as keys that it made at its first start.

use async_trait::async_trait;
use std::fmt::Debug;

use crate::{Result, StoreError, check};

/// Longest value, bytes.
pub const META_VALUE_MAX: usize = 64 << 10;

pub(crate) fn check_meta(name: &str, value: &[u8]) -> Result<()> {
    check::name("name", name, 128)?;
    if value.len() > META_VALUE_MAX {
        return Err(StoreError::invalid("value", format!("has {} bytes, at most {META_VALUE_MAX}", value.len())));
    }
    Ok(())
}

/// The port. Each method is a unit of work.
#[async_trait]
pub trait Meta: Send + Sync + Debug {
    /// The value, when there is one.
    async fn get(&self, name: String) -> Result<Option<Vec<u8>>>;

    /// Sets it.
    async fn put(&self, name: String, value: Vec<u8>) -> Result<()>;

    /// The value that is there, else this one, kept from now on. Of many servers that start at once, all get the same.
    async fn get_or_put(&self, name: String, value: Vec<u8>) -> Result<Vec<u8>>;

    /// Removes it. False when there is none.
    async fn delete(&self, name: String) -> Result<bool>;
}
