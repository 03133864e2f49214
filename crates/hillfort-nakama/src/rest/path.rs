//! Which call a path leads to, and what it says on the way. Knows nothing of queries and bodies.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use axum::http::Method;
use hillfort_api::calls::{self, Route, Row};
use hillfort_api::{ApiError, CALLS, CallName, Code};
use percent_encoding::percent_decode_str;

/// What a path leads to.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) row: &'static Row,
    pub(super) route: &'static Route,
    /// Fields that the path gives.
    pub(super) parameters: Vec<(&'static str, Cow<'a, str>)>,
    /// Whether it was found by a name of the session's own.
    pub(super) by_alias: bool,
}

/// What the paths of such names begin with.
pub(super) const ALIAS: &str = "/v2/alias/";

/// A path of the table in parts.
struct Pattern {
    row: &'static Row,
    route: &'static Route,
    parts: Vec<Part>,
}

enum Part {
    Text(&'static str),
    Field(&'static str),
}

/// By the part after `/v2`, of which there are some twenty; `/healthcheck` is under nothing.
static PATTERNS: LazyLock<HashMap<&'static str, Vec<Pattern>>> = LazyLock::new(|| {
    let mut patterns: HashMap<_, Vec<_>> = HashMap::new();
    for (row, route) in CALLS.iter().flat_map(|row| row.routes.iter().map(move |route| (row, route))) {
        let part = |part: &'static str| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(field) => Part::Field(field),
            None => Part::Text(part),
        };
        let parts = route.path.split('/').skip(1).map(part).collect();
        patterns.entry(group(route.path)).or_default().push(Pattern { row, route, parts });
    }
    // Of two that fit, the one that has more of its own.
    for group in patterns.values_mut() {
        group.sort_by_key(|pattern| pattern.parts.iter().filter(|part| matches!(part, Part::Field(_))).count());
    }
    patterns
});

fn group(path: &str) -> &str {
    path.split('/').nth(2).unwrap_or_default()
}

/// What `path`, still encoded, leads to.
///
/// # Errors
/// Nowhere: `NotFound`. Somewhere, but not with this method: `Unimplemented`. Not decodable: `InvalidArgument`. As Nakama says them.
pub(super) fn find<'a>(method: &Method, path: &'a str) -> Result<Found<'a>, ApiError> {
    let patterns = PATTERNS.get(group(path)).map_or(&[][..], Vec::as_slice);
    let mut wrong_method = false;
    for pattern in patterns {
        let Some(parameters) = fits(pattern, path) else { continue };
        if !is_method(pattern.route.method, method) {
            wrong_method = true;
            continue;
        }
        let decoded = parameters.into_iter().map(|(name, text)| {
            let text = percent_decode_str(text).decode_utf8().map_err(|_| ApiError::new(Code::InvalidArgument, "Bad Request"))?;
            Ok((name, text))
        });
        return Ok(Found {
            row: pattern.row,
            route: pattern.route,
            parameters: decoded.collect::<Result<_, ApiError>>()?,
            by_alias: false,
        });
    }
    Err(if wrong_method {
        ApiError::new(Code::Unimplemented, "Method Not Allowed")
    } else {
        ApiError::new(Code::NotFound, "Not Found")
    })
}

/// A call that was named otherwise: its first way, with its usual method, and what its path would give in the query.
///
/// # Errors
/// `Unimplemented`: not with this method. `InvalidArgument`: a field of the path is missing.
pub(super) fn aliased<'a>(call: CallName, method: &Method, query: &'a str) -> Result<Found<'a>, ApiError> {
    let row = call.row();
    let route = row.routes.first().ok_or_else(|| ApiError::new(Code::NotFound, "Not Found"))?;
    if !is_method(route.method, method) {
        return Err(ApiError::new(Code::Unimplemented, "Method Not Allowed"));
    }
    let fields = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let given = |field: &'static str| {
        let found = form_urlencoded::parse(query.as_bytes()).find(|(name, text)| *name == *field && !text.is_empty());
        found.map(|(_, text)| (field, text)).ok_or_else(|| ApiError::invalid(field, format!("{field} must be in the query")))
    };
    Ok(Found { row, route, parameters: fields.map(given).collect::<Result<_, _>>()?, by_alias: true })
}

fn is_method(wanted: calls::Method, method: &Method) -> bool {
    *method
        == match wanted {
            calls::Method::GET => Method::GET,
            calls::Method::POST => Method::POST,
            calls::Method::PUT => Method::PUT,
            calls::Method::DELETE => Method::DELETE,
        }
}

/// Encoded texts of the fields, if the path has the pattern's shape.
fn fits<'a>(pattern: &Pattern, path: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
    let is_rpc = pattern.route.path == "/v2/rpc/{id}";
    let mut found = Vec::new();
    let mut rest = path.strip_prefix('/');
    for part in &pattern.parts {
        let text = rest?;
        let (here, after) = match text.split_once('/') {
            // The id of an RPC may have slashes of its own.
            Some((here, after)) if !(is_rpc && matches!(part, Part::Field(_))) => (here, Some(after)),
            _ => (text, None),
        };
        match part {
            Part::Text(wanted) if *wanted != here => return None,
            Part::Text(_) => {}
            Part::Field(name) if !here.is_empty() || is_rpc => found.push((*name, here)),
            Part::Field(_) => return None,
        }
        rest = after;
    }
    rest.is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::find;
    use axum::http::Method;

    fn found(method: Method, path: &str) -> String {
        match find(&method, path) {
            Ok(found) => {
                let parameters = found.parameters.iter().map(|(name, text)| format!(" {name}={text}"));
                format!("{}{}", found.row.name, parameters.collect::<String>())
            }
            Err(error) => error.message.into_owned(),
        }
    }

    #[test]
    fn paths_lead_to_calls() {
        for (method, path, wanted) in [
            (Method::GET, "/healthcheck", "Healthcheck"),
            (Method::GET, "/v2/account", "GetAccount"),
            (Method::PUT, "/v2/account", "UpdateAccount"),
            (Method::DELETE, "/v2/account", "DeleteAccount"),
            (Method::POST, "/v2/account", "Method Not Allowed"),
            (Method::GET, "/v2/account/", "Not Found"),
            (Method::GET, "//v2/account", "Not Found"),
            (Method::POST, "/v2/account/authenticate/device", "AuthenticateDevice"),
            (Method::GET, "/v2/storage/saves", "ListStorageObjects collection=saves"),
            (Method::GET, "/v2/storage/a%2Fb/c%20d", "ListStorageObjects collection=a/b user_id=c d"),
            (Method::GET, "/v2/storage/delete", "ListStorageObjects collection=delete"),
            (Method::PUT, "/v2/storage/delete", "DeleteStorageObjects"),
            (Method::GET, "/v2/storage//x", "Not Found"),
            (Method::GET, "/v2/storage/%ff", "Bad Request"),
            (Method::GET, "/v2/friend/friends", "ListFriendsOfFriends"),
            (Method::POST, "/v2/rpc/a", "RpcFunc id=a"),
            (Method::GET, "/v2/rpc/a/b%2fc", "RpcFunc id=a/b/c"),
            (Method::POST, "/v2/rpc/", "RpcFunc id="),
            (Method::POST, "/v2/rpc", "Not Found"),
            (Method::PATCH, "/v2/rpc/a", "Method Not Allowed"),
            (Method::GET, "/v2/nothing", "Not Found"),
            (Method::GET, "/v2", "Not Found"),
            (Method::GET, "/v3/account", "Not Found"),
        ] {
            assert_eq!(found(method, path), wanted, "{path}");
        }
    }
}
