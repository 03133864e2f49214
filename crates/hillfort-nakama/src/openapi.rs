//! The REST door as an OpenAPI document, made from the table of calls. Knows nothing of how it is served.

use hillfort_api::CALLS;
use hillfort_api::calls::{Auth, Body, Method, Route, Row, State};
use hillfort_api::params::is_text;
use hillfort_api::table::{Field, Kind, Message, Scalar, Shape};
use hillfort_api::tables::MESSAGES;
use serde_json::{Map, Value, json};

/// The document, OpenAPI 3.0.
pub fn document() -> Value {
    let mut paths = Map::new();
    for row in CALLS {
        for (number, route) in row.routes.iter().enumerate() {
            let item = paths.entry(route.path).or_insert_with(|| json!({}));
            item[method(route.method)] = operation(row, route, number);
        }
    }
    let schemas: Map<_, _> = MESSAGES
        .iter()
        .filter(|message| message.name.starts_with("nakama.api."))
        .map(|message| (name(message), schema(message)))
        .chain([("Error".to_owned(), error())])
        .collect();
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Nakama's client API, as Hillfort serves it",
            "version": "2.0",
            "description": "Made from the table of calls. `x-state` says whether a call is served yet: those that are not answer 501.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "ServerKey": { "type": "http", "scheme": "basic", "description": "The server key as name, without a password." },
                "Session": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A session token." },
                "HttpKey": { "type": "apiKey", "in": "query", "name": "http_key", "description": "For servers." },
            },
        },
    })
}

fn method(method: Method) -> &'static str {
    match method {
        Method::GET => "get",
        Method::POST => "post",
        Method::PUT => "put",
        Method::DELETE => "delete",
    }
}

fn operation(row: &Row, route: &Route, number: usize) -> Value {
    let security = match row.auth {
        Auth::None => json!([]),
        Auth::ServerKey => json!([{ "ServerKey": [] }]),
        Auth::User => json!([{ "Session": [] }]),
        Auth::HttpKeyOrUser => json!([{ "Session": [] }, { "HttpKey": [] }]),
    };
    let mut operation = json!({
        "operationId": if number == 0 { row.name.to_owned() } else { format!("{}{}", row.name, number + 1) },
        "summary": row.about,
        "x-state": if row.state == State::Done { "done" } else { "not yet" },
        "security": security,
        "parameters": parameters(row, route),
        "responses": {
            "200": {
                "description": row.reply.about,
                "content": { "application/json": { "schema": reference(row.reply) } },
            },
            "default": {
                "description": "The call failed.",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
            },
        },
    });
    let body = match route.body {
        Body::None => None,
        Body::Whole => Some(reference(row.request)),
        Body::Field(name) => row.request.field(name).map(|(_, field)| value(field)),
    };
    if let Some(schema) = body {
        operation["requestBody"] = json!({ "content": { "application/json": { "schema": schema } } });
    }
    operation
}

fn parameters(row: &Row, route: &Route) -> Vec<Value> {
    let is_in_path = |field: &Field| route.path.contains(&format!("{{{}}}", field.name));
    let is_body = |field: &Field| route.body == Body::Field(field.name) || route.body == Body::Whole;
    let is_key = |field: &Field| row.auth == Auth::HttpKeyOrUser && field.name == "http_key";
    let fields = row.request.fields.iter().filter(|field| is_text(field) && !is_key(field));
    let parameter = |field: &Field| {
        let place = if is_in_path(field) {
            "path"
        } else if is_body(field) {
            return None;
        } else {
            "query"
        };
        let mut schema = value(field);
        let about = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        let mut parameter = json!({ "name": field.name, "in": place, "required": place == "path", "schema": schema });
        if let Some(about) = about {
            parameter["description"] = about;
        }
        Some(parameter)
    };
    fields.filter_map(parameter).collect()
}

/// Nested messages are named with their parents: `Friend.State` would not do as a name.
fn name(message: &Message) -> String {
    message.name.trim_start_matches("nakama.api.").replace('.', "_")
}

fn reference(message: &Message) -> Value {
    if message.fields.is_empty() {
        json!({ "type": "object" })
    } else {
        json!({ "$ref": format!("#/components/schemas/{}", name(message)) })
    }
}

fn schema(message: &Message) -> Value {
    let properties: Map<_, _> = message.fields.iter().map(|field| (field.name.to_owned(), value(field))).collect();
    json!({ "type": "object", "description": message.about, "properties": properties })
}

fn value(field: &Field) -> Value {
    let one = match field.kind {
        Kind::Scalar(of) | Kind::Wrapped(of) => scalar(of),
        Kind::Enum(of) => json!({ "type": "integer", "enum": of.values.iter().map(|(_, number)| number).collect::<Vec<_>>() }),
        Kind::Message(message) => reference(message),
        Kind::Timestamp => json!({ "type": "string", "format": "date-time" }),
    };
    let mut value = match field.shape {
        Shape::One => one,
        Shape::List => json!({ "type": "array", "items": one }),
        Shape::Map => json!({ "type": "object", "additionalProperties": one }),
    };
    let names = if let Kind::Enum(of) = field.kind {
        let names: Vec<_> = of.values.iter().map(|(name, number)| format!("{number}: {name}")).collect();
        format!("{} ({})", of.about, names.join(", "))
    } else {
        String::new()
    };
    let about = [field.about, &names].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
    // Beside a reference nothing else counts.
    if !about.is_empty() && value.get("$ref").is_none() {
        value["description"] = about.into();
    }
    value
}

fn scalar(scalar: Scalar) -> Value {
    match scalar {
        Scalar::Bool => json!({ "type": "boolean" }),
        Scalar::Int32 => json!({ "type": "integer", "format": "int32" }),
        Scalar::Uint32 => json!({ "type": "integer", "format": "int64", "minimum": 0, "maximum": u32::MAX }),
        Scalar::Int64 => json!({ "type": "string", "format": "int64", "pattern": "^-?[0-9]{1,18}$" }),
        Scalar::Double => json!({ "type": "number", "format": "double" }),
        Scalar::String => json!({ "type": "string" }),
        Scalar::Bytes => json!({ "type": "string", "format": "byte" }),
    }
}

fn error() -> Value {
    json!({
        "type": "object",
        "description": "Why a call failed.",
        "required": ["code", "message"],
        "properties": {
            "code": { "type": "integer", "description": "gRPC's code.", "minimum": 1, "maximum": 16 },
            "message": { "type": "string", "description": "For the developer, in English." },
            "error": { "type": "string", "description": "The same, of RPCs." },
            "details": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "@type": { "type": "string" },
                        "field_violations": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "properties": { "field": { "type": "string" }, "description": { "type": "string" } },
                            },
                        },
                    },
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use std::collections::BTreeSet;

    fn references<'a>(value: &'a Value, into: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(object) => {
                into.extend(object.get("$ref").and_then(Value::as_str));
                object.values().for_each(|value| references(value, into));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, into)),
            _ => {}
        }
    }

    #[test]
    fn references_lead_somewhere() {
        let document = super::document();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(found.len() > 50, "{}", found.len());
        for reference in found {
            let pointer = reference.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn a_call_is_described_whole() {
        let device = &super::document()["paths"]["/v2/account/authenticate/device"]["post"];
        assert_eq!(device["operationId"], "AuthenticateDevice");
        assert_eq!(device["security"][0]["ServerKey"], Value::Array(Vec::new()));
        assert_eq!(
            device["parameters"].as_array().unwrap().iter().map(|one| &one["name"]).collect::<Vec<_>>(),
            ["create", "username"]
        );
        assert_eq!(device["requestBody"]["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/AccountDevice");
    }
}
