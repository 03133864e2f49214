//! A schema made ready for the hot path: each field as one or two columns of whole numbers, and which of them each view gets. Knows nothing
//! of entities.

use crate::schema::{Field, FieldType, Kind, To, When};

/// Most columns of a kind: each field has one, an extrapolated one two; one more says since when entities move as they do.
pub const COLUMNS_MAX: usize = 50;
/// A speed is counted in parts of a step a tick.
pub(crate) const SPEED_PARTS: i64 = 16;
/// Bits of a speed; half of its range is negative.
pub(crate) const SPEED_BITS: u32 = 12;
/// What a speed of 0 is written as.
pub(crate) const SPEED_ZERO: u32 = 1 << (SPEED_BITS - 1);

/// How near an entity is to a client: three rings of the radius of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Tier {
    /// Within a third of the radius.
    Near,
    /// Within two thirds.
    Mid,
    /// Within the radius.
    #[default]
    Far,
}

/// What a client is to an entity. Views that get the same fields are made into one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct View(pub(crate) u8);

/// How many views there are: three tiers, of a stranger, a team mate and the owner.
pub(crate) const VIEWS: usize = 9;

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Bits of its numbers.
    pub(crate) bits: u32,
    /// Bits of a short and of a middle difference; 0: there is no such form.
    pub(crate) small: u32,
    pub(crate) medium: u32,
    /// Whether the numbers are a circle.
    pub(crate) wraps: bool,
    pub(crate) role: Role,
    /// Field that it comes from.
    pub(crate) field: usize,
}

/// What a column's numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The value.
    Plain,
    /// Value at the moment from which it moves; its speed is in the next column.
    Anchor,
    /// Parts of a step a tick, from [`SPEED_ZERO`].
    Speed,
}

/// One kind, made ready.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KindColumns {
    pub(crate) columns: Vec<Column>,
    /// Columns of an entity that comes into sight, by view.
    pub(crate) enter: [u64; VIEWS],
    /// Columns that changes are sent of, by view.
    pub(crate) update: [u64; VIEWS],
    /// Columns that are sent in every packet, by view.
    pub(crate) always: [u64; VIEWS],
    /// The view that stands for each view.
    canon: [u8; VIEWS],
    /// Column with the tick from which extrapolated fields move, if there are such.
    pub(crate) since: Option<usize>,
    /// Columns of the fields that say where an entity stands.
    pub(crate) at: Option<[usize; 2]>,
    /// Bits of all columns of an entity.
    pub(crate) whole_bits: u32,
    /// By field.
    pub(crate) quantisers: Vec<Quantiser>,
    /// Whether all views get the same.
    pub(crate) uniform: bool,
}

/// All kinds, made ready.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kinds {
    pub(crate) kinds: Vec<KindColumns>,
    /// Numbers kept for an entity of whatever kind.
    pub(crate) stride: usize,
    /// Whether all views of all kinds get the same.
    pub(crate) uniform: bool,
}

impl View {
    pub(crate) const fn new(tier: Tier, standing: To) -> Self {
        let standing = match standing {
            To::All => 0,
            To::Team => 1,
            To::Owner => 2,
        };
        Self(tier as u8 * 3 + standing)
    }

    /// From its number. `None`: there is no such view.
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        u8::try_from(number).ok().filter(|&number| usize::from(number) < VIEWS).map(Self)
    }

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    fn gets(self, field: &Field) -> bool {
        let tier_ok = self.0 / 3 <= field.tier as u8;
        let standing_ok = match field.to {
            To::All => true,
            To::Team => self.0 % 3 >= 1,
            To::Owner => self.0 % 3 == 2,
        };
        tier_ok && standing_ok
    }
}

impl Kinds {
    pub(crate) fn compile(kinds: &[Kind]) -> Self {
        let kinds: Vec<_> = kinds.iter().map(KindColumns::compile).collect();
        let stride = kinds.iter().map(|kind| kind.columns.len() + usize::from(kind.since.is_some())).max().unwrap_or(0);
        let uniform = kinds.iter().all(|kind| kind.uniform);
        Self { kinds, stride, uniform }
    }

    pub(crate) fn kind(&self, kind: u8) -> &KindColumns {
        &self.kinds[usize::from(kind)]
    }
}

impl KindColumns {
    fn compile(kind: &Kind) -> Self {
        let mut columns = Vec::new();
        let mut at = kind.at;
        for (field, spec) in kind.fields.iter().enumerate() {
            for place in at.iter_mut().flatten().zip(kind.at.into_iter().flatten()).filter(|(_, named)| *named == field) {
                *place.0 = columns.len();
            }
            columns.extend(Column::of(field, spec));
        }
        let mask = |view: usize, wanted: &dyn Fn(&Field) -> bool| {
            let gets = |column: &Column| View(view as u8).gets(&kind.fields[column.field]) && wanted(&kind.fields[column.field]);
            columns.iter().enumerate().filter(|(_, column)| gets(column)).fold(0_u64, |mask, (at, _)| mask | 1 << at)
        };
        let masks = |wanted: &dyn Fn(&Field) -> bool| std::array::from_fn(|view| mask(view, wanted));
        let enter: [u64; VIEWS] = masks(&|_| true);
        let canon = std::array::from_fn(|view| enter.iter().position(|other| *other == enter[view]).unwrap_or(view) as u8);
        Self {
            uniform: enter.iter().all(|mask| *mask == enter[0]),
            enter,
            update: masks(&|field| field.when != When::Join),
            always: masks(&|field| field.when == When::Always),
            canon,
            since: columns.iter().any(|column| column.role == Role::Anchor).then_some(columns.len()),
            at,
            whole_bits: columns.iter().map(|column| column.bits).sum(),
            quantisers: kind.fields.iter().map(|field| Quantiser::new(&field.ty)).collect(),
            columns,
        }
    }

    /// The view that gets the same fields as `view`, so that what is encoded for one serves the other.
    pub(crate) fn view(&self, view: View) -> View {
        View(self.canon[view.index()])
    }
}

impl Column {
    /// Bits of its numbers.
    #[must_use]
    pub const fn bits(&self) -> u32 {
        self.bits
    }

    /// Number of the field that it comes from.
    #[must_use]
    pub const fn field(&self) -> usize {
        self.field
    }

    /// Whether its numbers are how fast the field changes by itself, and not the field's own.
    #[must_use]
    pub const fn is_speed(&self) -> bool {
        matches!(self.role, Role::Speed)
    }

    fn of(number: usize, field: &Field) -> impl Iterator<Item = Self> {
        let bits = bits(&field.ty);
        let wraps = matches!(field.ty, FieldType::Angle { .. });
        let (role, speed) = match field.extrapolate {
            Some(_) => (Role::Anchor, Some(Self::with(SPEED_BITS, false, Role::Speed, number))),
            None => (Role::Plain, None),
        };
        std::iter::once(Self::with(bits, wraps, role, number)).chain(speed)
    }

    const fn with(bits: u32, wraps: bool, role: Role, field: usize) -> Self {
        // Widths by measurement (docs/decisions/0004-state-sync.md): short numbers are cheaper whole than with a prefix.
        let (small, medium) = match bits {
            0..=6 => (0, 0),
            7..=9 => (4, 0),
            10..=12 => (6, 0),
            _ => (6, 10),
        };
        Self { bits, small, medium, wraps, role, field }
    }
}

/// Bits that hold every step.
fn bits(ty: &FieldType) -> u32 {
    match *ty {
        FieldType::Fixed { min, max, step } => 32 - steps(min, max, step).leading_zeros(),
        FieldType::Angle { bits } => u32::from(bits),
        FieldType::Int { min, max } => 32 - max.abs_diff(min).leading_zeros(),
        FieldType::Bool => 1,
    }
}

/// A field's type, made ready to bring values to steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Quantiser {
    Fixed {
        min: f32,
        step: f32,
        top: u32,
    },
    /// Steps of a turn, and the mask of their bits.
    Angle {
        steps: f64,
        mask: i64,
    },
    Int {
        low: f32,
        high: f32,
        min: i32,
    },
    Bool,
}

impl Quantiser {
    fn new(ty: &FieldType) -> Self {
        match *ty {
            FieldType::Fixed { min, max, step } => Self::Fixed { min, step, top: steps(min, max, step) },
            FieldType::Angle { bits } => {
                Self::Angle { steps: f64::from(1_u32 << bits) / std::f64::consts::TAU, mask: (1 << bits) - 1 }
            }
            FieldType::Int { min, max } => Self::Int { low: min as f32, high: max as f32, min },
            FieldType::Bool => Self::Bool,
        }
    }

    /// The step that is nearest to `value`; the lowest for what is no number.
    #[inline]
    pub(crate) fn step(&self, value: f32) -> u32 {
        match *self {
            // A cast of a float saturates, and brings NaN to 0.
            Self::Fixed { min, step, top } => (((value - min) / step + 0.5) as u32).min(top),
            // A cast cuts towards zero: half a step is added on the right side of it.
            Self::Angle { steps, mask } => {
                let exact = f64::from(value) * steps;
                ((exact + 0.5f64.copysign(exact)) as i64 & mask) as u32
            }
            // Not `clamp`, which leaves what is no number as it is.
            Self::Int { low, high, min } => (value.max(low).min(high) as i32).wrapping_sub(min).cast_unsigned(),
            Self::Bool => u32::from(value != 0.0),
        }
    }
}

fn steps(min: f32, max: f32, step: f32) -> u32 {
    ((f64::from(max) - f64::from(min)) / f64::from(step)).round() as u32
}

/// The value of a step.
#[must_use]
pub(crate) fn restore(ty: &FieldType, step_number: u32) -> f32 {
    match *ty {
        FieldType::Fixed { min, step, .. } => (f64::from(min) + f64::from(step_number) * f64::from(step)) as f32,
        FieldType::Angle { bits } => (f64::from(step_number) / f64::from(1_u32 << bits) * std::f64::consts::TAU) as f32,
        FieldType::Int { min, .. } => (i64::from(min) + i64::from(step_number)) as f32,
        FieldType::Bool => step_number as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_the_lowest() {
        let types = [
            FieldType::Fixed { min: 5.0, max: 9.0, step: 0.5 },
            FieldType::Angle { bits: 8 },
            FieldType::Int { min: 5, max: 9 },
            FieldType::Int { min: -9, max: -5 },
        ];
        for ty in types {
            assert_eq!(Quantiser::new(&ty).step(f32::NAN), 0, "{ty:?}");
        }
    }
}
