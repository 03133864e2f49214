//! One tick of a scene as clients may know it: whole numbers, immutable, with a grid over it. Owns quantising, what changed when, and dead
//! reckoning; knows nothing of clients.

use crate::column::{KindColumns, Role, SPEED_BITS, SPEED_PARTS, SPEED_ZERO};
use crate::grid::{Grid, Plan};
use crate::scene::{NO_KIND, NOBODY, Scene, SceneRow};
use crate::schema::{FieldType, Schema};

/// Most entities of a scene.
pub const ROWS_MAX: usize = 1 << ROW_BITS;
const ROW_BITS: u32 = 20;
/// Lives of a row that are told apart.
pub(crate) const GENERATIONS: u16 = 1 << GENERATION_BITS;
pub(crate) const GENERATION_BITS: u32 = 12;
/// Entities that move as foreseen are anchored anew after so many ticks, so that an age fits into 8 bits.
pub(crate) const AGE_MAX: u32 = 255;

/// How clients call an entity: its row, and which life of the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId(u32);

/// A published tick.
#[derive(Debug, Default)]
pub struct Frame {
    pub(crate) tick: u32,
    pub(crate) rows: Vec<Row>,
    /// By row, `stride` for each.
    pub(crate) values: Vec<u32>,
    pub(crate) stride: usize,
    pub(crate) seen_by: Vec<u64>,
    /// Whether some are shown to some groups only.
    pub(crate) hides: bool,
    /// Rows by owner: those of seat `n` are `owned[owned_from[n]..owned_from[n + 1]]`.
    owned: Vec<u32>,
    owned_from: Vec<u32>,
    pub(crate) grid: Grid,
    /// See [`Scene::population`] and [`Scene::standings`].
    pub(crate) population: u64,
    pub(crate) standings: u64,
    /// How often ids have come round: between frames with different numbers an id may be another entity.
    pub(crate) rounds: u64,
}

/// What the hot path asks of a row, in one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// Tick at which the entity changed last.
    pub(crate) changed: u32,
    /// Tick at which it changed before that.
    pub(crate) before: u32,
    pub(crate) generation: u16,
    pub(crate) kind: u8,
    pub(crate) team: u8,
}

impl EntityId {
    pub(crate) const fn new(row: u32, generation: u16) -> Self {
        Self(row | (generation as u32) << ROW_BITS)
    }

    pub(crate) const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// As it travels.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    pub(crate) const fn row(self) -> u32 {
        self.0 & (ROWS_MAX as u32 - 1)
    }

    pub(crate) const fn generation(self) -> u16 {
        (self.0 >> ROW_BITS) as u16
    }
}

impl Frame {
    /// The tick that it shows.
    #[must_use]
    pub const fn tick(&self) -> u32 {
        self.tick
    }

    /// The entity's numbers in steps, in the order of columns. `None`: it was not there.
    pub(crate) fn values_of(&self, row: u32, generation: u16) -> Option<&[u32]> {
        let at = row as usize;
        let found = self.rows.get(at).filter(|found| found.kind != NO_KIND && found.generation == generation);
        found.map(|_| &self.values[at * self.stride..(at + 1) * self.stride])
    }

    #[inline]
    pub(crate) fn row_values(&self, row: u32) -> &[u32] {
        let at = row as usize * self.stride;
        &self.values[at..at + self.stride]
    }

    /// Takes the place of an old frame: shows `scene` at `tick`. `last` has the exact numbers of the frame before, in parts of a step.
    pub(crate) fn fill(&mut self, tick: u32, scene: &Scene, plan: &Plan, before: Option<&Self>, last: &mut Vec<i32>) {
        let schema = scene.schema();
        let kinds = schema.compiled();
        let count = scene.rows().len();
        self.tick = tick;
        self.stride = kinds.stride;
        self.population = scene.population();
        self.standings = scene.standings();
        self.rows.clear();
        self.seen_by.clear();
        self.seen_by.extend(scene.rows().iter().map(|row| row.seen_by));
        self.hides = self.seen_by.iter().any(|groups| *groups != u64::MAX);
        self.values.resize(count * self.stride, 0);
        last.resize(count * self.stride, 0);
        for (at, (row, values)) in scene.rows().iter().zip(self.values.chunks_exact_mut(kinds.stride)).enumerate() {
            let old = before.and_then(|frame| frame.rows.get(at));
            let fresh = Row { changed: tick, before: tick, generation: row.generation(), kind: row.kind, team: row.team };
            if row.kind == NO_KIND {
                self.rows.push(fresh);
                continue;
            }
            let kind = kinds.kind(row.kind);
            let known = old.filter(|old| old.kind == row.kind && old.generation == row.generation()).zip(before);
            let before = known.map(|(_, frame)| frame.row_values(at as u32));
            plain(kind, scene.columns(), at, values);
            if let Some(since) = kind.since {
                let last = &mut last[at * kinds.stride..(at + 1) * kinds.stride];
                reckon(tick, schema, row.kind, kind, since, scene.columns(), at, before, values, last);
            }
            self.rows.push(match known.zip(before) {
                Some(((old, _), before)) if !differs(kind, values, before) => Row { team: row.team, ..*old },
                Some(((old, _), _)) => Row { before: old.changed, ..fresh },
                None => fresh,
            });
        }
        self.sort_by_owner(scene);
        self.grid.fill(plan, scene);
    }

    /// Rows that a seat owns.
    pub(crate) fn owned_by(&self, seat: u16) -> &[u32] {
        let at = usize::from(seat);
        match (self.owned_from.get(at), self.owned_from.get(at + 1)) {
            (Some(&from), Some(&to)) => &self.owned[from as usize..to as usize],
            _ => &[],
        }
    }

    /// A counting sort, as of the grid's cells.
    fn sort_by_owner(&mut self, scene: &Scene) {
        self.owned_from.clear();
        let owned = |row: &&SceneRow| row.kind != NO_KIND && row.owner != NOBODY;
        for row in scene.rows().iter().filter(owned) {
            let seat = usize::from(row.owner);
            if self.owned_from.len() < seat + 2 {
                self.owned_from.resize(seat + 2, 0);
            }
            self.owned_from[seat] += 1;
        }
        let mut sum = 0;
        for from in &mut self.owned_from {
            sum += *from;
            *from = sum;
        }
        self.owned.resize(sum as usize, 0);
        for (at, row) in scene.rows().iter().enumerate().rev().filter(|(_, row)| owned(row)) {
            let from = &mut self.owned_from[usize::from(row.owner)];
            *from -= 1;
            self.owned[*from as usize] = at as u32;
        }
    }
}

/// Numbers that are as they are.
#[inline]
fn plain(kind: &KindColumns, columns: &[Vec<f32>], at: usize, values: &mut [u32]) {
    for (value, column) in values.iter_mut().zip(&kind.columns) {
        if column.role == Role::Plain {
            *value = kind.quantisers[column.field].step(columns[column.field][at]);
        }
    }
}

/// Whether something differs that travels later than at the beginning.
fn differs(kind: &KindColumns, values: &[u32], before: &[u32]) -> bool {
    // The owner's view has all columns. What is sent always changes always.
    let owner = crate::column::View::new(crate::column::Tier::Near, crate::schema::To::Owner).index();
    if kind.always[owner] != 0 {
        return true;
    }
    // Behind the columns stands since when the entity moves as it does; behind that what another kind may have left there.
    let len = kind.columns.len() + usize::from(kind.since.is_some());
    let travels = |at: usize| at >= kind.columns.len() || kind.update[owner] >> at & 1 == 1;
    values[..len].iter().zip(&before[..len]).enumerate().any(|(at, (now, before))| now != before && travels(at))
}

/// Numbers that clients move on by themselves: they stay as they were while that is right, and are anchored anew when it is not.
#[expect(clippy::too_many_arguments, reason = "called once, and each is another thing")]
fn reckon(
    tick: u32,
    schema: &Schema,
    number: u8,
    kind: &KindColumns,
    since: usize,
    columns: &[Vec<f32>],
    at: usize,
    before: Option<&[u32]>,
    values: &mut [u32],
    last: &mut [i32],
) {
    let fields = &schema.kinds()[usize::from(number)].fields;
    let anchors = || kind.columns.iter().enumerate().filter(|(_, column)| column.role == Role::Anchor);
    let exact = |field: usize| match fields[field].ty {
        FieldType::Fixed { min, step, .. } => ((columns[field][at] - min) / step * SPEED_PARTS as f32).round() as i32,
        _ => 0,
    };
    let right = before.is_some_and(|before| {
        let age = tick.wrapping_sub(before[since]);
        age <= AGE_MAX
            && anchors().all(|(column, spec)| {
                let foreseen = foresee(before[column], before[column + 1], age);
                let tolerance = i64::from(fields[spec.field].extrapolate.unwrap_or(0)) * SPEED_PARTS;
                (i64::from(exact(spec.field)) - foreseen).abs() <= tolerance
            })
    });
    for (column, spec) in anchors() {
        let now = exact(spec.field);
        match before {
            Some(before) if right => {
                values[column] = before[column];
                values[column + 1] = before[column + 1];
            }
            _ => {
                let moved = before.map_or(0, |_| now.saturating_sub(last[column]));
                let half = 1 << (SPEED_BITS - 1);
                values[column] = kind.quantisers[spec.field].step(columns[spec.field][at]);
                values[column + 1] = (moved.clamp(-half, half - 1) + half) as u32;
            }
        }
        last[column] = now;
    }
    values[since] = match before {
        Some(before) if right => before[since],
        _ => tick,
    };
}

/// Where an anchored number is after `age` ticks, in parts of a step.
#[inline]
pub(crate) fn foresee(anchor: u32, speed: u32, age: u32) -> i64 {
    i64::from(anchor) * SPEED_PARTS + (i64::from(speed) - i64::from(SPEED_ZERO)) * i64::from(age)
}
