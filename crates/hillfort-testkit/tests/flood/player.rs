//! A player on the realtime socket: joins a match, says op codes, hears op codes. Knows nothing of who is honest.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// The match ticks.
pub(crate) const TICK_OP: i64 = 2;
/// Says nothing.
pub(crate) const FLOOD_OP: i64 = 1;
/// From here on: words, which the match repeats to whoever said them.
pub(crate) const SAID_OP: i64 = 1000;

/// Longer than any busy machine takes for a tick.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Player {
    stream: TcpStream,
    received: Vec<u8>,
    match_id: String,
}

impl Player {
    /// Opens a socket and joins the match.
    pub(crate) fn join(addr: SocketAddr, user: u32, match_id: &str) -> Self {
        let mut stream = TcpStream::connect(addr).expect("the door is open");
        stream.set_read_timeout(Some(PATIENCE)).expect("is a socket");
        stream.set_nodelay(true).expect("is a socket");
        let request = format!(
            "GET /ws?lang=en&status=true&token={user} HTTP/1.1\r\nHost: fort\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("is open");
        let (mut answer, mut byte) = (Vec::new(), [0]);
        while !answer.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).expect("an answer");
            answer.push(byte[0]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", answer.escape_ascii());
        let mut player = Self { stream, received: Vec::new(), match_id: match_id.to_owned() };
        player.send(&json!({ "cid": "1", "match_join": { "match_id": match_id } }));
        loop {
            let said = player.envelope().expect("is let in");
            assert!(said.get("error").is_none(), "{said}");
            if said["cid"] == "1" {
                return player;
            }
        }
    }

    /// Match data without content. One whose server has closed says it to nobody.
    pub(crate) fn say(&mut self, op_code: i64) {
        self.send(&json!({ "match_data_send": { "match_id": self.match_id, "op_code": op_code.to_string(), "data": "" } }));
    }

    /// The op code of the next match data.
    ///
    /// # Errors
    /// The server closed, with this code if it said one.
    pub(crate) fn hear(&mut self) -> Result<i64, Option<u16>> {
        loop {
            let said = self.envelope()?;
            if let Some(op_code) = said["match_data"]["op_code"].as_str() {
                return Ok(op_code.parse().expect("a number"));
            }
        }
    }

    fn send(&mut self, envelope: &Value) {
        let text = envelope.to_string();
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend_from_slice(&u16::try_from(text.len()).expect("short").to_be_bytes());
        // Masked with zeroes.
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(text.as_bytes());
        let _closed = self.stream.write_all(&frame);
    }

    fn envelope(&mut self) -> Result<Value, Option<u16>> {
        loop {
            match self.frame()? {
                (1, text) => return Ok(serde_json::from_slice(&text).expect("JSON")),
                (8, payload) => return Err(payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
                // Whoever talks all the time is not asked whether it is there.
                _ => {}
            }
        }
    }

    fn frame(&mut self) -> Result<(u8, Vec<u8>), Option<u16>> {
        loop {
            if let Some(whole) = self.whole_frame() {
                return Ok(whole);
            }
            let mut buffer = [0; 16 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(read) if read > 0 => self.received.extend_from_slice(&buffer[..read]),
                Ok(_) => return Err(None),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Err(None),
                Err(error) => panic!("nothing is heard: {error}"),
            }
        }
    }

    fn whole_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (head, len) = match self.received.get(1)? & 0x7f {
            126 => (4, usize::from(u16::from_be_bytes(self.received.get(2..4)?.try_into().expect("two bytes")))),
            127 => panic!("longer than anything this match says"),
            len => (2, usize::from(len)),
        };
        let payload = self.received.get(head..head + len)?.to_vec();
        let opcode = self.received[0] & 0x0f;
        self.received.drain(..head + len);
        Some((opcode, payload))
    }
}
