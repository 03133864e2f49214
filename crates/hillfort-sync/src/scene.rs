//! What a game writes: entities and their numbers as they are now. Owns rows and who they belong to; knows nothing of frames and clients.

use std::sync::Arc;

use crate::frame::{EntityId, GENERATIONS, ROWS_MAX};
use crate::schema::Schema;

/// No owner.
pub(crate) const NOBODY: u16 = u16::MAX;
/// Kind of a row without an entity.
pub(crate) const NO_KIND: u8 = u8::MAX;

/// An entity: a row of the scene, and which life of that row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entity(pub(crate) EntityId);

/// What an entity is, beside its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// Number of its kind in the schema.
    pub kind: u8,
    /// Seat of its owner.
    pub owner: Option<u16>,
    /// Its team; 0 is none.
    pub team: u8,
    /// Groups that it is shown to, a bit each.
    pub seen_by: u64,
}

/// The scene cannot do this; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SceneError {
    /// As many entities as the scene was made for, at most [`ROWS_MAX`].
    #[error("the scene is full")]
    Full,
    /// The entity is gone.
    #[error("there is no such entity")]
    Entity,
    /// The schema has no such kind.
    #[error("there is no such kind")]
    Kind,
    /// The entity's kind has no such field.
    #[error("there is no such field")]
    Field,
}

/// All entities of a room. Not to be replaced by another one: clients would take its entities for those of before.
#[derive(Debug, Clone)]
pub struct Scene {
    schema: Arc<Schema>,
    rows: Vec<SceneRow>,
    /// By number of field, then by row; kinds share them.
    columns: Vec<Vec<f32>>,
    free: Vec<u32>,
    rows_max: usize,
    /// Changes when entities come, go, or are shown to others.
    population: u64,
    /// Changes when they get another owner or team.
    standings: u64,
    /// Entities that came, ever.
    spawned: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct SceneRow {
    pub(crate) seen_by: u64,
    /// How many entities have had this row.
    pub(crate) lives: u32,
    pub(crate) owner: u16,
    pub(crate) kind: u8,
    pub(crate) team: u8,
}

impl Scene {
    /// An empty scene for at most `rows_max` entities, cut to [`ROWS_MAX`].
    #[must_use]
    pub fn new(schema: Arc<Schema>, rows_max: usize) -> Self {
        let fields = schema.kinds().iter().map(|kind| kind.fields.len()).max().unwrap_or(0);
        let columns = vec![Vec::new(); fields];
        Self {
            schema,
            rows: Vec::new(),
            columns,
            free: Vec::new(),
            rows_max: rows_max.min(ROWS_MAX),
            population: 0,
            standings: 0,
            spawned: 0,
        }
    }

    /// What its entities look like.
    #[must_use]
    pub const fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Puts an entity into the scene: all numbers 0, or the nearest that its fields can hold; nobody's, of team 0, shown to all.
    ///
    /// # Errors
    /// [`SceneError::Full`], [`SceneError::Kind`].
    pub fn spawn(&mut self, kind: u8) -> Result<Entity, SceneError> {
        if usize::from(kind) >= self.schema.kinds().len() {
            return Err(SceneError::Kind);
        }
        let fresh = SceneRow { seen_by: u64::MAX, lives: 0, owner: NOBODY, kind, team: 0 };
        let row = match self.free.pop() {
            Some(row) => row,
            None if self.rows.len() < self.rows_max => {
                self.rows.push(SceneRow { kind: NO_KIND, ..fresh });
                self.columns.iter_mut().for_each(|column| column.push(0.0));
                (self.rows.len() - 1) as u32
            }
            None => return Err(SceneError::Full),
        };
        let at = row as usize;
        // A new life, so that nobody takes the newcomer for the one that had this row before.
        self.rows[at] = SceneRow { lives: self.rows[at].lives.wrapping_add(1), ..fresh };
        self.columns.iter_mut().for_each(|column| column[at] = 0.0);
        self.population += 1;
        self.spawned += 1;
        Ok(Entity(EntityId::new(row, self.rows[at].generation())))
    }

    /// Takes an entity out.
    ///
    /// # Errors
    /// [`SceneError::Entity`].
    pub fn despawn(&mut self, entity: Entity) -> Result<(), SceneError> {
        let at = self.at(entity)?;
        self.rows[at].kind = NO_KIND;
        self.free.push(at as u32);
        self.population += 1;
        Ok(())
    }

    /// Whether the entity is there.
    #[must_use]
    pub fn has(&self, entity: Entity) -> bool {
        self.at(entity).is_ok()
    }

    /// Number of the entity's kind. `None`: it is gone.
    #[must_use]
    pub fn kind(&self, entity: Entity) -> Option<u8> {
        self.at(entity).ok().map(|at| self.rows[at].kind)
    }

    /// Sets a field, by its number in the entity's kind.
    ///
    /// # Errors
    /// [`SceneError::Entity`], [`SceneError::Field`].
    pub fn set(&mut self, entity: Entity, field: usize, value: f32) -> Result<(), SceneError> {
        let at = self.field_at(entity, field)?;
        self.columns[field][at] = value;
        Ok(())
    }

    /// Reads a field.
    ///
    /// # Errors
    /// [`SceneError::Entity`], [`SceneError::Field`].
    pub fn get(&self, entity: Entity, field: usize) -> Result<f32, SceneError> {
        let at = self.field_at(entity, field)?;
        Ok(self.columns[field][at])
    }

    /// A whole column: the field with this number of all kinds, by row. For systems that step all entities at once. Empty: no kind has so many
    /// fields.
    pub fn column_mut(&mut self, field: usize) -> &mut [f32] {
        self.columns.get_mut(field).map_or(&mut [], Vec::as_mut_slice)
    }

    /// Says whose entity it is: the number of a seat, `None` nobody. The owner gets it at any distance, with the fields that are for owners.
    ///
    /// # Errors
    /// [`SceneError::Entity`].
    pub fn set_owner(&mut self, entity: Entity, owner: Option<u16>) -> Result<(), SceneError> {
        let at = self.at(entity)?;
        self.rows[at].owner = owner.unwrap_or(NOBODY);
        self.population += 1;
        self.standings += 1;
        Ok(())
    }

    /// Says of which team it is.
    ///
    /// # Errors
    /// [`SceneError::Entity`].
    pub fn set_team(&mut self, entity: Entity, team: u8) -> Result<(), SceneError> {
        let at = self.at(entity)?;
        self.rows[at].team = team;
        self.population += 1;
        self.standings += 1;
        Ok(())
    }

    /// Shows the entity to those clients only that are in one of these groups, a bit each; its owner sees it all the same. This is fog of war
    /// (a bit for each team, set by who has it in view), stealth (no bit of the enemy's), or a spectator's eye. What a client must not see is
    /// never sent to it.
    ///
    /// # Errors
    /// [`SceneError::Entity`].
    pub fn set_seen_by(&mut self, entity: Entity, groups: u64) -> Result<(), SceneError> {
        let at = self.at(entity)?;
        if self.rows[at].seen_by != groups {
            self.rows[at].seen_by = groups;
            self.population += 1;
        }
        Ok(())
    }

    /// What an entity is.
    ///
    /// # Errors
    /// [`SceneError::Entity`].
    pub fn about(&self, entity: Entity) -> Result<About, SceneError> {
        let row = &self.rows[self.at(entity)?];
        let owner = (row.owner != NOBODY).then_some(row.owner);
        Ok(About { kind: row.kind, owner, team: row.team, seen_by: row.seen_by })
    }

    /// Entities that are there, in the order of their rows.
    pub fn entities(&self) -> impl Iterator<Item = Entity> {
        let live = self.rows.iter().enumerate().filter(|(_, row)| row.kind != NO_KIND);
        live.map(|(at, row)| Entity(EntityId::new(at as u32, row.generation())))
    }

    /// Gives `take` what each entity is, in bytes that are the same on every machine; not which row it has, since a scene that was made again
    /// after a restore has other rows.
    pub fn digest(&self, mut take: impl FnMut(&[u8])) {
        let mut bytes = Vec::new();
        for (at, row) in self.rows.iter().enumerate().filter(|(_, row)| row.kind != NO_KIND) {
            bytes.clear();
            bytes.extend_from_slice(&[row.kind, row.team]);
            bytes.extend_from_slice(&row.owner.to_le_bytes());
            bytes.extend_from_slice(&row.seen_by.to_le_bytes());
            let fields = self.schema.kinds()[usize::from(row.kind)].fields.len();
            self.columns[..fields].iter().for_each(|column| bytes.extend_from_slice(&column[at].to_bits().to_le_bytes()));
            take(&bytes);
        }
    }

    pub(crate) fn rows(&self) -> &[SceneRow] {
        &self.rows
    }

    pub(crate) fn columns(&self) -> &[Vec<f32>] {
        &self.columns
    }

    pub(crate) const fn population(&self) -> u64 {
        self.population
    }

    pub(crate) const fn standings(&self) -> u64 {
        self.standings
    }

    pub(crate) const fn spawned(&self) -> u64 {
        self.spawned
    }

    fn at(&self, Entity(id): Entity) -> Result<usize, SceneError> {
        let at = id.row() as usize;
        let live = self.rows.get(at).is_some_and(|row| row.kind != NO_KIND && row.generation() == id.generation());
        if live { Ok(at) } else { Err(SceneError::Entity) }
    }

    fn field_at(&self, entity: Entity, field: usize) -> Result<usize, SceneError> {
        let at = self.at(entity)?;
        let kind = usize::from(self.rows[at].kind);
        if field < self.schema.kinds()[kind].fields.len() { Ok(at) } else { Err(SceneError::Field) }
    }
}

impl SceneRow {
    /// Which life clients call it: ids come round.
    pub(crate) const fn generation(&self) -> u16 {
        (self.lives % GENERATIONS as u32) as u16
    }
}

impl Entity {
    /// The entity that clients call so; only the scene can say whether it is there.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        Self(EntityId::from_number(number))
    }

    /// How clients call it.
    #[must_use]
    pub const fn id(self) -> EntityId {
        self.0
    }

    /// Its row, for [`Scene::column_mut`].
    #[must_use]
    pub const fn row(self) -> usize {
        self.0.row() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Field, Kind};

    fn scene(rows_max: usize) -> Scene {
        let pos = Kind::new("a").with(Field::fixed("x", 0.0, 9.0, 1.0)).with(Field::fixed("y", 0.0, 9.0, 1.0));
        let one = Kind::new("b").with(Field::fixed("z", 0.0, 9.0, 1.0));
        Scene::new(Arc::new(Schema::new(vec![pos, one]).unwrap()), rows_max)
    }

    #[test]
    fn a_row_has_many_lives() {
        let mut scene = scene(1);
        let first = scene.spawn(0).unwrap();
        assert_eq!(scene.spawn(0), Err(SceneError::Full));
        scene.set(first, 1, 5.0).unwrap();
        scene.despawn(first).unwrap();
        let second = scene.spawn(1).unwrap();
        assert_eq!((first.row(), first.id() == second.id()), (second.row(), false));
        assert_eq!(scene.despawn(first), Err(SceneError::Entity));
        assert_eq!(scene.get(second, 0), Ok(0.0));
        assert_eq!(scene.set(second, 1, 1.0), Err(SceneError::Field));
        assert_eq!(scene.spawn(2), Err(SceneError::Kind));
        assert_eq!(scene.entities().collect::<Vec<_>>(), [second]);
        assert_eq!(Entity::from_number(second.id().get()), second);
        assert_eq!((scene.kind(first), scene.kind(second)), (None, Some(1)));
        assert!(!scene.has(Entity::from_number(u32::MAX)));
        assert_eq!(scene.about(second), Ok(About { kind: 1, owner: None, team: 0, seen_by: u64::MAX }));
        scene.set_owner(second, Some(3)).unwrap();
        assert_eq!(scene.about(second).map(|about| about.owner), Ok(Some(3)));
        assert_eq!(scene.about(first), Err(SceneError::Entity));
    }
}
