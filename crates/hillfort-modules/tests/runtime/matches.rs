//! Match handlers as a room drives them, with virtual time.

use std::sync::Arc;
use std::time::Duration;

use hillfort_modules::Id;
use hillfort_modules::matches::{
    Broadcast, DEFERRED_MAX, Full, JoinAttempt, MESSAGES_MAX, MatchEnd, MatchHandler, MatchMessage, MatchOutput, Presence,
    PresenceReason,
};

use crate::rig::{ANN, BOB, Rig, corpus, start};

fn presence(user: Id, name: &str) -> Presence {
    Presence { user_id: user, session_id: user, username: name.into(), node: "node1".into() }
}

struct Table {
    handler: Box<dyn MatchHandler>,
    now: Duration,
}

impl Table {
    fn open(rig: &Rig, module: &str, params: Option<&str>) -> Self {
        let handler = rig.runtime.match_handler(0, module, "m.node1", params).expect("a match");
        Self { handler, now: Duration::from_secs(100) }
    }

    fn outputs(&mut self) -> Vec<MatchOutput> {
        std::iter::from_fn(|| self.handler.poll_output()).collect()
    }

    /// Lets time pass in steps of 10 ms; what came out.
    fn pass(&mut self, time: Duration) -> Vec<MatchOutput> {
        let end = self.now + time;
        let mut outputs = Vec::new();
        while self.now < end {
            self.now += Duration::from_millis(10);
            self.handler.turn(self.now);
            outputs.extend(self.outputs());
        }
        outputs
    }

    fn turn(&mut self) -> Vec<MatchOutput> {
        self.handler.turn(self.now);
        self.outputs()
    }

    /// Turns until something comes out, or the deadline: for answers of the backend, which come in real time.
    #[track_caller]
    fn wait(&mut self) -> Vec<MatchOutput> {
        let begun = std::time::Instant::now();
        loop {
            let outputs = self.turn();
            if !outputs.is_empty() {
                return outputs;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "nothing comes out");
            std::thread::yield_now();
        }
    }

    fn attempt(&mut self, token: u64, who: &Presence, metadata: &[(&str, &str)]) -> Option<String> {
        let metadata = metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let attempt = JoinAttempt { token, presence: who.clone(), expires_s: 9, vars: Vec::new(), client: None, metadata };
        self.handler.join_attempt(attempt).expect("room");
        match self.turn().as_slice() {
            [MatchOutput::Verdict { token: got, refused }] if *got == token => refused.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn say(&mut self, who: &Presence, op_code: i64, data: &str) -> Result<(), Full> {
        self.handler.message(MatchMessage { sender: who.clone(), op_code, data: data.into(), reliable: true, receive_time_ms: 5 })
    }
}

fn text(broadcast: &Broadcast) -> (i64, &str) {
    (broadcast.op_code, std::str::from_utf8(&broadcast.data).expect("text"))
}

fn broadcasts(outputs: &[MatchOutput]) -> Vec<&Broadcast> {
    outputs
        .iter()
        .filter_map(|output| if let MatchOutput::Broadcast(broadcast) = output { Some(broadcast) } else { None })
        .collect()
}

#[test]
fn a_game_of_tic_tac_toe() {
    let rig = corpus();
    let mut table = Table::open(&rig, "games.tic_tac_toe", Some(r#"{"fast":true}"#));
    let label = |open: i32| format!(r#"{{"fast":1,"open":{open}}}"#);
    assert_eq!(table.turn(), [MatchOutput::Started { tick_rate: 5, label: label(1) }]);
    let (ann, bob, eve) = (presence(ANN, "ann"), presence(BOB, "bob"), presence([0xee; 16], "eve"));
    assert_eq!(table.attempt(1, &ann, &[]), None);
    table.handler.join(vec![ann.clone()]).expect("room");
    assert_eq!(table.turn(), [MatchOutput::Label(label(1))]);
    assert_eq!(table.attempt(2, &ann, &[]).as_deref(), Some("already joined"));
    assert_eq!(table.attempt(3, &bob, &[("color", "pink")]).as_deref(), Some(""));
    assert_eq!(table.attempt(4, &bob, &[]), None);
    table.handler.join(vec![bob.clone()]).expect("room");
    let outputs = table.turn();
    assert_eq!(outputs[0], MatchOutput::Label(label(0)));
    let start = broadcasts(&outputs)[0];
    assert_eq!(start.op_code, 1);
    assert!(start.to.is_none() && start.sender.is_none() && start.reliable);
    assert!(text(start).1.contains(r#""turn":"aaaaaaaa-aaaa"#), "{:?}", text(start));
    assert_eq!(table.attempt(5, &eve, &[]).as_deref(), Some("match full"));

    // Out of turn: refused at the end of the tick, to the sender alone.
    table.say(&bob, 2, r#"{"position":1}"#).expect("room");
    let outputs = table.pass(Duration::from_millis(200));
    let refused = broadcasts(&outputs);
    assert_eq!((refused.len(), refused[0].op_code, refused[0].to.as_deref()), (1, 5, Some(&[BOB][..])));

    for (who, position) in [(&ann, 1), (&bob, 4), (&ann, 2), (&bob, 5)] {
        table.say(who, 2, &format!(r#"{{"position":{position}}}"#)).expect("room");
        let outputs = table.pass(Duration::from_millis(200));
        let state = broadcasts(&outputs)[0];
        assert_eq!((state.op_code, state.sender.as_ref()), (3, Some(who)));
    }
    assert!(table.handler.state(10_000).contains(r#""board":["x","x",null,"o","o"]"#), "{}", table.handler.state(10_000));
    assert!(table.handler.state(10).contains("bytes"));

    table.handler.signal(77, "how many?".to_owned()).expect("room");
    assert_eq!(table.turn(), [MatchOutput::Signalled { token: 77, result: "moves: 4".to_owned() }]);
    table.handler.signal(78, "kick".to_owned()).expect("room");
    let kicked: Vec<_> = table.turn().into_iter().filter(|output| matches!(output, MatchOutput::Kick(_))).collect();
    assert_eq!(kicked.len(), 2);

    // The winning move asks the backend twice, and then the match is over.
    table.say(&ann, 2, r#"{"position":3}"#).expect("room");
    let mut outputs = table.pass(Duration::from_millis(200));
    let begun = std::time::Instant::now();
    while !outputs.iter().any(|output| matches!(output, MatchOutput::Ended(_))) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{outputs:?}");
        outputs.extend(table.turn());
    }
    assert_eq!(text(broadcasts(&outputs)[0]), (4, r#"{"tick":5,"winner":"x"}"#));
    assert_eq!(outputs.last(), Some(&MatchOutput::Ended(MatchEnd::Done)));
    assert_eq!(rig.memory.wallet(ANN, "wins"), 1);
    assert_eq!(table.say(&ann, 2, "{}"), Err(Full));
}

#[test]
fn an_empty_match_ends_itself() {
    let rig = corpus();
    let mut table = Table::open(&rig, "games/tic_tac_toe", None);
    table.turn();
    let outputs = table.pass(Duration::from_secs(3));
    assert_eq!(outputs, [MatchOutput::Ended(MatchEnd::Done)]);
    assert_eq!(table.handler.figures().ticks, 11);
}

#[test]
fn those_who_leave_are_said_with_their_reason() {
    let rig = start(&[(
        "m.lua",
        &minimal(
            "match_leave",
            "dispatcher.match_label_update(presences[1].username .. presences[1].reason .. presences[1].node) return state",
        ),
    )]);
    let mut table = Table::open(&rig, "m", None);
    table.turn();
    let ann = presence(ANN, "ann");
    table.handler.join(vec![ann.clone()]).expect("room");
    table.handler.leave(vec![(ann.clone(), PresenceReason::Disconnect)]).expect("room");
    assert_eq!(table.turn(), [MatchOutput::Label("ann4node1".to_owned())]);
    // Whoever left is no target any more.
    let rig = start(&[(
        "m.lua",
        &minimal(
            "match_signal",
            "dispatcher.broadcast_message(1, 'x', { { session_id = data, node = 'n', user_id = data } }) return state, 'ok'",
        ),
    )]);
    let mut table = Table::open(&rig, "m", None);
    table.turn();
    let id = hillfort_modules::id_to_text(&ANN);
    table.handler.join(vec![ann.clone()]).expect("room");
    table.handler.signal(1, id.clone()).expect("room");
    assert_eq!(broadcasts(&table.turn()).len(), 1);
    table.handler.leave(vec![(ann, PresenceReason::Leave)]).expect("room");
    table.handler.signal(2, id).expect("room");
    assert_eq!(broadcasts(&table.turn()).len(), 0);
}

/// A module whose callback `name` has `body`; the others do what they must.
fn minimal(name: &str, body: &str) -> String {
    let callback = |callback: &str, arguments: &str, usual: &str| {
        format!("function M.{callback}({arguments}) {} end\n", if callback == name { body } else { usual })
    };
    [
        "local nk = require('nakama')\nlocal M = {}\n",
        &callback("match_init", "context, params", "return {}, 10, ''"),
        &callback("match_join_attempt", "context, dispatcher, tick, state, presence, metadata", "return state, true"),
        &callback("match_join", "context, dispatcher, tick, state, presences", "return state"),
        &callback("match_leave", "context, dispatcher, tick, state, presences", "return state"),
        &callback("match_loop", "context, dispatcher, tick, state, messages", "return state"),
        &callback("match_terminate", "context, dispatcher, tick, state, grace_seconds", "return state"),
        &callback("match_signal", "context, dispatcher, tick, state, data", "return state, data"),
        "return M",
    ]
    .concat()
}

/// Runs a minimal match for a second, with a player and a signal; how it ended.
fn end_of(name: &str, body: &str) -> Option<MatchEnd> {
    let rig = start(&[("m.lua", &minimal(name, body))]);
    let mut table = Table::open(&rig, "m", None);
    let mut outputs = table.turn();
    let ann = presence(ANN, "ann");
    let attempt =
        JoinAttempt { token: 1, presence: ann.clone(), expires_s: 9, vars: Vec::new(), client: None, metadata: Vec::new() };
    if table.handler.join_attempt(attempt).is_ok() {
        outputs.extend(table.turn());
        table.handler.join(vec![ann.clone()]).ok();
        table.handler.signal(1, "s".to_owned()).ok();
        table.say(&ann, 1, "x").ok();
        outputs.extend(table.pass(Duration::from_millis(200)));
        table.handler.leave(vec![(ann, PresenceReason::Leave)]).ok();
        table.handler.terminate(Duration::ZERO);
        outputs.extend(table.pass(Duration::from_millis(200)));
    }
    outputs.into_iter().find_map(|output| if let MatchOutput::Ended(end) = output { Some(end) } else { None })
}

#[track_caller]
fn fails(name: &str, body: &str, part: &str) {
    match end_of(name, body) {
        Some(MatchEnd::Failed(text)) if text.contains(part) => {}
        other => panic!("{name}: {body}: {other:?}"),
    }
}

#[test]
fn a_callback_that_does_wrong_ends_its_match() {
    assert_eq!(end_of("", ""), Some(MatchEnd::Done));
    assert_eq!(end_of("match_join", "return nil"), Some(MatchEnd::Done));
    fails("match_init", "return {}, 10", "must be a label string");
    fails("match_init", "return {}, 'x', ''", "must be a tick rate number");
    fails("match_init", "return {}, 61, ''", "between 1 and 60");
    fails("match_init", "return {}, 0, ''", "between 1 and 60");
    fails("match_init", "return nil, 10, ''", "returned no state");
    fails("match_init", "return {}, 10, ('x'):rep(2049)", "too long");
    fails("match_init", "return {}, 10, '', 1", "too many arguments");
    fails("match_join_attempt", "return state", "no boolean");
    fails("match_join_attempt", "return state, true, 7", "reason that is no string");
    fails("match_loop", "return state, 1", "too many values");
    fails("match_loop", "error('broken')", "m.lua:7: broken");
    fails("match_loop", "while true do end", "budget of steps");
    fails("match_loop", "local s = 'x' while true do s = s .. s end", "memory");
    fails("match_signal", "return state, {}", "no string");
    fails("match_loop", "dispatcher.broadcast_message('x')", "bad argument #1");
    fails("match_loop", "dispatcher.broadcast_message(1, {})", "expects data to be a string or nil");
    fails("match_loop", "dispatcher.broadcast_message(1, 'x', 7)", "table expected");
    fails("match_loop", "dispatcher.broadcast_message(1, 'x', { {} })", "valid session_id and node");
    fails("match_loop", "dispatcher.broadcast_message(1, 'x', nil, { user_id = 'x' })", "valid user_id");
    fails("match_loop", "dispatcher.broadcast_message(1, ('x'):rep(1048577))", "at most 1048576 bytes");
    fails(
        "match_loop",
        "local s = ('x'):rep(1048576) for i = 1, 17 do dispatcher.broadcast_message(1, s) end return state",
        "more than 16777216 bytes",
    );
    fails("match_loop", "dispatcher.match_label_update(('x'):rep(2049))", "too long");
    fails(
        "match_loop",
        &format!("for i = 1, {} do dispatcher.broadcast_message_deferred(1) end return state", DEFERRED_MAX + 1),
        "more than 128",
    );
    assert_eq!(
        end_of("match_loop", &format!("for i = 1, {DEFERRED_MAX} do dispatcher.broadcast_message_deferred(1) end return state")),
        Some(MatchEnd::Done)
    );
}

#[test]
fn a_module_that_is_none_is_refused() {
    let asks = "local nk = require('nakama') nk.register_rpc(function(_, name) return nk.match_create(name) end, 'ask')";
    let rig = start(&[("half.lua", "return { match_init = function() end }"), ("none.lua", "return 7"), ("ask.lua", asks)]);
    assert!(rig.runtime.match_handler(0, "other", "m", None).is_err_and(|text| text.contains("there is no module other")));
    for (module, part) in [("half", "match_join_attempt not found or not a function"), ("none", "must return a table")] {
        let outputs = Table::open(&rig, module, None).turn();
        assert!(matches!(&outputs[..], [MatchOutput::Ended(MatchEnd::Failed(text))] if text.contains(part)), "{outputs:?}");
        // Whoever asks for a match of it hears the same, with the line that asked.
        let error = rig.rpc("ask", module).expect_err("no match can be made of it").message;
        assert!(error.contains("error creating match: ") && error.contains(part), "{error}");
    }
    assert!(rig.runtime.match_handler(0, "half", "m", Some("{")).is_err());
}

#[test]
fn matches_are_isolated() {
    let rig = start(&[(
        "m.lua",
        &minimal("match_signal", "count = (count or 0) + 1 string.own = data return state, count .. tostring(('x').own)"),
    )]);
    let mut tables: Vec<_> = (0..20).map(|_| Table::open(&rig, "m", None)).collect();
    for (number, table) in tables.iter_mut().enumerate() {
        table.turn();
        table.handler.signal(1, format!("{number}")).expect("room");
        assert_eq!(table.turn(), [MatchOutput::Signalled { token: 1, result: format!("1{number}") }]);
    }
    // One that fails harms no other on its VM.
    let mut bad = Table::open(&start(&[("m.lua", &minimal("match_signal", "error('x')"))]), "m", None);
    bad.turn();
    bad.handler.signal(1, String::new()).expect("room");
    assert!(matches!(bad.turn()[..], [MatchOutput::Ended(MatchEnd::Failed(_))]));
    tables[3].handler.signal(1, "again".to_owned()).expect("room");
    assert_eq!(tables[3].turn(), [MatchOutput::Signalled { token: 1, result: "2again".to_owned() }]);
}

#[test]
fn a_match_that_leaks_ends_alone() {
    let rig = crate::rig::start_with(
        &[
            ("leak.lua", &minimal("match_loop", "state[#state + 1] = ('x'):rep(100000 + tick) return state")),
            ("good.lua", &minimal("", "")),
        ],
        |settings| settings.match_bytes_max = 512 * 1024,
    );
    let (mut good, mut leak) = (Table::open(&rig, "good", None), Table::open(&rig, "leak", None));
    good.turn();
    leak.turn();
    let mut ended = None;
    for _ in 0..200 {
        good.pass(Duration::from_millis(100));
        ended = leak.pass(Duration::from_millis(100)).into_iter().find(|output| matches!(output, MatchOutput::Ended(_)));
        if ended.is_some() {
            break;
        }
    }
    assert!(matches!(&ended, Some(MatchOutput::Ended(MatchEnd::Failed(text))) if text.contains("memory")), "{ended:?}");
    good.handler.signal(9, "still here".to_owned()).expect("room");
    assert_eq!(good.turn(), [MatchOutput::Signalled { token: 9, result: "still here".to_owned() }]);
}

#[test]
fn a_callback_that_waits_holds_up_its_match_alone() {
    let rig = start(&[
        (
            "waits.lua",
            &minimal(
                "match_loop",
                "if #messages > 0 then nk.storage_read({{ collection = 'c', key = 'k' }}) dispatcher.broadcast_message(#messages) end return state",
            ),
        ),
        ("other.lua", &minimal("match_loop", "dispatcher.broadcast_message(tick) return state")),
    ]);
    let (mut waits, mut other) = (Table::open(&rig, "waits", None), Table::open(&rig, "other", None));
    waits.turn();
    other.turn();
    rig.memory.hold();
    let ann = presence(ANN, "ann");
    waits.say(&ann, 1, "x").expect("room");
    assert_eq!(waits.pass(Duration::from_millis(550)), []);
    assert!(waits.handler.figures().waiting);
    assert_eq!(waits.handler.figures().ticks_missed, 4);
    // What comes meanwhile waits its turn.
    waits.say(&ann, 1, "y").expect("room");
    waits.handler.signal(1, "s".to_owned()).expect("room");
    assert_eq!(waits.turn(), []);
    assert_eq!(broadcasts(&other.pass(Duration::from_millis(550))).len(), 5);
    rig.memory.release();
    let outputs = waits.wait();
    assert_eq!(broadcasts(&outputs)[0].op_code, 1);
    let rest = if outputs.len() > 1 { outputs } else { waits.turn() };
    assert!(rest.contains(&MatchOutput::Signalled { token: 1, result: "s".to_owned() }), "{rest:?}");
}

#[test]
fn ticks_keep_their_pace() {
    let rig = start(&[("m.lua", &minimal("match_init", "return {}, 60, ''"))]);
    let mut table = Table::open(&rig, "m", None);
    table.turn();
    // Turns as often as ticks, a little early and late.
    for tick in 1..=600_u32 {
        let jitter = Duration::from_micros(u64::from(tick % 3) * 700);
        table.now = Duration::from_secs(100) + Duration::from_secs(1) * tick / 60 + jitter - Duration::from_micros(700);
        table.turn();
    }
    assert_eq!(table.handler.figures().ticks, 600);
    // A long pause: ticks are missed, not made up for.
    table.now += Duration::from_secs(10);
    table.turn();
    table.turn();
    let figures = table.handler.figures();
    assert_eq!(figures.ticks, 601);
    assert!((595..=605).contains(&figures.ticks_missed), "{figures:?}");
}

#[test]
fn inputs_are_bounded_and_honest_ones_all_arrive() {
    let rig = start(&[("m.lua", &minimal("match_loop", "dispatcher.broadcast_message(#messages) return state"))]);
    let mut table = Table::open(&rig, "m", None);
    table.turn();
    let ann = presence(ANN, "ann");
    for _ in 0..MESSAGES_MAX {
        table.say(&ann, 1, "x").expect("room");
    }
    assert_eq!(table.say(&ann, 1, "x"), Err(Full));
    assert_eq!(broadcasts(&table.pass(Duration::from_millis(100)))[0].op_code, MESSAGES_MAX as i64);
    let big = "x".repeat(300_000);
    let taken = (0..10).filter(|_| table.say(&ann, 1, &big).is_ok()).count();
    assert_eq!(taken, 3, "1 MiB");
    assert_eq!(broadcasts(&table.pass(Duration::from_millis(100)))[0].op_code, 3);
    table.say(&ann, 1, &big).expect("room again");
    assert_eq!(table.handler.figures().refused, 8);
}

#[test]
fn whoever_left_is_still_the_sender_of_what_they_said_and_then_forgotten() {
    let body = "for _, message in ipairs(messages) do dispatcher.broadcast_message(1, message.sender.username, nil, message.sender) end return state";
    let rig = start(&[("m.lua", &minimal("match_loop", body))]);
    let mut table = Table::open(&rig, "m", None);
    table.turn();
    let ann = presence(ANN, "ann");
    for _ in 0..3 {
        table.handler.join(vec![ann.clone()]).expect("room");
        table.say(&ann, 1, "x").expect("room");
        table.handler.leave(vec![(ann.clone(), PresenceReason::Leave)]).expect("room");
        let outputs = table.pass(Duration::from_millis(100));
        assert_eq!((text(broadcasts(&outputs)[0]), broadcasts(&outputs)[0].sender.as_ref()), ((1, "ann"), Some(&ann)));
    }
}

#[test]
fn a_match_told_to_end_has_its_grace() {
    let rig =
        start(&[("m.lua", &minimal("match_terminate", "dispatcher.broadcast_message(grace_seconds, 'soon') return state"))]);
    let mut table = Table::open(&rig, "m", None);
    table.turn();
    table.handler.terminate(Duration::from_secs(2));
    assert_eq!(text(broadcasts(&table.turn())[0]), (2, "soon"));
    assert_eq!(table.pass(Duration::from_millis(1900)), []);
    assert_eq!(table.pass(Duration::from_millis(200)), [MatchOutput::Ended(MatchEnd::Done)]);
}

#[test]
fn a_match_sees_where_it_is() {
    let body = "return nk.json_encode(context), 1, '' ";
    let rig = start(&[(
        "m.lua",
        &minimal(
            "match_init",
            &format!("local a, b, c = {} return {{ seen = a, params = params }}, b, c", body.trim_start_matches("return ")),
        ),
    )]);
    let mut table = Table::open(&rig, "m", Some(r#"{"a":[1]}"#));
    table.turn();
    let state = table.handler.state(10_000);
    for part in
        [r#"\"match_id\":\"m.node1\""#, r#"\"match_node\":\"node1\""#, r#"\"execution_mode\":\"match\""#, r#""params":{"a":[1]}"#]
    {
        assert!(state.contains(part), "{state}");
    }
    assert_eq!(table.handler.module(), "m");
    let _: Arc<str> = "".into();
}
