//! One connection of HTTP from its first byte to its last: how long it may take for what, and how it is ended. Knows nothing of what is
//! asked.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::HttpService;
use hyper_util::rt::TokioTimer;
use hyper_util::server::conn::auto;

use super::lines::Lines;

/// After this a connection that is no WebSocket takes no new request. Clients that keep connections open a new one.
const LIFE_MAX: Duration = Duration::from_secs(120);
/// Time for the requests that are under way then: a peer that reads its answer byte by byte ends here.
const GRACE: Duration = Duration::from_secs(30);
/// Bytes of a request's header, and of what hyper buffers.
const HEADER_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;
/// Requests at a time on a connection of HTTP/2.
const STREAMS_MAX: u32 = 64;
/// Bytes of requests' bodies that nobody has asked for yet: of one stream of HTTP/2, and of all on its connection.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// How often a quiet connection of HTTP/2 is asked whether it lives, and how long that may take.
const PING: Duration = Duration::from_secs(20);

/// How a connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By nobody's fault.
    Done,
    /// The peer broke a rule.
    Guilty,
}

/// HTTP/1.1, and WebSocket after it.
pub(super) async fn http<IO, S>(
    io: IO,
    service: S,
    lines: &Lines,
    has_asked: &AtomicBool,
    patience: Duration,
    idle: Duration,
) -> End
where
    IO: Read + Write + Unpin + Send + 'static,
    S: HttpService<Incoming, ResBody = axum::body::Body, Error = Infallible>,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle.max(patience))
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(io, service)
        .with_upgrades();
    let life = live(connection, has_asked, patience, |connection| connection.graceful_shutdown());
    let Some(ended) = until_cut(life, lines).await else { return End::Done };
    judge(ended.map(|result| result.map_err(|error| kind(&error))), has_asked)
}

/// HTTP/2, or HTTP/1.1 for gRPC-Web.
pub(super) async fn grpc<IO, S>(
    io: IO,
    service: S,
    lines: &Lines,
    has_asked: &AtomicBool,
    patience: Duration,
    idle: Duration,
) -> End
where
    IO: Read + Write + Unpin + Send + 'static,
    S: hyper::service::Service<Request<Incoming>, Response = Response, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
{
    let mut builder = auto::Builder::new(lines.clone());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(idle.max(patience))
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEADER_BYTES_MAX as u32)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    let connection = builder.serve_connection(io, service);
    let life = live(connection, has_asked, patience, |connection| connection.graceful_shutdown());
    let Some(ended) = until_cut(life, lines).await else { return End::Done };
    judge(ended.map(|result| result.map_err(|error| error.downcast_ref().map_or(Kind::Broke, kind))), has_asked)
}

/// What `life` comes to, unless it is cut before. A reader that is too slow may be on a slow line: that is nobody's fault.
async fn until_cut<T>(life: impl Future<Output = T>, lines: &Lines) -> Option<T> {
    tokio::select! {
        ended = life => Some(ended),
        () = lines.was_cut() => None,
    }
}

/// What became of a connection; `None`: its time was up.
async fn live<C, E>(
    connection: C,
    has_asked: &AtomicBool,
    patience: Duration,
    finish: impl Fn(Pin<&mut C>),
) -> Option<Result<(), E>>
where
    C: Future<Output = Result<(), E>>,
{
    let mut connection = pin!(connection);
    if let Ok(ended) = tokio::time::timeout(patience, &mut connection).await {
        return Some(ended);
    }
    if !has_asked.load(Relaxed) {
        return None;
    }
    if let Ok(ended) = tokio::time::timeout(LIFE_MAX.saturating_sub(patience), &mut connection).await {
        return Some(ended);
    }
    finish(connection.as_mut());
    tokio::time::timeout(GRACE, connection).await.ok()
}

/// Kind of an error that a connection ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A request that is none.
    NoRequest,
    /// A request's header took too long.
    TooSlow,
    /// The connection is gone.
    Broke,
}

fn kind(error: &hyper::Error) -> Kind {
    if error.is_parse() {
        Kind::NoRequest
    } else if error.is_timeout() {
        Kind::TooSlow
    } else {
        Kind::Broke
    }
}

fn judge(ended: Option<Result<(), Kind>>, has_asked: &AtomicBool) -> End {
    match ended {
        // Clients keep a connection for their next request; that there was none is nobody's fault.
        Some(Err(Kind::TooSlow)) if has_asked.load(Relaxed) => End::Done,
        Some(Err(Kind::NoRequest | Kind::TooSlow)) | None => End::Guilty,
        // Other errors are connections that broke.
        Some(Ok(()) | Err(Kind::Broke)) => End::Done,
    }
}
