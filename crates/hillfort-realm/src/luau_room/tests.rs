//! Script rooms in the world's shell, under virtual time.

use hillfort_proto::ids::SessionId;
use hillfort_proto::limits::ROOM_DATA_BYTES_MAX;
use hillfort_world::{Output, Outputs, RoomCell, To};

use super::*;

mod documented;
mod hilltop;
mod rewound;
mod saved;
mod scene;

/// One room of a game, driven by hand.
struct Rig {
    cell: RoomCell,
    out: Outputs,
    sessions: u64,
}

impl Rig {
    fn of(game: &Game, seed: u64) -> Self {
        let mut factory = game.factory().expect("sets up");
        let mut rig = Self { cell: RoomCell::new(factory().expect("makes a room"), seed), out: Outputs::default(), sessions: 0 };
        rig.cell.on_create(b"params", &mut rig.out).expect("is created");
        rig
    }

    /// A room of `source`, which must be good.
    #[track_caller]
    fn new(source: &str) -> Self {
        Self::of(&luau_game("test", "test.luau", source).expect("is accepted"), 1)
    }

    fn join(&mut self, name: &str) -> Seat {
        self.try_join(name).expect("is let in")
    }

    fn try_join(&mut self, name: &str) -> Result<Seat, Reject> {
        self.sessions += 1;
        let who = Who { session: SessionId(self.sessions), name, facts: &[] };
        if let Verdict::Refuse(reject) = self.cell.on_join_attempt(who, &mut self.out).expect("no fault") {
            return Err(reject);
        }
        let seat = self.cell.take_seat(who).expect("a seat is free");
        self.cell.on_join(seat, &mut self.out).expect("no fault");
        Ok(seat)
    }

    fn leave(&mut self, seat: Seat) {
        self.cell.on_leave(seat, &mut self.out).expect("no fault");
        self.cell.free_seat(seat);
    }

    fn tick(&mut self) {
        self.out.clear();
        self.cell.on_tick(&mut self.out).expect("no fault");
    }

    fn fault(&mut self) -> RoomFault {
        self.out.clear();
        self.cell.on_tick(&mut self.out).expect_err("a fault")
    }

    /// What was logged, as one text.
    fn logged(&self) -> String {
        self.out
            .iter()
            .filter_map(|output| if let Output::Log { line } = output { Some(line) } else { None })
            .collect::<Vec<_>>()
            .join("\n")
    }
}

#[track_caller]
fn check_refused(source: &str, expect: &str) {
    let refused = luau_game("test", "test.luau", source).expect_err("is refused");
    assert!(refused.to_string().contains(expect), "{refused} has no {expect:?}");
}

#[test]
fn bad_scripts_are_refused_when_they_are_loaded() {
    check_refused("function on_tick(", "test.luau:1:");
    check_refused("function on_tick() end\nerror('top')", "test.luau:2: top");
    check_refused("function on_create() end", "no function on_tick");
    check_refused("while true do end", "budget exceeded");
    check_refused("local kept = ('x'):rep(1e8)", "memory limit exceeded");
    check_refused("function on_tick() end function on_create() return 7 end", "must return a table");
    check_refused("function on_tick() end function on_create() return { hz = 0 } end", "hz must be 1 to 128");
    check_refused("function on_tick() end function on_create() return { hz = 20.5 } end", "hz must be a whole number");
    check_refused("function on_tick() end function on_create() return { seats = 70000 } end", "seats must be a whole number");
    check_refused("function on_tick() end function on_create() return { seatz = 7 } end", "unknown field \"seatz\"");
    check_refused("function on_tick() end function on_create() return { label = 7 } end", "label must be a string");
    check_refused("function on_tick() end function on_create() return { late = { catch_up = 0 } } end", "late policy");
    check_refused("function on_tick() end function on_create() return { inputs = { player_tick = 0 } } end", "inputs a tick");
    check_refused("function on_tick() end function on_create(ctx) ctx.nothing() end", "test.luau:1:");
    let refused = luau_game("No Name", "test.luau", "function on_tick() end").expect_err("is refused");
    assert!(refused.to_string().contains("No Name"));
}

#[test]
fn the_lifecycle_reaches_the_script() {
    let mut rig = Rig::new(
        "
        function on_create(ctx, params) return { hz = 10, seats = 3, label = 'a ' .. buffer.tostring(params) } end
        function on_join_attempt(ctx, name) return name ~= 'mallory' end
        function on_join(ctx, player, name) ctx.log(`join {player} {name} of {#ctx.players()}`) ctx.timer(1, 8) end
        function on_message(ctx, player, op, data) ctx.log(`message {player} {op} {buffer.tostring(data)}`) end
        function on_timer(ctx, id) ctx.log('timer ' .. id) end
        function on_tick(ctx) ctx.log(`tick {ctx.tick} {ctx.hz} {ctx.dt}`) print('printed') end
        function on_drop(ctx, player) ctx.log(`drop {ctx.name(player)} {ctx.connected(player)}`) end
        function on_reconnect(ctx, player) ctx.log(`back {ctx.name(player)} {ctx.connected(player)}`) end
        function on_leave(ctx, player) ctx.log(`leave {player}`) end
        function on_signal(ctx, data) return 'echo ' .. buffer.tostring(data) end
        function on_save(ctx) return 'saved' end
        function on_restore(ctx, data) ctx.log('restored ' .. buffer.tostring(data)) end
        function on_dispose(ctx, grace) ctx.log('dispose ' .. grace) ctx.end_room() end
        ",
    );
    assert_eq!(rig.try_join("mallory"), Err(Reject::RoomRefused));
    let seat = rig.join("ann");
    assert_eq!(rig.logged(), "join 0 ann of 1");
    rig.cell.push_input(seat, 7, b"hello");
    rig.tick();
    assert_eq!(rig.logged(), "message 0 7 hello\ntimer 8\ntick 1 10 0.1\nprinted");
    rig.out.clear();
    rig.cell.on_drop(hillfort_proto::time::Time::ZERO, seat, &mut rig.out).expect("no fault");
    rig.cell.on_reconnect(seat, &mut rig.out).expect("no fault");
    rig.leave(seat);
    assert_eq!(rig.logged(), "drop ann false\nback ann true\nleave 0");
    rig.out.clear();
    let (mut reply, mut state) = (Vec::new(), Vec::new());
    rig.cell.on_signal(b"you", &mut reply, &mut rig.out).expect("no fault");
    assert_eq!(rig.cell.on_save(&mut state, &mut rig.out), Ok(Stored::Done));
    assert_eq!(rig.cell.on_restore(&state, &mut rig.out), Ok(Stored::Done));
    assert_eq!((reply.as_slice(), state.as_slice()), (&b"echo you"[..], &b"saved"[..]));
    rig.cell.on_dispose(Duration::from_millis(1500), &mut rig.out).expect("no fault");
    assert_eq!(rig.logged(), "restored saved\ndispose 1.5");
    assert!(rig.cell.is_ended());
}

#[test]
fn missing_functions_have_their_defaults() {
    let mut rig = Rig::new("function on_tick() end");
    let seat = rig.join("ann");
    rig.cell.push_input(seat, 1, b"x");
    rig.tick();
    rig.leave(seat);
    assert_eq!(rig.cell.on_save(&mut Vec::new(), &mut rig.out), Ok(Stored::NotSupported));
    assert_eq!(rig.cell.on_restore(b"", &mut rig.out), Ok(Stored::NotSupported));
}

#[test]
fn outputs_reach_the_world() {
    let mut rig = Rig::new(
        "
        local out = buffer.fromstring('abcdef')
        function on_tick(ctx)
            ctx.send(3, 1, out)
            ctx.broadcast(2, out, 2)
            ctx.send_state(4, 'text', 3)
            ctx.broadcast_state(out, 0)
            ctx.kick(0)
            ctx.label('new')
        end
        ",
    );
    rig.join("ann");
    rig.tick();
    assert_eq!(
        rig.out.iter().collect::<Vec<_>>(),
        [
            Output::Event { to: To::One(Seat(3)), op: 1, data: b"abcdef" },
            Output::Event { to: To::All, op: 2, data: b"ab" },
            Output::State { to: To::One(Seat(4)), data: b"tex" },
            Output::State { to: To::All, data: b"" },
            Output::Kick { seat: Seat(0) },
        ]
    );
}

#[test]
fn requests_out_of_bounds_are_errors_that_a_script_may_catch() {
    #[track_caller]
    fn check(request: &str, expect: &str) {
        let mut rig = Rig::new(&format!(
            "function on_tick(ctx) local ok, text = pcall(function() {request} end) ctx.log(tostring(text)) end"
        ));
        rig.tick();
        let logged = rig.logged();
        assert!(logged.contains(expect), "{request}: {logged}");
        assert_eq!(rig.out.iter().count(), 1, "{request}: nothing else was put out");
        // Not caught, it ends the room.
        let fault = Rig::new(&format!("function on_tick(ctx) {request} end")).fault();
        assert_eq!(fault.kind(), FaultKind::Crashed);
        assert!(fault.message().contains(expect), "{}", fault.message());
    }
    check("ctx.send(0, 1, buffer.create(2), 3)", "3 bytes asked for of 2");
    check(&format!("ctx.broadcast(1, buffer.create({}))", ROOM_DATA_BYTES_MAX + 1), "data must have at most");
    check("ctx.broadcast_state(7)", "buffer or string expected, got integer");
    check("ctx.broadcast_state({})", "buffer or string expected, got table");
    check("ctx.send(-1, 1, '')", "u16");
    check("ctx.send(0.5, 1, '')", "u16");
    check("ctx.label(('x'):rep(2049))", "label must have at most");
    check("ctx.label('\\255')", "UTF-8");
    check("ctx.kick('ann')", "u16");
}

#[test]
fn faults_name_their_kind_and_place() {
    #[track_caller]
    fn check(body: &str, kind: FaultKind, expect: &str) {
        let fault = Rig::new(&format!("function on_tick(ctx)\n{body}\nend")).fault();
        assert_eq!(fault.kind(), kind, "{body}: {}", fault.message());
        assert!(fault.message().contains(expect), "{body}: {}", fault.message());
    }
    check("error('oh')", FaultKind::Crashed, "test.luau:2: oh");
    check("local t = nil; t.x = 1", FaultKind::Crashed, "test.luau:2:");
    // Steps run out first, or time on a machine that has much else to do.
    check("while true do end", FaultKind::Budget, "budget exceeded");
    check("pcall(function() while true do end end)", FaultKind::Budget, "budget exceeded");
    check("local s = 'x' while true do s ..= s end", FaultKind::Memory, "memory limit");
    check(
        "local b = buffer.create(60000) while true do ctx.broadcast_state(b) end",
        FaultKind::Crashed,
        "this tick has put out too much",
    );
}

#[test]
fn a_fault_ends_one_room_and_leaves_the_others_on_the_engine() {
    let source = "local mine = 0 function on_message(ctx, player, op, data) if op == 1 then while true do end end mine += 1 end
        function on_tick(ctx) ctx.broadcast_state(tostring(mine)) end";
    let game = luau_game("test", "test.luau", source).expect("is accepted");
    let mut factory = game.factory().expect("sets up");
    let mut rigs = [1, 2].map(|seed| {
        let mut rig = Rig { cell: RoomCell::new(factory().expect("room"), seed), out: Outputs::default(), sessions: 0 };
        rig.cell.on_create(b"", &mut rig.out).expect("is created");
        rig.join("ann");
        rig
    });
    rigs[0].cell.push_input(Seat(0), 1, b"");
    assert_eq!(rigs[0].fault().kind(), FaultKind::Budget);
    for expect in ["1", "2"] {
        rigs[1].cell.push_input(Seat(0), 2, b"");
        rigs[1].tick();
        assert_eq!(rigs[1].out.iter().next(), Some(Output::State { to: To::All, data: expect.as_bytes() }));
    }
}

#[test]
fn random_numbers_come_from_the_rooms_seed() {
    let draw = |seed| {
        let game = luau_game(
            "test",
            "test.luau",
            "local first = math.random() function on_tick(ctx) ctx.log(first .. ' ' .. math.random(1000)) end",
        );
        let mut rig = Rig::of(&game.expect("is accepted"), seed);
        rig.tick();
        rig.logged()
    };
    assert_eq!(draw(5), draw(5));
    assert_ne!(draw(5), draw(6));
}

#[test]
fn more_rooms_than_one_engine_can_tell_apart() {
    let game = luau_game("test", "test.luau", "function on_tick(ctx) ctx.log('fine') end").expect("is accepted");
    let mut factory = game.factory().expect("sets up");
    let mut out = Outputs::default();
    let mut cells: Vec<_> = (0..200).map(|seed| RoomCell::new(factory().expect("room"), seed)).collect();
    for cell in &mut cells {
        cell.on_create(b"", &mut out).expect("is created");
        out.clear();
        cell.on_tick(&mut out).expect("no fault");
        assert_eq!(out.iter().count(), 1);
    }
}
