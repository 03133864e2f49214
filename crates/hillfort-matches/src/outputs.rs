//! What a handler wants, as what a room may ask for.

use hillfort_api::matches::{HandlerEvent, Sender};
use hillfort_api::{SessionId as SocketSession, UserId};
use hillfort_modules::matches::{Broadcast, MatchEnd, MatchOutput};
use hillfort_proto::reject::Reject;
use hillfort_world::{Ctx, RoomFault, To};

use super::{HandlerRoom, fault, session};

impl HandlerRoom {
    /// Does everything that the handler wants done, in its order.
    pub(super) fn carry_out(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
        while let Some(output) = self.handler()?.poll_output() {
            match output {
                // The rate was the fastest until now, and stays: the handler knows when its ticks are due.
                MatchOutput::Started { label, .. } | MatchOutput::Label(label) => ctx.set_label(&label).map_err(fault)?,
                MatchOutput::Verdict { token, refused } => self.answer(ctx, token, refused)?,
                MatchOutput::Broadcast(broadcast) => self.broadcast(ctx, &broadcast),
                MatchOutput::Kick(sessions) => {
                    sessions.iter().filter_map(|id| self.seats.get(id)).for_each(|seat| ctx.kick(*seat))
                }
                MatchOutput::Signalled { token, result } => {
                    // Whose answer is too long gets an empty one: a signal without any would keep its place.
                    if ctx.reply(token as u32, result.as_bytes()).is_err() {
                        let _told = ctx.reply(token as u32, b"");
                    }
                }
                MatchOutput::Ended(MatchEnd::Done) => ctx.end(),
                MatchOutput::Ended(MatchEnd::Failed(text)) => return Err(RoomFault::crashed(&text)),
            }
        }
        Ok(())
    }

    fn answer(&mut self, ctx: &mut Ctx, token: u64, refused: Option<String>) -> Result<(), RoomFault> {
        let Some(presence) = self.asking.remove(&token) else { return Ok(()) };
        match refused {
            None => {
                self.admitted.insert(token, presence);
                ctx.answer(session(token), Ok(()), "").map_err(fault)
            }
            Some(reason) => ctx.answer(session(token), Err(Reject::RoomRefused), &reason).map_err(fault),
        }
    }

    fn broadcast(&mut self, ctx: &mut Ctx, broadcast: &Broadcast) {
        let sender = broadcast.sender.as_ref().map(|sender| Sender {
            user_id: UserId(sender.user_id),
            session_id: SocketSession(sender.session_id),
            username: &sender.username,
        });
        let Broadcast { op_code, reliable, data, .. } = broadcast;
        self.scratch.clear();
        HandlerEvent { op_code: *op_code, reliable: *reliable, sender, data }.write(&mut self.scratch);
        let op = *op_code as u32;
        let sent = match &broadcast.to {
            None => ctx.send_event(To::All, op, &self.scratch),
            Some(to) => to
                .iter()
                .filter_map(|id| self.seats.get(id))
                .try_for_each(|seat| ctx.send_event(To::One(*seat), op, &self.scratch)),
        };
        if let Err(error) = sent {
            ctx.log(&format!("broadcast_message of op code {op_code} was not sent: {error}"));
        }
    }
}
