//! What a running server is asked through its console: its rooms, a recording of one, the move of one. Knows only as much of HTTP as that takes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::cli::ConsoleArgs;
use crate::console_key::ConsoleKey;

/// The server writes a recording within this time.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of an answer at most.
const ANSWER_BYTES_MAX: u64 = 4 << 20;

pub(super) fn list(server: &ConsoleArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let answer = ask(server, "GET", "/api/rooms", "")?;
    let rooms = answer["rooms"].as_array().map_or(&[][..], Vec::as_slice);
    writeln!(out, "{:<16}  {:<16} {:>9} {:>4} {:>10} {:>6}", "room", "game", "players", "hz", "tick", "thread")?;
    for room in rooms {
        let text = |key: &str| room[key].as_str().unwrap_or_default().to_owned();
        let number = |key: &str| room[key].as_u64().unwrap_or_default();
        let seats = format!("{}/{}", number("seats"), number("seats_max"));
        let (world, hz, tick) = (number("world"), number("hz"), number("tick"));
        writeln!(out, "{:<16}  {:<16} {seats:>9} {hz:>4} {tick:>10} {world:>6}", text("id"), text("game"))?;
    }
    let total = answer["total"].as_u64().unwrap_or_default();
    if total > rooms.len() as u64 {
        writeln!(out, "and {} more", total - rooms.len() as u64)?;
    }
    Ok(())
}

pub(super) fn record(server: &ConsoleArgs, room: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    let answer = ask(server, "POST", "/api/record", &json!({ "room": room }).to_string())?;
    let file = answer["file"].as_str().context("the console said something that is no answer")?;
    writeln!(out, "{file}")?;
    Ok(())
}

pub(super) fn move_to(server: &ConsoleArgs, room: &str, to: u8, out: &mut dyn Write) -> anyhow::Result<()> {
    if room.is_empty() || !room.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!("{room:?} is no room's id: `hillfort room list` has them");
    }
    ask(server, "POST", &format!("/api/rooms/{room}/move"), &json!({ "to": to }).to_string())?;
    writeln!(out, "room {room} is on world thread {to}")?;
    Ok(())
}

fn ask(server: &ConsoleArgs, method: &str, path: &str, body: &str) -> anyhow::Result<Value> {
    let console = server.console;
    let mut stream = TcpStream::connect_timeout(&console, PATIENCE)
        .with_context(|| format!("no server answers on {console}: --console ADDRESS gives another console"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // In development mode none is asked for.
    let key = ConsoleKey::read(&server.key).ok().flatten();
    let key = key.map_or_else(String::new, |key| format!("Authorization: Bearer {}\r\n", key.text()));
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {console}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         {key}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer).context("the console did not answer")?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the console said something that is no answer")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    let said = serde_json::from_str::<Value>(body).unwrap_or(Value::Null);
    if status == "401" {
        bail!("the console of this server asks for its key: --key FILE, which is console.key in its data folder");
    }
    if !status.starts_with('2') {
        bail!("the server refuses: {}", said["error"].as_str().unwrap_or_else(|| body.trim()));
    }
    Ok(said)
}
