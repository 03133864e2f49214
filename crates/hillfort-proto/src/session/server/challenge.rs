//! How a session begins: what a connection asks for first, and what stands between that and what it gets, which is work, or a ticket from an
//! earlier session. Knows nothing of when either is wanted.

use super::{Event, Opening, Session, State};
use crate::frame::Framing;
use crate::message::{ClientBody, ClientView, ServerBody};
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

    /// Gives the client what it may show before a later login. Ignored without a connection.
    pub fn enqueue_ticket(&mut self, ticket: &[u8], framing: Framing, out: &mut Vec<u8>) {
        if self.state == State::Open {
            self.put(ServerBody::Ticket { ticket }, framing, out);
        }
    }

    pub(super) fn handle_first<'a>(
        &mut self,
        message: &ClientView<'a>,
        framing: Framing,
        out: &mut Vec<u8>,
    ) -> Result<Event<'a>, Reject> {
        if !matches!(self.state, State::AwaitLogin | State::AwaitWork) {
            return Err(Reject::OutOfState);
        }
        if message.seq != 0 || message.ack != 0 {
            return Err(Reject::Message);
        }
        match message.body {
            ClientBody::Work { nonce } => self.handle_work(nonce),
            _ if self.state == State::AwaitWork => Err(Reject::OutOfState),
            ClientBody::Login { name } => match message.body.check() {
                Ok(()) => {
                    self.name = name.into();
                    Ok(Event::Login { name })
                }
                // The player may try another name until the time for the login is over.
                Err(reject) => Ok(self.refused(reject, framing, out)),
            },
            ClientBody::Resume { session, token, received } => Ok(Event::Resume { session, token, received }),
            ClientBody::Ticket { ticket } => message.body.check().map(|()| Event::Ticket { ticket }),
            _ => Err(Reject::OutOfState),
        }
    }

    /// One answer is judged: whoever guesses connects anew for each guess.
    fn handle_work(&mut self, nonce: u64) -> Result<Event<'static>, Reject> {
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
