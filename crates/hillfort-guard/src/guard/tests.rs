//! Strangers at the door: each limit at its edge, each refusal with its reason, all under virtual time.

mod any;
mod connect;
mod fairness;
mod hello;
mod offences;
mod places;
mod rotation;
mod shared;

use super::*;
use crate::ban::{Ban, Cause, NotBannable};
use crate::bucket::Rate;
use crate::config::IpNet;
use crate::ladder::BanTimes;
use crate::ticket::TICKET_BYTES;
use hillfort_proto::hello::{AppId, Hello, HelloKey, KeyId, KeyRing};
use hillfort_proto::limits::HELLO_BYTES;
use hillfort_proto::time::UnixMs;
use std::net::Ipv4Addr;
use std::time::Duration;

const WALL: UnixMs = UnixMs(1_800_000_000_000);
const NOW: Time = Time::from_millis(1_000);

fn rate(per_s: u32, burst: u32) -> Rate {
    Rate::new(per_s, burst).unwrap()
}

fn key(n: u16) -> HelloKey {
    HelloKey::new(AppId(7), KeyId(n), &[n as u8; 32]).unwrap()
}

fn config() -> Config {
    let mut keys = KeyRing::default();
    keys.insert(key(1)).unwrap();
    Config {
        known_percent: 0,
        source_connect: rate(100, 20),
        source_open_max: 30,
        open_max: 1_000,
        trusted: nets(&["10.9.0.0/16"]),
        unbannable: nets(&["127.0.0.1/32", "::1/128"]),
        tolerance: rate(10, 1_000),
        ban: BanTimes { first: Duration::from_secs(30), max: Duration::from_secs(600) },
        ..Config::new(keys)
    }
}

fn nets(text: &[&str]) -> Vec<IpNet> {
    text.iter().map(|net| net.parse().unwrap()).collect()
}

fn guard(config: Config) -> Guard {
    Guard::new(config, 42)
}

fn v4(n: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0100_0000 + n))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

const HALF_A_MINUTE: Duration = Duration::from_secs(30);

/// Lets sessions of so many accounts play at the address, and says when that is over.
fn settle(guard: &mut Guard, now: Time, addr: IpAddr, accounts: u64) -> Time {
    for account in 0..accounts {
        let mut proof = guard.on_connect(now, addr).unwrap();
        assert!(plays(guard, now + HALF_A_MINUTE, &mut proof, account).is_some());
        guard.on_close(proof);
    }
    now + HALF_A_MINUTE
}

/// A session on this connection has lasted and played; the ticket that it earns.
fn plays(guard: &mut Guard, now: Time, proof: &mut Admitted, account: u64) -> Option<[u8; TICKET_BYTES]> {
    guard.on_settled(now, proof, account);
    guard.on_played(now, WALL, proof, account, config().played_after)
}

/// What `n` connections of `addr` at once are told: admitted, and refused by reason.
fn connect(guard: &mut Guard, now: Time, addr: IpAddr, n: usize) -> (Vec<Admitted>, Vec<Reject>) {
    let (mut admitted, mut rejects) = (Vec::new(), Vec::new());
    for _ in 0..n {
        match guard.on_connect(now, addr) {
            Ok(proof) => admitted.push(proof),
            Err(reject) => rejects.push(reject),
        }
    }
    (admitted, rejects)
}

fn hello(n: u64) -> [u8; HELLO_BYTES] {
    hello_at(n, WALL)
}

fn hello_at(n: u64, wall: UnixMs) -> [u8; HELLO_BYTES] {
    let mut nonce = [0; 16];
    nonce[..8].copy_from_slice(&n.to_be_bytes());
    Hello::sign(wall, nonce, &key(1))
}
