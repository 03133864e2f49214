//! Work that stands between what a connection asked for and what it gets. Knows nothing of when it is wanted.

use super::{Event, Opening, Session, State};
use crate::frame::Framing;
use crate::message::ServerBody;
use crate::reject::Reject;
use crate::work::Puzzle;

impl Session {
    /// Has the client work before it gets what it asked for, after [`Event::Login`] or [`Event::Resume`]: `opening` says which. The
    /// answer is [`Event::Worked`], once; the time to log in goes on. The puzzle's salt must be random.
    ///
    /// # Errors
    /// [`Reject::OutOfState`]: that was not asked for.
    pub fn challenge(&mut self, puzzle: Puzzle, opening: Opening, framing: Framing, out: &mut Vec<u8>) -> Result<(), Reject> {
        let asked = opening != Opening::Login || !self.name.is_empty();
        if self.state != State::AwaitLogin || !asked {
            return Err(Reject::OutOfState);
        }
        self.state = State::AwaitWork;
        self.put(ServerBody::Challenge { salt: puzzle.salt(), bits: u32::from(puzzle.bits()) }, framing, out);
        self.work = Some(Box::new((puzzle, opening)));
        Ok(())
    }

    /// One answer is judged: whoever guesses connects anew for each guess.
    pub(super) fn handle_work(&mut self, nonce: u64) -> Result<Event<'static>, Reject> {
        let (puzzle, opening) = *self.work.take().ok_or(Reject::OutOfState)?;
        if !puzzle.verify(nonce) {
            return Err(Reject::Work);
        }
        self.state = State::AwaitLogin;
        Ok(Event::Worked(opening))
    }
}

#[cfg(test)]
mod tests;
