//! Where an attack by packets takes place, as its process says, and the kernel filter that is asked to stand there meanwhile. Knows nothing of
//! how either is made.

use std::fmt::Debug;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::console::Rung;

/// Whoever owns the kernel filter: has it stand at one interface more for the time of an attack.
pub trait FilterPost: Debug + Send + Sync {
    /// Attaches it to the interface. Blocks, for seconds at most, while the kernel checks the program.
    ///
    /// # Errors
    /// Why there is no filter there, one sentence.
    fn stand(&self, interface: &str) -> Result<Rung, String>;

    /// Takes it away again. Does not block.
    fn leave(&self);
}

/// What the attacker says before its first packet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "ground")]
pub(super) enum Told {
    /// It sends from a network namespace of its own, whose packets come in here.
    Namespace { interface: String },
    /// It sends over loopback.
    Loopback { why: String },
}

/// What the page is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "ground")]
pub(super) enum Ground {
    /// A network namespace of its own.
    Namespace {
        /// Where its packets come in.
        interface: String,
        /// The kernel filter that meets them there.
        filter: Option<Rung>,
        /// Why there is none.
        why: Option<String>,
    },
    /// Loopback, where the kernel has the forged addresses itself and answers for them with resets: weaker.
    Loopback {
        /// Why not a namespace.
        why: String,
    },
}

impl Ground {
    /// Has the filter stand where the packets come in.
    pub(super) async fn take(told: Told, post: Option<Arc<dyn FilterPost>>) -> Self {
        let interface = match told {
            Told::Loopback { why } => return Self::Loopback { why },
            Told::Namespace { interface } => interface,
        };
        let Some(post) = post else {
            return Self::Namespace { interface, filter: None, why: Some("this server has none".to_owned()) };
        };
        let asked = interface.clone();
        let stands = tokio::task::spawn_blocking(move || post.stand(&asked)).await;
        let (filter, why) = match stands {
            Ok(Ok(rung)) => (Some(rung), None),
            Ok(Err(why)) => (None, Some(why)),
            Err(_) => (None, Some("its thread panicked".to_owned())),
        };
        Self::Namespace { interface, filter, why }
    }
}
