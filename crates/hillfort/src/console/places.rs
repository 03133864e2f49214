//! Places that are taken and given back: so many in all, and so many of one taker, so that none takes all of them. Knows nothing of what they are
//! for.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard};

/// See the module. A clone shares the places.
#[derive(Debug, Clone)]
pub(super) struct Places<K: Eq + Hash> {
    most: usize,
    taken: Arc<Mutex<HashMap<K, usize>>>,
}

/// One place; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place<K: Eq + Hash> {
    of: Places<K>,
    key: K,
}

impl<K: Eq + Hash + Clone> Places<K> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, taken: Arc::default() }
    }

    /// Takes one for `key`, unless all are taken, or `share` of them by it.
    pub(super) fn take(&self, key: K, share: usize) -> Option<Place<K>> {
        let mut taken = self.taken();
        if taken.values().sum::<usize>() >= self.most || taken.get(&key).is_some_and(|many| *many >= share) {
            return None;
        }
        *taken.entry(key.clone()).or_default() += 1;
        drop(taken);
        Some(Place { of: self.clone(), key })
    }
}

impl<K: Eq + Hash> Places<K> {
    fn taken(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        self.taken.lock().expect("no holder panics")
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.of.taken();
        if let Some(many) = taken.get_mut(&self.key) {
            *many -= 1;
            if *many == 0 {
                taken.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_taker_leaves_places_for_others() {
        let places = Places::new(5);
        let mut anna: Vec<_> = (0..9).map_while(|_| places.take("anna", 3)).collect();
        assert_eq!(anna.len(), 3);
        let ben: Vec<_> = (0..9).map_while(|_| places.take("ben", 3)).collect();
        assert_eq!(ben.len(), 2, "all are taken");
        assert!(places.take("carl", 3).is_none());
        anna.pop();
        assert!(places.take("anna", 3).is_some(), "and given back");
        drop((anna, ben));
        assert!(places.taken().is_empty(), "nothing is kept of who is gone");
    }
}
