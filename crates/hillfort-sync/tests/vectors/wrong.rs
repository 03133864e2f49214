//! Packets that a client refuses, each with the refusal. Owns how they are spoiled; knows nothing of files.

use hillfort_sync::{BitWriter, Delivery, Mirror};
use serde_json::{Value, json};

use crate::play::{Battle, schema};
use crate::{check_file, entities, hex, outcome};

/// A head without flags for the tick, then bits.
fn packet(flags: u8, tick: u32, write: impl FnOnce(&mut BitWriter)) -> Vec<u8> {
    let mut bytes = vec![flags | 0x10];
    bytes.extend_from_slice(&tick.to_le_bytes());
    let mut bits = BitWriter::behind(bytes);
    write(&mut bits);
    bits.finish()
}

/// Packets of which some bits are others: what they say is rarely true, and must be the same for all who read them.
fn spoiled(battle: &mut Battle, next: &[u8]) -> Vec<Value> {
    let spoil = |_| {
        let mut packet = next.to_vec();
        for _ in 0..=battle.roll(3) {
            let at = 5 + battle.roll(packet.len() as u64 - 5) as usize;
            packet[at] ^= 1 << battle.roll(8);
        }
        let mut mirror = battle.mirror.clone();
        match outcome(mirror.take(&packet)) {
            "taken" => json!({ "hex": hex(&packet), "expect": "taken", "entities": entities(&schema(), &mirror) }),
            expect => json!({ "hex": hex(&packet), "expect": expect }),
        }
    };
    (0..100).map(spoil).collect()
}

/// Widths, and no leaves.
fn begin(bits: &mut BitWriter) {
    bits.put(4, 5);
    bits.put(7, 5);
    bits.put_gamma(1);
}

fn newcomer(bits: &mut BitWriter, kind: u64, view: u64) {
    bits.put_gamma(2);
    bits.put(1, 4);
    bits.put(1, 7);
    bits.put(1, 12);
    bits.put(kind, 4);
    bits.put(view, 4);
}

#[test]
fn refusals() {
    let mut battle = Battle::new(Delivery::Ordered, 100);
    let before: Vec<Vec<u8>> = (0..6).filter_map(|_| battle.packet()).collect();
    let next = battle.packet().unwrap();
    let cut = |len: usize| next[..len].to_vec();
    let with = |at: usize, byte: u8| {
        let mut bytes = next.clone();
        bytes[at] = byte;
        bytes
    };
    let mut other_schema = before[0].clone();
    other_schema[5] ^= 1;
    let tick = 1_000;
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("a head cut short", cut(4)),
        ("no bits behind the head", cut(5)),
        ("bits cut short", cut(next.len() - 2)),
        ("a byte too many", [next.as_slice(), &[0]].concat()),
        ("version 2", with(0, next[0] & 0x0f | 0x20)),
        ("a base without lossy", packet(1, tick, |bits| bits.put(0, 8))),
        ("another schema", other_schema),
        ("the tick of the newest", before[5].clone()),
        ("an older tick", before[4].clone()),
        ("slots of 0 bits", packet(0, tick, |bits| bits.put(7 << 5, 10))),
        ("slots of 15 bits", packet(0, tick, |bits| bits.put(7 << 5 | 15, 10))),
        ("rows of 0 bits", packet(0, tick, |bits| bits.put(4, 10))),
        ("rows of 22 bits", packet(0, tick, |bits| bits.put(22 << 5 | 4, 10))),
        ("a gamma code without end", packet(0, tick, |bits| (0..20).for_each(|_| bits.put(0, 10)))),
        (
            "more leaves than bits",
            packet(0, tick, |bits| {
                bits.put(7 << 5 | 4, 10);
                bits.put_gamma(u32::MAX);
            }),
        ),
        (
            "an unknown kind",
            packet(0, tick, |bits| {
                begin(bits);
                newcomer(bits, 3, 0);
                (0..20).for_each(|_| bits.put(0, 10));
            }),
        ),
        (
            "an unknown view",
            packet(0, tick, |bits| {
                begin(bits);
                newcomer(bits, 0, 9);
                (0..20).for_each(|_| bits.put(0, 10));
            }),
        ),
        (
            "a change of an empty slot",
            packet(0, tick, |bits| {
                begin(bits);
                bits.put_gamma(1);
                bits.put(15 << 2, 6);
                bits.put(0, 20);
            }),
        ),
        (
            "a step back",
            packet(0, tick, |bits| {
                begin(bits);
                bits.put_gamma(1);
                // The first slot, unchanged, twice: the second time in long form.
                bits.put(1 << 2, 6);
                bits.put(0, 5);
                bits.put(1 << 2, 6);
                bits.put(0, 20);
            }),
        ),
        ("a change in a reset", {
            let mut bytes = before[0].clone();
            bytes.truncate(13);
            bytes.push(9);
            bytes[1..5].copy_from_slice(&tick.to_le_bytes());
            let mut bits = BitWriter::behind(bytes);
            begin(&mut bits);
            bits.put_gamma(1);
            bits.put(1, 1);
            bits.put(0, 20);
            bits.finish()
        }),
        (
            "lossy without what changes are from",
            packet(8, tick, |bits| {
                begin(bits);
                bits.put_gamma(1);
                bits.put(1, 1);
                bits.put(0, 20);
            }),
        ),
    ];
    for packet in &before {
        assert_eq!(battle.mirror.take(packet), Ok(true));
    }
    let known = entities(&schema(), &battle.mirror);
    let mut refused = Vec::new();
    for (name, packet) in &cases {
        let mut mirror = battle.mirror.clone();
        let expect = outcome(mirror.take(packet));
        assert_ne!(expect, "taken", "{name}");
        assert_eq!(known, entities(&schema(), &mirror), "{name}");
        refused.push(json!({ "name": name, "hex": hex(packet), "expect": expect }));
    }
    let spoiled = spoiled(&mut battle, &next);
    let fresh = outcome(Mirror::new(schema()).take(&next));
    let tables: Value = serde_json::from_str(&schema().tables()).unwrap();
    let file = json!({
        "about": "A client takes the packets of `before`, then each of `refused`, and knows the same as before. expect: \"malformed\", \"schema\", \
                  \"state\", or \"old\", which is no fault. `first`: what a client says to whom it is the first packet. \
                  `spoiled`: as `refused`, but some are taken, with what the client knows then.",
        "schema": tables,
        "before": before.iter().map(|packet| hex(packet)).collect::<Vec<_>>(),
        "first": [{ "hex": hex(&next), "expect": fresh }],
        "refused": refused,
        "spoiled": spoiled,
    });
    check_file("refused.json", &file);
}
