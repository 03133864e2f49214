//! The bytes of a request: read within a bound, a time and what all requests may hold, and unpacked within the same bound. Knows nothing of
//! what they say.

use std::io::Read;
use std::pin::Pin;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::read::{DeflateDecoder, GzDecoder};
use hillfort_api::{ApiError, Code};
use hillfort_stream::Line;
use http_body::Body as _;

use crate::holds::{For, Hold, Holds, SHORT_BYTES_MAX};

/// By so many bytes a body whose length nobody knows before takes its room.
const STEP: usize = 4096;

/// What bodies are kept in while they come, for one request.
#[derive(Debug)]
pub(crate) struct Keep<'a> {
    pub(crate) holds: &'a Holds,
    /// Whose request it is.
    pub(crate) source: u64,
    /// What it comes by.
    pub(crate) line: Option<Line>,
    /// Longest wait for room.
    pub(crate) wait_max: Duration,
}

/// All of `body`, and what it holds; `None` when it has nothing.
///
/// # Errors
/// It is larger than `most` bytes, takes longer than `patience`, or breaks off. There is no room for it.
pub(crate) async fn read(body: Body, most: usize, patience: Duration, keep: Keep<'_>) -> Result<(Bytes, Option<Hold>), ApiError> {
    if body.is_end_stream() {
        return Ok((Bytes::new(), None));
    }
    match tokio::time::timeout(patience, collect(body, most, keep)).await {
        Ok(read) => read.map(|(bytes, hold)| (bytes, Some(hold))),
        Err(_) => Err(ApiError::new(Code::DeadlineExceeded, "the body of the request took too long to come")),
    }
}

async fn collect(mut body: Body, most: usize, keep: Keep<'_>) -> Result<(Bytes, Hold), ApiError> {
    let size = body.size_hint();
    if size.lower() > most as u64 {
        return Err(too_large(most));
    }
    let known = size.exact().map_or(0, |bytes| bytes as usize);
    let mut hold = keep.holds.take(keep.source, known, For::Begin, keep.wait_max).await?;
    hold.wait(Instant::now(), keep.line);
    // Most bodies come in one part, which is not copied. Further ones are: each would keep what it was read into.
    let (mut whole, mut parts) = (Bytes::new(), Vec::new());
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        // A body that broke off has nobody who reads the answer.
        let Ok(data) = frame.map_err(|_| too_large(most))?.into_data() else { continue };
        let before = whole.len() + parts.len();
        let bytes = before + data.len();
        if bytes > most {
            return Err(too_large(most));
        }
        if bytes > hold.bytes() {
            hold = keep.holds.fit(hold, bytes.next_multiple_of(STEP).min(most), For::Begin, keep.wait_max).await?;
            if !parts.is_empty() {
                parts.reserve_exact(hold.bytes() - parts.len());
            }
        }
        if bytes / SHORT_BYTES_MAX > before / SHORT_BYTES_MAX {
            hold.progress(Instant::now());
        }
        if before == 0 {
            whole = data;
            continue;
        }
        if parts.is_empty() {
            parts.reserve_exact(hold.bytes());
            parts.extend_from_slice(&std::mem::take(&mut whole));
        }
        parts.extend_from_slice(&data);
    }
    hold.rest();
    let bytes = if parts.is_empty() { whole } else { parts.into() };
    Ok((bytes.clone(), keep.holds.fit(hold, bytes.len(), For::Begin, keep.wait_max).await?))
}

/// The same without `Content-Encoding`.
///
/// # Errors
/// It is not what the header says, or larger than `most` bytes when unpacked.
pub(crate) fn unpack(packed: Bytes, headers: &HeaderMap, most: usize) -> Result<Bytes, ApiError> {
    match headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes()) {
        Some(b"gzip") => unpacked(GzDecoder::new(&packed[..]), most),
        Some(b"deflate") => unpacked(DeflateDecoder::new(&packed[..]), most),
        _ => Ok(packed),
    }
}

/// What `packed` holds, by gzip.
pub(crate) fn gunzip(packed: &[u8], most: usize) -> Result<Bytes, ApiError> {
    unpacked(GzDecoder::new(packed), most)
}

fn unpacked(source: impl Read, most: usize) -> Result<Bytes, ApiError> {
    let mut out = Vec::new();
    let read = source.take(most as u64 + 1).read_to_end(&mut out);
    read.map_err(|_| ApiError::new(Code::InvalidArgument, "the body is not packed as its header says"))?;
    if out.len() > most { Err(too_large(most)) } else { Ok(out.into()) }
}

fn too_large(most: usize) -> ApiError {
    ApiError::new(Code::InvalidArgument, format!("the request is larger than {most} bytes"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::pin::{Pin, pin};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::task::{Context, Poll, Waker};
    use std::time::{Duration, Instant};

    use axum::body::Body;
    use axum::http::{HeaderMap, HeaderValue, header};
    use bytes::Bytes;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder};
    use hillfort_stream::Line;
    use http_body::{Frame, SizeHint};
    use tokio::sync::mpsc::{Receiver, Sender, channel};

    use super::Keep;
    use crate::holds::{Holds, SHORT_BYTES_MAX, STALLED};

    const PATIENT: Duration = Duration::from_secs(60);

    /// A body that comes as it is told to.
    struct Parts(Receiver<Vec<u8>>, Option<u64>);

    impl http_body::Body for Parts {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            self.0.poll_recv(context).map(|part| part.map(|part| Ok(Frame::data(part.into()))))
        }

        fn size_hint(&self) -> SizeHint {
            self.1.map_or_else(SizeHint::default, SizeHint::with_exact)
        }
    }

    fn parts(known: Option<u64>) -> (Sender<Vec<u8>>, Body) {
        let (send, receive) = channel(4 * SHORT_BYTES_MAX);
        (send, Body::new(Parts(receive, known)))
    }

    fn keep(holds: &Holds) -> Keep<'_> {
        Keep { holds, source: 1, line: None, wait_max: Duration::ZERO }
    }

    #[tokio::test]
    async fn bodies_come_whole_or_in_parts_and_within_the_bound() {
        let holds = Holds::new(1 << 20);
        let most = 3 * SHORT_BYTES_MAX;
        for (cut, known) in [(most, true), (most, false), (1, true), (1, false), (5000, true), (5000, false)] {
            for bytes in [1, SHORT_BYTES_MAX, SHORT_BYTES_MAX + 1, most, most + 1] {
                let text: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8).collect();
                let (send, body) = parts(known.then_some(bytes as u64));
                text.chunks(cut).for_each(|part| send.try_send(part.to_vec()).unwrap());
                drop(send);
                let read = super::read(body, most, PATIENT, keep(&holds)).await;
                assert_eq!(read.is_ok(), bytes <= most, "{bytes} in parts of {cut}");
                let Ok((found, hold)) = read else { continue };
                assert_eq!((found == text, hold.unwrap().bytes()), (true, bytes), "{bytes} in parts of {cut}");
            }
        }
        let (found, hold) = super::read(Body::empty(), most, PATIENT, keep(&holds)).await.unwrap();
        assert!(found.is_empty() && hold.is_none() && holds.is_empty());
    }

    /// Whether a body of which these parts have come is ended when as long has passed since before they came as it may stand still.
    async fn ends(parts_come: &[usize]) -> bool {
        let holds = Holds::new(1 << 20);
        let (send, body) = parts(Some(4 * SHORT_BYTES_MAX as u64));
        let ended = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&ended);
        let line = Line::new(move || {
            count.fetch_add(1, Relaxed);
        });
        let mut reading = pin!(super::read(body, 4 * SHORT_BYTES_MAX, PATIENT, Keep { line: Some(line), ..keep(&holds) }));
        let context = &mut Context::from_waker(Waker::noop());
        assert!(reading.as_mut().poll(context).is_pending());
        let begun = Instant::now();
        while Instant::now() == begun {}
        for part in parts_come {
            send.try_send(vec![0; *part]).unwrap();
        }
        assert!(reading.as_mut().poll(context).is_pending());
        holds.end_stalled(begun + STALLED);
        ended.load(Relaxed) == 1
    }

    #[tokio::test]
    async fn a_body_that_trickles_in_makes_no_progress() {
        assert!(ends(&[]).await);
        assert!(ends(&[1; 100]).await);
        assert!(ends(&[SHORT_BYTES_MAX - 2, 1]).await);
        assert!(!ends(&[SHORT_BYTES_MAX - 1, 1]).await);
        assert!(!ends(&[SHORT_BYTES_MAX + 1]).await);
    }

    fn check(encoding: &'static str, packed: &[u8], most: usize, wanted: Option<&[u8]>) {
        let headers = HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static(encoding))]);
        let found = super::unpack(packed.to_vec().into(), &headers, most);
        assert_eq!(found.ok().as_deref(), wanted, "{encoding}");
    }

    #[test]
    fn packed_bodies_are_unpacked_within_the_bound() {
        let text = vec![b'a'; 1000];
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&text).unwrap();
        let gzip = gzip.finish().unwrap();
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::fast());
        deflate.write_all(&text).unwrap();
        let deflate = deflate.finish().unwrap();
        check("gzip", &gzip, 1000, Some(&text));
        check("deflate", &deflate, 1000, Some(&text));
        check("gzip", &gzip, 999, None);
        check("gzip", &deflate, 1000, None);
        check("gzip", &gzip[..gzip.len() - 1], 1000, None);
        check("identity", b"{}", 10, Some(b"{}"));
    }
}
