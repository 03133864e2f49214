//! A console over real sockets, with a made-up source behind it and real services over a store in memory.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use hillfort_api::matches::HANDLER_GAME;
use hillfort_nakama::Gate;
use hillfort_proto::ids::RoomId;
use hillfort_proto::reject::Reject;
use hillfort_social::passwords::PasswordCost;
use hillfort_social::{MailConfig, Social, system_clock};
use hillfort_store::{Options, Store};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::super::*;
use super::play::play;

/// Nothing in these tests takes longer, however slow the machine.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// A server that counts one more of everything at each reading.
#[derive(Default)]
pub(super) struct Fake {
    readings: AtomicU64,
    pub(super) changes: Mutex<Vec<Change>>,
    pub(super) bans: Mutex<Vec<StepRow>>,
    pub(super) deeds: Mutex<Vec<RoomDeed>>,
    pub(super) ended: Mutex<Vec<RoomId>>,
}

impl Source for Fake {
    fn read(&self) -> Reading {
        let n = self.readings.fetch_add(1, Ordering::Relaxed) + 1;
        let mut reading = Reading::default();
        reading.traffic.frames_out = 1_000 * n;
        reading.rejects.add(Reject::HelloMac, 500 * n);
        reading.latency_us = Quantiles { p50: 1_000, p99: 2_000 };
        reading.worlds.push(World { ticks: 10 * n, ..World::default() });
        reading.wall.posture = Some(Posture::Attack);
        let mut packets = Packets::default();
        packets.add(PacketVerdict::Banned, 2 * n);
        reading.wall.kernel = Some(KernelReading {
            rung: Rung::Generic,
            why_not_higher: Some("the driver has no XDP".into()),
            mode: Mode::Flood,
            syns: 10 * n,
            packets,
            orders_lost: 0,
            top: Top::default(),
        });
        reading
    }

    fn tables(&self) -> Tables {
        let limit = LimitRow { key: "guard.connect.rate", label: "Connections", unit: "1/s", value: 3_000, min: 1, max: 100_000 };
        let loud = Talker { name: "192.0.2.9".into(), attempts: 70, refused: Some(60) };
        let top = Top { sources: Some(vec![loud]), ..Top::default() };
        Tables { steps: self.bans.lock().unwrap().clone(), limits: vec![limit], top, ..Tables::default() }
    }

    fn explain(&self, address: IpAddr) -> Result<AddressView, ChangeRefused> {
        let bans = self.bans.lock().unwrap();
        let steps: Vec<StepRow> = bans.iter().filter(|ban| ban.address == address).cloned().collect();
        let score = if steps.is_empty() { return Err(ChangeRefused::Busy) } else { 7 };
        let (points, reasons) = ([100, 100], vec![("hello_mac", 40, 100)]);
        Ok(AddressView { address, score, points, bans_before: 1, known: false, accounts: 0, place: None, reasons, steps })
    }

    fn record(&self, room: RoomId) -> Result<String, ChangeRefused> {
        if room.0 == 0x1_0000_0000 { Ok("a.hillrec".to_owned()) } else { Err(ChangeRefused::Unknown("room")) }
    }

    fn move_room(&self, room: RoomId, to: u8) -> Result<(), ChangeRefused> {
        match (room.0, to) {
            (1, 3) => Ok(()),
            (4, _) => Err(ChangeRefused::Forbidden("one thread")),
            (5, _) => Err(ChangeRefused::NotNow("it is paused")),
            _ => Err(ChangeRefused::Unknown("room")),
        }
    }

    fn inspect(&self, room: RoomId, deed: RoomDeed) -> Result<RoomView, ChangeRefused> {
        match room.0 {
            1 => {
                self.deeds.lock().unwrap().push(deed);
                let told = (deed == RoomDeed::LookInside).then(|| json!({ "presences": [], "state": { "round": 3 } }));
                let (game, paused) = (HANDLER_GAME.to_owned(), deed == RoomDeed::Pause);
                Ok(RoomView { id: room.to_string(), game, paused, told, ..RoomView::default() })
            }
            2 => Err(ChangeRefused::Gone("it crashed".to_owned())),
            3 => Ok(RoomView { id: room.to_string(), game: "hilltop".to_owned(), ..RoomView::default() }),
            _ => Err(ChangeRefused::Unknown("room")),
        }
    }

    fn end_room(&self, room: RoomId) -> Result<(), ChangeRefused> {
        self.ended.lock().unwrap().push(room);
        if room.0 == 1 { Ok(()) } else { Err(ChangeRefused::Busy) }
    }

    fn change(&self, change: Change) -> Result<(), ChangeRefused> {
        let mut bans = self.bans.lock().unwrap();
        match &change {
            Change::Ban { address, reason, seconds } => {
                bans.push(StepRow { reason: reason.clone(), expires_in_ms: seconds * 1_000, ..ban(&address.to_string()) });
            }
            Change::Lift { address } => {
                let at = bans.iter().position(|ban| ban.address == *address).ok_or(ChangeRefused::Unknown("ban"))?;
                bans.remove(at);
            }
            Change::Allow { .. } | Change::Disallow { .. } => return Err(ChangeRefused::Busy),
            Change::Limit { .. } => {}
        }
        self.changes.lock().unwrap().push(change);
        Ok(())
    }
}

pub(super) struct Rig {
    pub(super) console: Console,
    pub(super) address: SocketAddr,
    pub(super) source: Arc<Fake>,
    pub(super) office: Office,
    /// Folder of the modules.
    pub(super) modules: TempDir,
    /// Headers that say who asks.
    pub(super) who: String,
    _threads: Runtime,
}

/// A shell script in place of the load tool.
pub(super) fn script(text: &str) -> AttackTool {
    AttackTool {
        program: "/bin/sh".into(),
        prefix: vec!["-c".into(), text.into(), "attack".into()],
        target: (Ipv4Addr::LOCALHOST, 7352).into(),
        raw_sockets: false,
        tls: false,
        post: None,
    }
}

/// What services are, over a store in memory.
fn office(threads: &Runtime, modules: &Path) -> Office {
    let passwords = PasswordCost { memory_kib: 64, passes: 1, threads: 1, queue: 64 };
    let config = hillfort_social::Config {
        server_key: "defaultkey".into(),
        http_key: "defaulthttpkey".into(),
        passwords: passwords.clone(),
        ..Default::default()
    };
    let (social, store, gate) = threads.block_on(async {
        let store = Store::open("memory:", Options::default()).await.unwrap();
        let social = Social::start(config, store.clone(), MailConfig::None, system_clock()).await.unwrap();
        let bounds = hillfort_nakama::Settings {
            request_bytes_max: 1 << 20,
            patience: DEADLINE,
            calls_max: 16,
            wait_max: Duration::from_secs(60),
            answers_bytes_max: 1 << 28,
            requests_bytes_max: 1 << 28,
        };
        let gate = Arc::new(Gate::new(Arc::new(social.clone()), threads.handle().clone(), bounds));
        (social, store, gate)
    });
    let play = play(&social, threads.handle(), modules);
    Office { social, store, gate, play, threads: threads.handle().clone(), passwords }
}

/// A console that one asks as a command on this machine.
pub(super) fn start(development: bool, attack: Option<AttackTool>) -> Rig {
    start_with(|settings| (settings.development, settings.attack) = (development, attack))
}

/// The same with settings of its own.
pub(super) fn start_with(change: impl FnOnce(&mut Settings)) -> Rig {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let source = Arc::new(Fake::default());
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let modules = tempfile::tempdir().unwrap();
    let office = office(&threads, modules.path());
    let key = ConsoleKey::random().unwrap();
    let who = format!("authorization: Bearer {}\r\n", key.text());
    let mut settings = settings(key);
    change(&mut settings);
    let console = serve(listener, Arc::clone(&source) as Arc<dyn Source>, office.clone(), settings).unwrap();
    Rig { console, address, source, office, modules, who, _threads: threads }
}

/// Those of a console that asks everybody to sign in.
pub(super) fn settings(key: ConsoleKey) -> Settings {
    Settings {
        version: "0.0.0",
        development: false,
        attack: None,
        hosts: Vec::new(),
        proxies: Vec::new(),
        key,
        plain_sign_in: false,
        patience: PATIENCE,
        configuration: Configuration::default(),
        game_port: Some(7350),
        assets: None,
    }
}

impl Rig {
    pub(super) fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let length = body.len();
        let request = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
        stream.write_all(request.as_bytes()).unwrap();
        BufReader::new(stream)
    }

    /// Status and whole answer.
    pub(super) fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let mut answer = String::new();
        self.send(method, path, headers, body).read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("no status in {answer:?}")), answer)
    }

    pub(super) fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", path, &format!("host: {}\r\n{}", self.address, self.who), "")
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> (u16, String) {
        let headers = format!("host: {}\r\n{}content-type: application/json\r\n", self.address, self.who);
        self.ask("POST", path, &headers, &body.to_string())
    }

    pub(super) fn live(&self) -> Live {
        self.live_as(&format!("host: {}\r\n{}", self.address, self.who))
    }

    pub(super) fn live_as(&self, headers: &str) -> Live {
        Live(self.send("GET", "/api/live", headers, ""))
    }

    /// Whether the feed is given, without reading it.
    pub(super) fn status_of_live(&self, headers: &str) -> u16 {
        let mut line = String::new();
        self.send("GET", "/api/live", headers, "").read_line(&mut line).unwrap();
        line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap()
    }
}

/// Reads server-sent events.
pub(super) struct Live(BufReader<TcpStream>);

impl Live {
    /// Next event called `name`.
    pub(super) fn next(&mut self, name: &str) -> Value {
        let mut inside = false;
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the feed ended");
            if let Some(found) = line.strip_prefix("event: ") {
                inside = found.trim() == name;
            } else if let (true, Some(data)) = (inside, line.strip_prefix("data: ")) {
                return serde_json::from_str(data.trim()).unwrap();
            }
        }
    }

    /// Next state of the attack that satisfies `wanted`.
    pub(super) fn attack_until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let board = self.next("attack");
            if wanted(&board) {
                return board;
            }
            assert_ne!(board["end"]["how"], "failed", "{board}");
        }
    }
}

pub(super) fn ban(address: &str) -> StepRow {
    StepRow {
        address: address.parse().unwrap(),
        step: Step::Ban,
        stage: "hello",
        reason: "hello_mac".into(),
        evidence: "40 in 10 s".into(),
        count: 40,
        seen_ms_ago: [10_000, 0],
        expires_in_ms: 60_000,
        liftable: true,
    }
}
