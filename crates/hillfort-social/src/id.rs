//! Ids: 16 bytes, which the API and the store each wrap in types of their own. Owns the way between them.

/// A UUID's bytes.
pub type Id = [u8; 16];

/// An account's id, as the store has it.
pub(crate) fn stored(user: hillfort_api::UserId) -> hillfort_store::UserId {
    hillfort_store::UserId(user.0)
}

/// An account's id, as the API has it.
pub(crate) fn shown(user: hillfort_store::UserId) -> hillfort_api::UserId {
    hillfort_api::UserId(user.0)
}
