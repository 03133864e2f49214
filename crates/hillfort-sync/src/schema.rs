//! What a game's entities look like: kinds, their fields, how exactly a client needs to know them, and who may. Owns the bounds of a schema;
//! knows nothing of entities and of the files that schemas are read from.

use crate::column::{Column, Kinds, Tier};

/// Most kinds of a schema.
pub const KINDS_MAX: usize = 16;
/// Most fields of a kind.
pub const FIELDS_MAX: usize = 24;
/// Most bits of a number: `f32` holds whole numbers of this length exactly.
pub const BITS_MAX: u32 = 24;
/// Longest name in bytes.
pub const NAME_BYTES_MAX: usize = 32;

/// All kinds of a game, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    kinds: Vec<Kind>,
    compiled: Kinds,
    hash: u64,
}

/// One kind of entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Kind {
    /// 1 to 32 of `[a-z0-9_]`.
    pub name: String,
    /// In the order in which they travel.
    pub fields: Vec<Field>,
    /// Fields that say where an entity stands. An entity of a kind without them is seen from everywhere.
    pub at: Option<[usize; 2]>,
}

/// One number of an entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// 1 to 32 of `[a-z0-9_]`.
    pub name: String,
    /// Range and exactness.
    pub ty: FieldType,
    /// When it travels.
    pub when: When,
    /// To whom.
    pub to: To,
    /// The farthest tier of interest that gets it.
    pub tier: Tier,
    /// Dead reckoning: clients move the number on in a straight line, and it travels when they would be wrong by more than so many steps.
    pub extrapolate: Option<u8>,
}

/// What a number may be. Values outside are brought to the nearest that fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FieldType {
    /// `min`, `min + step`, ... up to `max`.
    Fixed { min: f32, max: f32, step: f32 },
    /// Radians, any number of turns; one turn has 2^`bits` steps, 1 to 16 bits.
    Angle { bits: u8 },
    /// A whole number.
    Int { min: i32, max: i32 },
    /// 0 or 1.
    Bool,
}

/// When a field travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum When {
    /// When an entity comes into sight, and when it changes.
    #[default]
    Change,
    /// In every packet while the entity is in sight, changed or not.
    Always,
    /// When an entity comes into sight, then never.
    Join,
}

/// Who gets a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum To {
    /// Who sees the entity.
    #[default]
    All,
    /// Who owns it.
    Owner,
    /// Who is of its team, its owner included.
    Team,
}

/// A schema that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Not 1 to [`KINDS_MAX`].
    #[error("a schema has 1 to {KINDS_MAX} kinds")]
    Kinds,
    /// Not 1 to [`FIELDS_MAX`].
    #[error("kind {0}: a kind has 1 to {FIELDS_MAX} fields")]
    Fields(String),
    /// Not 1 to 32 of `[a-z0-9_]`.
    #[error("{0:?}: a name has 1 to {NAME_BYTES_MAX} of a-z, 0-9 and _")]
    Name(String),
    /// Twice.
    #[error("{0:?} is there twice")]
    Double(String),
    /// Range and step.
    #[error("field {0}: min must be below max, and (max - min) / step below 2^{BITS_MAX}")]
    Range(String),
    /// Bits of an angle.
    #[error("field {0}: an angle has 1 to 16 bits")]
    Angle(String),
    /// Cannot be moved on in a straight line.
    #[error(
        "field {0}: only a `fixed` field that travels on change, to all, in all tiers, can be extrapolated, by at least 1 step"
    )]
    Extrapolate(String),
    /// Cannot say where an entity stands.
    #[error("kind {0}: `at` must name two different `fixed` fields")]
    At(String),
}

impl Schema {
    /// Checks `kinds`.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn new(kinds: Vec<Kind>) -> Result<Self, SchemaError> {
        if !(1..=KINDS_MAX).contains(&kinds.len()) {
            return Err(SchemaError::Kinds);
        }
        check_names(kinds.iter().map(|kind| &kind.name))?;
        kinds.iter().try_for_each(Kind::check)?;
        let compiled = Kinds::compile(&kinds);
        let hash = hash(&kinds);
        Ok(Self { kinds, compiled, hash })
    }

    /// The kinds, in the order of their numbers.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// Number of the kind with this name.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<u8> {
        self.kinds.iter().position(|kind| kind.name == name).and_then(|at| u8::try_from(at).ok())
    }

    /// Number of a field.
    #[must_use]
    pub fn field(&self, kind: u8, name: &str) -> Option<usize> {
        self.kinds.get(usize::from(kind))?.fields.iter().position(|field| field.name == name)
    }

    /// What travels of a kind, in its order. Empty: there is no such kind.
    #[must_use]
    pub fn columns(&self, kind: u8) -> &[Column] {
        self.compiled.kinds.get(usize::from(kind)).map_or(&[], |kind| &kind.columns)
    }

    /// Says whether two ends mean the same: FNV-1a, 64 bits, over all that matters for the bytes (docs/sync.md).
    #[must_use]
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) const fn compiled(&self) -> &Kinds {
        &self.compiled
    }
}

impl Kind {
    /// A kind without fields.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), fields: Vec::new(), at: None }
    }

    /// With one more field.
    #[must_use]
    pub fn with(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// Two fields, by their names, say where the entity stands; an unknown name is found by [`Schema::new`].
    #[must_use]
    pub fn at(mut self, first: &str, second: &str) -> Self {
        let find = |name| self.fields.iter().position(|field: &Field| field.name == name).unwrap_or(usize::MAX);
        self.at = Some([find(first), find(second)]);
        self
    }

    fn check(&self) -> Result<(), SchemaError> {
        if !(1..=FIELDS_MAX).contains(&self.fields.len()) {
            return Err(SchemaError::Fields(self.name.clone()));
        }
        check_names(self.fields.iter().map(|field| &field.name))?;
        self.fields.iter().try_for_each(Field::check)?;
        let is_fixed = |at: &usize| self.fields.get(*at).is_some_and(|field| matches!(field.ty, FieldType::Fixed { .. }));
        match &self.at {
            Some(at) if at[0] == at[1] || !at.iter().all(is_fixed) => Err(SchemaError::At(self.name.clone())),
            _ => Ok(()),
        }
    }
}

impl Field {
    /// A field that travels on change to all who see the entity.
    #[must_use]
    pub fn new(name: &str, ty: FieldType) -> Self {
        let (when, to) = (When::default(), To::default());
        Self { name: name.to_owned(), ty, when, to, tier: Tier::Far, extrapolate: None }
    }

    /// A number from `min` to `max` in steps.
    #[must_use]
    pub fn fixed(name: &str, min: f32, max: f32, step: f32) -> Self {
        Self::new(name, FieldType::Fixed { min, max, step })
    }

    fn check(&self) -> Result<(), SchemaError> {
        let name = || self.name.clone();
        match self.ty {
            FieldType::Angle { bits: 0 | 17.. } => return Err(SchemaError::Angle(name())),
            FieldType::Angle { .. } | FieldType::Bool => {}
            FieldType::Fixed { min, max, step } => {
                let steps = (f64::from(max) - f64::from(min)) / f64::from(step);
                // A NaN is in no range.
                if !(step > 0.0 && step.is_finite() && (1.0..f64::from((1 << BITS_MAX) - 1)).contains(&steps)) {
                    return Err(SchemaError::Range(name()));
                }
            }
            FieldType::Int { min, max } => {
                if !(1..1 << BITS_MAX).contains(&(i64::from(max) - i64::from(min)))
                    || min.unsigned_abs() > 1 << BITS_MAX
                    || max.unsigned_abs() > 1 << BITS_MAX
                {
                    return Err(SchemaError::Range(name()));
                }
            }
        }
        let plain = matches!(self.ty, FieldType::Fixed { .. })
            && self.when == When::Change
            && self.to == To::All
            && self.tier == Tier::Far;
        match self.extrapolate {
            Some(tolerance) if tolerance == 0 || !plain => Err(SchemaError::Extrapolate(name())),
            _ => Ok(()),
        }
    }
}

fn check_names<'a>(names: impl Iterator<Item = &'a String> + Clone) -> Result<(), SchemaError> {
    for (at, name) in names.clone().enumerate() {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !(1..=NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(good) {
            return Err(SchemaError::Name(name.clone()));
        }
        if names.clone().take(at).any(|other| other == name) {
            return Err(SchemaError::Double(name.clone()));
        }
    }
    Ok(())
}

fn hash(kinds: &[Kind]) -> u64 {
    let mut text = String::new();
    for kind in kinds {
        text.push_str(&kind.name);
        for field in &kind.fields {
            let ty = match field.ty {
                // As bits, so that no two languages can differ in how they print a number.
                FieldType::Fixed { min, max, step } => {
                    format!("f{:08x}{:08x}{:08x}", min.to_bits(), max.to_bits(), step.to_bits())
                }
                FieldType::Angle { bits } => format!("a{bits}"),
                FieldType::Int { min, max } => format!("i{min},{max}"),
                FieldType::Bool => "b".to_owned(),
            };
            let (when, to, tier) = (field.when as u8, field.to as u8, field.tier as u8);
            let extrapolate = u8::from(field.extrapolate.is_some());
            text.push_str(&format!(";{}:{ty}:{when}{to}{tier}{extrapolate}", field.name));
        }
        text.push('\n');
    }
    // Offset basis and prime: FNV specification, draft-eastlake-fnv.
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests;
