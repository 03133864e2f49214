//! A script's scene: entities by their numbers, and columns of fields that script and server share as buffers. Owns the names and bounds of
//! what a script may ask of a scene; what travels to whom is `hillfort-sync`'s.

use std::sync::Arc;

use hillfort_script::{Bytes, HostError, Library, Memory, Numbers, Value};
use hillfort_sync::{Entity, Focus, Scene, SceneError, Schema};
use hillfort_world::{Ctx, Seat, ShareConfig};

use super::answer;
use super::desk::{self, Desk};

/// Most entities of a script's scene: a column of them is 64 KiB of the room's memory.
const ENTITIES_MAX: u32 = 16_384;

/// The columns that a script asked for, by number of field. Kinds share them, as in [`Scene::column_mut`].
#[derive(Debug, Default)]
pub(super) struct Columns {
    buffers: Vec<Option<Numbers>>,
    /// Numbers of each.
    rows: usize,
}

impl Columns {
    /// Brings what the script wrote into the scene. What it wrote to rows without an entity reaches nobody.
    pub(super) fn copy_to(&self, ctx: &mut Ctx) {
        let Some(scene) = ctx.scene_mut() else { return };
        for (field, numbers) in self.buffers.iter().enumerate() {
            if let Some(numbers) = numbers {
                numbers.copy_to(scene.column_mut(field));
            }
        }
    }

    /// The buffer of a field, made when it is asked for first.
    fn get(&mut self, field: usize, memory: &Memory<'_>) -> Result<Numbers, HostError> {
        if self.buffers.len() <= field {
            self.buffers.resize(field + 1, None);
        }
        if let Some(numbers) = &self.buffers[field] {
            return Ok(numbers.clone());
        }
        let numbers = memory.numbers(self.rows)?;
        Ok(self.buffers[field].insert(numbers).clone())
    }

    /// A newcomer does not begin with the numbers of the one that had its row before.
    fn clear(&self, row: usize) {
        self.buffers.iter().flatten().for_each(|numbers| numbers.set(row, 0.0));
    }
}

/// Gives scripts the functions of a scene.
pub(super) fn furnish(library: &Library<'_, Desk>) -> Result<(), HostError> {
    library.method("open_scene", |desk: &mut Desk, config: Value| desk.open_scene(&config))?;
    library.method_with_memory("column", |desk: &mut Desk, memory: &Memory<'_>, (kind, field): (Bytes, Bytes)| {
        desk.column(kind, field, memory)
    })?;
    library.method("spawn", |desk: &mut Desk, kind: Bytes| desk.spawn(kind))?;
    library.method("despawn", |desk: &mut Desk, entity: u32| desk.change(|scene| scene.despawn(Entity::from_number(entity))))?;
    library.method("alive", |desk: &mut Desk, entity: u32| Ok(desk.scene()?.has(Entity::from_number(entity))))?;
    library.method("owner", |desk: &mut Desk, (entity, player): (u32, Option<u16>)| {
        desk.change(|scene| scene.set_owner(Entity::from_number(entity), player))
    })?;
    library.method("team", |desk: &mut Desk, (entity, team): (u32, u8)| {
        desk.change(|scene| scene.set_team(Entity::from_number(entity), team))
    })?;
    library.method("seen_by", |desk: &mut Desk, (entity, groups): (u32, Option<u64>)| {
        desk.change(|scene| scene.set_seen_by(Entity::from_number(entity), groups.unwrap_or(u64::MAX)))
    })?;
    library.method("player_team", |desk: &mut Desk, (player, team): (u16, u8)| {
        desk.scene()?;
        if let Some(viewer) = desk.ctx.viewer_mut(Seat(player)) {
            viewer.set_team(team);
        }
        Ok(())
    })?;
    library.method("player_groups", |desk: &mut Desk, (player, groups): (u16, u64)| {
        desk.scene()?;
        if let Some(viewer) = desk.ctx.viewer_mut(Seat(player)) {
            viewer.set_groups(groups);
        }
        Ok(())
    })?;
    library.method("look_from", |desk: &mut Desk, (player, x, y): (u16, Option<f32>, Option<f32>)| {
        desk.look_from(Seat(player), x.zip(y))
    })?;
    library.method("place", |desk: &mut Desk, (entity, tick): (u32, f64)| {
        desk.scene()?;
        let place = desk.ctx.place(Entity::from_number(entity), tick);
        Ok((place.map(|[x, _]| x), place.map(|[_, y]| y)))
    })?;
    library.method("acknowledge", |desk: &mut Desk, (player, input, meant): (u16, u32, u32)| {
        desk.scene()?;
        desk.ctx.acknowledge(Seat(player), input, meant);
        Ok(())
    })
}

impl Desk {
    fn open_scene(&mut self, config: &Value) -> Result<(), HostError> {
        let schema =
            self.schema.as_ref().ok_or_else(|| HostError("the game has no sync.toml beside its server folder".to_owned()))?;
        let config = share_config(schema, config).map_err(|text| HostError(format!("open_scene: {text}")))?;
        let rows = config.entities_max;
        self.ctx.open_scene(config).map_err(desk::refused)?;
        self.columns = Columns { buffers: Vec::new(), rows };
        Ok(())
    }

    fn column(&mut self, kind: Bytes, field: Bytes, memory: &Memory<'_>) -> Result<Numbers, HostError> {
        let schema = self.scene()?.schema();
        let (kind, field) = (name(kind)?, name(field)?);
        let number = schema.kind(&kind).ok_or_else(|| no_kind(&kind))?;
        let at = schema.field(number, &field).ok_or_else(|| HostError(format!("kind {kind} has no field {field:?}")))?;
        self.columns.get(at, memory)
    }

    /// The entity's number, and its row.
    fn spawn(&mut self, kind: Bytes) -> Result<(u32, u32), HostError> {
        let scene = self.ctx.scene_mut().ok_or_else(no_scene)?;
        let kind = name(kind)?;
        let kind = scene.schema().kind(&kind).ok_or_else(|| no_kind(&kind))?;
        let entity = scene.spawn(kind).map_err(refused)?;
        self.columns.clear(entity.row());
        Ok((entity.id().get(), entity.row() as u32))
    }

    fn look_from(&mut self, player: Seat, place: Option<(f32, f32)>) -> Result<(), HostError> {
        self.scene()?;
        let focus = match place {
            None => Focus::Owned,
            Some((x, y)) if x.is_finite() && y.is_finite() => Focus::Place([x, y]),
            Some(_) => return Err(HostError("a place has finite numbers".to_owned())),
        };
        if let Some(viewer) = self.ctx.viewer_mut(player) {
            viewer.set_focus(focus);
        }
        Ok(())
    }

    fn change<T>(&mut self, change: impl FnOnce(&mut Scene) -> Result<T, SceneError>) -> Result<T, HostError> {
        change(self.ctx.scene_mut().ok_or_else(no_scene)?).map_err(refused)
    }

    fn scene(&self) -> Result<&Scene, HostError> {
        self.ctx.scene().ok_or_else(no_scene)
    }
}

/// What `open_scene` is asked for; fields that are missing have their defaults.
fn share_config(schema: &Arc<Schema>, asked: &Value) -> Result<ShareConfig, String> {
    let mut config = ShareConfig::new(Arc::clone(schema));
    let table = match asked {
        Value::Nil => return Ok(config),
        Value::Object(table) => table,
        _ => return Err("a table expected".to_owned()),
    };
    answer::only(table, &["entities", "radius", "bytes_per_second"])?;
    let entities = answer::number::<u32>(table, "entities", config.entities_max as u32)?;
    if !(1..=ENTITIES_MAX).contains(&entities) {
        return Err(format!("entities must be 1 to {ENTITIES_MAX}"));
    }
    config.entities_max = entities as usize;
    config.bytes_per_second = answer::number(table, "bytes_per_second", config.bytes_per_second)?;
    config.radius = match table.get("radius") {
        Value::Nil => None,
        #[expect(clippy::cast_possible_truncation, reason = "a distance needs no more digits")]
        Value::Number(radius) => Some(radius as f32),
        _ => return Err("radius must be a number".to_owned()),
    };
    Ok(config)
}

/// A kind's or a field's name. Those that are too long for one would only make the error long.
fn name(text: Bytes) -> Result<String, HostError> {
    if text.len() > hillfort_sync::NAME_BYTES_MAX {
        return Err(HostError(format!("a name has at most {} bytes", hillfort_sync::NAME_BYTES_MAX)));
    }
    Ok(String::from_utf8_lossy(&text.to_vec()).into_owned())
}

fn no_scene() -> HostError {
    HostError("the room has no scene: ctx.open_scene in on_create opens it".to_owned())
}

fn no_kind(name: &str) -> HostError {
    HostError(format!("the schema has no kind {name:?}"))
}

fn refused(error: SceneError) -> HostError {
    HostError(error.to_string())
}
