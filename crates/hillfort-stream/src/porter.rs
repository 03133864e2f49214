//! Requests that are refused by their first bytes, where the connection was accepted: no other thread hears of them. Knows nothing of what makes
//! a request good.

use hillfort_proto::reject::Reject;

/// Looks at what a connection of HTTP says first, before anything is made of it.
pub trait Porter: std::fmt::Debug + Send {
    /// What is answered to a request that begins with `head`; nothing more is done for it. `None`: HTTP answers it. The head need not be whole,
    /// and is a stranger's: looking must be cheap and total.
    fn refuse(&self, head: &[u8]) -> Option<Refusal>;
}

/// The end of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The whole answer, with its head; it has to say that the connection closes.
    pub answer: &'static [u8],
    /// Why.
    pub reject: Reject,
    /// Whether it is charged to the address.
    pub charged: bool,
}
