//! What a script may ask of its room: the functions of its `ctx`. Owns their names and arguments; limits on outputs are the world's.

use std::sync::Arc;
use std::time::Duration;

use hillfort_proto::limits::ROOM_DATA_BYTES_MAX;
use hillfort_script::{Bytes, Host, HostError, Library, Vm};
use hillfort_sync::Schema;
use hillfort_world::{Ctx, LOG_LINE_BYTES_MAX, Seat, SendError, To};

use super::stage::{self, Columns};

/// Where the room whose script runs has put its [`Ctx`] and its columns: one desk an engine, one room at a time.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) ctx: Ctx,
    pub(super) columns: Columns,
    /// What entities of the game look like, if it has a schema.
    pub(super) schema: Option<Arc<Schema>>,
    /// Bytes on their way out of the script's memory.
    scratch: Vec<u8>,
}

impl Host for Desk {
    fn random(&mut self) -> u64 {
        self.ctx.rng().next_u64()
    }
}

/// Runs `call` while `ctx` and `columns` are on the desk.
pub(super) fn seated<T>(vm: &Vm, ctx: &mut Ctx, columns: &mut Columns, call: impl FnOnce() -> T) -> T {
    let mut swap = || {
        vm.with_host::<Desk, _>(|desk| {
            std::mem::swap(&mut desk.ctx, ctx);
            std::mem::swap(&mut desk.columns, columns);
        });
    };
    swap();
    let result = call();
    swap();
    result
}

/// Gives scripts their `ctx` and `print`.
pub(super) fn furnish(library: &Library<'_, Desk>) -> Result<(), HostError> {
    library.method("send", |desk: &mut Desk, (player, op, data, len): (u16, u32, Bytes, Option<usize>)| {
        desk.event(To::One(Seat(player)), op, data, len)
    })?;
    library.method("broadcast", |desk: &mut Desk, (op, data, len): (u32, Bytes, Option<usize>)| {
        desk.event(To::All, op, data, len)
    })?;
    library.method("send_state", |desk: &mut Desk, (player, data, len): (u16, Bytes, Option<usize>)| {
        desk.state(To::One(Seat(player)), data, len)
    })?;
    library.method("broadcast_state", |desk: &mut Desk, (data, len): (Bytes, Option<usize>)| desk.state(To::All, data, len))?;
    library.method("kick", |desk: &mut Desk, player: u16| {
        desk.ctx.kick(Seat(player));
        Ok(())
    })?;
    library
        .method("players", |desk: &mut Desk, ()| Ok(desk.ctx.players().iter().map(|player| player.seat.0).collect::<Vec<_>>()))?;
    library
        .method("name", |desk: &mut Desk, player: u16| Ok(desk.ctx.player(Seat(player)).map(|player| player.name.to_string())))?;
    library.method("connected", |desk: &mut Desk, player: u16| {
        Ok(desk.ctx.player(Seat(player)).is_some_and(|player| player.connected))
    })?;
    library.method("allow_reconnect", |desk: &mut Desk, seconds: u32| {
        desk.ctx.allow_reconnect(Duration::from_secs(u64::from(seconds)));
        Ok(())
    })?;
    library.method("label", |desk: &mut Desk, text: Bytes| {
        let text = String::from_utf8(text.to_vec()).map_err(|_| HostError("label must be UTF-8".to_owned()))?;
        desk.ctx.set_label(&text).map_err(refused)
    })?;
    library
        .method("timer", |desk: &mut Desk, (ticks, id): (u32, u32)| desk.ctx.set_timer(u64::from(ticks), id).map_err(refused))?;
    library.method("log", |desk: &mut Desk, text: Bytes| desk.log(text))?;
    library.global("print", |desk: &mut Desk, text: Bytes| desk.log(text))?;
    stage::furnish(library)?;
    library.method("end_room", |desk: &mut Desk, ()| {
        desk.ctx.end();
        Ok(())
    })
}

impl Desk {
    pub(super) fn new(schema: Option<Arc<Schema>>) -> Self {
        Self { schema, ..Self::default() }
    }

    fn event(&mut self, to: To, op: u32, data: Bytes, len: Option<usize>) -> Result<(), HostError> {
        self.copy(data, len)?;
        self.ctx.send_event(to, op, &self.scratch).map_err(refused)
    }

    fn state(&mut self, to: To, data: Bytes, len: Option<usize>) -> Result<(), HostError> {
        self.copy(data, len)?;
        self.ctx.send_state(to, &self.scratch).map_err(refused)
    }

    /// What is too much is cut, or only counted.
    fn log(&mut self, text: Bytes) -> Result<(), HostError> {
        self.scratch.clear();
        // One byte more, so that the world sees that it was cut.
        let len = text.len().min(LOG_LINE_BYTES_MAX + 1);
        text.append_start_to(len, &mut self.scratch)?;
        self.ctx.log(&String::from_utf8_lossy(&self.scratch));
        Ok(())
    }

    /// Brings the first `len` bytes of `data`, or all, into the scratch. Too long ones are refused before they are copied.
    fn copy(&mut self, data: Bytes, len: Option<usize>) -> Result<(), HostError> {
        let len = len.unwrap_or_else(|| data.len());
        if len > ROOM_DATA_BYTES_MAX {
            return Err(refused(SendError::TooLong));
        }
        self.scratch.clear();
        data.append_start_to(len, &mut self.scratch)
    }
}

pub(super) fn refused(error: SendError) -> HostError {
    HostError(error.to_string())
}
