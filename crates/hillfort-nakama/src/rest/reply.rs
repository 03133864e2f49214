//! Answers as HTTP has them: statuses and JSON of errors as grpc-gateway writes them. Knows nothing of requests.

use axum::http::StatusCode;
use axum::response::Response;
use hillfort_api::{ApiError, Code};
use serde_json::json;

pub(super) use super::with_json as json;

/// `{"code", "message"}`, and for a field that is at fault `details` in the form that Google's APIs give it.
pub(super) fn error(error: &ApiError) -> Response {
    let mut text = json!({ "code": error.code as u8, "message": error.message });
    if let Some(field) = error.field {
        text["details"] = json!([{
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "field_violations": [{ "field": field, "description": error.message }],
        }]);
    }
    with_status(error.code, &text)
}

/// The same of an RPC, which Nakama writes in another way.
pub(super) fn rpc_error(error: &ApiError) -> Response {
    with_status(error.code, &json!({ "error": error.message, "message": error.message, "code": error.code as u8 }))
}

fn with_status(code: Code, text: &serde_json::Value) -> Response {
    let status = StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(status, text.to_string().into_bytes());
    if code == Code::Unavailable {
        let a_second = axum::http::HeaderValue::from_static("1");
        response.headers_mut().insert(axum::http::header::RETRY_AFTER, a_second);
    }
    response
}
