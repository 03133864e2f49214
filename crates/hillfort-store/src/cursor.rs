//! Owns pages of lists and the cursors between them: an opaque text that names the last item seen. Knows nothing of what is listed.
//!
//! A cursor is a place in an order, not a snapshot: items that come or go before it are neither doubled nor shift the rest.

use serde::{Serialize, de::DeserializeOwned};

use crate::ids::{hex, unhex};
use crate::{BATCH_MAX, Result, StoreError};

/// Longest cursor that is read, bytes.
const CURSOR_MAX: usize = 4096;

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, at most as many as were asked for.
    pub items: Vec<T>,
    /// Where the list goes on; `None` at its end. Lower-case letters and digits.
    pub cursor: Option<String>,
}

/// Which page of a list.
#[derive(Debug, Clone)]
pub(crate) struct Window<P> {
    /// Items on the page; one more is fetched, to see whether the list goes on.
    pub(crate) limit: usize,
    /// The last item of the page before.
    pub(crate) after: Option<P>,
}

impl<P: Serialize + DeserializeOwned> Window<P> {
    /// Checks what a caller gave: a limit of 1 to [`BATCH_MAX`], and a cursor of the same kind of list.
    pub(crate) fn new(limit: usize, cursor: Option<&str>) -> Result<Self> {
        if !(1..=BATCH_MAX).contains(&limit) {
            return Err(StoreError::invalid("limit", format!("{limit} is not within 1 to {BATCH_MAX}")));
        }
        let after = match cursor.filter(|cursor| !cursor.is_empty()) {
            None => None,
            Some(cursor) => Some(read(cursor).ok_or_else(|| StoreError::invalid("cursor", "is not one of this list"))?),
        };
        Ok(Self { limit, after })
    }

    /// Makes the page of `limit + 1` items or fewer.
    pub(crate) fn page<T>(&self, mut items: Vec<T>, place: impl Fn(&T) -> P) -> Page<T> {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        cut(items, more, place)
    }

    /// Items to fetch: one more than the page has.
    pub(crate) fn fetch(&self) -> usize {
        self.limit + 1
    }
}

/// A page of these items; `more`: the list goes on behind them.
pub(crate) fn cut<T, P: Serialize>(items: Vec<T>, more: bool, place: impl Fn(&T) -> P) -> Page<T> {
    let cursor = items.last().filter(|_| more).map(|last| write(&place(last)));
    Page { items, cursor }
}

/// How many of the first values, at least one, have at most `budget` bytes together.
pub(crate) fn fitting(sizes: impl IntoIterator<Item = usize>, budget: usize) -> usize {
    let mut total = 0_usize;
    let fits = |size: &usize| {
        total = total.saturating_add(*size);
        total <= budget
    };
    sizes.into_iter().take_while(fits).count().max(1)
}

pub(crate) fn write<P: Serialize>(place: &P) -> String {
    hex(&serde_json::to_vec(place).expect("places are numbers and text"))
}

pub(crate) fn read<P: DeserializeOwned>(cursor: &str) -> Option<P> {
    let bytes = (cursor.len() <= CURSOR_MAX).then(|| unhex(cursor)).flatten()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::{Window, fitting};

    #[test]
    fn cursors_come_back() {
        let window = Window::<(String, i64)>::new(2, None).unwrap();
        let page = window.page(vec![1, 2, 3], |&item| ("é\0".to_owned(), item));
        assert_eq!(page.items, [1, 2]);
        let next = Window::<(String, i64)>::new(2, page.cursor.as_deref()).unwrap();
        assert_eq!(next.after, Some(("é\0".to_owned(), 2)));
        assert_eq!(next.page(vec![3], |&item| (String::new(), item)).cursor, None);
    }

    #[test]
    fn what_fits_is_one_at_least() {
        for (sizes, fits) in [(&[][..], 1), (&[11], 1), (&[10], 1), (&[5, 5], 2), (&[5, 6], 1), (&[1, 9, 0, 1], 3)] {
            assert_eq!(fitting(sizes.iter().copied(), 10), fits, "{sizes:?}");
        }
    }

    #[test]
    fn bad_windows_are_refused() {
        for (limit, cursor) in [(0, None), (1025, None), (1, Some("zz")), (1, Some("00")), (1, Some("5b5d")), (1, Some("5"))] {
            assert!(Window::<(String, i64)>::new(limit, cursor).is_err(), "{limit} {cursor:?}");
        }
        assert!(Window::<i64>::new(1, Some(&"3".repeat(4098))).is_err());
    }
}
