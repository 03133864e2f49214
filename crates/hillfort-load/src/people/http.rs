//! HTTP/1.1 of one player: one request at a time over a connection that is kept. Owns the bytes; knows nothing of what calls mean.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Ipv4Addr;

use mio::{Interest, Registry, Token};

use super::target::Target;
use crate::link::Channel;

/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Fields of an answer's head that are read.
const FIELDS_MAX: usize = 64;

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// The connection may be used again.
    pub(super) keep: bool,
}

/// The connection ended, or what came is no HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone;

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: Channel,
    out: Vec<u8>,
    sent: usize,
    input: Vec<u8>,
}

/// A request, as bytes.
pub(super) fn request(method: &str, path: &str, host: &str, authorization: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: {authorization}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

impl Link {
    /// Begins to connect.
    pub(super) fn open(target: &Target, from: Ipv4Addr, registry: &Registry, token: Token) -> Result<Self, Gone> {
        let mut stream = target.connect(from).map_err(|_| Gone)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE).map_err(|_| Gone)?;
        let stream = target.speak(stream).map_err(|_| Gone)?;
        Ok(Self { stream, out: Vec::new(), sent: 0, input: Vec::new() })
    }

    /// Sends a request as soon as it goes.
    pub(super) fn send(&mut self, request: Vec<u8>) -> Result<(), Gone> {
        self.out = request;
        self.sent = 0;
        self.flush()
    }

    /// The last request, to be sent again over another connection.
    pub(super) fn into_request(self) -> Vec<u8> {
        self.out
    }

    /// Goes on with what the socket could not take.
    pub(super) fn flush(&mut self) -> Result<(), Gone> {
        while self.sent < self.out.len() {
            match self.stream.write(&self.out[self.sent..]) {
                Ok(0) => return Err(Gone),
                Ok(bytes) => self.sent += bytes,
                // Not connected yet: the socket says when it is.
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        // What TLS holds back.
        match self.stream.flush() {
            Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => Err(Gone),
            _ => Ok(()),
        }
    }

    /// The answer, when it is whole.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Result<Option<Answer>, Gone> {
        loop {
            match self.stream.read(buffer) {
                // Nothing of an answer may be in the bytes before the end: one of unknown length is not understood.
                Ok(0) => return self.take()?.ok_or(Gone).map(Some),
                Ok(bytes) => self.input.extend_from_slice(&buffer[..bytes]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
            if self.input.len() > ANSWER_BYTES_MAX {
                return Err(Gone);
            }
        }
        self.take()
    }

    fn take(&mut self) -> Result<Option<Answer>, Gone> {
        let Some((answer, bytes)) = answer(&self.input)? else { return Ok(None) };
        self.input.drain(..bytes);
        Ok(Some(answer))
    }
}

/// The answer at the beginning of `input` and its length, when it is whole.
fn answer(input: &[u8]) -> Result<Option<(Answer, usize)>, Gone> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut head = httparse::Response::new(&mut fields);
    let begin = match head.parse(input) {
        Ok(httparse::Status::Complete(begin)) => begin,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Gone),
    };
    let (status, is_1_1) = (head.code.ok_or(Gone)?, head.version == Some(1));
    let field = |name: &str| head.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
    let says = |name: &str, what: &str| {
        field(name).and_then(|field| std::str::from_utf8(field.value).ok()).is_some_and(|value| value.eq_ignore_ascii_case(what))
    };
    let keep = if is_1_1 { !says("connection", "close") } else { says("connection", "keep-alive") };
    if says("transfer-encoding", "chunked") {
        let chunks = chunks(&input[begin..])?;
        return Ok(chunks.map(|(body, bytes)| (Answer { status, body, keep }, begin + bytes)));
    }
    let length = match field("content-length") {
        Some(field) => std::str::from_utf8(field.value).ok().and_then(|value| value.parse().ok()).ok_or(Gone)?,
        None if status == 204 || status == 304 => 0,
        None => return Err(Gone),
    };
    if length > ANSWER_BYTES_MAX {
        return Err(Gone);
    }
    let Some(body) = input.get(begin..begin + length) else { return Ok(None) };
    Ok(Some((Answer { status, body: body.to_vec(), keep }, begin + length)))
}

/// A body in chunks and its length, when it is whole. Fields behind it are not understood.
fn chunks(input: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Gone> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let (begin, size) = match httparse::parse_chunk_size(&input[at..]) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(Gone),
        };
        let size = usize::try_from(size).ok().filter(|size| *size <= ANSWER_BYTES_MAX).ok_or(Gone)?;
        let end = at + begin + size;
        let Some(chunk) = input.get(at + begin..end + 2) else { return Ok(None) };
        let (data, line) = chunk.split_at(size);
        if line != b"\r\n" {
            return Err(Gone);
        }
        body.extend_from_slice(data);
        at = end + 2;
        if size == 0 {
            return Ok(Some((body, at)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer only when it is whole, wherever it is cut.
    fn check(text: &str, expect: Result<(u16, &str, bool), Gone>) {
        let bytes = [text.as_bytes(), b"HTTP/1.1"].concat();
        let found = answer(&bytes);
        match expect {
            Err(Gone) => assert_eq!(found, Err(Gone), "{text}"),
            Ok((status, body, keep)) => {
                let body = body.as_bytes().to_vec();
                assert_eq!(found, Ok(Some((Answer { status, body, keep }, text.len()))), "{text}");
                for cut in 0..text.len() {
                    assert_eq!(answer(&text.as_bytes()[..cut]), Ok(None), "{text} cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn answers_are_read_when_they_are_whole() {
        check("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", Ok((200, "{}", true)));
        check("HTTP/1.1 503 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", Ok((503, "", false)));
        check("HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx", Ok((200, "x", false)));
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", Ok((200, "abcde", true)));
        check("HTTP/1.1 204 No\r\n\r\n", Ok((204, "", true)));
    }

    #[test]
    fn what_is_no_answer_ends_the_connection() {
        check("SSH-2.0-OpenSSH\r\n\r\n", Err(Gone));
        check("HTTP/1.1 200 OK\r\n\r\n", Err(Gone));
        check("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", Err(Gone));
        check("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", Err(Gone));
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", Err(Gone));
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n", Err(Gone));
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n", Err(Gone));
    }

    #[test]
    fn a_request_has_its_length() {
        let bytes = request("POST", "/v2/storage", "host:1", "Bearer t", "{\"ü\":1}");
        let text = String::from_utf8(bytes).expect("text");
        assert!(text.starts_with("POST /v2/storage HTTP/1.1\r\nhost: host:1\r\n"), "{text}");
        assert!(text.contains("content-length: 8\r\n\r\n{"), "{text}");
    }
}
