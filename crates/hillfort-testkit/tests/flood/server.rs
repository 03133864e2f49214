//! A server with one match: edge, socket loop, world thread and a module's handler, each as the binary has it. Users are numbers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use hillfort_api::match_id::{MatchId, RoomCipher};
use hillfort_api::matches::{HANDLER_GAME, HandlerParams};
use hillfort_api::service::Answer;
use hillfort_api::{ApiError, Call, Caller, Credentials, Reply, Service, SessionUser, UserId, Who};
use hillfort_edge::{Door, Edge};
use hillfort_guard::Rate;
use hillfort_matches::{HandlerRoom, Maker, Workshop};
use hillfort_modules::backend::{Answer as ModuleAnswer, Ask as ModuleAsk, Backend, Fault};
use hillfort_modules::{Runtime, Settings};
use hillfort_nakama::socket::{Config, SocketDoor, Sockets};
use hillfort_proto::hello::KeyRing;
use hillfort_proto::message::{Ask, Wanted};
use hillfort_proto::reject::Reject;
use hillfort_proto::route::{InboundBatch, RoomPort};
use hillfort_realm::{Game, Realm, RealmHandle};
use hillfort_world::Room;
use prost::Message as _;

use crate::HZ;

const NODE: &str = "hillfort";

pub(crate) struct Server {
    addr: SocketAddr,
    sockets: Sockets,
    match_id: String,
    _realm: RealmHandle,
    _modules: tempfile::TempDir,
    _threads: tokio::runtime::Runtime,
}

impl Server {
    /// Starts one and makes the match.
    pub(crate) fn start(config: Config) -> Self {
        let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a thread");
        let cipher = RoomCipher::new([1, 2, 3, 4]);
        let modules = tempfile::tempdir().expect("a folder");
        std::fs::write(modules.path().join("flooded.lua"), module()).expect("a module");
        let mut door = SocketDoor::new(config, Arc::new(Keeper), threads.handle().clone(), cipher.clone()).expect("a door");
        let game = game(modules.path().to_owned(), cipher.clone());
        let realm = Realm::start(hillfort_realm::Config::default(), vec![game], door.session_ports(1)).expect("a realm");
        let mut edge = edge();
        let addr = edge.addr(Door::Http).expect("an address");
        drop(edge.session_ports(1));
        let (router, sockets) = (door.router(), door.sockets());
        let port = realm.port().expect("one port");
        thread::spawn(move || edge.run(Box::new(NoRooms), router));
        thread::spawn(move || door.into_thread(port, 0).run());
        let (to, made) = sync_channel(1);
        let params = HandlerParams { handler: "flooded".to_owned(), params: None }.encode_to_vec();
        realm.create_then(HANDLER_GAME, params, move |room| to.send(room).expect("is waited for")).expect("a place");
        let room = made.recv().expect("an answer").expect("a match");
        let match_id = MatchId { uuid: cipher.uuid(room.0), node: NODE }.to_string();
        Self { addr, sockets, match_id, _realm: realm, _modules: modules, _threads: threads }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn sockets(&self) -> &Sockets {
        &self.sockets
    }

    pub(crate) fn match_id(&self) -> &str {
        &self.match_id
    }
}

/// Tells everybody its ticks, and repeats words to whoever says them.
fn module() -> String {
    format!(
        r#"
local M = {{}}
function M.match_init() return {{}}, {HZ}, '{{"mode":"flooded"}}' end
function M.match_join_attempt(_, _, _, state) return state, true end
function M.match_join(_, _, _, state) return state end
function M.match_leave(_, _, _, state) return state end
function M.match_loop(_, dispatcher, _, state, messages)
  for _, message in ipairs(messages) do
    if message.op_code >= {said} then
      dispatcher.broadcast_message(message.op_code, "", {{ message.sender }})
    end
  end
  dispatcher.broadcast_message({tick}, "")
  return state
end
function M.match_terminate(_, _, _, state) return state end
function M.match_signal(_, _, _, state) return state, "" end
return M
"#,
        said = crate::player::SAID_OP,
        tick = crate::player::TICK_OP,
    )
}

/// Matches of modules as a game of the realm.
fn game(folder: std::path::PathBuf, cipher: RoomCipher) -> Game {
    let settings = Settings {
        folder,
        threads: 1,
        // A debug build on a busy machine takes its time; how much a callback may take is not what is tested.
        match_steps_max: 10_000_000,
        match_time_max: Duration::from_secs(5),
        ..Settings::default()
    };
    let runtime = Runtime::start(settings, Arc::new(NoBackend)).expect("the module loads");
    let maker: Maker = Arc::new(move |home, name, id, params| runtime.match_handler(home, name, id, params));
    let workshop = Workshop { maker, home: 0, cipher, node: NODE.into() };
    let game = Game::new(HANDLER_GAME, move || {
        let workshop = workshop.clone();
        Ok(Box::new(move || Ok(Box::new(HandlerRoom::new(workshop.clone())) as Box<dyn Room>)))
    });
    game.expect("a name")
}

fn edge() -> Edge {
    let much = Rate::new(200_000, 1_000_000).expect("in range");
    let guard = hillfort_guard::Config {
        connect: much,
        source_connect: much,
        // All players come from here; what a flood earns its address is tested elsewhere.
        unbannable: vec!["127.0.0.0/8".parse().expect("a network")],
        ..hillfort_guard::Config::new(KeyRing::new())
    };
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Edge::bind(hillfort_edge::Config::new(any, any, guard)).expect("doors")
}

/// Believes every number.
struct Keeper;

impl Service for Keeper {
    fn caller(&self, credentials: Credentials<'_>) -> Result<Who, ApiError> {
        let Credentials::Token(shown) = credentials else { return Err(credentials.refused()) };
        let user: u32 = shown.parse().map_err(|_| credentials.refused())?;
        let mut id = [0; 16];
        id[..4].copy_from_slice(&user.to_le_bytes());
        Ok(Who::User(Arc::new(SessionUser {
            user_id: UserId(id),
            username: format!("player-{user}"),
            vars: Default::default(),
            expires_s: i64::MAX,
            issued_s: 0,
            token_id: user.to_string(),
            generation: 0,
        })))
    }

    fn call(&self, _: Caller, call: Call) -> Answer {
        let answer = if let Call::Healthcheck(()) = call { Ok(Reply::Empty(())) } else { Err(ApiError::not_yet("anything")) };
        Box::pin(std::future::ready(answer))
    }
}

struct NoBackend;

impl Backend for NoBackend {
    fn ask(&self, _: ModuleAsk) -> std::pin::Pin<Box<dyn Future<Output = Result<ModuleAnswer, Fault>> + Send>> {
        Box::pin(std::future::ready(Err(Fault { code: 12, message: "there is nothing behind this module".to_owned() })))
    }
}

/// The edge has no rooms of its own here: players come by the other door.
struct NoRooms;

impl RoomPort for NoRooms {
    fn place(&mut self, _: &str, _: Wanted<'_>) -> Result<u8, Reject> {
        Err(Reject::RoomGame)
    }

    fn unplace(&mut self, _: &str, _: Wanted<'_>) {}

    fn list(&mut self, _: &Ask<'_>, _: &mut Vec<u8>) -> Result<bool, Reject> {
        Err(Reject::RoomGame)
    }

    fn worlds(&self) -> usize {
        0
    }

    fn submit(&mut self, _: u8, _: &mut InboundBatch) -> bool {
        false
    }
}
