//! Owns a map that can take back what was done to it since it was last settled. Knows nothing of rows.

use std::collections::BTreeMap;
use std::ops::RangeBounds;

#[derive(Debug)]
pub(super) struct Table<K, V> {
    rows: BTreeMap<K, V>,
    /// What was there before each change, oldest first.
    undo: Vec<(K, Option<V>)>,
    /// Rows that lists looked at.
    #[cfg(test)]
    pub(super) looked_at: std::cell::Cell<u64>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            undo: Vec::new(),
            #[cfg(test)]
            looked_at: std::cell::Cell::default(),
        }
    }
}

impl<K: Ord + Clone, V: Clone> Table<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    pub(super) fn has(&self, key: &K) -> bool {
        self.rows.contains_key(key)
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.iter().inspect(|_| self.look())
    }

    pub(super) fn range(&self, range: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.range(range).inspect(|_| self.look())
    }

    /// Counts in tests how many rows a list looks at.
    fn look(&self) {
        #[cfg(test)]
        self.looked_at.set(self.looked_at.get() + 1);
    }

    pub(super) fn put(&mut self, key: K, value: V) {
        let before = self.rows.insert(key.clone(), value);
        self.undo.push((key, before));
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let before = self.rows.remove(key)?;
        self.undo.push((key.clone(), Some(before.clone())));
        Some(before)
    }

    /// Removes what the test names; how many.
    pub(super) fn remove_where(&mut self, test: impl Fn(&K, &V) -> bool) -> usize {
        let keys: Vec<K> = self.iter().filter(|(key, value)| test(key, value)).map(|(key, _)| key.clone()).collect();
        keys.iter().for_each(|key| drop(self.remove(key)));
        keys.len()
    }

    pub(super) fn settle(&mut self, keep: bool) {
        if keep {
            self.undo.clear();
        }
        while let Some((key, before)) = self.undo.pop() {
            match before {
                Some(value) => self.rows.insert(key, value),
                None => self.rows.remove(&key),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn changes_are_taken_back() {
        let mut table = Table::default();
        table.put(1, "a");
        table.put(2, "b");
        table.settle(true);
        table.put(1, "c");
        table.remove(&2);
        table.put(3, "d");
        table.put(2, "e");
        table.remove_where(|_, _| true);
        assert_eq!(table.len(), 0);
        table.settle(false);
        assert_eq!(table.iter().collect::<Vec<_>>(), [(&1, &"a"), (&2, &"b")]);
    }
}
