//! One room of the realm as the console shows it, and what is said of one that has ended. Knows nothing of how it is fetched.

use std::fmt::Write as _;
use std::time::Duration;

use hillfort_proto::ids::RoomId;
use hillfort_realm::{Branch, Deed, Inspection, SceneInspection, Snapshot};
use hillfort_sync::{Field, FieldType};
use hillfort_world::Spread;

use crate::console::{
    BranchView, ChangeRefused, EntityView, FieldView, InputView, KindView, RoomDeed, RoomView, SceneView, SeatView, SpreadView,
    StateView,
};

pub(super) const fn deed(deed: RoomDeed) -> Deed {
    match deed {
        RoomDeed::Look => Deed::Look,
        RoomDeed::LookInside => Deed::LookInside,
        RoomDeed::Pause => Deed::Pause,
        RoomDeed::Step => Deed::Step,
        RoomDeed::Resume => Deed::Resume,
    }
}

/// `worlds`: how many world threads there are.
pub(super) fn view(seen: Inspection, worlds: usize) -> RoomView {
    let room = seen.room;
    let players = seen.players.into_iter().map(|player| SeatView {
        seat: player.seat.0,
        session: player.session.to_string(),
        name: player.name.into(),
        connected: player.connected,
        waiting: player.inputs_waiting,
        bytes_per_s: player.bytes_per_second,
        sight: player.sight,
    });
    let inputs = seen.inputs.into_iter().map(|input| InputView {
        tick: input.tick,
        seat: input.seat.0,
        op: input.op,
        bytes: input.len,
        hex: hex(&input.start),
    });
    RoomView {
        id: room.id.to_string(),
        game: room.game.to_string(),
        name: seen.name.to_string(),
        label: room.label,
        world: room.world,
        worlds,
        paused: seen.paused,
        seats: u32::from(room.players),
        seats_max: u32::from(room.seats_max),
        hz: room.hz,
        rate_hz: room.rate_hz,
        tick: room.tick,
        tick_us: spread(room.tick_time),
        late_us: spread(room.lateness),
        inputs_per_s: room.inputs_per_second,
        inputs_lost: room.inputs_lost,
        timers: seen.timers,
        players: players.collect(),
        inputs: inputs.collect(),
        lines: seen.lines,
        state: seen.state.map(|state| StateView { bytes: state.len, hex: hex(&state.start), tree: state.tree.map(branch) }),
        told: seen.told.map(|told| serde_json::from_str(&told).unwrap_or(serde_json::Value::String(told))),
        scene: seen.scene.map(scene),
    }
}

/// A room that is not there: how it ended, as far as its thread remembers.
pub(super) fn gone(room: RoomId, realm: &Snapshot) -> ChangeRefused {
    let mut faults = realm.worlds.iter().flat_map(|world| world.faults.iter().rev());
    match faults.find(|fault| fault.room == room) {
        Some(end) => {
            ChangeRefused::Gone(format!("the room ended in tick {}, by a fault in {}: {}", end.tick, end.callback, end.fault))
        }
        None => ChangeRefused::Unknown("room"),
    }
}

fn scene(seen: SceneInspection) -> SceneView {
    let kinds = seen.schema.kinds().iter().zip(seen.counts).map(|(kind, count)| KindView {
        name: kind.name.clone(),
        count,
        fields: kind.fields.iter().map(field).collect(),
    });
    let entities = seen.entities.into_iter().map(|entity| EntityView {
        id: entity.id,
        kind: entity.kind,
        owner: entity.owner,
        team: entity.team,
        fields: entity.fields,
    });
    SceneView { kinds: kinds.collect(), entities: entities.collect() }
}

fn field(field: &Field) -> FieldView {
    let (ty, step) = match field.ty {
        FieldType::Fixed { step, .. } => ("fixed", step),
        FieldType::Angle { .. } => ("angle", 0.0),
        FieldType::Int { .. } => ("int", 1.0),
        FieldType::Bool => ("bool", 1.0),
    };
    FieldView { name: field.name.clone(), ty, step }
}

fn branch(seen: Branch) -> BranchView {
    match seen {
        Branch::Bool(flag) => BranchView::Bool(flag),
        Branch::Number(number) => BranchView::Number(number),
        Branch::Text(text) => BranchView::Text(text),
        Branch::Bytes(bytes) => BranchView::Bytes { bytes },
        Branch::Table(entries, hidden) => {
            let table = entries.into_iter().map(|(key, value)| (key, branch(value))).collect();
            BranchView::Table { table, hidden }
        }
    }
}

fn spread(spread: Spread) -> SpreadView {
    let [mean, p50, p99, max] = [spread.mean, spread.p50, spread.p99, spread.max].map(micros);
    SpreadView { mean, p50, p99, max }
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a string does not fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}
