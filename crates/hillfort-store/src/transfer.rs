//! Owns how all rows of a database become lines of text and rows of another database again: the way from SQLite to PostgreSQL and back.
//!
//! The file is JSON lines: a head, one line for each row with its table, one for each counter, and a last line with the number of rows, so
//! that a part of a file is not taken for a whole. An export is one state of the database, an import one transaction.

use serde_json::{Map, Value as Json, json};
use std::io::{BufRead, Read, Write};
use std::sync::{Mutex, PoisonError};

use crate::ids::{hex, unhex};
use crate::schema::{Holds, TABLES, Table};
use crate::sql::{Conn, Fail, Row, Sql, Value};
use crate::store::Place;
use crate::{Options, Result, StoreError};

/// Version of the format. It rises with every step of the tables.
const FORMAT: u64 = 1;

/// Rows that are read or written at once.
const PAGE: usize = 256;

/// Longest line, bytes: an object of 1 MiB whose every byte is written as six.
const LINE_MAX: u64 = 8 << 20;

/// What was exported or imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// Rows of all tables.
    pub rows: u64,
}

/// Writes everything that the database holds. Passwords and tokens are in it as hashes, the server's keys as they are: the file is a secret.
pub async fn export(url: &str, options: Options, to: Box<dyn Write + Send>) -> Result<Moved> {
    let sql = Place::read(url)?.open(Options { migrate: false, ..options }).await?;
    export_from(&sql, to).await
}

pub(crate) async fn export_from(sql: &Sql, to: Box<dyn Write + Send>) -> Result<Moved> {
    sql.snapshot(Mutex::new(to), |to, conn| Box::pin(write_all(conn, to))).await
}

/// Reads what [`export`] wrote into a database that is empty: all of it, or nothing.
pub async fn import(url: &str, options: Options, from: Box<dyn BufRead + Send>) -> Result<Moved> {
    let place = Place::read(url)?;
    // Before a database is made for what is no export.
    let mut from = from;
    check_head(&mut *from)?;
    let sql = place.open(options).await?;
    // It cannot be run again, since what was read is gone: no error of it asks for that.
    sql.write(Mutex::new(from), |from, conn| {
        Box::pin(async move { read_all(conn, from).await.map_err(|fail| Fail::Store(fail.into())) })
    })
    .await
}

fn broken(error: &std::io::Error) -> Fail {
    StoreError::Unavailable(format!("the export: {error}")).into()
}

async fn write_all(conn: &mut dyn Conn, to: &Mutex<Box<dyn Write + Send>>) -> Result<Moved, Fail> {
    let write =
        |line: Json| writeln!(to.lock().unwrap_or_else(PoisonError::into_inner), "{line}").map_err(|error| broken(&error));
    write(json!({"hillfort": "export", "format": FORMAT}))?;
    let mut rows = 0;
    for table in TABLES {
        let mut last: Option<Row> = None;
        loop {
            let page = page(conn, table, last.as_ref()).await?;
            for row in &page {
                if !is_system(table, row) {
                    write(json!({"table": table.name, "row": to_json(table, row)}))?;
                    rows += 1;
                }
            }
            last = page.last().cloned();
            if page.len() < PAGE {
                break;
            }
        }
        if table.counted {
            write(json!({"table": table.name, "last": conn.last_number(table.name).await?}))?;
        }
    }
    write(json!({"end": rows}))?;
    to.lock().unwrap_or_else(PoisonError::into_inner).flush().map_err(|error| broken(&error))?;
    Ok(Moved { rows })
}

/// The owner of what belongs to nobody is part of every database.
fn is_system(table: &Table, row: &Row) -> bool {
    table.name == "accounts" && row.0[0] == Value::Bytes(vec![0; 16])
}

fn names(columns: &[(&str, Holds)]) -> String {
    columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

fn marks(count: usize) -> String {
    (1..=count).map(|at| format!("${at}")).collect::<Vec<_>>().join(", ")
}

async fn page(conn: &mut dyn Conn, table: &Table, last: Option<&Row>) -> Result<Vec<Row>, Fail> {
    let key = names(&table.columns[..table.key]);
    let after = last.map_or_else(String::new, |_| format!("WHERE ({key}) > ({}) ", marks(table.key)));
    let sql = format!("SELECT {} FROM {} {after}ORDER BY {key} LIMIT {PAGE}", names(table.columns), table.name);
    conn.rows(&sql, last.map_or_else(Vec::new, |row| row.0[..table.key].to_vec())).await
}

fn to_json(table: &Table, row: &Row) -> Json {
    let value = |value: &Value| match value {
        Value::Null => Json::Null,
        Value::Int(number) => (*number).into(),
        Value::Text(text) => text.as_str().into(),
        Value::Bytes(bytes) => hex(bytes).into(),
    };
    table.columns.iter().zip(&row.0).map(|((name, _), column)| ((*name).to_owned(), value(column))).collect::<Map<_, _>>().into()
}

/// A line of the file.
enum Line {
    Row(&'static Table, Vec<Value>),
    Last(&'static Table, i64),
    End(u64),
}

fn from_json(holds: Holds, json: &Json) -> Option<Value> {
    match (holds, json) {
        (_, Json::Null) => Some(Value::Null),
        (Holds::Number, json) => json.as_i64().map(Value::Int),
        (Holds::Text, Json::String(text)) if !text.contains('\0') => Some(Value::Text(text.clone())),
        (Holds::Bytes, Json::String(digits)) => unhex(digits).map(Value::Bytes),
        _ => None,
    }
}

fn parse(text: &str) -> Option<Line> {
    let line: Map<String, Json> = serde_json::from_str(text).ok()?;
    if let Some(rows) = line.get("end") {
        return rows.as_u64().map(Line::End);
    }
    let name = line.get("table")?.as_str()?;
    let table = TABLES.iter().find(|table| table.name == name)?;
    if let Some(last) = line.get("last") {
        return Some(Line::Last(table, last.as_i64().filter(|last| table.counted && *last >= 0)?));
    }
    let row = line.get("row")?.as_object().filter(|row| row.len() == table.columns.len())?;
    let values = table.columns.iter().map(|(name, holds)| from_json(*holds, row.get(*name)?));
    Some(Line::Row(table, values.collect::<Option<_>>()?))
}

async fn is_empty(conn: &mut dyn Conn) -> Result<bool, Fail> {
    for table in TABLES {
        if !page(conn, table, None).await?.iter().all(|row| is_system(table, row)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn bad(line: u64, why: &str) -> StoreError {
    StoreError::Invalid(format!("line {line} of the export {why}"))
}

/// The next line; empty at the end.
fn next_line(from: &mut dyn BufRead) -> Result<String> {
    let mut text = String::new();
    let read = from.take(LINE_MAX).read_line(&mut text);
    read.map_err(|error| StoreError::Invalid(format!("the export cannot be read: {error}")))?;
    Ok(text)
}

fn check_head(from: &mut dyn BufRead) -> Result<()> {
    let head: Option<Json> = serde_json::from_str(&next_line(from)?).ok();
    match head.filter(|head| head["hillfort"] == "export").map(|head| head["format"] == FORMAT) {
        Some(true) => Ok(()),
        Some(false) => Err(bad(1, "names a format that this Hillfort does not know")),
        None => Err(bad(1, "is not the head of an export")),
    }
}

async fn read_all(conn: &mut dyn Conn, from: &Mutex<Box<dyn BufRead + Send>>) -> Result<Moved, Fail> {
    if !is_empty(conn).await? {
        return Err(StoreError::invalid("the database", "is not empty: an import goes into a new one").into());
    }
    let next = || next_line(&mut **from.lock().unwrap_or_else(PoisonError::into_inner));
    let mut at = 1;
    let mut rows = 0;
    let mut waiting: (Option<&'static Table>, Vec<Vec<Value>>) = (None, Vec::new());
    loop {
        at += 1;
        let text = next()?;
        if text.is_empty() {
            return Err(bad(at, "is missing: the file was cut").into());
        }
        let line = parse(&text).ok_or_else(|| bad(at, "is damaged"))?;
        let same = matches!(&line, Line::Row(table, _) if waiting.0.is_some_and(|other| other.name == table.name));
        if !same || waiting.1.len() >= PAGE {
            insert(conn, &mut waiting).await?;
        }
        match line {
            Line::Row(table, values) => {
                waiting.0 = Some(table);
                waiting.1.push(values);
                rows += 1;
            }
            Line::Last(table, last) => conn.count_from(table.name, last).await?,
            Line::End(told) if told == rows => return Ok(Moved { rows }),
            Line::End(_) => return Err(bad(at, "tells another number of rows: some are missing").into()),
        }
    }
}

async fn insert(conn: &mut dyn Conn, waiting: &mut (Option<&'static Table>, Vec<Vec<Value>>)) -> Result<(), Fail> {
    let Some(table) = waiting.0.take() else { return Ok(()) };
    let sql = format!("INSERT INTO {} ({}) VALUES ({})", table.name, names(table.columns), marks(table.columns.len()));
    conn.each(&sql, std::mem::take(&mut waiting.1)).await.map(drop).map_err(|fail| match fail {
        Fail::Unique => StoreError::Invalid(format!("the export has a row of {} twice", table.name)).into(),
        Fail::Foreign => StoreError::Invalid(format!("the export has a row of {} without its account", table.name)).into(),
        fail => fail,
    })
}
