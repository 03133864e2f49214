//! Where everybody stands: a counting sort of all rows by cells of a plane, made anew each tick in a few nanoseconds a row. Knows nothing of
//! who looks.

use crate::scene::{NO_KIND, Scene};
use crate::schema::{FieldType, Kind, Schema};

/// Cell of a row that stands nowhere.
const NOWHERE: u32 = u32::MAX;
/// Most cells; with more the cells grow.
const CELLS_MAX: f32 = 65_536.0;

/// How a plane is cut into cells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    origin: [f32; 2],
    /// Cells a metre, or whatever the unit is.
    density: f32,
    /// Fields that say where entities of a kind stand.
    places: Vec<Option<[Axis; 2]>>,
    wide: usize,
    high: usize,
}

/// A field that says where entities of a kind stand, and its range: clients see no further.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis {
    field: usize,
    min: f32,
    max: f32,
}

impl Axis {
    #[inline]
    fn place(self, columns: &[Vec<f32>], row: usize) -> f32 {
        columns[self.field][row].clamp(self.min, self.max)
    }
}

/// Rows by cell.
#[derive(Debug, Default)]
pub(crate) struct Grid {
    /// Where each cell's rows begin; one more for the end.
    starts: Vec<u32>,
    /// Rows in the order of their cells, with their places beside them.
    pub(crate) spots: Vec<Spot>,
    /// Rows that stand nowhere.
    pub(crate) everywhere: Vec<u32>,
    cells: Vec<u32>,
}

/// A row and where it stands.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Spot {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) row: u32,
}

impl Plan {
    /// Cells of `cell` over all places that the schema knows.
    pub(crate) fn new(schema: &Schema, cell: f32) -> Self {
        let mut low = [f32::MAX; 2];
        let mut high = [f32::MIN; 2];
        for kind in schema.kinds() {
            for (axis, field) in kind.at.into_iter().flatten().enumerate() {
                if let FieldType::Fixed { min, max, .. } = kind.fields[field].ty {
                    low[axis] = low[axis].min(min);
                    high[axis] = high[axis].max(max);
                }
            }
        }
        if low[0] > high[0] {
            (low, high) = ([0.0; 2], [1.0; 2]);
        }
        let span = [high[0] - low[0], high[1] - low[1]];
        let cell = cell.max((span[0] * span[1] / CELLS_MAX).sqrt()).max(span[0].max(span[1]) / CELLS_MAX).max(f32::MIN_POSITIVE);
        let count = |span: f32| (span / cell).ceil().clamp(1.0, CELLS_MAX) as usize;
        let axis = |kind: &Kind, field: usize| match kind.fields[field].ty {
            FieldType::Fixed { min, max, .. } => Axis { field, min, max },
            _ => Axis { field, min: 0.0, max: 0.0 },
        };
        let places = schema.kinds().iter().map(|kind| kind.at.map(|at| at.map(|field| axis(kind, field)))).collect();
        Self { origin: low, density: 1.0 / cell, places, wide: count(span[0]), high: count(span[1]) }
    }

    #[inline]
    fn column(&self, x: f32) -> usize {
        // Casts of floats saturate: what is outside stands at the edge.
        (((x - self.origin[0]) * self.density) as usize).min(self.wide - 1)
    }

    #[inline]
    fn line(&self, y: f32) -> usize {
        (((y - self.origin[1]) * self.density) as usize).min(self.high - 1)
    }
}

impl Grid {
    pub(crate) fn fill(&mut self, plan: &Plan, scene: &Scene) {
        self.everywhere.clear();
        self.cells.clear();
        self.starts.clear();
        self.starts.resize(plan.wide * plan.high + 1, 0);
        let columns = scene.columns();
        let places = |kind: u8| plan.places[usize::from(kind)];
        for (row, live) in scene.rows().iter().enumerate() {
            let place = if live.kind == NO_KIND { None } else { Some(places(live.kind)) };
            let cell = match place {
                Some(Some([x, y])) => plan.line(y.place(columns, row)) * plan.wide + plan.column(x.place(columns, row)),
                Some(None) => {
                    self.everywhere.push(row as u32);
                    NOWHERE as usize
                }
                None => NOWHERE as usize,
            };
            self.cells.push(cell as u32);
            if let Some(count) = self.starts.get_mut(cell) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut self.starts {
            sum += *start;
            *start = sum;
        }
        self.spots.resize(sum as usize, Spot::default());
        // Backwards, so that rows of a cell stay in order.
        for (row, &cell) in self.cells.iter().enumerate().rev().filter(|(_, cell)| **cell != NOWHERE) {
            let start = &mut self.starts[cell as usize];
            *start -= 1;
            if let Some([x, y]) = places(scene.rows()[row].kind) {
                self.spots[*start as usize] = Spot { x: x.place(columns, row), y: y.place(columns, row), row: row as u32 };
            }
        }
    }

    /// Rows in all cells that a square of half-width `reach` around a place touches, a run of neighbours at a time.
    pub(crate) fn around(&self, plan: &Plan, [x, y]: [f32; 2], reach: f32) -> impl Iterator<Item = &[Spot]> {
        let (left, right) = (plan.column(x - reach), plan.column(x + reach));
        let (top, bottom) = (plan.line(y - reach), plan.line(y + reach));
        let wide = plan.wide;
        (top..=bottom).map(move |line| {
            let from = self.starts[line * wide + left] as usize;
            let to = self.starts[line * wide + right + 1] as usize;
            &self.spots[from..to]
        })
    }
}
