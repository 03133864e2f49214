//! Bounds of schemas, and what their hash knows.

use super::*;

fn squad() -> Kind {
    Kind::new("squad")
        .with(Field::fixed("x", 0.0, 160.0, 1.0 / 64.0))
        .with(Field::fixed("y", 0.0, 100.0, 1.0 / 64.0))
        .at("x", "y")
}

#[track_caller]
fn check(change: impl FnOnce(&mut Kind), expect: Result<(), SchemaError>) {
    let mut kind = squad();
    change(&mut kind);
    assert_eq!(Schema::new(vec![kind]).map(|_| ()), expect);
}

#[test]
fn bounds_hold_at_their_edges() {
    let ranged = |ty| move |kind: &mut Kind| kind.fields.push(Field::new("n", ty));
    let range = || Err(SchemaError::Range("n".to_owned()));
    check(|_| (), Ok(()));
    check(ranged(FieldType::Int { min: 0, max: (1 << 24) - 1 }), Ok(()));
    check(ranged(FieldType::Int { min: 0, max: 1 << 24 }), range());
    check(ranged(FieldType::Int { min: 3, max: 3 }), range());
    check(ranged(FieldType::Int { min: i32::MIN, max: i32::MAX }), range());
    check(ranged(FieldType::Int { min: i32::MAX - 2, max: i32::MAX }), range());
    check(ranged(FieldType::Fixed { min: 0.0, max: 1.0, step: 1.0 }), Ok(()));
    check(ranged(FieldType::Fixed { min: 0.0, max: 1.0, step: 1.1 }), range());
    check(ranged(FieldType::Fixed { min: 0.0, max: 1.0, step: f32::NAN }), range());
    check(ranged(FieldType::Fixed { min: f32::NEG_INFINITY, max: 1.0, step: 1.0 }), range());
    check(ranged(FieldType::Fixed { min: 0.0, max: 16_777_216.0, step: 1.0 }), range());
    check(ranged(FieldType::Angle { bits: 16 }), Ok(()));
    check(ranged(FieldType::Angle { bits: 17 }), Err(SchemaError::Angle("n".to_owned())));
    check(ranged(FieldType::Angle { bits: 0 }), Err(SchemaError::Angle("n".to_owned())));
    check(|kind| kind.fields.clear(), Err(SchemaError::Fields("squad".to_owned())));
    check(|kind| kind.fields[1].name = "x".to_owned(), Err(SchemaError::Double("x".to_owned())));
    check(|kind| kind.name = "Squad".to_owned(), Err(SchemaError::Name("Squad".to_owned())));
    check(|kind| kind.at = Some([0, 0]), Err(SchemaError::At("squad".to_owned())));
    check(|kind| kind.at = Some([0, 9]), Err(SchemaError::At("squad".to_owned())));
    check(|kind| kind.fields[0].extrapolate = Some(1), Ok(()));
    check(|kind| kind.fields[0].extrapolate = Some(0), Err(SchemaError::Extrapolate("x".to_owned())));
    assert_eq!(Schema::new(Vec::new()), Err(SchemaError::Kinds));
    let many = |count: usize| (0..count).map(|at| Kind { name: format!("k{at}"), ..squad() }).collect();
    assert!(Schema::new(many(KINDS_MAX)).is_ok());
    assert_eq!(Schema::new(many(KINDS_MAX + 1)), Err(SchemaError::Kinds));
}

#[test]
fn the_hash_knows_what_matters_for_the_bytes() {
    let hash = |change: fn(&mut Field)| {
        let mut kind = squad();
        change(&mut kind.fields[0]);
        Schema::new(vec![kind]).unwrap().hash()
    };
    let all = [
        hash(|_| ()),
        hash(|field| field.name = "z".to_owned()),
        hash(|field| field.ty = FieldType::Fixed { min: 0.0, max: 160.0, step: 1.0 / 32.0 }),
        hash(|field| field.extrapolate = Some(2)),
    ];
    assert!(all.iter().enumerate().all(|(at, hash)| !all[..at].contains(hash)), "{all:x?}");
    // How far a client may be wrong is the server's own affair.
    assert_eq!(hash(|field| field.extrapolate = Some(2)), hash(|field| field.extrapolate = Some(5)));
}
