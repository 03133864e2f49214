//! The table is whole: every row's names lead somewhere, and no two rows are found in the same place.

use std::collections::BTreeSet;

use super::{Auth, Body, CALLS, Call, CallName, Reply, Route};
use crate::params::is_text;
use crate::table::Shape;

/// Names in braces.
fn parameters(route: &Route) -> Vec<&'static str> {
    route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect()
}

#[test]
fn rows_stand_where_their_names_say() {
    assert_eq!(CALLS.len(), 84);
    for (place, row) in CALLS.iter().enumerate() {
        assert_eq!(row.call as usize, place);
        assert_eq!(CallName::parse(row.name), Some(row.call));
        assert_eq!(Call::decode(row.call, &[][..]).expect("nothing is an empty request").name(), row.call);
        assert!(std::ptr::eq(Reply::decode(row.call, &[][..]).expect("nothing is an empty reply").table(), row.reply));
        assert!(row.about.ends_with('.') && row.about.len() > 10, "{}", row.name);
    }
    assert_eq!(CallName::parse("Realtime"), None);
}

#[test]
fn names_in_paths_and_bodies_are_fields() {
    for row in CALLS {
        for route in row.routes {
            for name in parameters(route) {
                let (_, field) = row.request.field(name).unwrap_or_else(|| panic!("{}: {name}", row.name));
                assert!(is_text(field) && field.shape == Shape::One, "{}: {name}", row.name);
            }
            if let Body::Field(name) = route.body {
                assert!(row.request.field(name).is_some(), "{}: {name}", row.name);
            }
        }
    }
}

#[test]
fn every_route_leads_to_one_call() {
    let mut seen = BTreeSet::new();
    for route in CALLS.iter().flat_map(|row| row.routes) {
        let shape: Vec<_> = route.path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect();
        assert!(seen.insert((format!("{:?}", route.method), shape.join("/"))), "{}", route.path);
    }
}

#[test]
fn classes_are_as_nakama_has_them() {
    let of = |auth| CALLS.iter().filter(|row| row.auth == auth).map(|row| row.name).collect::<Vec<_>>();
    assert_eq!(of(Auth::None), ["Healthcheck"]);
    assert_eq!(of(Auth::HttpKeyOrUser), ["RpcFunc"]);
    assert!(of(Auth::ServerKey).iter().all(|name| name.starts_with("Authenticate") || *name == "SessionRefresh"));
    assert_eq!(of(Auth::ServerKey).len(), 10);
}
