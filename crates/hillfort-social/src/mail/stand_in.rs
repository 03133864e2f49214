//! A mail server in tests: SMTP on loopback, plain, behind TLS from the first byte, or with STARTTLS; it takes every mail and tells what it heard,
//! and how. Knows nothing of this crate: tests of the calls take it, too.

use std::io::{BufRead, BufReader, ErrorKind, Read, Result as IoResult, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How the server protects a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    Plain,
    Tls,
    StartTls,
    /// It is asked for STARTTLS and says that it cannot now.
    StartTlsRefused,
}

/// Something that a client said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Whether TLS protected it.
    pub(crate) protected: bool,
    pub(crate) line: String,
}

pub(crate) struct MailServer {
    pub(crate) port: u16,
    /// The authority to trust.
    pub(crate) pem: String,
    pub(crate) heard: Receiver<Heard>,
}

impl MailServer {
    /// One whose certificate is for `name`. It listens until the test ends.
    pub(crate) fn start(speaks: Speaks, name: &str) -> Self {
        let certified = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = rustls_pki_types::PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (said, heard) = sync_channel(256);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (config, said) = (Arc::clone(&config), said.clone());
                // Clients that break off are what some tests are about.
                std::thread::spawn(move || serve(stream, speaks, &config, &said));
            }
        });
        Self { port, pem: certified.cert.pem(), heard }
    }

    /// What was said until a client went, or until a mail was taken.
    pub(crate) fn until_the_end(&self) -> Vec<Heard> {
        let mut all = Vec::new();
        loop {
            let heard = self.heard.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
            if heard.line == GONE {
                return all;
            }
            let is_over = heard.line == ".";
            all.push(heard);
            if is_over {
                return all;
            }
        }
    }
}

const GREETING: &[u8] = b"220 stand-in\r\n";

/// Said by the server itself when a client is gone.
const GONE: &str = "\0";

fn serve(stream: TcpStream, speaks: Speaks, config: &Arc<ServerConfig>, said: &SyncSender<Heard>) {
    let protect = |stream| StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), stream);
    let talked = if speaks == Speaks::Tls {
        talk(protect(stream), true, GREETING, speaks, said).map(drop)
    } else {
        match talk(stream, false, GREETING, speaks, said) {
            // After STARTTLS nobody is greeted again.
            Ok(Some(stream)) => talk(protect(stream), true, b"", speaks, said).map(drop),
            other => other.map(drop),
        }
    };
    drop(talked);
    drop(said.send(Heard { protected: false, line: GONE.to_owned() }));
}

/// Talks until the client leaves, or wants TLS; then gives the stream back.
fn talk<S: Read + Write>(
    stream: S,
    protected: bool,
    greeting: &[u8],
    speaks: Speaks,
    said: &SyncSender<Heard>,
) -> IoResult<Option<S>> {
    let mut stream = BufReader::new(stream);
    stream.get_mut().write_all(greeting)?;
    let offers_tls = !protected && matches!(speaks, Speaks::StartTls | Speaks::StartTlsRefused);
    let mut in_data = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end_matches(['\r', '\n']).to_owned();
        let answer: &[u8] = match line.as_str() {
            "." if in_data => {
                in_data = false;
                b"250 taken\r\n"
            }
            _ if in_data => b"",
            "DATA" => {
                in_data = true;
                b"354 go on\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            "STARTTLS" if speaks == Speaks::StartTls => b"220 go on\r\n",
            "STARTTLS" => b"454 not now\r\n",
            _ if line.starts_with("EHLO") && offers_tls => b"250-stand-in\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n",
            _ if line.starts_with("EHLO") => b"250-stand-in\r\n250 AUTH PLAIN LOGIN\r\n",
            _ if line.starts_with("AUTH") => b"235 welcome\r\n",
            _ => b"250 ok\r\n",
        };
        let wants_tls = line == "STARTTLS" && speaks == Speaks::StartTls;
        stream.get_mut().write_all(answer)?;
        stream.get_mut().flush()?;
        drop(said.send(Heard { protected, line }));
        if wants_tls {
            return Ok(Some(stream.into_inner()));
        }
    }
}
