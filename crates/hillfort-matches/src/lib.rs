//! Floor 3: a match handler of a module as a room of the realm.
//!
//! A [`HandlerRoom`] turns calls into a room into inputs of a handler, and what the handler wants into what a room may ask for. A handler
//! that waits for the backend holds up only its own match: its players' inputs stay in their fair queues, its ticks are counted as missed,
//! and who wants in waits. Knows nothing of scripts, sockets and threads.
//!
//! [`MatchBackend`] is the other direction: what modules ask about matches.
//!
//! The door says more of players and inputs than other doors do, in the form of [`hillfort_api::matches`]. A player of whom it says nothing has
//! no account, and is not let in.

#![forbid(unsafe_code)]

mod backend;
mod outputs;

pub use backend::MatchBackend;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hillfort_api::match_id::{MatchId, RoomCipher};
use hillfort_api::matches::{HandlerInput, HandlerParams, PlayerFacts};
use hillfort_modules::matches::{
    JoinAttempt, MatchEnd, MatchFigures, MatchHandler, MatchMessage, MatchOutput, Presence, PresenceReason,
};
use hillfort_modules::{Id, id_to_text};
use hillfort_proto::ids::SessionId;
use hillfort_proto::limits::ROOM_INPUT_BYTES_MAX;
use hillfort_proto::reject::Reject;
use hillfort_world::{Ctx, InputCaps, Room, RoomConfig, RoomFault, SEATS_MAX, Seat, Verdict, WhenEmpty, Who};
use prost::Message as _;
use serde_json::{Value, json};

/// Inputs of one player that wait. With [`hillfort_world::PLAYER_QUEUE_BYTES_MAX`] this is what a player can make a match keep.
pub const PLAYER_QUEUE: u16 = 256;
/// Inputs of one player that a tick hears.
pub const PLAYER_TICK: u16 = 128;
/// Inputs of all players that a tick hears.
pub const ROOM_TICK: u32 = 1024;
/// Rate of a room whose handler has not said its own yet, since `match_init` waits: the fastest that one may ask for.
const HZ_BEFORE_START: u32 = 60;

/// Presences that an operator is told of.
const PRESENCES_TOLD_MAX: usize = 200;

/// Makes the handler of a module: for which thread, the module's name, the match's id, and a JSON object.
pub type Maker = Arc<dyn Fn(usize, &str, &str, Option<&str>) -> Result<Box<dyn MatchHandler>, String> + Send + Sync>;

/// What all rooms of one thread are made with.
#[derive(Clone)]
pub struct Workshop {
    /// Makes handlers.
    pub maker: Maker,
    /// The thread's number.
    pub home: usize,
    /// Makes ids of matches.
    pub cipher: RoomCipher,
    /// Name of this server in them.
    pub node: Arc<str>,
}

/// See the module.
pub struct HandlerRoom {
    workshop: Workshop,
    handler: Option<Box<dyn MatchHandler>>,
    /// The handler's clock begins here.
    origin: Instant,
    /// Who asks for a seat, by the realm's session. Each has an answer of the handler's to come.
    asking: HashMap<u64, Presence>,
    /// Who was let in and has no seat yet: for the rest of one call.
    admitted: HashMap<u64, Presence>,
    players: HashMap<Seat, Presence>,
    /// Where the session of a presence sits.
    seats: HashMap<Id, Seat>,
    scratch: Vec<u8>,
}

impl HandlerRoom {
    /// A room that becomes a match when it is created.
    #[must_use]
    pub fn new(workshop: Workshop) -> Self {
        Self {
            workshop,
            handler: None,
            origin: Instant::now(),
            asking: HashMap::new(),
            admitted: HashMap::new(),
            players: HashMap::new(),
            seats: HashMap::new(),
            scratch: Vec::new(),
        }
    }

    fn handler(&mut self) -> Result<&mut Box<dyn MatchHandler>, RoomFault> {
        self.handler.as_mut().ok_or_else(|| RoomFault::crashed("the match was not created"))
    }

    /// Lets the handler do what is due, and does what it wants.
    fn turn(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
        let now = self.origin.elapsed();
        self.handler()?.turn(now);
        self.carry_out(ctx)?;
        // What cannot be heard now waits where players' turns are fair.
        let waits = self.handler()?.figures().waiting;
        ctx.hold_inputs(waits);
        Ok(())
    }

    fn player(&self, seat: Seat) -> Option<Presence> {
        self.players.get(&seat).cloned()
    }
}

impl Room for HandlerRoom {
    fn on_create(&mut self, ctx: &mut Ctx, params: &[u8]) -> Result<RoomConfig, RoomFault> {
        let HandlerParams { handler, params } =
            HandlerParams::decode(params).map_err(|_| RoomFault::crashed("these are not the parameters of a match handler"))?;
        let Workshop { maker, home, cipher, node } = &self.workshop;
        let room = ctx.room().ok_or_else(|| RoomFault::crashed("a match needs a room of the realm"))?;
        let id = MatchId { uuid: cipher.uuid(room.0), node }.to_string();
        self.handler = Some(maker(*home, &handler, &id, params.as_deref()).map_err(|fault| RoomFault::crashed(&fault))?);
        let now = self.origin.elapsed();
        let made = self.handler()?;
        made.turn(now);
        let mut config = RoomConfig {
            hz: HZ_BEFORE_START,
            empty: WhenEmpty::RunOn,
            handler,
            seats_max: SEATS_MAX,
            inputs: InputCaps {
                player_tick: PLAYER_TICK,
                player_queue: PLAYER_QUEUE,
                bytes: ROOM_INPUT_BYTES_MAX as u16,
                room_tick: ROOM_TICK,
            },
            // Who is gone has left, as in Nakama.
            reconnect: Duration::ZERO,
            ..RoomConfig::default()
        };
        // Comes first, unless `match_init` waits.
        match made.poll_output() {
            Some(MatchOutput::Started { tick_rate, label }) => (config.hz, config.label) = (tick_rate.into(), label),
            Some(MatchOutput::Ended(MatchEnd::Failed(text))) => return Err(RoomFault::crashed(&text)),
            Some(_) => return Err(RoomFault::crashed("the match ended in match_init")),
            None => {}
        }
        self.carry_out(ctx)?;
        Ok(config)
    }

    fn on_join_attempt(&mut self, ctx: &mut Ctx, who: Who<'_>) -> Result<Verdict, RoomFault> {
        let facts = PlayerFacts::read(who.facts);
        let Some((facts, (user, session))) = facts.and_then(|facts| facts.ids().map(|ids| (facts, ids))) else {
            ctx.answer(who.session, Err(Reject::RoomRefused), "this match is for users with an account").map_err(fault)?;
            return Ok(Verdict::Later);
        };
        let presence = Presence {
            user_id: user.0,
            session_id: session.0,
            username: facts.username.into(),
            node: Arc::clone(&self.workshop.node),
        };
        let attempt = JoinAttempt {
            token: who.session.0,
            presence: presence.clone(),
            expires_s: facts.expires_s,
            vars: facts.vars.into_iter().collect(),
            client: (!facts.client_ip.is_empty()).then_some((facts.client_ip, facts.client_port)),
            metadata: facts.metadata.into_iter().collect(),
        };
        if self.handler()?.join_attempt(attempt).is_err() {
            return Ok(Verdict::Refuse(Reject::WorldBusy));
        }
        self.asking.insert(who.session.0, presence);
        self.turn(ctx)?;
        Ok(Verdict::Later)
    }

    fn on_join(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        let session = ctx.player(seat).map(|player| player.session);
        let Some(presence) = session.and_then(|session| self.admitted.remove(&session.0)) else {
            // Let in by nobody.
            ctx.kick(seat);
            return Ok(());
        };
        self.seats.insert(presence.session_id, seat);
        self.players.insert(seat, presence.clone());
        if self.handler()?.join(vec![presence]).is_err() {
            ctx.kick(seat);
        }
        self.turn(ctx)
    }

    fn on_message(&mut self, _: &mut Ctx, from: Seat, _: u32, data: &[u8]) -> Result<(), RoomFault> {
        let (Some(sender), Some(input)) = (self.player(from), HandlerInput::read(data)) else { return Ok(()) };
        let message = MatchMessage {
            sender,
            op_code: input.op_code,
            data: input.data.to_vec(),
            reliable: input.reliable,
            receive_time_ms: input.received_ms,
        };
        // Counted by the handler: the caps of the room are its own, so this is one that has ended.
        let _full = self.handler()?.message(message);
        Ok(())
    }

    fn on_tick(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
        // Those who found no seat.
        self.admitted.clear();
        self.turn(ctx)
    }

    fn on_leave(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        let Some(presence) = self.players.remove(&seat) else { return Ok(()) };
        self.seats.remove(&presence.session_id);
        let told = self.handler()?.leave(vec![(presence, PresenceReason::Leave)]);
        // A handler that does not know who is there must not go on.
        told.map_err(|_| RoomFault::crashed("too many leave at once"))?;
        self.turn(ctx)
    }

    fn on_signal(&mut self, ctx: &mut Ctx, data: &[u8], _: &mut Vec<u8>) -> Result<(), RoomFault> {
        let token = ctx.reply_later();
        // One that is not taken gets an empty answer: without any it would keep its place.
        if self.handler()?.signal(token.into(), String::from_utf8_lossy(data).into_owned()).is_err() {
            let _told = ctx.reply(token, b"");
        }
        self.turn(ctx)
    }

    /// Who is in the match, what it counts, and the state that its callbacks return.
    fn tell(&self, bytes_max: usize) -> Option<String> {
        let handler = self.handler.as_ref()?;
        let mut players: Vec<_> = self.players.iter().collect();
        players.sort_unstable_by_key(|(seat, _)| **seat);
        let presences = players.into_iter().take(PRESENCES_TOLD_MAX).map(|(_, presence)| {
            json!({
                "user": id_to_text(&presence.user_id), "session": id_to_text(&presence.session_id),
                "username": &*presence.username, "node": &*presence.node,
            })
        });
        let MatchFigures { ticks, ticks_missed, refused, waiting } = handler.figures();
        let state = handler.state(bytes_max);
        // Why there is none is a text.
        let state = serde_json::from_str(&state).unwrap_or(Value::String(state));
        let told = json!({
            "handler": handler.module(), "presences": presences.collect::<Vec<_>>(), "ticks": ticks, "ticks_missed": ticks_missed,
            "refused": refused, "waits": waiting, "state": state,
        });
        Some(told.to_string())
    }

    fn on_dispose(&mut self, ctx: &mut Ctx, grace: Duration) -> Result<(), RoomFault> {
        self.handler()?.terminate(grace);
        self.turn(ctx)
    }
}

/// The realm's session that a token names.
const fn session(token: u64) -> SessionId {
    SessionId(token)
}

fn fault(error: hillfort_world::SendError) -> RoomFault {
    RoomFault::crashed(&error.to_string())
}

impl std::fmt::Debug for HandlerRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HandlerRoom").field("handler", &self.handler).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Workshop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workshop").field("home", &self.home).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
