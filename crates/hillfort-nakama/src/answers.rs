//! An answer on its way to its reader: written piece by piece, holding its bytes until the last of them is. Knows nothing of what it says.

use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::http::HeaderMap;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::holds::{Hold, SHORT_BYTES_MAX};

/// A body that is an answer, and the trailers after it.
#[derive(Debug)]
pub(crate) struct Answer {
    held: Arc<Held>,
    /// Bytes that were given to the connection.
    given: usize,
    trailers: Option<HeaderMap>,
}

#[derive(Debug)]
struct Held {
    bytes: Vec<u8>,
    /// `None`: it is too short to count.
    hold: Option<Mutex<Hold>>,
}

/// A part of an answer, until it is written.
struct Piece {
    held: Arc<Held>,
    range: Range<usize>,
}

impl Answer {
    /// The bytes, and what they hold.
    pub(crate) fn new(bytes: Vec<u8>, hold: Option<Hold>) -> Self {
        Self { held: Arc::new(Held { bytes, hold: hold.map(Mutex::new) }), given: 0, trailers: None }
    }

    /// The same with trailers.
    pub(crate) fn with_trailers(self, trailers: HeaderMap) -> Self {
        Self { trailers: Some(trailers), ..self }
    }

    /// The next part, no longer than what counts as progress.
    fn piece(&mut self) -> Option<Bytes> {
        let end = self.held.bytes.len().min(self.given + SHORT_BYTES_MAX);
        let range = std::mem::replace(&mut self.given, end)..end;
        (!range.is_empty()).then(|| Bytes::from_owner(Piece { held: Arc::clone(&self.held), range }))
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = match self.piece() {
            Some(piece) => Some(Frame::data(piece)),
            None => self.trailers.take().map(Frame::trailers),
        };
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.given == self.held.bytes.len() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let left = (self.held.bytes.len() - self.given) as u64;
        // Answers of gRPC say no length.
        if self.trailers.is_some() { SizeHint::default() } else { SizeHint::with_exact(left) }
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.held.bytes[self.range.clone()]
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Some(hold) = &self.held.hold {
            hold.lock().unwrap_or_else(PoisonError::into_inner).progress(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hillfort_stream::Line;
    use http_body::Body;

    use super::*;
    use crate::holds::{For, Holds, STALLED};

    const MOST: usize = 1 << 20;

    #[tokio::test]
    async fn it_is_written_in_pieces_and_held_until_the_last_is() {
        let holds = Holds::new(MOST);
        let bytes: Vec<u8> = (0..3 * SHORT_BYTES_MAX + 1).map(|at| (at % 251) as u8).collect();
        let mut hold = holds.take(1, bytes.len(), For::Begin, Duration::ZERO).await.unwrap();
        let (cut, begun) = (Arc::new(Mutex::new(0)), Instant::now() - STALLED);
        let line = Arc::clone(&cut);
        hold.wait(begun, Some(Line::new(move || *line.lock().unwrap() += 1)));
        let mut answer = Answer::new(bytes.clone(), Some(hold));
        assert_eq!(answer.size_hint().exact(), Some(bytes.len() as u64));
        let mut pieces: Vec<_> = std::iter::from_fn(|| answer.piece()).collect();
        assert_eq!((pieces.len(), pieces.concat() == bytes, answer.is_end_stream()), (4, true, true));
        drop(answer);
        // A part of it that is written is progress.
        drop(pieces.remove(0));
        holds.end_stalled(begun + STALLED);
        assert_eq!(*cut.lock().unwrap(), 0);
        pieces.drain(1..);
        assert!(!holds.is_empty(), "a part of it is all of it, as long as somebody has that");
        holds.end_stalled(Instant::now() + STALLED);
        assert_eq!(*cut.lock().unwrap(), 1);
        drop(pieces);
        assert!(holds.is_empty());
    }

    #[test]
    fn trailers_come_last_and_nothing_is_something() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", 0.into());
        for (bytes, frames) in [(Vec::new(), 1), (vec![1; SHORT_BYTES_MAX], 2), (vec![1; SHORT_BYTES_MAX + 1], 3)] {
            let mut answer = Answer::new(bytes, None).with_trailers(trailers.clone());
            for left in (0..frames).rev() {
                assert!(!answer.is_end_stream());
                let frame = Pin::new(&mut answer).poll_frame(&mut Context::from_waker(std::task::Waker::noop()));
                let Poll::Ready(Some(Ok(frame))) = frame else { panic!("a frame is there") };
                assert_eq!(frame.is_trailers(), left == 0);
            }
            assert!(answer.is_end_stream());
        }
        assert!(Answer::new(Vec::new(), None).is_end_stream());
    }
}
