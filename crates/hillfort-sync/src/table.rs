//! A schema as text that decoders in other languages read: the columns of each kind, and which of them each view gets. Owns the form of the text,
//! JSON; knows nothing of files and of the languages around it.

use std::fmt::Write as _;

use crate::column::{Column, KindColumns, Role, Tier, VIEWS};
use crate::schema::{Field, FieldType, Kind, Schema, To, When};

impl Schema {
    /// The schema and its columns as JSON, with what docs/sync.md says of them worked out: a decoder needs no rule of the schema but this.
    #[must_use]
    pub fn tables(&self) -> String {
        let kinds: Vec<_> = self.kinds().iter().zip(&self.compiled().kinds).map(|(kind, columns)| table(kind, columns)).collect();
        format!("{{\n  \"hash\": \"{:016x}\",\n  \"kinds\": [\n{}\n  ]\n}}\n", self.hash(), kinds.join(",\n"))
    }
}

fn table(kind: &Kind, made: &KindColumns) -> String {
    let lines = |lines: Vec<String>| format!("[\n        {}\n      ]", lines.join(",\n        "));
    let at = kind.at.map(|at| at.map(|field| format!("\"{}\"", kind.fields[field].name)).join(", "));
    let mut text = String::from("    {\n");
    let mut put = |name: &str, value: String| {
        let _never_fails = writeln!(text, "      \"{name}\": {value},");
    };
    put("name", format!("\"{}\"", kind.name));
    put("at", at.map_or_else(|| "null".to_owned(), |at| format!("[{at}]")));
    put("fields", lines(kind.fields.iter().map(field).collect()));
    put("columns", lines(made.columns.iter().map(column).collect()));
    put("since", made.since.is_some().to_string());
    put("enter", views(&made.enter));
    put("update", views(&made.update));
    put("always", views(&made.always));
    let end = text.trim_end().trim_end_matches(',').len();
    text.truncate(end);
    text + "\n    }"
}

fn field(field: &Field) -> String {
    let ty = match field.ty {
        // As 64-bit floats, so that nobody rounds them once more.
        FieldType::Fixed { min, max, step } => {
            format!("\"fixed\", \"min\": {}, \"max\": {}, \"step\": {}", f64::from(min), f64::from(max), f64::from(step))
        }
        FieldType::Angle { bits } => format!("\"angle\", \"bits\": {bits}"),
        FieldType::Int { min, max } => format!("\"int\", \"min\": {min}, \"max\": {max}"),
        FieldType::Bool => "\"bool\"".to_owned(),
    };
    let when = match field.when {
        When::Change => "change",
        When::Always => "always",
        When::Join => "join",
    };
    let to = match field.to {
        To::All => "all",
        To::Owner => "owner",
        To::Team => "team",
    };
    let tier = match field.tier {
        Tier::Near => "near",
        Tier::Mid => "mid",
        Tier::Far => "far",
    };
    let moves = field.extrapolate.is_some();
    format!(
        "{{ \"name\": \"{}\", \"type\": {ty}, \"when\": \"{when}\", \"to\": \"{to}\", \"tier\": \"{tier}\", \"extrapolated\": {moves} }}",
        field.name
    )
}

fn column(column: &Column) -> String {
    let role = match column.role {
        Role::Plain => "plain",
        Role::Anchor => "anchor",
        Role::Speed => "speed",
    };
    let Column { bits, small, medium, wraps, field, .. } = column;
    format!(
        "{{ \"field\": {field}, \"role\": \"{role}\", \"bits\": {bits}, \"small\": {small}, \"medium\": {medium}, \"wraps\": {wraps} }}"
    )
}

/// Column numbers by view.
fn views(masks: &[u64; VIEWS]) -> String {
    let list = |mask: &u64| {
        let columns: Vec<_> = (0..64).filter(|at| mask >> at & 1 == 1).map(|at| at.to_string()).collect();
        format!("[{}]", columns.join(", "))
    };
    format!("[{}]", masks.iter().map(list).collect::<Vec<_>>().join(", "))
}
