//! The configuration as operators see it: each setting in force, where it comes from, and what is doubtful about it. Secrets are hidden
//! before they come here.

use axum::Json;
use axum::extract::State as Shared;
use serde_json::{Value, json};

use super::api::State;

/// `GET /api/configuration`. What was changed while the server runs is among the guard's limits, not here.
pub(super) async fn show(Shared(state): Shared<State>) -> Json<Value> {
    let configuration = &state.settings.configuration;
    Json(json!({ "settings": configuration.settings, "warnings": configuration.warnings }))
}
