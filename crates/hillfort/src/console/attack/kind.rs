//! Which attacks the panel offers, and which of them can run here. Knows nothing of processes or pages.

use serde::{Deserialize, Serialize};

use super::AttackTool;

/// An attack that the panel offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::console) enum Kind {
    /// SYNs from addresses that nobody has.
    SynSpoofed,
    /// SYNs from few addresses, and never a handshake.
    SynBots,
    /// Packets that belong to no connection.
    Ack,
    /// Handshakes that nothing follows.
    HandshakeIdle,
    /// Connections without end.
    ConnectFlood,
    /// Hellos that trickle in.
    SlowHello,
    /// TLS hellos that make the server sign.
    Tls,
    /// Hellos with a wrong MAC.
    BadHello,
    /// One valid hello again and again.
    HelloReplay,
    /// A logged-in client that sends far too many commands.
    CommandFlood,
    /// Frames that announce more than the limit.
    OversizeFrame,
    /// Hellos, idlers and frames together.
    Mixed,
}

/// A kind, and why it cannot run here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(in crate::console) struct Offer {
    kind: Kind,
    /// `None`: it can.
    cannot: Option<&'static str>,
}

impl Kind {
    /// All of them, in the order of the stages at which they end.
    pub(in crate::console) const ALL: &'static [Self] = &[
        Self::SynSpoofed,
        Self::SynBots,
        Self::Ack,
        Self::HandshakeIdle,
        Self::ConnectFlood,
        Self::SlowHello,
        Self::Tls,
        Self::BadHello,
        Self::HelloReplay,
        Self::CommandFlood,
        Self::OversizeFrame,
        Self::Mixed,
    ];

    /// Whether it sends single packets and makes no connections.
    pub(in crate::console) const fn sends_packets(self) -> bool {
        matches!(self, Self::SynSpoofed | Self::SynBots | Self::Ack)
    }

    /// Name on the command line and in the API.
    pub(in crate::console) const fn id(self) -> &'static str {
        match self {
            Self::SynSpoofed => "syn-spoofed",
            Self::SynBots => "syn-bots",
            Self::Ack => "ack",
            Self::HandshakeIdle => "handshake-idle",
            Self::ConnectFlood => "connect-flood",
            Self::SlowHello => "slow-hello",
            Self::Tls => "tls",
            Self::BadHello => "bad-hello",
            Self::HelloReplay => "hello-replay",
            Self::CommandFlood => "command-flood",
            Self::OversizeFrame => "oversize-frame",
            Self::Mixed => "mixed",
        }
    }
}

impl AttackTool {
    /// All kinds.
    pub(super) fn offers(&self) -> Vec<Offer> {
        Kind::ALL.iter().map(|kind| Offer { kind: *kind, cannot: self.cannot(*kind) }).collect()
    }

    /// Why this kind cannot run here.
    pub(super) const fn cannot(&self, kind: Kind) -> Option<&'static str> {
        match kind {
            _ if kind.sends_packets() && !self.raw_sockets => Some("needs root or CAP_NET_RAW"),
            Kind::Tls if !self.tls => Some("the doors speak no TLS"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_api() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.id());
        }
    }

    #[test]
    fn what_cannot_run_says_why() {
        let cannot = |raw_sockets, tls| -> Vec<&str> {
            let tool = AttackTool {
                program: "load".into(),
                prefix: Vec::new(),
                target: ([127, 0, 0, 1], 7352).into(),
                raw_sockets,
                tls,
                post: None,
            };
            let offers = tool.offers();
            assert_eq!(offers.len(), Kind::ALL.len());
            offers.iter().filter(|offer| offer.cannot.is_some()).map(|offer| offer.kind.id()).collect()
        };
        assert!(cannot(true, true).is_empty());
        assert_eq!(cannot(false, true), ["syn-spoofed", "syn-bots", "ack"]);
        assert_eq!(cannot(true, false), ["tls"]);
    }
}
