//! Structs as entities: what `#[derive(Shape)]` of `hillfort-sync-derive` fills in. Knows nothing of how it is derived.

use crate::scene::{Entity, Scene, SceneError};
use crate::schema::Kind;

/// A struct whose fields are an entity's numbers.
pub trait Shape {
    /// What its entities look like: a kind for a [`crate::Schema`].
    fn kind() -> Kind;

    /// Sets all fields of `entity`, which must be of this kind.
    ///
    /// # Errors
    /// [`SceneError::Entity`] when it is gone, [`SceneError::Field`] when it is of a kind with fewer fields.
    fn write(&self, scene: &mut Scene, entity: Entity) -> Result<(), SceneError>;
}
