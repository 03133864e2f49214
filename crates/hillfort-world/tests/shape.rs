//! A struct as a kind of entity: the same schema as one that is made by hand, and all numbers arrive.

use std::sync::Arc;

use hillfort_world::sync::{Field, FieldType, Kind, Scene, Schema, Shape, Tier, To, When};

#[derive(Shape)]
#[shape(at(x, y))]
struct Hero {
    #[shape(fixed(0.0, 160.0, 1.0 / 64.0), extrapolate = 2)]
    x: f32,
    #[shape(fixed(0.0, 100.0, 1.0 / 64.0), extrapolate = 2)]
    y: f32,
    #[shape(angle(8), tier = "mid")]
    facing: f32,
    #[shape(int(-5, 70_000), to = "owner")]
    gold: i64,
    #[shape(int(0, 9), when = "join")]
    skin: u8,
    down: bool,
    #[shape(skip)]
    #[expect(dead_code, reason = "stays with the server")]
    secret: String,
}

#[derive(Shape)]
#[shape(name = "match_clock")]
struct Clock {
    #[shape(int(0, 900), when = "always", to = "team", tier = "near")]
    left: u16,
}

fn by_hand() -> Vec<Kind> {
    let axis = |name, max| {
        let mut field = Field::fixed(name, 0.0, max, 1.0 / 64.0);
        field.extrapolate = Some(2);
        field
    };
    let mut facing = Field::new("facing", FieldType::Angle { bits: 8 });
    facing.tier = Tier::Mid;
    let mut gold = Field::new("gold", FieldType::Int { min: -5, max: 70_000 });
    gold.to = To::Owner;
    let mut skin = Field::new("skin", FieldType::Int { min: 0, max: 9 });
    skin.when = When::Join;
    let hero = Kind::new("hero").with(axis("x", 160.0)).with(axis("y", 100.0)).at("x", "y");
    let hero = hero.with(facing).with(gold).with(skin).with(Field::new("down", FieldType::Bool));
    let mut left = Field::new("left", FieldType::Int { min: 0, max: 900 });
    (left.when, left.to, left.tier) = (When::Always, To::Team, Tier::Near);
    vec![hero, Kind::new("match_clock").with(left)]
}

#[test]
fn a_struct_is_the_kind_that_it_says() {
    assert_eq!(vec![Hero::kind(), Clock::kind()], by_hand());
}

#[test]
fn all_numbers_arrive() {
    let schema = Arc::new(Schema::new(vec![Hero::kind(), Clock::kind()]).unwrap());
    let mut scene = Scene::new(Arc::clone(&schema), 10);
    let (hero, clock) = (scene.spawn(0).unwrap(), scene.spawn(1).unwrap());
    let shape = Hero { x: 3.5, y: 99.0, facing: 1.5, gold: -3, skin: 7, down: true, secret: "key".to_owned() };
    shape.write(&mut scene, hero).unwrap();
    Clock { left: 300 }.write(&mut scene, clock).unwrap();
    let read: Vec<f32> = (0..6).map(|field| scene.get(hero, field).unwrap()).collect();
    assert_eq!(read, [3.5, 99.0, 1.5, -3.0, 7.0, 1.0]);
    assert_eq!(scene.get(clock, 0), Ok(300.0));
    assert!(shape.write(&mut scene, clock).is_err(), "of another kind");
    scene.despawn(hero).unwrap();
    assert!(shape.write(&mut scene, hero).is_err());
}
