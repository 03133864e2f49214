//! The realtime socket of one player, in JSON: opens, joins a match, sends into it and hears it. Owns the envelopes; knows nothing of who
//! counts what.

use std::io::ErrorKind;
use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use serde_json::{Value, json};
use tungstenite::client::client_with_config;
use tungstenite::handshake::client::ClientHandshake;
use tungstenite::handshake::{HandshakeError, MidHandshake};
use tungstenite::protocol::{WebSocket, WebSocketConfig};
use tungstenite::{Error, Message};

use super::target::Target;
use crate::link::Channel;

/// Buffer of each socket: its messages are short.
const BUFFER_BYTES: usize = 4096;
/// What echoed messages are called.
const OP_CODE: &str = "1";

/// A socket.
#[derive(Debug)]
pub(super) struct Socket {
    state: State,
    target: Target,
    url: String,
}

#[derive(Debug)]
enum State {
    Connecting(TcpStream),
    Shaking(Box<MidHandshake<ClientHandshake<Channel>>>),
    Open(Box<WebSocket<Channel>>),
    Gone,
}

/// What is heard.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The socket is open.
    Open,
    /// The player is in the match.
    Joined,
    /// Message `number` came back.
    Echo(u64),
    /// A message was refused: why.
    Refused(String),
}

/// Why a socket is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gone(pub(super) String);

impl Socket {
    /// Begins to connect.
    pub(super) fn open(target: &Target, token: &str, from: Ipv4Addr, registry: &Registry, place: Token) -> Result<Self, Gone> {
        let mut stream = target.connect(from).map_err(|error| Gone(format!("{error:#}")))?;
        registry
            .register(&mut stream, place, Interest::READABLE | Interest::WRITABLE)
            .map_err(|error| Gone(error.to_string()))?;
        // Under TLS, too: the stream is the target's affair.
        let url = format!("ws://{}/ws?lang=en&status=false&format=json&token={token}", target.host);
        Ok(Self { state: State::Connecting(stream), target: target.clone(), url })
    }

    /// Goes on as far as the connection lets it; tells what was heard.
    pub(super) fn turn(&mut self, mut hear: impl FnMut(Heard)) -> Result<(), Gone> {
        match std::mem::replace(&mut self.state, State::Gone) {
            State::Connecting(stream) => {
                // Not writable yet: neither connected nor failed.
                if stream.peer_addr().is_err() {
                    if let Ok(Some(error)) | Err(error) = stream.take_error() {
                        return Err(Gone(error.to_string()));
                    }
                    self.state = State::Connecting(stream);
                    return Ok(());
                }
                let mut config = WebSocketConfig::default();
                config.read_buffer_size = BUFFER_BYTES;
                config.write_buffer_size = 0;
                let stream = self.target.speak(stream).map_err(|error| Gone(error.to_string()))?;
                self.shaken(client_with_config(self.url.as_str(), stream, Some(config)), &mut hear)
            }
            State::Shaking(half) => self.shaken(half.handshake(), &mut hear),
            State::Open(mut socket) => {
                let ended = listen(&mut socket, &mut hear);
                self.state = State::Open(socket);
                ended
            }
            State::Gone => Err(Gone("it is closed".to_owned())),
        }
    }

    /// Asks to be let into a match.
    pub(super) fn join(&mut self, match_id: &str) -> Result<(), Gone> {
        self.say(&json!({ "cid": "join", "match_join": { "match_id": match_id } }))
    }

    /// Sends message `number` into the match.
    pub(super) fn send(&mut self, match_id: &str, number: u64) -> Result<(), Gone> {
        let data = STANDARD.encode(number.to_string());
        self.say(&json!({ "match_data_send": { "match_id": match_id, "op_code": OP_CODE, "data": data } }))
    }

    fn say(&mut self, envelope: &Value) -> Result<(), Gone> {
        let State::Open(socket) = &mut self.state else { return Err(Gone("it is not open yet".to_owned())) };
        say(socket, envelope)
    }

    fn shaken(
        &mut self,
        shaken: Result<(WebSocket<Channel>, tungstenite::handshake::client::Response), HandshakeError<ClientHandshake<Channel>>>,
        hear: &mut impl FnMut(Heard),
    ) -> Result<(), Gone> {
        match shaken {
            Ok((mut socket, _)) => {
                hear(Heard::Open);
                let ended = listen(&mut socket, hear);
                self.state = State::Open(Box::new(socket));
                ended
            }
            Err(HandshakeError::Interrupted(half)) => {
                self.state = State::Shaking(Box::new(half));
                Ok(())
            }
            Err(HandshakeError::Failure(error)) => Err(Gone(error.to_string())),
        }
    }
}

fn say(socket: &mut WebSocket<Channel>, envelope: &Value) -> Result<(), Gone> {
    match socket.send(Message::text(envelope.to_string())) {
        Ok(()) => Ok(()),
        // It is written when the socket can take it.
        Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(Gone(error.to_string())),
    }
}

/// Reads what has come, and writes what waits.
fn listen(socket: &mut WebSocket<Channel>, hear: &mut impl FnMut(Heard)) -> Result<(), Gone> {
    match socket.flush() {
        Ok(()) => {}
        Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
        Err(error) => return Err(Gone(error.to_string())),
    }
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => match heard(&text) {
                Some(Said::Heard(heard)) => hear(heard),
                Some(Said::Ping(cid)) => say(socket, &json!({ "cid": cid, "pong": {} }))?,
                None => {}
            },
            Ok(Message::Close(frame)) => {
                return Err(Gone(frame.map_or_else(|| "closed".to_owned(), |frame| format!("closed: {frame}"))));
            }
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(Gone(error.to_string())),
        }
    }
}

enum Said {
    Heard(Heard),
    Ping(Value),
}

/// What an envelope of the server says to a player, if anything.
fn heard(text: &str) -> Option<Said> {
    let envelope: Value = serde_json::from_str(text).ok()?;
    if let Some(data) = envelope["match_data"]["data"].as_str() {
        let number = STANDARD.decode(data).ok().and_then(|bytes| String::from_utf8(bytes).ok())?.parse().ok()?;
        return Some(Said::Heard(Heard::Echo(number)));
    }
    if envelope.get("match").is_some() {
        return Some(Said::Heard(Heard::Joined));
    }
    if let Some(error) = envelope.get("error") {
        return Some(Said::Heard(Heard::Refused(error["message"].as_str().unwrap_or("without a reason").to_owned())));
    }
    envelope.get("ping").map(|_| Said::Ping(envelope["cid"].clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_are_heard() {
        let check = |text: &str, expect: Option<Heard>| {
            let found = heard(text).and_then(|said| match said {
                Said::Heard(heard) => Some(heard),
                Said::Ping(_) => None,
            });
            assert_eq!(found, expect, "{text}");
        };
        check(r#"{"match_data":{"match_id":"m","op_code":"1","data":"MTc="}}"#, Some(Heard::Echo(17)));
        check(r#"{"match_data":{"match_id":"m","op_code":"1","data":"?"}}"#, None);
        check(r#"{"cid":"join","match":{"match_id":"m"}}"#, Some(Heard::Joined));
        check(r#"{"cid":"join","error":{"code":4,"message":"no such match"}}"#, Some(Heard::Refused("no such match".into())));
        check(r#"{"match_presence_event":{}}"#, None);
        check("no JSON", None);
        assert!(matches!(heard(r#"{"cid":"7","ping":{}}"#), Some(Said::Ping(cid)) if cid == "7"));
    }
}
