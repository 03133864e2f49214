//! What stands before everything else on a connection: the PROXY header of a listed balancer, then the ClientHello of TLS, both read whole
//! and judged before a byte of TLS or HTTP is worked on; or the first bytes of a request, which a porter may refuse. Knows nothing of what
//! follows.

use std::io::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use hillfort_guard::{Admitted, ClientHelloFacts, Guard};
use hillfort_proto::client_hello::{self, ClientHello, Transport};
use hillfort_proto::proxy::{self, Origin};
use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;
use hillfort_stream::Refusal;
use rustls::ServerConnection;

use crate::conn::{ConnKey, Phase, known};
use crate::listener::forget_reset_on_close;
use crate::stats::Door;
use crate::thread::EdgeThread;

impl EdgeThread {
    /// What a new connection has to say first; `None`: nothing that is read here.
    pub(crate) fn first_phase(&self, door: Door, from: IpAddr) -> Option<Phase> {
        let from = from.to_canonical();
        if self.config.proxies.iter().any(|net| net.contains(&from)) { Some(Phase::Header) } else { self.next_phase(door) }
    }

    /// The same without a header.
    fn next_phase(&self, door: Door) -> Option<Phase> {
        match door {
            _ if self.tls.is_some() => Some(Phase::ClientHello),
            Door::Http if self.porter.is_some() => Some(Phase::Request),
            Door::Http | Door::Grpc => None,
            Door::Frames | Door::WebSocket => Some(Phase::Hello),
        }
    }

    /// The header of a balancer: from here on the connection is its client's, and is judged as that.
    pub(crate) fn consume_header(&mut self, key: ConnKey, now: Time, bytes: &[u8]) -> Result<usize, Reject> {
        let Some((origin, used)) = proxy::read(bytes)? else { return Ok(0) };
        let Some(conn) = known(&mut self.conns, key, &self.stats) else { return Ok(bytes.len()) };
        let Origin::Client(source) = origin else {
            // The balancer looks whether we live. It has seen that.
            conn.stream.finish();
            self.remove(key);
            return Ok(bytes.len());
        };
        match self.guard.on_connect(now, source.ip()) {
            Ok(admitted) => {
                conn.peer = source;
                self.guard.on_close(std::mem::replace(&mut conn.admitted, admitted));
            }
            Err(reject) => {
                self.refuse(reject);
                self.remove(key);
                return Ok(bytes.len());
            }
        }
        let door = conn.door;
        if self.guard.goes_first(now, &conn.admitted) {
            self.stop_waiting(key);
            if let Some(conn) = known(&mut self.conns, key, &self.stats) {
                conn.goes_first = true;
            }
            self.waiting_first_byte.push(&mut self.conns, key, now);
        }
        match self.next_phase(door) {
            Some(phase) => {
                if let Some(conn) = known(&mut self.conns, key, &self.stats) {
                    conn.phase = phase;
                }
                Ok(used)
            }
            None => {
                self.hand_to_http(now, key, &bytes[used..]);
                Ok(bytes.len())
            }
        }
    }

    /// The ClientHello, whole: judged, and then answered by TLS here or on the HTTP thread.
    pub(crate) fn consume_client_hello(&mut self, key: ConnKey, now: Time, bytes: &[u8]) -> Result<usize, Reject> {
        let Some(hello) = client_hello::read(bytes, &mut self.scratch)? else { return Ok(0) };
        let Some(conn) = known(&mut self.conns, key, &self.stats) else { return Ok(bytes.len()) };
        if !self.config.server_names.allow(hello.server_name) {
            return Err(Reject::ServerName);
        }
        if let Err(reject) = judge(&mut self.guard, now, &conn.admitted, &hello, self.wants_ja3) {
            // The guard has charged what there is to charge.
            self.end(now, key, reject);
            return Ok(bytes.len());
        }
        if matches!(conn.door, Door::Http | Door::Grpc) {
            self.hand_to_http(now, key, bytes);
            return Ok(bytes.len());
        }
        let tls = self.tls.as_ref().and_then(|tls| ServerConnection::new(Arc::clone(&tls.plain)).ok()).ok_or(Reject::Tls)?;
        if !conn.stream.start_tls(tls, bytes) {
            return Err(Reject::Tls);
        }
        conn.phase = Phase::Hello;
        // No readiness event will tell of what TLS has read already.
        self.again.push(key);
        Ok(bytes.len())
    }

    /// The first bytes of a request. A porter who can refuse it by them spares it, and everybody, the way to the HTTP thread and back.
    pub(crate) fn consume_request(&mut self, key: ConnKey, now: Time, bytes: &[u8]) -> usize {
        match self.porter.as_ref().and_then(|porter| porter.refuse(bytes)) {
            Some(refusal) => self.turn_away(now, key, refusal),
            None => self.hand_to_http(now, key, bytes),
        }
        bytes.len()
    }

    /// Answers a request, and ends its connection.
    fn turn_away(&mut self, now: Time, key: ConnKey, refusal: Refusal) {
        let Some(mut conn) = self.take(key) else { return };
        // It costs the same budget as every other request.
        if let Err(reject) = self.guard.on_request(now, &mut conn.admitted) {
            self.guard.on_close(conn.admitted);
            return self.refuse(reject);
        }
        self.stats.http.refuse(refusal.reject);
        if refusal.charged {
            self.guard.on_offence(now, conn.admitted.peer(), refusal.reject);
        }
        let mut socket = conn.stream.into_socket();
        forget_reset_on_close(&socket);
        // So few bytes fit into a new socket; one that takes fewer is gone.
        let _gone_already = socket.write(refusal.answer);
        self.guard.on_close(conn.admitted);
    }

    /// Gives a connection to the HTTP thread, with what was read of it.
    fn hand_to_http(&mut self, now: Time, key: ConnKey, early: &[u8]) {
        let Some(mut conn) = self.take(key) else { return };
        // Fails only on a socket that is gone already, which the HTTP thread will notice.
        let _gone_already = self.poll.registry().deregister(conn.stream.socket());
        self.send_to_http(now, conn.door, conn.stream.into_socket(), early.to_vec(), conn.peer, conn.admitted);
    }
}

/// The operator's lists, the budget of this source and kind of client, the budget of handshakes.
fn judge(guard: &mut Guard, now: Time, admitted: &Admitted, hello: &ClientHello<'_>, wants_ja3: bool) -> Result<(), Reject> {
    let facts = ClientHelloFacts {
        ja4: hello.ja4(Transport::Tcp).bytes(),
        ja3: wants_ja3.then(|| hello.ja3().bytes()),
        resumes: hello.resumes,
    };
    guard.on_client_hello(now, admitted, &facts)?;
    guard.on_handshake(now, admitted, hello.resumes)
}
