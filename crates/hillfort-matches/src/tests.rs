//! A room and a handler that is made up, through the shell that the realm puts around every room.

use std::collections::VecDeque;
use std::sync::Mutex;

use hillfort_api::matches::{HandlerEvent, INPUT_HEADER_BYTES};
use hillfort_api::{SessionId as SocketSession, UserId};
use hillfort_modules::matches::{Broadcast, Full};
use hillfort_proto::ids::RoomId;
use hillfort_world::{FaultKind, Output, Outputs, RoomCell, To};

use super::*;

/// What the handler was told, in words; what it is to do next; whether it waits.
#[derive(Debug, Default)]
struct Script {
    told: Vec<String>,
    next: VecDeque<MatchOutput>,
    waits: bool,
    full: bool,
    state: String,
}

#[derive(Debug, Clone, Default)]
struct Handler(Arc<Mutex<Script>>);

impl Handler {
    fn told(&self, word: String) -> Result<(), Full> {
        let mut script = self.0.lock().unwrap();
        if script.full {
            return Err(Full);
        }
        script.told.push(word);
        Ok(())
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().told)
    }

    fn wants(&self, output: MatchOutput) {
        self.0.lock().unwrap().next.push_back(output);
    }
}

impl MatchHandler for Handler {
    fn module(&self) -> &str {
        "arena"
    }

    fn tick_rate(&self) -> u8 {
        10
    }

    fn label(&self) -> &str {
        ""
    }

    fn join_attempt(&mut self, attempt: JoinAttempt) -> Result<(), Full> {
        let JoinAttempt { token, presence, metadata, vars, .. } = attempt;
        self.told(format!("{} asks ({token:x}) with {metadata:?} and {vars:?}", presence.username))
    }

    fn join(&mut self, presences: Vec<Presence>) -> Result<(), Full> {
        self.told(format!("{} joins", presences[0].username))
    }

    fn leave(&mut self, presences: Vec<(Presence, PresenceReason)>) -> Result<(), Full> {
        self.told(format!("{} leaves", presences[0].0.username))
    }

    fn message(&mut self, message: MatchMessage) -> Result<(), Full> {
        let MatchMessage { sender, op_code, data, reliable, receive_time_ms } = message;
        self.told(format!("{} says {op_code} {} {reliable} at {receive_time_ms}", sender.username, data.escape_ascii()))
    }

    fn signal(&mut self, token: u64, data: String) -> Result<(), Full> {
        self.told(format!("signal {token} {data}"))
    }

    fn terminate(&mut self, grace: Duration) {
        self.told(format!("ends in {grace:?}")).unwrap();
    }

    fn turn(&mut self, _: Duration) {}

    fn poll_output(&mut self) -> Option<MatchOutput> {
        self.0.lock().unwrap().next.pop_front()
    }

    fn state(&self, bytes_max: usize) -> String {
        let state = self.0.lock().unwrap().state.clone();
        if state.len() > bytes_max { "the state has many bytes".to_owned() } else { state }
    }

    fn figures(&self) -> MatchFigures {
        MatchFigures { waiting: self.0.lock().unwrap().waits, ..MatchFigures::default() }
    }
}

struct Rig {
    cell: RoomCell,
    out: Outputs,
    handler: Handler,
}

fn started() -> MatchOutput {
    MatchOutput::Started { tick_rate: 10, label: "{\"mode\":\"ffa\"}".to_owned() }
}

fn create(handler: &Handler, params: &[u8]) -> Result<Rig, RoomFault> {
    let (made, names) = (handler.clone(), RoomCipher::new([1, 2, 3, 4]));
    let id = MatchId { uuid: names.uuid(0x1_0000_0100), node: "hillfort" }.to_string();
    let maker: Maker = Arc::new(move |home, module, match_id, params| {
        assert_eq!((home, match_id, params), (3, &*id, Some("{\"size\":2}")));
        if module == "arena" { Ok(Box::new(made.clone())) } else { Err(format!("there is no module {module}")) }
    });
    let room = HandlerRoom::new(Workshop { maker, home: 3, cipher: names, node: "hillfort".into() });
    let (mut cell, mut out) = (RoomCell::new(Box::new(room), 1), Outputs::default());
    cell.set_id(RoomId(0x1_0000_0100));
    cell.on_create(params, &mut out)?;
    Ok(Rig { cell, out, handler: handler.clone() })
}

fn params(handler: &str) -> Vec<u8> {
    HandlerParams { handler: handler.to_owned(), params: Some("{\"size\":2}".to_owned()) }.encode_to_vec()
}

fn rig() -> Rig {
    let handler = Handler::default();
    handler.wants(started());
    create(&handler, &params("arena")).unwrap()
}

fn facts(n: u8) -> Vec<u8> {
    PlayerFacts {
        username: format!("user{n}"),
        vars: [("region".to_owned(), "eu".to_owned())].into(),
        metadata: [("side".to_owned(), "red".to_owned())].into(),
        ..PlayerFacts::of(UserId([n; 16]), SocketSession([n; 16]))
    }
    .encode_to_vec()
}

impl Rig {
    /// What the room put out, in words.
    fn said(&mut self) -> Vec<String> {
        let said = self.out.iter().map(|output| match output {
            Output::Event { to, op, data } => {
                let event = HandlerEvent::read(data).unwrap();
                let to = match to {
                    To::All => "all".to_owned(),
                    To::One(seat) => seat.0.to_string(),
                    To::Except(_) => panic!("not said"),
                };
                let from = event.sender.map_or("nobody", |sender| sender.username);
                format!("{to}< {op} {} {} from {from} {}", event.op_code, event.data.escape_ascii(), event.reliable)
            }
            Output::Answer { session, reject, reason } => format!("{session}: {reject:?} {reason}"),
            Output::Reply { number, data } => format!("reply {number} {}", data.escape_ascii()),
            Output::Kick { seat } => format!("kick {}", seat.0),
            Output::Log { line } => format!("log {line}"),
            Output::State { .. } => panic!("not said"),
        });
        let said = said.collect();
        self.out.clear();
        said
    }

    /// Lets user `n` in, as the realm does.
    fn seat(&mut self, n: u8) -> Seat {
        let (session, facts) = (SessionId(u64::from(n) << 8), facts(n));
        let who = Who { session, name: "x", facts: &facts };
        assert_eq!(self.cell.on_join_attempt(who, &mut self.out), Ok(Verdict::Later));
        self.handler.wants(MatchOutput::Verdict { token: session.0, refused: None });
        self.cell.on_tick(&mut self.out).unwrap();
        assert_eq!(self.said(), [format!("{session}: None ")]);
        let seat = self.cell.take_seat(Who { facts: &[], ..who }).unwrap();
        self.cell.on_join(seat, &mut self.out).unwrap();
        self.handler.take();
        seat
    }

    fn tick(&mut self) -> Vec<String> {
        self.cell.on_tick(&mut self.out).unwrap();
        self.said()
    }
}

#[test]
fn a_match_from_its_creation_to_its_end() {
    let mut rig = rig();
    let ctx = rig.cell.ctx();
    assert_eq!((ctx.hz(), ctx.label(), rig.cell.handler()), (10, "{\"mode\":\"ffa\"}", "arena"));
    assert_eq!((rig.cell.rate(), rig.cell.when_empty(), rig.cell.input_bytes_max()), (10, WhenEmpty::RunOn, 4096));
    let facts = facts(1);
    let who = Who { session: SessionId(0x100), name: "x", facts: &facts };
    assert_eq!(rig.cell.on_join_attempt(who, &mut rig.out), Ok(Verdict::Later));
    assert_eq!(rig.handler.take(), [r#"user1 asks (100) with [("side", "red")] and [("region", "eu")]"#]);
    assert_eq!(rig.tick(), [""; 0], "the handler thinks");
    rig.handler.wants(MatchOutput::Verdict { token: 0x100, refused: Some("not on Fridays".to_owned()) });
    assert_eq!(rig.tick(), ["0000000000000100: Some(RoomRefused) not on Fridays"]);
    let (ann, bob) = (rig.seat(1), rig.seat(2));
    // Inputs, whole.
    let mut bytes = Vec::new();
    HandlerInput { op_code: -7, reliable: true, received_ms: 5, data: b"hi" }.write(&mut bytes);
    rig.cell.push_input(ann, 0, &bytes);
    rig.cell.push_input(ann, 0, &bytes[..INPUT_HEADER_BYTES - 1]);
    rig.tick();
    assert_eq!(rig.handler.take(), ["user1 says -7 hi true at 5"], "what has no header is not the door's");
    // Broadcasts: to all, to some, with a sender.
    let all = Broadcast { op_code: 1 << 40, data: b"a".to_vec(), to: None, sender: None, reliable: true };
    let sender = Presence { user_id: [1; 16], session_id: [1; 16], username: "user1".into(), node: "hillfort".into() };
    let some = Broadcast { op_code: 2, to: Some(vec![[2; 16], [9; 16]]), sender: Some(sender), reliable: false, ..all.clone() };
    let long = Broadcast { data: vec![0; 70_000], ..all.clone() };
    for broadcast in [all, some, long] {
        rig.handler.wants(MatchOutput::Broadcast(broadcast));
    }
    let log = "log broadcast_message of op code 1099511627776 was not sent: data must have at most 61440 bytes";
    assert_eq!(rig.tick(), ["all< 0 1099511627776 a from nobody true", "1< 2 2 a from user1 false", log]);
    rig.handler.wants(MatchOutput::Label("new".to_owned()));
    rig.handler.wants(MatchOutput::Kick(vec![[2; 16], [9; 16]]));
    assert_eq!(rig.tick(), [format!("kick {}", bob.0)]);
    assert_eq!(rig.cell.ctx().label(), "new");
    rig.cell.on_leave(bob, &mut rig.out).unwrap();
    rig.cell.free_seat(bob);
    assert_eq!(rig.handler.take(), ["user2 leaves"]);
    // A signal, whose answer comes later.
    assert_eq!(rig.cell.on_signal(b"how", &mut Vec::new(), &mut rig.out), Ok(Some(1)));
    assert_eq!(rig.handler.take(), ["signal 1 how"]);
    rig.handler.wants(MatchOutput::Signalled { token: 1, result: "well".to_owned() });
    assert_eq!(rig.tick(), ["reply 1 well"]);
    rig.cell.on_dispose(Duration::from_secs(5), &mut rig.out).unwrap();
    assert_eq!(rig.handler.take(), ["ends in 5s"]);
    assert!(!rig.cell.is_ended());
    rig.handler.wants(MatchOutput::Ended(MatchEnd::Done));
    rig.tick();
    assert!(rig.cell.is_ended());
}

#[test]
fn a_handler_that_waits_holds_inputs_and_starts_late() {
    let handler = Handler::default();
    handler.0.lock().unwrap().waits = true;
    let mut rig = create(&handler, &params("arena")).unwrap();
    assert_eq!((rig.cell.ctx().hz(), rig.cell.ctx().label()), (60, ""));
    handler.wants(started());
    rig.tick();
    assert_eq!(rig.cell.ctx().label(), "{\"mode\":\"ffa\"}");
    let ann = rig.seat(1);
    let mut bytes = Vec::new();
    HandlerInput { op_code: 1, reliable: false, received_ms: 0, data: b"" }.write(&mut bytes);
    rig.cell.push_input(ann, 1, &bytes);
    rig.tick();
    assert_eq!((handler.take(), rig.cell.inputs_waiting(ann)), (Vec::new(), 1), "held in the player's own queue");
    handler.0.lock().unwrap().waits = false;
    rig.tick();
    rig.tick();
    assert_eq!(handler.take(), ["user1 says 1  false at 0"]);
}

#[test]
fn strangers_and_crowds_are_refused() {
    let mut rig = rig();
    let stranger = Who { session: SessionId(0x100), name: "frames", facts: &[] };
    assert_eq!(rig.cell.on_join_attempt(stranger, &mut rig.out), Ok(Verdict::Later));
    assert_eq!(rig.said(), ["0000000000000100: Some(RoomRefused) this match is for users with an account"]);
    assert_eq!(rig.handler.take(), [""; 0]);
    let ann = rig.seat(1);
    rig.handler.0.lock().unwrap().full = true;
    let facts = facts(2);
    let who = Who { session: SessionId(0x200), name: "x", facts: &facts };
    assert_eq!(rig.cell.on_join_attempt(who, &mut rig.out), Ok(Verdict::Refuse(Reject::WorldBusy)));
    let fault = rig.cell.on_leave(ann, &mut rig.out).unwrap_err();
    assert_eq!((fault.kind(), fault.message()), (FaultKind::Crashed, "too many leave at once"));
}

#[test]
fn what_is_wrong_with_a_handler_is_said() {
    let handler = Handler::default();
    let error = |params: &[u8]| create(&handler, params).err().map(|fault| fault.message().to_owned());
    assert_eq!(error(&params("none")).as_deref(), Some("there is no module none"));
    assert_eq!(error(&[0xff]).as_deref(), Some("these are not the parameters of a match handler"));
    handler.wants(MatchOutput::Ended(MatchEnd::Failed("arena.lua:3: boom".to_owned())));
    assert_eq!(error(&params("arena")).as_deref(), Some("arena.lua:3: boom"));
    handler.wants(MatchOutput::Ended(MatchEnd::Done));
    assert_eq!(error(&params("arena")).as_deref(), Some("the match ended in match_init"));
    handler.wants(started());
    let mut rig = create(&handler, &params("arena")).unwrap();
    handler.wants(MatchOutput::Ended(MatchEnd::Failed("arena.lua:9: bang".to_owned())));
    assert_eq!(rig.cell.on_tick(&mut rig.out).unwrap_err().message(), "arena.lua:9: bang");
}

#[test]
fn an_operator_is_told_who_plays_and_the_state() {
    let mut rig = rig();
    rig.seat(1);
    rig.seat(2);
    rig.handler.0.lock().unwrap().state = "{\"score\":[1,2.5]}".to_owned();
    let told = |rig: &Rig, most| serde_json::from_str::<Value>(&rig.cell.tell(most).unwrap()).unwrap();
    let whole = told(&rig, 64);
    assert_eq!((&whole["handler"], &whole["state"]), (&json!("arena"), &json!({ "score": [1, 2.5] })));
    let names: Vec<_> = whole["presences"].as_array().unwrap().iter().map(|one| (&one["username"], &one["user"])).collect();
    let user = |n: u8| json!(UserId([n; 16]).to_string());
    assert_eq!(names, [(&json!("user1"), &user(1)), (&json!("user2"), &user(2))]);
    assert_eq!((&whole["ticks"], &whole["waits"]), (&json!(0), &json!(false)));
    assert_eq!(told(&rig, 4)["state"], "the state has many bytes", "why there is none is a text");
}
