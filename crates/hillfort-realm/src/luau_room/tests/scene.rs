//! Scenes of scripts: what players get of them, what a script may ask, and what becomes of hostile scripts.

use std::sync::Arc;

use hillfort_sync::{Mirror, Replicator, Schema, Seen, read_schema};
use hillfort_world::Packets;

use super::*;
use crate::sync_test::{SyncOptions, sync_test};

const FILE: &str = include_str!("skaters.toml");
const SKATERS: &str = include_str!("skaters.luau");
const PAGE: &str = include_str!("../../../../../docs/rooms.md");

fn schema() -> Arc<Schema> {
    Arc::new(read_schema(FILE).expect("the example is good"))
}

fn game(source: &str) -> Game {
    luau_game_with("test", "test.luau", source, Some(schema()), luau_limits()).expect("is accepted")
}

/// A room and the clients of those who sit in it.
struct Rink {
    rig: Rig,
    replicator: Replicator,
    clients: Vec<Mirror>,
}

impl Rink {
    fn new(source: &str) -> Self {
        Self { rig: Rig::of(&game(source), 1), replicator: Replicator::default(), clients: Vec::new() }
    }

    fn join(&mut self) -> Seat {
        self.clients.push(Mirror::new(schema()));
        self.rig.join("ann")
    }

    fn tick(&mut self) {
        self.rig.tick();
        self.share();
    }

    fn share(&mut self) {
        let (mut packets, mut sessions) = (Packets::default(), Vec::new());
        let mut parts = self.rig.cell.parts(1, &mut sessions, |_| true).expect("has a scene");
        parts.next().expect("one").write(&mut self.replicator, &mut packets);
        for packet in packets.iter() {
            assert_eq!(self.clients[packet.session.0 as usize - 1].take(packet.data), Ok(true));
        }
    }

    /// The entities that a client has, by id.
    fn seen(&self, client: usize) -> Vec<Seen<'_>> {
        let mut seen: Vec<_> = self.clients[client].seen().collect();
        seen.sort_by_key(|seen| seen.id().get());
        seen
    }

    fn values(&self, client: usize, field: usize) -> Vec<Option<f32>> {
        self.seen(client).iter().map(|seen| seen.value(field)).collect()
    }
}

#[test]
fn the_page_shows_the_files() {
    assert!(PAGE.contains(&format!("```toml\n{FILE}```")));
    assert!(PAGE.contains(&format!("```luau\n{SKATERS}```")));
}

#[test]
fn the_example_is_seen_by_its_players() {
    let mut rink = Rink::new(SKATERS);
    let ann = rink.join();
    rink.join();
    rink.tick();
    let breath = |rink: &Rink, client: usize| rink.values(client, 2).into_iter().flatten().collect::<Vec<_>>();
    assert_eq!(breath(&rink, 0), [255.0], "its own only");
    let x = rink.seen(0)[0].value(0).expect("for all");
    let mut input = [7_u32.to_le_bytes(), 3_u32.to_le_bytes()].concat();
    input.extend([(if x < 50.0 { 127_i8 } else { -127 }).cast_unsigned(), 0]);
    rink.rig.cell.push_input(ann, 1, &input);
    rink.tick();
    let moved = rink.seen(0)[0].value(0).expect("for all");
    assert!(((moved - x).abs() - 1.0).abs() < 0.05, "{x} {moved}");
    assert_eq!((breath(&rink, 0), rink.clients[0].note().input, rink.clients[0].note().ahead), (vec![254.0], 7, 1));
    // What nobody knows changes nothing.
    rink.rig.cell.push_input(ann, 1, &[1, 2, 3]);
    rink.rig.leave(Seat(1));
    rink.tick();
    assert_eq!(rink.seen(0).len(), 1);
}

/// Opens a scene; `x`, `y` and `breath` are its columns.
const OPEN: &str = "
    local x, y, breath
    local function open(ctx, config)
        ctx.open_scene(config)
        x, y, breath = ctx.column('skater', 'x'), ctx.column('skater', 'y'), ctx.column('skater', 'breath')
    end
";

#[test]
fn a_script_says_who_sees_what() {
    let mut rink = Rink::new(&format!(
        "{OPEN}
        local all, foes, first
        function on_create(ctx)
            open(ctx, {{ entities = 8 }})
            all, foes, first = ctx.spawn('skater'), ctx.spawn('skater'), ctx.spawn('skater')
            ctx.seen_by(foes, 2)
            ctx.seen_by(first, 0)
            for row = 0, 2 do buffer.writef32(x, row * 4, row) buffer.writef32(breath, row * 4, row) end
        end
        function on_join(ctx, player) if player == 0 then ctx.owner(first, 0) else ctx.player_groups(player, 3) end end
        function on_message(ctx, player, op) if op == 1 then ctx.seen_by(first) ctx.owner(first) ctx.seen_by(foes, 0) else ctx.despawn(all) end end
        function on_tick(ctx) end"
    ));
    rink.join();
    rink.join();
    rink.tick();
    assert_eq!((rink.values(0, 0), rink.values(1, 0)), (vec![Some(0.0), Some(2.0)], vec![Some(0.0), Some(1.0)]));
    assert_eq!(rink.values(0, 2), [None, Some(2.0)], "breath is for owners");
    rink.rig.cell.push_input(Seat(0), 1, b"");
    (0..8).for_each(|_| rink.tick());
    assert_eq!((rink.values(0, 0), rink.values(1, 0)), (vec![Some(0.0), Some(2.0)], vec![Some(0.0), Some(2.0)]));
    assert_eq!(rink.values(0, 2), [None, None]);
    rink.rig.cell.push_input(Seat(0), 2, b"");
    (0..8).for_each(|_| rink.tick());
    assert_eq!(rink.values(0, 0), [Some(2.0)]);
}

#[test]
fn a_row_that_is_used_again_begins_at_zero() {
    let mut rink = Rink::new(&format!(
        "{OPEN}
        local old
        function on_create(ctx) open(ctx, {{ entities = 1 }}) old = ctx.spawn('skater') buffer.writef32(x, 0, 9) end
        function on_message(ctx)
            ctx.despawn(old)
            local new, row = ctx.spawn('skater')
            ctx.log(`{{new == old}} {{row}} {{ctx.alive(old)}} {{ctx.alive(new)}} {{new % 2^20}}`)
        end
        function on_tick(ctx) end"
    ));
    rink.join();
    rink.tick();
    assert_eq!(rink.values(0, 0), [Some(9.0)]);
    rink.rig.cell.push_input(Seat(0), 1, b"");
    rink.tick();
    assert_eq!(rink.rig.logged(), "false 0 false true 0");
    (0..8).for_each(|_| rink.tick());
    assert_eq!(rink.values(0, 0), [Some(0.0)]);
}

#[test]
fn players_look_from_where_they_are_put() {
    let mut rink = Rink::new(&format!(
        "{OPEN}
        function on_create(ctx)
            open(ctx, {{ radius = 10 }})
            for row = 0, 9 do ctx.spawn('skater') buffer.writef32(x, row * 4, row * 10) end
        end
        function on_message(ctx, player, op) if op == 1 then ctx.look_from(player, 50, 0) else ctx.look_from(player) end end
        function on_tick(ctx) end"
    ));
    rink.join();
    rink.tick();
    assert_eq!(rink.seen(0).len(), 0, "it has no skater of its own");
    rink.rig.cell.push_input(Seat(0), 1, b"");
    (0..8).for_each(|_| rink.tick());
    assert_eq!(rink.values(0, 0), [Some(40.0), Some(50.0), Some(60.0)]);
    rink.rig.cell.push_input(Seat(0), 2, b"");
    (0..8).for_each(|_| rink.tick());
    assert_eq!(rink.seen(0).len(), 0);
}

#[test]
fn a_room_that_is_restored_has_the_same_scene_in_other_rows() {
    let source = "
        local x, entities = nil, {}
        local function add(ctx)
            local entity, row = ctx.spawn('skater')
            buffer.writef32(x, row * 4, 7)
            table.insert(entities, entity)
        end
        function on_create(ctx) ctx.open_scene() x = ctx.column('skater', 'x') end
        function on_join(ctx, player) add(ctx) add(ctx) ctx.despawn(table.remove(entities, 1)) add(ctx) end
        function on_tick(ctx) end
        function on_save(ctx) return tostring(#entities) end
        function on_restore(ctx, data) for _ = 1, tonumber(buffer.tostring(data)) do add(ctx) end end";
    let options = SyncOptions { ticks: 200, ..SyncOptions::default() };
    let report = sync_test(&game(source), options).expect("the same in all runs");
    assert!(report.restored);
}

/// What a script asks, in a room with one live and one dead entity, and what it hears.
#[track_caller]
fn check_refused(request: &str, expect: &str) {
    let source = format!(
        "{OPEN}
        local live, dead
        function on_create(ctx)
            open(ctx, {{ entities = 100 }})
            live, dead = ctx.spawn('skater'), ctx.spawn('skater')
            ctx.despawn(dead)
        end
        function on_tick(ctx)
            {request}
        end"
    );
    let fault = Rig::new_with(&source).fault();
    assert_eq!(fault.kind(), FaultKind::Crashed, "{request}: {}", fault.message());
    assert!(fault.message().contains(expect), "{request}: {}", fault.message());
    assert!(fault.message().contains("test.luau:15"), "{request} names its line: {}", fault.message());
    // Caught, it changes nothing, and the room goes on.
    let mut rink = Rink::new(&source.replace(request, &format!("pcall(function() {request} end)")));
    rink.join();
    rink.tick();
    assert_eq!(rink.seen(0).len(), 1, "{request}");
}

impl Rig {
    fn new_with(source: &str) -> Self {
        Self::of(&game(source), 1)
    }
}

#[test]
fn what_a_script_cannot_have_is_refused_with_its_line() {
    for (request, expect) in [
        // Rows beyond the columns.
        ("buffer.writef32(x, 400, 1)", "buffer access out of bounds"),
        ("buffer.writef32(x, -4, 1)", "buffer access out of bounds"),
        ("buffer.writef32(x, 2^40, 1)", "buffer access out of bounds"),
        ("buffer.fill(y, 0, 0, 401)", "buffer access out of bounds"),
        // Forged and dead entities.
        ("ctx.despawn(dead)", "there is no such entity"),
        ("ctx.despawn(77)", "there is no such entity"),
        ("ctx.despawn(live + 2^20)", "there is no such entity"),
        ("ctx.despawn(2^32 - 1)", "there is no such entity"),
        ("ctx.despawn(2^32)", "u32"),
        ("ctx.despawn(-1)", "u32"),
        ("ctx.despawn(0.5)", "u32"),
        ("ctx.despawn(0/0)", "u32"),
        ("ctx.despawn('live')", "u32"),
        ("ctx.despawn()", "u32"),
        ("ctx.owner(dead, 1)", "there is no such entity"),
        ("ctx.owner(live, -1)", "u16"),
        ("ctx.owner(live, 65536)", "u16"),
        ("ctx.team(live, 256)", "u8"),
        ("ctx.team(dead, 1)", "there is no such entity"),
        ("ctx.seen_by(dead, 1)", "there is no such entity"),
        ("ctx.seen_by(live, -1)", "u64"),
        ("ctx.seen_by(live, 1/0)", "u64"),
        // Kinds, fields, scenes.
        ("ctx.spawn('dragon')", "the schema has no kind \"dragon\""),
        ("ctx.spawn(7)", "buffer or string expected"),
        ("ctx.spawn(('x'):rep(1e5))", "a name has at most 32 bytes"),
        ("ctx.column('skater', 'z')", "kind skater has no field \"z\""),
        ("ctx.column('dragon', 'x')", "the schema has no kind \"dragon\""),
        ("ctx.open_scene()", "a scene is opened once, in on_create"),
        ("for _ = 1, 10000 do ctx.spawn('skater') end", "the scene is full"),
        // Players.
        ("ctx.player_team(1, 300)", "u8"),
        ("ctx.player_groups(0, 0.5)", "u64"),
        ("ctx.look_from(0, 0/0, 1)", "a place has finite numbers"),
        ("ctx.look_from(0, 1e300, 1)", "a place has finite numbers"),
        ("ctx.acknowledge(0, -1, 1)", "u32"),
        // Places of the past. A tick that is a number, and an entity that could be one, are refused without an error: see below.
        ("ctx.place(-1, 1)", "u32"),
        ("ctx.place(2^32, 1)", "u32"),
        ("ctx.place(0/0, 1)", "u32"),
        ("ctx.place(live)", "f64"),
        ("ctx.place(live, 'then')", "f64"),
        ("ctx.place(live, {})", "f64"),
        ("ctx.place('live', 1)", "u32"),
    ] {
        if request.starts_with("for ") {
            assert!(
                Rig::new_with(&format!(
                    "function on_create(ctx) ctx.open_scene({{ entities = 100 }}) end function on_tick(ctx) {request} end"
                ))
                .fault()
                .message()
                .contains(expect)
            );
        } else {
            check_refused(request, expect);
        }
    }
}

#[test]
fn whatever_a_client_claims_of_the_past_is_no_error() {
    #[track_caller]
    fn check(claim: &str, expect: &str) {
        let mut rink = Rink::new(&format!(
            "{OPEN}
            local live, dead
            function on_create(ctx) open(ctx) live, dead = ctx.spawn('skater'), ctx.spawn('skater') ctx.despawn(dead) end
            function on_tick(ctx)
                buffer.writef32(x, 0, ctx.tick)
                local x, y = ctx.place({claim})
                ctx.log(`{{x}} {{y}}`)
            end"
        ));
        rink.join();
        rink.tick();
        assert_eq!(rink.rig.logged(), "nil nil", "{claim}: before the first tick is over");
        (0..40).for_each(|_| rink.tick());
        assert_eq!(rink.rig.logged(), expect, "{claim}");
        assert_eq!(rink.rig.cell.ctx().scene().map(|scene| scene.entities().count()), Some(1), "{claim}");
    }
    // The room is in tick 41, and has 20 of them a second.
    check("live, ctx.tick - 1", "40 0");
    check("live, ctx.tick - 20", "21 0");
    for tick in [
        "0/0",
        "1/0",
        "-1/0",
        "-1",
        "-0.001",
        "0",
        "1",
        "20",
        "20.5",
        "20.999",
        "40.001",
        "40.5",
        "41",
        "42",
        "1e9",
        "2^31",
        "2^32",
        "2^32 + 30",
        "2^53",
        "1e300",
    ] {
        check(&format!("live, {tick}"), "nil nil");
    }
    for entity in ["dead", "0", "1", "77", "live + 2^20", "live + 2^31", "2^32 - 1"] {
        check(&format!("{entity}, 30"), "nil nil");
    }
}

#[test]
fn scenes_that_cannot_be_are_refused_when_the_script_is_loaded() {
    for (open, expect) in [
        ("{ entities = 0 }", "entities must be 1 to 16384"),
        ("{ entities = 16385 }", "entities must be 1 to 16384"),
        ("{ entities = 1/0 }", "entities must be a whole number"),
        ("{ radius = 0 }", "a radius above 0"),
        ("{ radius = 0/0 }", "a radius above 0"),
        ("{ radius = 1e300 }", "a radius above 0"),
        ("{ radius = 'far' }", "radius must be a number"),
        ("{ bytes_per_second = 999 }", "at least 1,000 bytes"),
        ("{ entitys = 9 }", "unknown field \"entitys\""),
        ("7", "a table expected"),
    ] {
        let source = format!("function on_tick() end function on_create(ctx) ctx.open_scene({open}) end");
        let refused = luau_game_with("test", "test.luau", &source, Some(schema()), luau_limits()).expect_err(open);
        assert!(refused.to_string().contains(expect), "{open}: {refused}");
    }
    let source = "function on_tick() end function on_create(ctx) ctx.open_scene() end";
    let refused = luau_game("test", "test.luau", source).expect_err("has no schema");
    assert!(refused.to_string().contains("the game has no sync.toml"), "{refused}");
    let source = "function on_tick() end function on_create(ctx) ctx.spawn('skater') end";
    let refused = luau_game_with("test", "test.luau", source, Some(schema()), luau_limits()).expect_err("has no scene");
    assert!(refused.to_string().contains("the room has no scene"), "{refused}");
}

#[test]
fn whatever_a_script_writes_into_columns_players_get_numbers_of_the_schema() {
    // Also of rows that nobody has, of players who are not here, and with columns asked for again and again.
    let mut rink = Rink::new(&format!(
        "{OPEN}
        local bad = {{ 0/0, 1/0, -1/0, 1e300, -1e300, 3e38, 1e-45, -0.0, 101, -1 }}
        function on_create(ctx) open(ctx, {{ entities = 64, radius = 40 }}) for _ = 1, 40 do ctx.spawn('skater') end end
        function on_join(ctx, player) ctx.owner(0 + 2^20, player) end
        function on_tick(ctx)
            for row = 0, 63 do
                for _, column in {{ x, y, breath }} do
                    buffer.writef32(column, row * 4, bad[math.random(#bad)])
                    if math.random(9) == 1 then buffer.writeu32(column, row * 4, math.random(0, 2^32 - 1)) end
                end
            end
            ctx.owner(1 + 2^20, math.random(0, 65535))
            ctx.player_team(9, 1)
            ctx.player_groups(9, 1)
            ctx.look_from(9, 1, 1)
            ctx.acknowledge(9, 1, 1)
            ctx.look_from(0, (math.random() - 0.5) * 1e30, 0)
            for _ = 1, 100 do assert(ctx.column('skater', 'x') == x) end
        end"
    ));
    rink.join();
    for _ in 0..300 {
        rink.tick();
        for seen in rink.seen(0) {
            let values = [0, 1, 2].map(|field| seen.value(field).unwrap_or(0.0));
            assert!(values.iter().zip([100.01, 100.01, 255.0]).all(|(value, top)| (0.0..=top).contains(value)), "{values:?}");
        }
    }
}

#[test]
fn columns_count_as_memory_of_the_room() {
    let source = "function on_tick() end function on_create(ctx)
        ctx.open_scene({ entities = 16384 })
        local kept = {}
        for at = 1, 70 do kept[at] = buffer.create(60000) end
        for _, field in { 'x', 'y', 'breath' } do kept[field] = ctx.column('skater', field) end
    end";
    let refused = luau_game_with("test", "test.luau", source, Some(schema()), luau_limits()).expect_err("is too large");
    assert!(refused.to_string().contains("memory limit exceeded"), "{refused}");
}
