//! Values that all VMs share. Owns the bounds: by number and by bytes, the oldest go first.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use hillfort_script::Data;

/// Values at most.
const VALUES_MAX: usize = 10_000;
/// Bytes at most.
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// What one entry costs beside its bytes.
const ENTRY_BYTES: usize = 160;
/// What one value in a table costs beside its text.
const VALUE_BYTES: usize = 48;

#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<Vec<u8>, Entry>,
    /// Keys by when they were put.
    order: BTreeMap<u64, Vec<u8>>,
    puts: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    value: Data,
    bytes: usize,
    expires_ms: Option<i64>,
    put: u64,
}

impl Cache {
    fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A value with what it weighs.
    pub(crate) fn get(&self, key: &[u8], now_ms: i64) -> Option<(Data, usize)> {
        self.with(|inner| {
            let entry = inner.entries.get(key)?;
            if entry.expires_ms.is_some_and(|expires| expires <= now_ms) {
                inner.remove(key);
                return None;
            }
            Some((entry.value.clone(), entry.bytes))
        })
    }

    /// Keeps a value; says what it weighs.
    pub(crate) fn put(&self, key: Vec<u8>, value: Data, expires_ms: Option<i64>) -> Result<usize, &'static str> {
        let bytes = ENTRY_BYTES + 2 * key.len() + weight(&value);
        if bytes > BYTES_MAX / 4 {
            return Err("too large for the cache");
        }
        self.with(|inner| {
            inner.remove(&key);
            if value.is_nil() {
                return;
            }
            while inner.entries.len() >= VALUES_MAX || inner.bytes + bytes > BYTES_MAX {
                let Some((_, oldest)) = inner.order.pop_first() else { break };
                inner.remove(&oldest);
            }
            inner.puts += 1;
            inner.bytes += bytes;
            inner.order.insert(inner.puts, key.clone());
            inner.entries.insert(key, Entry { value, bytes, expires_ms, put: inner.puts });
        });
        Ok(bytes)
    }

    pub(crate) fn delete(&self, key: &[u8]) {
        self.with(|inner| inner.remove(key));
    }

    pub(crate) fn clear(&self) {
        self.with(|inner| *inner = Inner::default());
    }
}

impl Inner {
    fn remove(&mut self, key: &[u8]) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.bytes;
            self.order.remove(&entry.put);
        }
    }
}

fn weight(value: &Data) -> usize {
    VALUE_BYTES
        + match value {
            Data::Text(text) => text.len(),
            Data::List(list) => list.iter().map(weight).sum(),
            Data::Map(fields) => fields.iter().map(|(key, value)| key.len() + weight(value)).sum(),
            Data::Nil | Data::Bool(_) | Data::Number(_) => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_expire_and_go() {
        let cache = Cache::default();
        let put = |key: &str, expires| cache.put(key.into(), Data::Number(1.0), expires).expect("small");
        put("a", None);
        put("b", Some(10));
        assert!(cache.get(b"b", 9).is_some());
        assert!(cache.get(b"b", 10).is_none());
        assert!(cache.get(b"a", i64::MAX).is_some());
        cache.put(b"a".to_vec(), Data::Nil, None).expect("small");
        assert!(cache.get(b"a", 0).is_none());
        put("c", None);
        cache.clear();
        assert!(cache.get(b"c", 0).is_none());
    }

    #[test]
    fn the_oldest_go_when_it_is_full() {
        let cache = Cache::default();
        let big = || Data::text(vec![0; BYTES_MAX / 5]);
        for key in 0..6_u8 {
            cache.put(vec![key], big(), None).expect("a fifth");
        }
        assert!(cache.get(&[0], 0).is_none() && cache.get(&[1], 0).is_none() && cache.get(&[5], 0).is_some());
        assert!(cache.put(vec![9], Data::text(vec![0; BYTES_MAX / 4]), None).is_err());
        cache.clear();
        for key in 0..=VALUES_MAX {
            cache.put(key.to_le_bytes().to_vec(), Data::Bool(true), None).expect("small");
        }
        assert!(cache.get(&0_usize.to_le_bytes(), 0).is_none() && cache.get(&1_usize.to_le_bytes(), 0).is_some());
        let sums = cache.with(|inner| (inner.entries.len(), inner.order.len(), inner.bytes > 0));
        assert_eq!(sums, (VALUES_MAX, VALUES_MAX, true));
    }
}
