//! One entity there and back, and what it costs.

use super::*;
use crate::column::{Kinds, Tier, VIEWS};
use crate::schema::{Kind, To, When};
use proptest::prelude::*;

fn kind() -> KindColumns {
    let mut hp = Field::new("hp", FieldType::Int { min: 0, max: 100 });
    hp.tier = Tier::Mid;
    let mut gold = Field::new("gold", FieldType::Int { min: 0, max: 1_000_000 });
    gold.to = To::Owner;
    let mut skin = Field::new("skin", FieldType::Int { min: 0, max: 255 });
    skin.when = When::Join;
    let mut mood = Field::new("mood", FieldType::Bool);
    mood.when = When::Always;
    let mut x = Field::fixed("x", 0.0, 1000.0, 1.0 / 64.0);
    x.extrapolate = Some(2);
    let kind = Kind::new("all")
        .with(x)
        .with(Field::fixed("y", -500.0, 500.0, 0.1))
        .with(Field::new("heading", FieldType::Angle { bits: 8 }))
        .with(hp)
        .with(gold)
        .with(skin)
        .with(mood);
    Kinds::compile(&[kind]).kinds.remove(0)
}

/// Numbers of an entity that fit their columns, anchored at most `AGE_MAX` ticks ago.
fn values(kind: &KindColumns, tick: u32) -> impl Strategy<Value = Vec<u32>> + use<> {
    let bits: Vec<u32> = kind.columns.iter().map(|column| column.bits).collect();
    let numbers: Vec<_> = bits.into_iter().map(|bits| 0..1_u32 << bits).collect();
    (numbers, 0_u32..=240).prop_map(move |(mut numbers, age)| {
        numbers.push(tick.wrapping_sub(age));
        numbers
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(now in values(&kind(), 1_000), base in values(&kind(), 990), near in any::<bool>(), view in 0..VIEWS as u8) {
        let kind = kind();
        let view = kind.view(View(view));
        // Mostly small steps; what moves by itself is anchored anew exactly when it changes.
        let mut now = if near { base.iter().zip(&now).map(|(base, now)| if now % 3 == 0 { *base } else { base ^ (now & 1) }).collect() } else { now };
        let since = kind.since.unwrap();
        now[since] = if now[..2] == base[..2] { base[since] } else { 1_000 - base[3] % 4 };
        let mut whole = BitWriter::default();
        put_whole(&mut whole, &kind, view, 1_000, &base);
        let mut changes = BitWriter::default();
        put_changes(&mut changes, &kind, view, 1_000, &now, &base);
        let mut short = Short::default();
        put_changes(&mut short, &kind, view, 1_000, &now, &base);
        prop_assert_eq!(short.len as usize, changes.bit_len());
        let same = |at: usize| now[at] == base[at] || kind.update[view.index()] >> at & 1 == 0;
        let silent = !has_changes(&kind, view, &now, &base);
        prop_assert!(!silent || (0..now.len()).all(same));

        let mut known = vec![0; base.len()];
        let bytes = whole.finish();
        take_whole(&mut BitReader::new(&bytes), &kind, view, 1_000, &mut known).unwrap();
        let sees = |mask: u64, at: usize| at == kind.columns.len() || mask >> at & 1 == 1;
        for at in 0..known.len() {
            prop_assert!(known[at] == base[at] || !sees(kind.enter[view.index()], at), "{at}: {} {}", known[at], base[at]);
        }
        let bytes = changes.finish();
        take_changes(&mut BitReader::new(&bytes), &kind, view, 1_000, &mut known).unwrap();
        for at in 0..known.len() {
            prop_assert!(known[at] == now[at] || !sees(kind.update[view.index()], at), "{at}: {} {}", known[at], now[at]);
        }
    }

    #[test]
    fn bytes_of_any_kind_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60), base in values(&kind(), 990), view in 0..VIEWS as u8) {
        let kind = kind();
        let view = kind.view(View(view));
        let mut known = base;
        if take_changes(&mut BitReader::new(&bytes), &kind, view, 1_000, &mut known).is_some() {
            prop_assert!(kind.columns.iter().zip(&known).all(|(column, value)| *value >> column.bits == 0));
        }
    }
}

#[test]
fn a_step_of_each_size_has_its_length() {
    let spec = Kinds::compile(&[Kind::new("a").with(Field::fixed("x", 0.0, 1000.0, 1.0 / 64.0))]);
    let kind = spec.kind(0);
    let len = |from: u32, to: u32| {
        let mut short = Short::default();
        put_changes(&mut short, kind, View(0), 1, &[to], &[from]);
        short.len - 1
    };
    let of = |step: u32| (len(1_000, 1_000 + step), len(1_000, 1_000 - step));
    assert_eq!(of(1), (7, 7));
    assert_eq!((len(1_000, 1_032), len(1_000, 1_033)), (7, 12));
    assert_eq!((len(1_000, 968), len(1_000, 967)), (7, 12));
    assert_eq!((len(1_000, 1_512), len(1_000, 1_513)), (12, 18));
}
