//! Identities that others vouch for: Apple, Google, Facebook, Steam and Game Center. Each adapter turns a proof that a client brought into
//! the id that the service knows the person by, or says why not. Knows nothing of accounts.
//!
//! A service that is not configured is refused as such. Every address that is asked is configuration, so that each adapter is tested
//! against a stand-in of its service.

pub mod facebook;
pub mod fetch;
pub mod game_center;
pub mod id_token;
pub mod keys;
pub mod replay;
#[cfg(test)]
mod stand_in;
pub mod steam;

/// Who a service says that the bearer of a proof is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// Id at the service.
    pub id: String,
    /// Address, if the service has verified it.
    pub email: Option<String>,
    /// Name that is shown.
    pub name: Option<String>,
    /// Address of a picture.
    pub picture: Option<String>,
}

/// Why a proof is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofFault {
    /// The operator has not set this service up.
    #[error("{0} is not configured")]
    NotConfigured(&'static str),
    /// The proof is wrong, old, used, or made for another game: the client's fault. For the operator's counters; a client learns only
    /// that it was refused.
    #[error("{0}")]
    Refused(&'static str),
    /// The service cannot be asked now, or what it said makes no sense: a neighbour's fault.
    #[error("{0}")]
    Unreachable(String),
}

/// Longest proof that is looked at, in bytes.
pub const PROOF_MAX: usize = 8192;
