//! Path, query and body of an HTTP request as a call. As grpc-gateway puts them together; unknown names are passed over, as there.

use hillfort_api::calls::Body;
use hillfort_api::json::{Unknown, to_wire};
use hillfort_api::table::{Field, Kind, Shape};
use hillfort_api::{ApiError, Call, params};
use prost::encoding::{WireType, encode_key, encode_varint};

use super::path::Found;

/// The call that the request makes.
///
/// # Errors
/// `InvalidArgument`, with the field's name where there is one.
pub(super) fn call(found: &Found<'_>, query: &str, body: &[u8]) -> Result<Call, ApiError> {
    let table = found.row.request;
    let mut wire = match found.route.body {
        Body::Whole if !is_blank(body) => to_wire(table, body, Unknown::Skip)?,
        Body::Field(name) if !is_blank(body) => {
            let (_, field) = table.field(name).expect("a test looks at all rows");
            part(field, body)?
        }
        Body::Whole | Body::Field(_) | Body::None => Vec::new(),
    };
    if found.route.body != Body::Whole {
        put_query(found, query, &mut wire)?;
    }
    // Last, and so the one that counts.
    for (name, text) in &found.parameters {
        params::put(table, name, text, &mut wire)?;
    }
    Call::decode(found.row.call, wire.as_slice()).map_err(|error| {
        ApiError::new(hillfort_api::Code::InvalidArgument, format!("this is no {}: {error}", found.row.request.short()))
    })
}

fn is_blank(body: &[u8]) -> bool {
    body.trim_ascii().is_empty()
}

/// A body that is one field of the request.
fn part(field: &'static Field, body: &[u8]) -> Result<Vec<u8>, ApiError> {
    let Kind::Message(table) = field.kind else { unreachable!("bodies are messages, but for RPCs, which come another way") };
    let inner = to_wire(table, body, Unknown::Skip)?;
    let mut wire = Vec::with_capacity(inner.len() + 12);
    encode_key(field.number, WireType::LengthDelimited, &mut wire);
    encode_varint(inner.len() as u64, &mut wire);
    wire.extend_from_slice(&inner);
    Ok(wire)
}

fn put_query(found: &Found<'_>, query: &str, wire: &mut Vec<u8>) -> Result<(), ApiError> {
    let mut seen = 0u64;
    for (name, text) in form_urlencoded::parse(query.as_bytes()) {
        let Some((place, field)) = found.row.request.field(&name) else { continue };
        if found.parameters.iter().any(|(given, _)| *given == field.name) {
            continue;
        }
        if field.shape == Shape::One && seen & 1 << place != 0 {
            return Err(ApiError::invalid(field.name, format!("{} is given more than once", field.name)));
        }
        seen |= 1 << place;
        params::put(found.row.request, &name, &text, wire)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::path;
    use axum::http::Method;

    /// JSON of what the call takes, or what is wrong.
    fn check(method: Method, path: &str, query: &str, body: &str, wanted: &str) {
        let found = path::find(&method, path).unwrap();
        let said = match super::call(&found, query, body.as_bytes()) {
            Ok(call) => String::from_utf8(call.json()).unwrap(),
            Err(error) => format!("{:?} {}", error.field, error.message),
        };
        assert!(said.starts_with(wanted), "{path}?{query} {body}\n  {said}\n  {wanted}");
    }

    #[test]
    fn path_query_and_body_become_one_request() {
        let device = "/v2/account/authenticate/device";
        check(
            Method::POST,
            device,
            "create=true&username=ann",
            r#"{"id":"0123456789"}"#,
            r#"{"account":{"id":"0123456789"},"create":true,"username":"ann"}"#,
        );
        check(
            Method::POST,
            device,
            "create=false&other=1&account=x",
            r#"{"id":"x","other":1}"#,
            r#"{"account":{"id":"x"},"create":false}"#,
        );
        check(Method::POST, device, "", "", "{}");
        check(Method::POST, device, "", " \n", "{}");
        check(Method::POST, device, "username=a&username=b", "{}", r#"Some("username") username is given more than once"#);
        check(Method::POST, device, "create=maybe", "{}", r#"Some("create") create must be true or false"#);
        check(Method::POST, device, "", r#"{"id":5}"#, r#"Some("id") id: invalid value: integer `5`, expected a string"#);
        check(
            Method::POST,
            device,
            "",
            "[]",
            "None invalid type: sequence, expected a JSON object with the fields of AccountDevice",
        );
        check(Method::PUT, "/v2/account", "username=ignored", r#"{"displayName":"Ann"}"#, r#"{"display_name":"Ann"}"#);
        check(Method::PUT, "/v2/group/g1", "", r#"{"group_id":"g2","open":true}"#, r#"{"group_id":"g1","open":true}"#);
        check(
            Method::POST,
            "/v2/group/g1/add",
            "user_ids=a&user_ids=b&group_id=g2",
            "ignored",
            r#"{"group_id":"g1","user_ids":["a","b"]}"#,
        );
        check(Method::GET, "/v2/user", "ids=a&ids=b%20c&usernames=d%2Be+f", "", r#"{"ids":["a","b c"],"usernames":["d+e f"]}"#);
        check(Method::GET, "/v2/match", "min_size=0&label=&limit=5", "", r#"{"limit":5,"label":"","min_size":0}"#);
        check(
            Method::POST,
            "/v2/leaderboard/l",
            "",
            r#"{"score":"7","operator":2}"#,
            r#"{"leaderboard_id":"l","record":{"score":"7","operator":2}}"#,
        );
    }
}
