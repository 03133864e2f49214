//! The rooms of one moment with their labels taken apart, each when it is first looked at; those that did not change are taken over from the
//! moment before. Knows nothing of what is looked for.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use hillfort_api::label_query::Label;

use super::RoomLine;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Index {
    lines: Arc<[RoomLine]>,
    labels: Box<[OnceLock<Arc<Label>>]>,
}

impl Index {
    pub(super) fn new(lines: Arc<[RoomLine]>, before: &Self) -> Self {
        let known =
            before.lines.iter().zip(&before.labels).filter_map(|(line, label)| Some((line.room, (&line.label, label.get()?))));
        let known: HashMap<_, _> = known.collect();
        let label = |line: &RoomLine| match known.get(&line.room) {
            Some((text, label)) if Arc::ptr_eq(text, &line.label) || ***text == *line.label => OnceLock::from(Arc::clone(label)),
            _ => OnceLock::new(),
        };
        Self { labels: lines.iter().map(label).collect(), lines }
    }

    /// Whether it is of these very lines.
    pub(super) fn is_of(&self, lines: &Arc<[RoomLine]>) -> bool {
        Arc::ptr_eq(&self.lines, lines)
    }

    pub(super) fn lines(&self) -> &[RoomLine] {
        &self.lines
    }

    /// The label of a line, and how many bytes had to be taken apart for it.
    pub(super) fn label(&self, at: usize) -> (&Label, u64) {
        let (text, mut bytes) = (&self.lines[at].label, 0);
        let label = self.labels[at].get_or_init(|| {
            bytes = text.len() as u64;
            Arc::new(Label::read(text))
        });
        (label, bytes)
    }
}
