//! What a request comes to: an answer or a refusal in JSON, and a note for the audit log. Knows nothing of routes.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use hillfort_api::ApiError;
use hillfort_store::StoreError;
use serde_json::{Map, Value, json};

use super::source::ChangeRefused;

/// Why a request came to nothing: a status, and words for the person who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) text: String,
}

/// An answer in JSON, or a refusal.
pub(super) type Told<T = Json<Value>> = Result<T, Refusal>;

/// The same with what the audit log is to say of it.
pub(super) type Noted<T = Json<Value>> = (Extension<Note>, Told<T>);

/// An answer that says that a change was handed to its owner.
pub(super) type Accepted = (StatusCode, Json<Value>);

/// What the audit log is to say of a request beside who asked, for what, when and from where. It must not hold secrets.
#[derive(Debug, Clone, Default)]
pub(super) struct Note {
    /// Who, when the request itself showed it: a sign-in.
    pub(super) actor: Option<String>,
    /// To whom or what.
    pub(super) subject: String,
    /// Further values.
    pub(super) detail: Map<String, Value>,
    /// What it came to, where the status of the answer does not tell: `refused: …`, `failed: …`.
    pub(super) outcome: Option<String>,
}

impl Note {
    /// A note about `subject`.
    pub(super) fn about(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), ..Self::default() }
    }

    /// With a further value.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(name.to_owned(), value.into());
        self
    }

    /// Together with what came of it.
    pub(super) fn told<T>(self, told: Told<T>) -> Noted<T> {
        (Extension(self), told)
    }
}

/// The answer of a change that has nothing to say.
pub(super) fn done() -> Json<Value> {
    Json(json!({ "ok": true }))
}

/// The answer of one that was handed to its owner, and is not done yet.
pub(super) fn accepted() -> Accepted {
    (StatusCode::ACCEPTED, done())
}

impl Refusal {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    /// The value cannot be.
    pub(super) fn invalid(text: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, text)
    }

    pub(super) fn unknown(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no such {what}"))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "ok": false, "error": self.text }))).into_response()
    }
}

impl From<ChangeRefused> for Refusal {
    fn from(refused: ChangeRefused) -> Self {
        let status = match refused {
            ChangeRefused::Unknown(_) => StatusCode::NOT_FOUND,
            ChangeRefused::Gone(_) => StatusCode::GONE,
            ChangeRefused::Forbidden(_) => StatusCode::FORBIDDEN,
            ChangeRefused::NotNow(_) => StatusCode::CONFLICT,
            ChangeRefused::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            ChangeRefused::Busy => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, refused.to_string())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let status = match &error {
            StoreError::NotFound(_) => StatusCode::NOT_FOUND,
            StoreError::Conflict(_) => StatusCode::CONFLICT,
            StoreError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            StoreError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            StoreError::Busy => StatusCode::SERVICE_UNAVAILABLE,
            StoreError::Unavailable(why) => {
                tracing::error!(%why, "the console cannot reach the store");
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        Self::new(status, error.to_string())
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        let status = StatusCode::from_u16(error.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status, error.message)
    }
}
