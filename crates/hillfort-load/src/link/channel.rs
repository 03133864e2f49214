//! What a link writes to and reads from: a socket, or TLS over one. Never blocks. Knows nothing of what is said.

use std::io::{self, Read, Write};
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// An open connection.
#[derive(Debug)]
pub(crate) enum Channel {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// TLS with a server that has exactly this certificate.
///
/// # Errors
/// The certificate is none.
pub(crate) fn trust(certificate: &[u8]) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(certificate))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    // Each newcomer is somebody else: a ticket of another one would make the handshake cheaper than it is.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

impl Channel {
    /// TLS with the server that is called `name`. The handshake goes on with the first write, or by [`Channel::handshake`].
    pub(crate) fn secure(
        config: &Arc<ClientConfig>,
        name: ServerName<'static>,
        stream: TcpStream,
    ) -> Result<Self, rustls::Error> {
        let connection = ClientConnection::new(Arc::clone(config), name)?;
        Ok(Self::Tls(Box::new(StreamOwned::new(connection, stream))))
    }

    /// Goes on with the handshake as far as the socket lets it; whether it is done.
    pub(super) fn handshake(&mut self) -> io::Result<bool> {
        let Self::Tls(stream) = self else { return Ok(true) };
        while stream.conn.is_handshaking() {
            match stream.conn.complete_io(&mut stream.sock) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Whether a read that gave less than it could has emptied the socket.
    pub(super) const fn is_read_whole(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// The bare socket, where there is one.
    pub(super) fn into_plain(self) -> Option<TcpStream> {
        match self {
            Self::Plain(stream) => Some(stream),
            Self::Tls(_) => None,
        }
    }
}

impl Read for Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
