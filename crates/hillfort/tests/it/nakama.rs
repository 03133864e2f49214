//! A client of Nakama's API as its SDKs are: REST, and the realtime socket in JSON. Knows nothing of the server's inside.

use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use serde_json::{Value, json};
use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, WebSocket};

use crate::PATIENCE;
use crate::server::Server;
use crate::web::{Answer, Visit};

/// `defaultkey:` in base64.
const SERVER_KEY: &str = "Authorization: Basic ZGVmYXVsdGtleTo=\r\n";

/// Somebody who has signed in.
pub(crate) struct User {
    address: SocketAddr,
    pub(crate) token: String,
    pub(crate) created: bool,
}

/// An open socket.
pub(crate) struct Socket {
    stream: WebSocket<TcpStream>,
    cid: u32,
}

fn request(address: SocketAddr, line: &str, head: &str, body: &str) -> Answer {
    let head = format!("{head}Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    Visit::begin(address).ask(line, &head, body)
}

fn read(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

impl User {
    /// Signs in by a device, and makes the account when there is none.
    pub(crate) fn sign_in(server: &Server, name: &str) -> Self {
        let line = format!("POST /v2/account/authenticate/device?create=true&username={name}");
        let answer = request(server.http, &line, SERVER_KEY, &json!({ "id": format!("device-of-{name}") }).to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
        let session = read(&answer);
        let token = session["token"].as_str().unwrap().to_owned();
        Self { address: server.http, token, created: session["created"] == true }
    }

    /// A call: its status and what came.
    pub(crate) fn call(&self, line: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = request(self.address, line, &format!("Authorization: Bearer {}\r\n", self.token), &body);
        (answer.status, read(&answer))
    }

    /// A call that must go well.
    #[track_caller]
    pub(crate) fn done(&self, line: &str, body: &Value) -> Value {
        let (status, answer) = self.call(line, body);
        assert_eq!(status, 200, "{line}: {answer}");
        answer
    }

    /// What a function of a module answers by REST.
    #[track_caller]
    pub(crate) fn rpc(&self, id: &str, payload: &str) -> String {
        self.done(&format!("POST /v2/rpc/{id}"), &payload.into())["payload"].as_str().unwrap_or_default().to_owned()
    }

    /// Id of the account.
    pub(crate) fn id(&self) -> Value {
        self.done("GET /v2/account", &Value::Null)["user"]["id"].clone()
    }

    /// What is kept in the user's own object.
    pub(crate) fn object(&self, collection: &str, key: &str) -> Option<Value> {
        let wanted = json!({ "object_ids": [{ "collection": collection, "key": key, "user_id": self.id() }] });
        let found = self.done("POST /v2/storage", &wanted);
        Some(serde_json::from_str(found["objects"][0]["value"].as_str()?).unwrap())
    }

    /// The same user with the same token, at a server of another address.
    pub(crate) fn at(&self, server: &Server) -> Self {
        Self { address: server.http, token: self.token.clone(), created: self.created }
    }

    /// Opens a socket.
    pub(crate) fn socket(&self) -> Socket {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let url = format!("ws://{}/ws?lang=en&status=true&format=json&token={}", self.address, self.token);
        let (stream, _) = tungstenite::client(url, stream).unwrap();
        Socket { stream, cid: 0 }
    }
}

impl Socket {
    pub(crate) fn send(&mut self, envelope: &Value) {
        self.stream.send(Message::text(envelope.to_string())).unwrap();
    }

    /// The next envelope, or how it closed.
    fn next(&mut self) -> Result<Value, Option<CloseFrame>> {
        loop {
            match self.stream.read() {
                Ok(Message::Text(text)) => return Ok(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(frame)) => return Err(frame),
                Ok(_) => {}
                Err(error) => panic!("neither an envelope nor a close frame: {error}"),
            }
        }
    }

    /// The next envelope in which `find` finds something; the others are passed over.
    #[track_caller]
    pub(crate) fn wait<T>(&mut self, what: &str, mut find: impl FnMut(&Value) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let envelope = self.next().unwrap_or_else(|frame| panic!("closed instead of {what}: {frame:?}"));
            if let Some(found) = find(&envelope) {
                return found;
            }
        }
        panic!("waited in vain for {what}");
    }

    /// Sends, and waits for its answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, mut envelope: Value) -> Value {
        self.cid += 1;
        let cid = Value::from(self.cid.to_string());
        envelope["cid"] = cid.clone();
        self.send(&envelope);
        self.wait("an answer", |answer| (answer["cid"] == cid).then(|| answer.clone()))
    }

    /// What a function of a module answers.
    #[track_caller]
    pub(crate) fn rpc(&mut self, id: &str, payload: &str) -> Value {
        self.ask(json!({ "rpc": { "id": id, "payload": payload } }))
    }

    /// Code and reason of the close frame that comes.
    #[track_caller]
    pub(crate) fn closed(&mut self) -> (u16, String) {
        loop {
            if let Err(frame) = self.next() {
                let frame = frame.expect("a close frame with a code");
                return (frame.code.into(), frame.reason.to_string());
            }
        }
    }
}
