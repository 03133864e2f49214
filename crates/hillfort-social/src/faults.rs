//! What the store's failures are to a client. The one place that turns one into the other.

use hillfort_api::{ApiError, Code};
use hillfort_store::{ANSWER_MAX, StoreError};

/// A failure that no caller expected: the client learns what it may do, the operator what happened.
pub(crate) fn store(error: StoreError) -> ApiError {
    match error {
        StoreError::Busy => ApiError::new(Code::Unavailable, "The server is busy: try again in a moment."),
        StoreError::Invalid(why) => ApiError::new(Code::InvalidArgument, why),
        StoreError::TooLarge => {
            ApiError::new(Code::InvalidArgument, format!("At most {ANSWER_MAX} bytes fit into an answer: ask for fewer."))
        }
        StoreError::NotFound(missing) => ApiError::new(Code::NotFound, format!("Not found: {missing}.")),
        StoreError::Conflict(conflict) => ApiError::new(Code::FailedPrecondition, format!("Refused: {conflict}.")),
        StoreError::Unavailable(why) => {
            tracing::error!(%why, "the store is unavailable");
            ApiError::new(Code::Unavailable, "The server cannot reach its data: try again later.")
        }
    }
}

/// Something that must not happen.
pub(crate) fn internal(what: &'static str, why: &dyn std::fmt::Display) -> ApiError {
    tracing::error!(%why, "{what}");
    ApiError::new(Code::Internal, "The server made a mistake: it is logged.")
}
