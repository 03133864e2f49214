//! Modules and matches through the console: a real runtime over a folder, and the real list of matches over rooms that are made up.

use std::path::Path;
use std::sync::Arc;

use hillfort_api::match_id::RoomCipher;
use hillfort_api::matches::{HANDLER_GAME, Later};
use hillfort_modules::Runtime;
use hillfort_nakama::matches::{MatchList, RoomLine, Rooms};
use hillfort_nakama::socket::{Config, SocketDoor};
use hillfort_proto::ids::RoomId;
use hillfort_proto::reject::Reject;
use hillfort_social::Social;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::rig::start;
use super::roles::body;
use crate::console::Play;

/// A match of a module and a room of a game.
struct TwoRooms;

impl Rooms for TwoRooms {
    fn rooms(&self) -> Arc<[RoomLine]> {
        let line = |room, game: &str, handler: &str, label: &str| RoomLine {
            room: RoomId(room),
            game: game.into(),
            handler: handler.into(),
            label: label.into(),
            size: 2,
            tick_rate: 10,
            made_unix_ms: 1,
        };
        [line(3, "hilltop", "", "{\"mode\":\"hill\"}"), line(1, HANDLER_GAME, "arena", "{\"mode\":\"ffa\"}")].into()
    }

    fn create(&self, _: &'static str, _: Vec<u8>) -> Later<Result<RoomId, Reject>> {
        Box::pin(std::future::ready(Err(Reject::Draining)))
    }

    fn look(&self, room: RoomId) -> Later<Option<RoomLine>> {
        Box::pin(std::future::ready(self.rooms().iter().find(|line| line.room == room).cloned()))
    }

    fn signal(&self, _: RoomId, _: Vec<u8>) -> Later<Result<Vec<u8>, Reject>> {
        Box::pin(std::future::ready(Err(Reject::RoomUnknown)))
    }
}

/// What plays: modules of this folder.
pub(super) fn play(social: &Social, threads: &Handle, folder: &Path) -> Play {
    let cipher = RoomCipher::new([1, 2, 3, 4]);
    let settings = hillfort_modules::Settings { folder: folder.to_owned(), threads: 1, ..Default::default() };
    let modules = Runtime::start(settings, social.backend(None)).unwrap();
    let door = SocketDoor::new(Config::default(), Arc::new(social.clone()), threads.clone(), cipher.clone()).unwrap();
    let sockets = door.sockets();
    let matches = Arc::new(MatchList::new(sockets.clone(), Arc::new(TwoRooms), cipher.clone()));
    social.set_runtime(Arc::new(modules.clone()));
    Play { modules, matches, sockets, cipher }
}

#[test]
fn modules_are_shown_and_loaded_anew() {
    let rig = start(false, None);
    let shown = || body(&rig.get("/api/modules").1);
    let first = shown();
    assert_eq!((&first["generation"], &first["modules"], &first["load"]), (&json!(1), &json!([]), &json!([0])), "{first}");
    let write = |file: &str, text: &str| std::fs::write(rig.modules.path().join(file), text).unwrap();
    let callbacks = ["init", "join_attempt", "join", "leave", "loop", "terminate", "signal"];
    let callbacks: Vec<_> = callbacks.iter().map(|name| format!("match_{name} = function() end")).collect();
    write("arena.lua", &format!("return {{ {} }}", callbacks.join(", ")));
    write(
        "shop.lua",
        "local nk = require('nakama')\nnk.register_rpc(function() error('sold out') end, 'Buy')\n\
         nk.register_req_before(function(_, request) return request end, 'GetAccount')",
    );
    let (status, answer) = rig.post("/api/modules/reload", &json!({}));
    assert_eq!((status, &body(&answer)["generation"]), (200, &json!(2)), "{answer}");
    let now = shown();
    let modules = json!([
        { "name": "arena", "file": "arena.lua", "match": true }, { "name": "shop", "file": "shop.lua", "match": false },
    ]);
    assert_eq!(now["modules"], modules);
    let functions = json!([{ "kind": "rpc", "name": "buy" }, { "kind": "req_before", "name": "getaccount" }]);
    assert_eq!((&now["functions"], &now["functionsTotal"]), (&functions, &json!(2)));

    assert_eq!(rig.call("RpcFunc", None, &json!({ "id": "buy" }))["code"], "Internal");
    let fault = &shown()["faults"][0];
    assert_eq!(fault["place"], "buy");
    assert!(fault["text"].as_str().unwrap().starts_with("shop.lua:2: sold out") && fault["cut"] == false, "{fault}");

    // What does not load changes nothing, and says where.
    write("broken.lua", "local x = 1\nx = = 2");
    write("missing.lua", "local nk = require('nakama')\n\nnk.sql_query('x')");
    let (status, answer) = rig.post("/api/modules/reload", &json!({}));
    assert!(status == 422 && answer.contains("broken.lua:2: ") && answer.contains("missing.lua:3: "), "{answer}");
    let now = shown();
    assert_eq!((&now["generation"], &now["modules"]), (&json!(2), &modules));
    let refused = &now["refused"];
    assert_eq!(
        (&refused["total"], &refused["rows"][0]["file"], &refused["rows"][0]["line"]),
        (&json!(2), &json!("broken.lua"), &json!(2))
    );
    assert_eq!((&refused["rows"][1]["file"], &refused["rows"][1]["line"]), (&json!("missing.lua"), &json!(3)), "{refused}");
    let lines: Vec<_> = rig.audit().into_iter().filter(|line| line.subject == "modules").collect();
    let outcomes: Vec<_> = lines.iter().map(|line| serde_json::from_str::<Value>(&line.detail).unwrap()).collect();
    assert!(lines.iter().all(|line| line.action == "modules.reload" && line.actor == "command line"), "{lines:?}");
    assert_eq!((&outcomes[0]["outcome"], &outcomes[0]["findings"]), (&json!("refused"), &json!(2)));
    assert_eq!((&outcomes[1]["outcome"], &outcomes[1]["generation"]), (&json!("done"), &json!(2)));
    rig.console.stop();
}

#[test]
fn matches_are_listed_shown_and_ended() {
    let rig = start(false, None);
    let list = |query: &str| {
        let (status, answer) = rig.get(&format!("/api/matches{query}"));
        assert_eq!(status, 200, "{query}: {answer}");
        body(&answer)["matches"].as_array().unwrap().clone()
    };
    let all = list("");
    assert_eq!(all.len(), 2);
    let of = |handler: &str| all.iter().find(|row| row["handler"] == handler).unwrap()["id"].as_str().unwrap().to_owned();
    let (arena, hill) = (of("arena"), of("hilltop"));
    for (query, expect) in [
        ("?query=%2Blabel.mode:ffa", &[&*arena][..]),
        ("?query=%2Blabel.mode:none", &[]),
        ("?kind=relayed", &[]),
        ("?kind=rooms&query=%2Blabel.mode:hill", &[&*hill]),
    ] {
        assert_eq!(list(query).iter().map(|row| row["id"].as_str().unwrap()).collect::<Vec<_>>(), expect, "{query}");
    }
    let long = format!("query={}", "x".repeat(600));
    for (bad, status) in [("query=label.a:", 400), ("kind=shoe", 400), ("more=1", 400), (&*long, 422)] {
        assert_eq!(rig.get(&format!("/api/matches?{bad}")).0, status, "{bad}");
    }

    let shown = body(&rig.get(&format!("/api/matches/{arena}")).1);
    assert_eq!((&shown["state"], &shown["inside"]["id"]), (&json!({ "round": 3 }), &json!("0000000000000001")), "{shown}");
    let shown = body(&rig.get(&format!("/api/matches/{hill}")).1);
    assert_eq!(
        (&shown["state"], &shown["inside"]["game"]),
        (&Value::Null, &json!("hilltop")),
        "a game is not asked to save: {shown}"
    );
    let uuid = &arena[..36];
    let other = rig.office.play.cipher.uuid(9).to_string();
    for bad in [&format!("{other}.hillfort"), &format!("{uuid}."), uuid, "x", "%00", &"x".repeat(300)] {
        assert_eq!(rig.get(&format!("/api/matches/{bad}")).0, 404, "{bad}");
    }

    let end = |id: &str| rig.ask("DELETE", &format!("/api/matches/{id}"), &format!("host: {}\r\n{}", rig.address, rig.who), "").0;
    assert_eq!((end(&arena), end(&hill), end(&format!("{uuid}.")), end("x")), (200, 503, 404, 404));
    assert_eq!(*rig.source.ended.lock().unwrap(), [RoomId(1), RoomId(3)]);
    let lines: Vec<_> = rig.audit().into_iter().filter(|line| line.action == "match.end").collect();
    assert_eq!((lines.len(), lines[3].subject.as_str()), (4, arena.as_str()));
    assert!(lines[3].detail.contains("\"done\"") && lines[3].detail.contains("\"handler\":\"arena\""), "{lines:?}");
    rig.console.stop();
}
