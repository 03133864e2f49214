//! The attacks of a siege: what comes at which rate, beside which honest people, and which defences are compared. Knows nothing of how it is
//! done.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::defence::Defence;
use super::honest::{PLAYER_HZ, People};
use super::lab;
use super::program::Packet;
use crate::attack::Kind;

/// Bots whose addresses are known beforehand.
const BOTS: u32 = 1_024;
/// Connections a second, as the proportion has them: 42,000 honest messages to so many hostile ones.
const HOSTILE: u32 = 273_856;
const HONEST: u32 = 42_000;

/// One attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scenario {
    /// 900,000 SYNs a second from addresses that nobody has
    SynSpoofed,
    /// The same at 273,856 a second
    SynSpoofedPaced,
    /// The same as fast as it goes: what a packet costs
    SynSpoofedFull,
    /// 273,856 SYNs a second from 1,024 known bots
    SynBots,
    /// The same as fast as it goes: what a packet costs
    SynBotsFull,
    /// 273,856 ACKs a second that belong to no connection
    Ack,
    /// Honest 42,000 to hostile 273,856, scaled; SYNs of both kinds, bad hellos and slow ones, replays, idlers
    Mixed,
    /// 40,000 handshakes a second that bots complete and leave idle
    HandshakeIdle,
    /// 20,000 sockets whose hello drips in
    SlowHello,
    /// TLS hellos that make the server sign
    Tls,
    /// 200 players, newcomers and somebody who cheats with 16 sessions, all behind one address
    Nat,
    /// 1,000 honest newcomers a second
    FlashCrowd,
}

/// Processes of the socket-level attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sockets {
    pub(crate) kind: Kind,
    pub(crate) processes: u8,
    pub(crate) sockets: u16,
}

/// What happens in a scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Plan {
    pub(crate) people: People,
    pub(crate) packet: Option<Packet>,
    /// Packets a second; as fast as it goes when absent.
    pub(crate) rate: Option<u32>,
    pub(crate) sockets: Option<Sockets>,
    /// Bots that the defence is told of beforehand.
    pub(crate) known: u32,
    pub(crate) tls: bool,
    /// Settings of the server's doors, and others, beside those that all have.
    pub(crate) edge: &'static str,
    pub(crate) settings: &'static str,
    pub(crate) defences: &'static [Defence],
}

/// Defences that are compared by what a packet costs, with what it costs by itself.
const WITH_FLOOR: &[Defence] = &[Hillfort, Nftables, Kernel, Defence::Floor];
/// A share of the core for handshakes, about a thousand a second, that the attacker exceeds even with what others leave of its own core.
const FEW_HANDSHAKES: &str = "handshake_percent = 15\n";
/// Who has played for two minutes is known; in a siege that must go faster.
const EARLY: &str = "[guard]\nsettled_s = 1\nplayed_s = 1\n";

use Defence::{Hillfort, Kernel, Nftables};

impl Scenario {
    /// Those of the short form: the ones that show most in the least time, each against Hillfort alone unless others are asked for.
    pub(crate) const SHORT: [Self; 9] = [
        Self::Nat,
        Self::SynSpoofed,
        Self::SynBots,
        Self::Ack,
        Self::FlashCrowd,
        Self::Tls,
        Self::SlowHello,
        Self::Mixed,
        Self::HandshakeIdle,
    ];

    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    pub(crate) fn plan(self) -> Plan {
        let people = People { players: 200, newcomers_hz: 100.0, behind: None };
        let plan = Plan {
            people,
            packet: None,
            rate: None,
            sockets: None,
            known: 0,
            tls: false,
            edge: "",
            settings: "",
            defences: &[Hillfort, Nftables, Kernel],
        };
        let packets = |packet, rate| Plan { packet: Some(packet), rate, ..plan };
        let sockets = |kind, processes, sockets| Plan { sockets: Some(Sockets { kind, processes, sockets }), ..plan };
        match self {
            Self::SynSpoofed => packets(Packet::SynSpoofed, Some(900_000)),
            Self::SynSpoofedPaced => packets(Packet::SynSpoofed, Some(HOSTILE)),
            Self::SynSpoofedFull => Plan { defences: WITH_FLOOR, ..packets(Packet::SynSpoofed, None) },
            Self::SynBots => Plan { known: BOTS, ..packets(Packet::SynBots(BOTS), Some(HOSTILE)) },
            Self::SynBotsFull => Plan { known: BOTS, defences: WITH_FLOOR, ..packets(Packet::SynBots(BOTS), None) },
            Self::Ack => packets(Packet::Ack, Some(HOSTILE)),
            Self::Mixed => {
                let players = 400;
                let honest = f64::from(players) * PLAYER_HZ;
                let rate = honest * f64::from(HOSTILE) / f64::from(HONEST);
                Plan {
                    people: People { players, ..people },
                    packet: Some(Packet::SynMixed(BOTS)),
                    rate: Some(rate as u32),
                    known: BOTS,
                    ..sockets(Kind::Mixed, 1, 500)
                }
            }
            Self::HandshakeIdle => packets(Packet::SynCompleting(4_096), Some(40_000)),
            Self::SlowHello => Plan { defences: &[Hillfort, Kernel], ..sockets(Kind::SlowHello, 2, 10_000) },
            Self::Tls => Plan { tls: true, edge: FEW_HANDSHAKES, defences: &[Hillfort, Kernel], ..sockets(Kind::Tls, 1, 512) },
            Self::Nat => Plan {
                people: People { newcomers_hz: 10.0, behind: Some(lab::player(1)), ..people },
                settings: EARLY,
                defences: &[Hillfort],
                ..sockets(Kind::CommandFlood, 1, 16)
            },
            Self::FlashCrowd => Plan { people: People { newcomers_hz: 1_000.0, ..people }, defences: &[Hillfort], ..plan },
        }
    }
}

impl Plan {
    /// Whether bots of the packet generator complete their handshakes.
    pub(crate) const fn answers(&self) -> bool {
        matches!(self.packet, Some(Packet::SynCompleting(_)))
    }

    /// Whether honest people come in numbers only when the time of the attack has come.
    pub(crate) const fn is_crowd(&self) -> bool {
        self.packet.is_none() && self.sockets.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bots_fit_into_their_addresses_and_their_mask() {
        for scenario in Scenario::value_variants() {
            let plan = scenario.plan();
            if let Some(Packet::SynBots(bots) | Packet::SynMixed(bots) | Packet::SynCompleting(bots)) = plan.packet {
                assert!(bots.is_power_of_two() && bots <= 1 << lab::BOT_BITS && plan.known <= bots, "{scenario:?}");
            }
            assert!(plan.defences.contains(&Hillfort), "{scenario:?}");
        }
    }

    #[test]
    fn the_headline_keeps_its_proportion() {
        let plan = Scenario::Mixed.plan();
        let honest = f64::from(plan.people.players) * PLAYER_HZ;
        let ratio = f64::from(plan.rate.expect("it is paced")) / honest;
        assert!((ratio - 273_856.0 / 42_000.0).abs() < 0.001, "{ratio}");
    }
}
