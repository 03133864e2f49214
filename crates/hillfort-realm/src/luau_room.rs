//! Rooms whose rules are a Luau script: a [`Room`] that calls the script's global functions. Owns the mapping between the two
//! interfaces; the sandbox and its budgets are `hillfort-script`'s. Knows nothing of files: the source is an argument.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hillfort_proto::reject::Reject;
use hillfort_script::{Bytes, FromScript, Instance, IntoScript, Limits, Payload, Program, TREE_MAGIC, Tree, Value, Vm};
use hillfort_sync::Schema;
use xxhash_rust::xxh3::xxh3_128;

use hillfort_world::{Ctx, FaultKind, Room, RoomConfig, RoomFault, Seat, Stored, Verdict, Who};

use crate::game::Game;
use crate::saved::STATE_BYTES_MAX;

mod answer;
mod desk;
mod engines;
mod entries;
mod stage;

use engines::Engines;
use entries::{Entries, Entry};
use stage::Columns;

/// A script was refused: nothing was changed. The text is for its author and names file and line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LuauRefused(String);

/// A game whose rooms run `source`. `file` is the name that errors mention. The source is compiled, and a room of it is made and
/// thrown away, before anything is accepted: call it away from the tick path.
///
/// # Errors
/// [`LuauRefused`]: the name is no game's name, the source does not compile, its top level or `on_create` fails, the config is out of bounds, or
/// there is no `on_tick`.
pub fn luau_game(name: &str, file: &str, source: &str) -> Result<Game, LuauRefused> {
    luau_game_with(name, file, source, None, luau_limits())
}

/// As [`luau_game`], with a schema, so that the script can open a scene, and with other limits than [`luau_limits`].
///
/// # Errors
/// As [`luau_game`].
pub fn luau_game_with(
    name: &str,
    file: &str,
    source: &str,
    schema: Option<Arc<Schema>>,
    limits: Limits,
) -> Result<Game, LuauRefused> {
    let refused = |fault: RoomFault| LuauRefused(fault.message().to_owned());
    let program = Program::compile(file, source).map_err(|fault| LuauRefused(fault.to_string()))?;
    let shape = schema.as_ref().map_or_else(String::new, |schema| format!(" schema {:016x}", schema.hash()));
    let mut trial = LuauRoom::new(Rc::new(RefCell::new(Engines::new(program.clone(), schema.clone(), limits))));
    let config = trial.on_create(&mut Ctx::default(), &[]).map_err(refused)?;
    config.check().map_err(|error| LuauRefused(format!("{file}: on_create: {error}")))?;
    let game = Game::new(name, move || {
        let engines = Rc::new(RefCell::new(Engines::new(program.clone(), schema.clone(), limits)));
        Ok(Box::new(move || Ok(Box::new(LuauRoom::new(Rc::clone(&engines))) as Box<dyn Room>)))
    });
    let game = game.ok_or_else(|| LuauRefused(format!("{name:?} is no name for a game")))?;
    Ok(game.with_rules(&format!("luau {:032x}{shape}", xxh3_128(source.as_bytes()))))
}

/// The limits that rooms get when nothing else is said: the script crate's, with this machine's clocks.
#[must_use]
pub fn luau_limits() -> Limits {
    Limits { clock: || engines::read(engines::CHEAP), busy_clock: || engines::read(engines::BUSY), ..Limits::default() }
}

/// One room. What it needs is made in `on_create`.
struct LuauRoom {
    engines: Rc<RefCell<Engines>>,
    running: Option<Running>,
    inbox: Payload,
}

struct Running {
    vm: Vm,
    instance: Instance,
    entries: Entries,
    /// What the script's `ctx` shows.
    shown: Shown,
    /// Columns of its scene.
    columns: Columns,
}

#[derive(Default, PartialEq, Clone, Copy)]
struct Shown {
    tick: u64,
    hz: u32,
}

impl LuauRoom {
    fn new(engines: Rc<RefCell<Engines>>) -> Self {
        Self { engines, running: None, inbox: Payload::default() }
    }

    /// Calls an entry with the script's `ctx` and `arguments`. `None`: the script has no such function.
    fn call<R: FromScript>(&mut self, ctx: &mut Ctx, entry: Entry, arguments: impl IntoScript) -> Result<Option<R>, RoomFault> {
        let running = self.running.as_mut().ok_or_else(never_created)?;
        running.call(ctx, entry, arguments)
    }

    /// The same with bytes after `arguments`.
    fn call_with_bytes<R: FromScript>(&mut self, ctx: &mut Ctx, entry: Entry, data: &[u8]) -> Result<Option<R>, RoomFault> {
        let running = self.running.as_mut().ok_or_else(never_created)?;
        if !running.entries.has(entry) {
            return Ok(None);
        }
        running.vm.fill(&running.instance, &mut self.inbox, data).map_err(engines::fault)?;
        running.call(ctx, entry, &self.inbox)
    }
}

impl Running {
    fn call<R: FromScript>(&mut self, ctx: &mut Ctx, entry: Entry, arguments: impl IntoScript) -> Result<Option<R>, RoomFault> {
        let Some(entry) = self.entries.get(entry) else { return Ok(None) };
        let now = Shown { tick: ctx.tick(), hz: ctx.hz() };
        if self.shown != now {
            self.shown = now;
            #[expect(clippy::cast_precision_loss, reason = "2^53 ticks are four million years at 64 Hz")]
            let fields = [("tick", now.tick as f64), ("hz", f64::from(now.hz)), ("dt", ctx.dt())];
            for (name, number) in fields {
                self.instance.object().set_number(name, number).map_err(|text| RoomFault::crashed(&text))?;
            }
        }
        let (vm, instance) = (&self.vm, &self.instance);
        let result = desk::seated(vm, ctx, &mut self.columns, || vm.call::<R>(instance, entry, (instance.object(), arguments)));
        result.map(Some).map_err(engines::fault)
    }
}

impl Room for LuauRoom {
    fn on_create(&mut self, ctx: &mut Ctx, params: &[u8]) -> Result<RoomConfig, RoomFault> {
        let (vm, instance) = self.engines.borrow_mut().start(ctx)?;
        let entries = Entries::of(&instance);
        if !entries.has(Entry::Tick) {
            return Err(RoomFault::crashed("the script has no function on_tick"));
        }
        self.running = Some(Running { vm, instance, entries, shown: Shown::default(), columns: Columns::default() });
        let answer = self.call_with_bytes::<Value>(ctx, Entry::Create, params)?;
        answer::config(answer.unwrap_or(Value::Nil)).map_err(|text| RoomFault::crashed(&format!("on_create: {text}")))
    }

    fn on_join_attempt(&mut self, ctx: &mut Ctx, who: Who<'_>) -> Result<Verdict, RoomFault> {
        let running = self.running.as_ref().ok_or_else(never_created)?;
        if !running.entries.has(Entry::JoinAttempt) {
            return Ok(Verdict::Accept);
        }
        let name = running.vm.text(&running.instance, who.name).map_err(engines::fault)?;
        match self.call::<Value>(ctx, Entry::JoinAttempt, &name)? {
            Some(Value::Bool(true)) => Ok(Verdict::Accept),
            Some(Value::Bool(false)) => Ok(Verdict::Refuse(Reject::RoomRefused)),
            _ => Err(RoomFault::crashed("on_join_attempt must return true or false")),
        }
    }

    fn on_join(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        let running = self.running.as_ref().ok_or_else(never_created)?;
        let name = ctx.player(seat).map_or("", |player| &*player.name);
        let name = running.vm.text(&running.instance, name).map_err(engines::fault)?;
        self.call(ctx, Entry::Join, (seat.0, &name)).map(Option::unwrap_or_default)
    }

    fn on_message(&mut self, ctx: &mut Ctx, from: Seat, op: u32, data: &[u8]) -> Result<(), RoomFault> {
        let running = self.running.as_mut().ok_or_else(never_created)?;
        if !running.entries.has(Entry::Message) {
            return Ok(());
        }
        running.vm.fill(&running.instance, &mut self.inbox, data).map_err(engines::fault)?;
        running.call(ctx, Entry::Message, (from.0, op, &self.inbox)).map(Option::unwrap_or_default)
    }

    fn on_timer(&mut self, ctx: &mut Ctx, id: u32) -> Result<(), RoomFault> {
        self.call(ctx, Entry::Timer, id).map(Option::unwrap_or_default)
    }

    fn on_tick(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
        self.call::<()>(ctx, Entry::Tick, ())?;
        if let Some(running) = &self.running {
            running.columns.copy_to(ctx);
        }
        Ok(())
    }

    fn on_drop(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        self.call(ctx, Entry::Drop, seat.0).map(Option::unwrap_or_default)
    }

    fn on_reconnect(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        self.call(ctx, Entry::Reconnect, seat.0).map(Option::unwrap_or_default)
    }

    fn on_leave(&mut self, ctx: &mut Ctx, seat: Seat) -> Result<(), RoomFault> {
        self.call(ctx, Entry::Leave, seat.0).map(Option::unwrap_or_default)
    }

    fn on_signal(&mut self, ctx: &mut Ctx, data: &[u8], reply: &mut Vec<u8>) -> Result<(), RoomFault> {
        let answer = self.call_with_bytes::<Option<Bytes>>(ctx, Entry::Signal, data)?;
        if let Some(bytes) = answer.flatten() {
            bytes.append_to(reply);
        }
        Ok(())
    }

    fn on_save(&mut self, ctx: &mut Ctx, out: &mut Vec<u8>) -> Result<Stored, RoomFault> {
        let Some(value) = self.call::<Value>(ctx, Entry::Save, ())? else { return Ok(Stored::NotSupported) };
        let refused = |text: &str| RoomFault::crashed(&format!("on_save: {text}"));
        match value {
            Value::Object(table) => table.write_tree(out, out.len() + STATE_BYTES_MAX).map_err(|text| refused(&text))?,
            Value::Bytes(bytes) => {
                let start = out.len();
                bytes.append_to(out);
                if out[start..].starts_with(&TREE_MAGIC) {
                    return Err(refused("what a script writes itself must not begin like a table that was kept"));
                }
            }
            _ => return Err(refused("must return a table, a buffer or a string")),
        }
        Ok(Stored::Done)
    }

    fn on_restore(&mut self, ctx: &mut Ctx, data: &[u8]) -> Result<Stored, RoomFault> {
        let called = if data.starts_with(&TREE_MAGIC) {
            let tree = Tree::read(data).map_err(|error| RoomFault::crashed(&format!("on_restore: {error}")))?;
            let running = self.running.as_ref().ok_or_else(never_created)?;
            let value = running.vm.value(&running.instance, &tree).map_err(engines::fault)?;
            self.call::<()>(ctx, Entry::Restore, &value)?
        } else {
            self.call_with_bytes::<()>(ctx, Entry::Restore, data)?
        };
        Ok(if called.is_some() { Stored::Done } else { Stored::NotSupported })
    }

    fn on_dispose(&mut self, ctx: &mut Ctx, grace: Duration) -> Result<(), RoomFault> {
        self.call(ctx, Entry::Dispose, grace.as_secs_f64()).map(Option::unwrap_or_default)
    }
}

fn never_created() -> RoomFault {
    RoomFault::new(FaultKind::Crashed, "on_create did not succeed")
}

#[cfg(test)]
mod tests;
