//! Packets of state sync, in both directions: a mirror that reads whatever comes, and a server that hears whatever is acknowledged.

use std::sync::Arc;

use hillfort_sync::{
    Delivery, Field, FieldType, History, Interest, Kind, Mirror, Replicator, Scene, Schema, To, Viewer, ViewerConfig, When,
};

fn schema() -> Arc<Schema> {
    let mut x = Field::fixed("x", 0.0, 100.0, 1.0 / 64.0);
    x.extrapolate = Some(2);
    let mut gold = Field::new("gold", FieldType::Int { min: -5, max: 70_000 });
    gold.to = To::Owner;
    let mut skin = Field::new("skin", FieldType::Int { min: 0, max: 9 });
    skin.when = When::Join;
    let mut beat = Field::new("beat", FieldType::Bool);
    beat.when = When::Always;
    let hero = Kind::new("hero").with(x).with(Field::fixed("y", 0.0, 100.0, 0.1)).at("x", "y");
    let hero = hero.with(Field::new("facing", FieldType::Angle { bits: 8 })).with(gold).with(skin);
    let clock = Kind::new("clock").with(Field::new("left", FieldType::Int { min: 0, max: 900 })).with(beat);
    Arc::new(Schema::new(vec![hero, clock]).expect("good"))
}

/// The first byte says how many good packets come before; then pieces: a length, and so many bytes of a packet, or of an acknowledgement.
///
/// # Panics
/// When a packet that was refused changed something, or a good one is refused.
pub fn scene(data: &[u8]) {
    let Some((&choice, mut rest)) = data.split_first() else { return };
    let schema = schema();
    let delivery = if choice & 1 == 0 { Delivery::Ordered } else { Delivery::Lossy };
    let config =
        ViewerConfig { delivery, interest: Interest { radius: Some(40.0), every: 2 }, budget: 400, packet: 1_200, hz: 20 };
    let mut scene = Scene::new(Arc::clone(&schema), 40);
    let mut history = History::new(&scene, 20.0, 20);
    let (mut replicator, mut viewer) = (Replicator::default(), Viewer::new(1, config));
    let (mut mirror, mut spoiled) = (Mirror::new(Arc::clone(&schema)), Mirror::new(Arc::clone(&schema)));
    let (mut packet, mut forged) = (Vec::new(), false);
    for tick in 1..=u32::from(choice >> 1) % 40 {
        if let Ok(entity) = scene.spawn((tick % 2) as u8) {
            // Fields that a kind does not have are refused.
            let _refused = (0..5).map(|field| scene.set(entity, field, (tick * 7 % 101) as f32)).filter(Result::is_err).count();
            let owner = (tick % 5 == 0).then_some(1);
            scene.set_owner(entity, owner).expect("alive");
        }
        history.publish(tick, &scene);
        packet.clear();
        let wrote = replicator.pass(&schema, &history).expect("published").write(&mut viewer, None, &mut packet);
        if wrote.is_some() {
            let taken = mirror.take(&packet);
            assert!(forged || taken == Ok(true), "{taken:?}");
            spoil(&mut spoiled, &mut packet, &mut rest);
        }
        match rest.split_first_chunk::<12>() {
            Some((ack, after)) if delivery == Delivery::Lossy => {
                let (tick, mask) = ack.split_first_chunk::<4>().expect("12 bytes");
                viewer.on_ack(u32::from_le_bytes(*tick) % 48, u64::from_le_bytes(mask.try_into().expect("8 bytes")));
                // What the server believes now need not be so: it is this client's own loss.
                forged = true;
                rest = after;
            }
            _ => {}
        }
    }
    while let Some((&len, after)) = rest.split_first() {
        let (bytes, after) = after.split_at(usize::from(len).min(after.len()));
        take(&mut mirror, bytes);
        rest = after;
    }
}

/// A good packet with bits turned as the input says.
fn spoil(mirror: &mut Mirror, packet: &mut [u8], rest: &mut &[u8]) {
    if let Some(([at, bits], after)) = rest.split_first_chunk::<2>() {
        let at = usize::from(*at) % packet.len();
        packet[at] ^= bits;
        *rest = after;
    }
    take(mirror, packet);
}

fn take(mirror: &mut Mirror, bytes: &[u8]) {
    let before = mirror.clone();
    if mirror.take(bytes).is_err() {
        assert_eq!(format!("{before:?}"), format!("{mirror:?}"), "a refused packet changes nothing");
        return;
    }
    for seen in mirror.seen() {
        let numbers = (0..8).filter_map(|field| seen.value_at(field, u32::MAX));
        assert!(numbers.into_iter().all(f32::is_finite));
    }
}
