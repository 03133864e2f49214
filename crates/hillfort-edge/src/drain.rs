//! Where an orderly end has got to. Knows nothing of sessions.

use hillfort_proto::time::Time;
use tokio::sync::oneshot;

use crate::close::END_PATIENCE;

/// See the module.
#[derive(Debug)]
pub(crate) struct Drain {
    deadline: Time,
    /// All sessions have been told that it ends.
    pub(crate) told: bool,
    pub(crate) replies: Vec<oneshot::Sender<()>>,
}

impl Drain {
    pub(crate) fn new(deadline: Time) -> Self {
        Self { deadline, told: false, replies: Vec::new() }
    }

    /// When something is to be done: tell the sessions, then end.
    pub(crate) fn deadline(&self) -> Time {
        self.deadline
    }

    /// The sessions were told; they get a moment to read it.
    pub(crate) fn told(&mut self, now: Time) {
        self.told = true;
        self.deadline = now + END_PATIENCE;
    }
}
