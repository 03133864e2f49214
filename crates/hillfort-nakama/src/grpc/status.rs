//! How a call ended, as gRPC says it: in trailers, or in a frame of the body on the web. And how long a caller will wait.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use hillfort_api::ApiError;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::frame::{self, Form};
use crate::answers::Answer;

/// What `grpc-message` must not have in it as it is; what is not ASCII is encoded in any case.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');

/// The answer to a call: a body as [`frame::answer`] makes it, or why there is none.
pub(super) fn response(form: Form, answer: Result<Answer, ApiError>) -> Response {
    let mut response = match (form, answer) {
        (Form::Grpc, Ok(body)) => Response::new(Body::new(body.with_trailers(trailers(0, None)))),
        (Form::Web | Form::WebText, Ok(body)) => Response::new(Body::new(body)),
        (_, Err(error)) => {
            let (code, text) = (error.code as u8, utf8_percent_encode(&error.message, ENCODED).to_string());
            if form == Form::Grpc {
                // Without a message the trailers are the headers.
                let mut response = Response::new(Body::empty());
                *response.headers_mut() = trailers(code, Some(&text));
                response
            } else {
                let trailers = format!("grpc-status:{code}\r\ngrpc-message:{text}\r\n");
                Response::new(Body::from(frame::web(form, None, &trailers)))
            }
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
    headers.insert("grpc-accept-encoding", HeaderValue::from_static("identity,gzip"));
    response
}

fn trailers(code: u8, text: Option<&str>) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(u16::from(code)));
    // What is encoded is always a header's value.
    if let Some(text) = text.and_then(|text| HeaderValue::from_str(text).ok()) {
        trailers.insert("grpc-message", text);
    }
    trailers
}

/// How long the caller will wait: `grpc-timeout`, at most eight digits and a unit.
pub(super) fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::{HeaderMap, HeaderValue};

    #[test]
    fn timeouts_are_read() {
        for (text, wanted) in [
            ("5S", Some(Duration::from_secs(5))),
            ("100m", Some(Duration::from_millis(100))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("0n", Some(Duration::ZERO)),
            ("100000000m", None),
            ("S", None),
            ("", None),
            ("-1S", None),
            ("1x", None),
        ] {
            let headers = HeaderMap::from_iter([("grpc-timeout".parse().unwrap(), HeaderValue::from_static(text))]);
            assert_eq!(super::timeout(&headers), wanted, "{text}");
        }
    }
}
