//! A way to end what a request came by. Owns nothing: how it is ended is its door's business, and when is that of whoever answers.

use std::sync::Arc;

/// What one request came by: its stream of HTTP/2, or its connection of HTTP/1. Requests carry it as an extension, so that whoever answers
/// them can end a peer that neither reads nor says anything. A clone is the same line.
#[derive(Clone)]
pub struct Line(Arc<dyn Fn() + Send + Sync>);

impl Line {
    /// One that `cut` ends. It is called from any thread, and may be called again.
    pub fn new(cut: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(cut))
    }

    /// Ends it: what waits to be read or written there is dropped soon, by its door's thread.
    pub fn cut(&self) {
        (self.0)();
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Line(..)")
    }
}
