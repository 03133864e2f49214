//! HTTP as a browser or a scraper would ask: single requests, the live feed, the metrics. Knows nothing of sessions.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use serde_json::Value;

use crate::PATIENCE;

/// Files with the keys of consoles, which they ask for outside of development mode.
static KEYS: Mutex<BTreeMap<SocketAddr, PathBuf>> = Mutex::new(BTreeMap::new());

/// From now on the console on this address is shown its key.
pub(crate) fn show_key(console: SocketAddr, file: PathBuf) {
    KEYS.lock().unwrap().insert(console, file);
}

fn key_of(address: SocketAddr) -> String {
    let key = KEYS.lock().unwrap().get(&address).and_then(|file| std::fs::read_to_string(file).ok());
    key.map_or_else(String::new, |key| format!("Authorization: Bearer {key}\r\n"))
}

/// Answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// A connection on which requests can follow each other.
pub(crate) struct Visit {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

/// The console's live feed.
pub(crate) struct Live {
    stream: BufReader<TcpStream>,
    /// Decoded, but not whole yet.
    text: String,
}

/// `/metrics`: names with labels, and values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Metrics(pub(crate) BTreeMap<String, f64>);

/// Asks once.
pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    Visit::begin(address).get(path)
}

/// Asks for a change, with a JSON body.
pub(crate) fn post(address: SocketAddr, path: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let head = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    Visit::begin(address).ask(&format!("POST {path}"), &head, &body)
}

impl Visit {
    pub(crate) fn begin(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { address, stream: BufReader::new(stream) }
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), "", "")
    }

    /// Asks with a line as `GET /`, further lines of the head, each with its end, and a body.
    pub(crate) fn ask(&mut self, line: &str, head: &str, body: &str) -> Answer {
        let key = key_of(self.address);
        let request = format!("{line} HTTP/1.1\r\nHost: {}\r\n{key}{head}\r\n{body}", self.address);
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let (status, head) = read_head(&mut self.stream);
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).unwrap();
        Answer { status, body: String::from_utf8(bytes).unwrap() }
    }
}

impl Live {
    /// Looks at the console on `address`.
    pub(crate) fn open(address: SocketAddr) -> Self {
        let mut stream = Visit::begin(address).stream;
        let request = format!("GET /api/live HTTP/1.1\r\nHost: {address}\r\n{}\r\n", key_of(address));
        stream.get_mut().write_all(request.as_bytes()).unwrap();
        let (status, head) = read_head(&mut stream);
        assert_eq!(status, 200, "{head:?}");
        Self { stream, text: String::new() }
    }

    /// The next event: its name and its data.
    pub(crate) fn next(&mut self) -> (String, Value) {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
                let found = (field("event:").to_owned(), serde_json::from_str(field("data:")).unwrap());
                self.text = rest.to_owned();
                return found;
            }
            self.read_chunk();
        }
    }

    /// Waits for an event of this name in which `find` finds something.
    pub(crate) fn wait<T>(&mut self, name: &str, mut find: impl FnMut(&Value) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let (event, data) = self.next();
            if let Some(found) = (event == name).then(|| find(&data)).flatten() {
                return found;
            }
        }
        panic!("waited in vain for {name:?} in the live feed");
    }

    fn read_chunk(&mut self) {
        let mut size = String::new();
        self.stream.read_line(&mut size).unwrap();
        let mut chunk = vec![0; usize::from_str_radix(size.trim(), 16).unwrap() + 2];
        self.stream.read_exact(&mut chunk).unwrap();
        self.text += std::str::from_utf8(&chunk[..chunk.len() - 2]).unwrap();
    }
}

impl Metrics {
    /// Those of the last sample.
    pub(crate) fn read(console: SocketAddr) -> Self {
        let answer = get(console, "/metrics");
        assert_eq!(answer.status, 200);
        let lines = answer.body.lines().filter(|line| !line.starts_with('#'));
        Self(lines.map(|line| line.rsplit_once(' ').unwrap()).map(|(name, n)| (name.to_owned(), n.parse().unwrap())).collect())
    }

    /// Those of the first sample of which `holds` is true. There is one twice a second.
    pub(crate) fn when(console: SocketAddr, what: &str, mut holds: impl FnMut(&Self) -> bool) -> Self {
        let deadline = Instant::now() + PATIENCE;
        let mut live = Live::open(console);
        loop {
            let metrics = Self::read(console);
            if holds(&metrics) {
                return metrics;
            }
            assert!(Instant::now() < deadline, "waited in vain for {what}; refused: {:?}", metrics.refused());
            live.wait("samples", |_| Some(()));
        }
    }

    pub(crate) fn value(&self, name: &str) -> f64 {
        *self.0.get(name).unwrap_or_else(|| panic!("no {name} among {:?}", self.0.keys()))
    }

    /// Refusals by reason, those that never happened left out.
    pub(crate) fn refused(&self) -> BTreeMap<String, u64> {
        let reason = |name: &str| Some(name.strip_prefix("hillfort_refused_total{reason=\"")?.split_once('"')?.0.to_owned());
        self.0.iter().filter(|(_, n)| **n > 0.0).filter_map(|(name, n)| Some((reason(name)?, *n as u64))).collect()
    }

    /// Sessions with and without a connection.
    pub(crate) fn sessions(&self) -> (u64, u64) {
        let count = |state| self.value(&format!("hillfort_sessions{{state=\"{state}\"}}")) as u64;
        (count("attached"), count("detached"))
    }

    pub(crate) fn rooms(&self) -> u64 {
        self.value("hillfort_rooms{world=\"0\"}") as u64
    }
}

fn read_head(stream: &mut BufReader<TcpStream>) -> (u16, Vec<String>) {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_lowercase()),
        }
    }
    let status = lines[0].split(' ').nth(1).unwrap().parse().unwrap();
    (status, lines)
}
