//! The server: opens doors, starts worlds and console, waits for a signal, drains. Owns the order of these, and nothing else.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hillfort_edge::{BindError, Control, Door, Edge};
use hillfort_guard::Regions;
use hillfort_matches::MatchBackend;
use hillfort_modules::Runtime;
use hillfort_realm::{Game, Realm, RealmHandle};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::ban_file;
use crate::ban_spread::{self, BanSpread};
use crate::bots::Bots;
use crate::config::{ConfigError, Key, Settings};
use crate::console::{self, AttackTool, Console, KernelBoard, Office, Play};
use crate::console_key::ConsoleKey;
use crate::data::DataFolder;
use crate::doors;
use crate::exit::Exit;
use crate::games::{Games, Script};
use crate::kernel;
use crate::module_streams::StreamBackend;
use crate::modules::{self, Modules};
use crate::pages::{self, ClientKey, Readiness};
use crate::realtime;
use crate::regions;
use crate::reload;
use crate::services::{Services, StartError};
use crate::watch::{Calls, Refresher, Watch};

/// Ticks a second of the echo room that load measurements use in development mode.
const ECHO_HZ: u32 = 100;
/// Name of the room that spectators of a recording are led to; any other shows it from its beginning, too.
const SHOWN_ROOM: &str = "recording";
/// Time beyond the drain until what still runs is left behind.
const PATIENCE_AFTER_DRAIN: Duration = Duration::from_secs(2);

/// Why the server did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct ServeError {
    what: String,
    /// How the process is to end.
    pub exit: Exit,
    #[source]
    cause: Option<anyhow::Error>,
}

impl ServeError {
    fn new(exit: Exit, what: impl Into<String>, cause: impl Into<anyhow::Error>) -> Self {
        Self { what: what.into(), exit, cause: Some(cause.into()) }
    }

    fn bug(what: impl Into<String>) -> Self {
        Self { what: what.into(), exit: Exit::Bug, cause: None }
    }
}

/// Everything that runs.
struct Running {
    control: Control,
    realm: Arc<RealmHandle>,
    readiness: Arc<Readiness>,
    edge: JoinHandle<io::Result<()>>,
    edge_ended: oneshot::Receiver<()>,
    realtime: realtime::Running,
    console: Console,
    frames: SocketAddr,
    watch: Arc<Watch>,
    ban_writer: ban_file::Writer,
    services: Services,
    modules: Runtime,
    _module_files: Option<hillfort_modules::Watch>,
    _refresher: Refresher,
    _data: DataFolder,
}

/// Serves until SIGTERM or Ctrl-C, then drains. `natives` are games in Rust beside those in Luau; `load` reads the configuration anew, for SIGHUP.
///
/// # Errors
/// [`ServeError`]: what could not be started and what to do, or that a part of the server ended by itself.
pub fn serve(settings: &Settings, natives: &[Game], load: &dyn Fn() -> Result<Settings, ConfigError>) -> Result<(), ServeError> {
    run(settings, natives, load, None)
}

/// The same, and says where spectators of the recording go that is shown in place of `game`.
///
/// # Errors
/// As [`serve`].
pub fn show(
    settings: &Settings,
    natives: &[Game],
    load: &dyn Fn() -> Result<Settings, ConfigError>,
    game: &str,
) -> Result<(), ServeError> {
    run(settings, natives, load, Some(game))
}

fn run(
    settings: &Settings,
    natives: &[Game],
    load: &dyn Fn() -> Result<Settings, ConfigError>,
    shown: Option<&str>,
) -> Result<(), ServeError> {
    let start = Instant::now();
    let system = |error: io::Error| ServeError::new(Exit::System, "the system refuses what a server needs", error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(system)?;
    let mut signals = {
        let _inside = runtime.enter();
        [signal(SignalKind::terminate()).map_err(system)?, signal(SignalKind::interrupt()).map_err(system)?]
    };
    let reloads = {
        let _inside = runtime.enter();
        signal(SignalKind::hangup()).map_err(system)?
    };
    let mut running = open(settings, natives, shown)?;
    tracing::info!("started in {} ms", start.elapsed().as_millis());
    runtime.block_on(async {
        let bots = bots(settings, running.frames);
        tokio::select! {
            () = any(&mut signals) => Ok(()),
            () = reload::at_each(reloads, &running.watch, &running.modules, settings, load) => unreachable!("hang-ups are waited for until the server ends"),
            () = keep_playing(bots) => unreachable!("bots are kept playing until the server ends"),
            _ = &mut running.edge_ended => Err(ServeError::bug("the edge thread ended by itself")),
            _ = &mut running.realtime.ended => Err(ServeError::bug("the thread of the realtime socket ended by itself")),
        }
    })?;
    runtime.block_on(drain(running, settings.drain, &mut signals))
}

/// Looks at the certificate and through the modules, and loads the games as the server would at its start and lets them go: scripts
/// compile, their top level and `on_create` run. Opens nothing.
///
/// # Errors
/// [`ServeError`]: the certificate, a folder, a module or a script cannot be used.
pub fn check(settings: &Settings, natives: &[Game]) -> Result<(), ServeError> {
    if let Some(certificate) = &settings.edge.certificate {
        certificate.check().map_err(|error| not_bound(error.into()))?;
    }
    regions(settings)?;
    modules::check(&settings.modules).map_err(bad_modules)?;
    rooms(&Games::new(settings.games_folder.clone()), natives, settings.development).map(drop)
}

fn open(settings: &Settings, natives: &[Game], shown: Option<&str>) -> Result<Running, ServeError> {
    let system = |error: io::Error| ServeError::new(Exit::System, "the system refuses a thread", error);
    let data = DataFolder::open(&settings.data_folder)
        .map_err(|error| ServeError::new(Exit::Io, "the data folder cannot be used", error))?;
    let connections = settings.edge.connections_max + settings.edge.http_connections_max + settings.socket.sockets_max;
    crate::descriptors::raise(connections);
    let games = Games::new(settings.games_folder.clone());
    let mut rooms = rooms(&games, natives, settings.development)?;

    let mut edge_config = settings.edge.clone();
    if settings.self_signed {
        let made = crate::development::certificate(&settings.data_folder)
            .map_err(|error| ServeError::new(Exit::Io, "the development certificate cannot be made", error))?;
        edge_config.certificate = Some(made);
        tracing::warn!("TLS with a certificate that signs itself: browsers will warn, and no player should trust it");
    }
    let now_ms = ban_spread::unix_ms();
    let (journal, ban_writer, found) = ban_file::open(&settings.data_folder, now_ms)
        .map_err(|error| ServeError::new(Exit::Io, "the file of bans in the data folder cannot be used", error))?;
    if found.unreadable > 0 {
        tracing::warn!(lines = found.unreadable, "lines of the file of bans could not be read, and were left out");
    }
    edge_config.restored_bans = found.bans.iter().map(|kept| ban_spread::restored(kept, now_ms)).collect();
    let key = crate::ticket_key::of(&settings.data_folder)
        .map_err(|error| ServeError::new(Exit::Io, "the key of tickets in the data folder cannot be used", error))?;
    edge_config.ticket_key = Some(key);
    let regions = regions(settings)?;
    let scheme = if edge_config.certificate.is_some() { "https" } else { "http" };
    let mut edge = Edge::bind(edge_config).map_err(not_bound)?;
    let addr = |door| edge.addr(door).map_err(system);
    let (frames, http, grpc) = (addr(Door::Frames)?, addr(Door::Http)?, addr(Door::Grpc)?);
    let services = Services::start(&settings.services, &settings.store).map_err(no_services)?;
    edge.set_grpc(hillfort_nakama::grpc::router(Arc::clone(&services.gate)));
    let mut door = realtime::Door::open(settings.socket.clone(), &services).map_err(system)?;
    door.watch(&mut edge);
    let console_listener = std::net::TcpListener::bind(settings.console.addr).map_err(|error| {
        let what = format!("the console cannot listen on {}: --set console.port=0 takes a free port", settings.console.addr);
        ServeError::new(Exit::Address, what, error)
    })?;
    let console_addr = console_listener.local_addr().map_err(system)?;

    let folder = settings.data_folder.join("rooms");
    let realm_config = hillfort_realm::Config {
        rooms_max: settings.rooms_max,
        empty_room: settings.empty_room,
        asleep_bytes_max: settings.asleep_bytes_max,
        saves: settings.save_every.map(|every| hillfort_realm::Saves { folder, every }),
        seed: seed()?,
        recordings: settings.recordings.clone(),
    };
    let modules = Modules::default();
    rooms.push(modules.game(door.cipher(), &settings.socket.node));
    let worlds = usize::from(settings.world_threads);
    let realm = Realm::start(realm_config, rooms, doors::join(edge.session_ports(worlds), door.session_ports(worlds)))
        .map_err(|error| ServeError::new(Exit::System, "the worlds cannot be started", error))?;
    let port = || realm.port().ok_or_else(|| ServeError::bug("the realm gave no port for a door"));
    let (port, sockets_port) = (port()?, port()?);
    let realm = Arc::new(realm);
    let (matches, sockets) = (door.matches(&realm), door.sockets());
    services.social.set_matches(Arc::clone(&matches));
    services.social.set_sockets(Arc::new(sockets.clone()));
    let others = Arc::new(MatchBackend { matches: Arc::clone(&matches), sessions: Arc::new(sockets.clone()) });
    let others = StreamBackend { sockets: sockets.clone(), node: settings.socket.node.clone(), others };
    let backend = services.social.backend(Some(Arc::new(others)));
    let modules = modules.start(settings.modules.clone(), backend).map_err(bad_modules)?;
    services.social.set_runtime(Arc::new(modules.clone()));
    let module_files = settings.development.then(|| modules.watch()).transpose().map_err(system)?;

    let (control, stats, readiness) = (edge.control(), edge.stats(), Arc::new(Readiness::default()));
    let kernel = KernelBoard::default();
    let dropped = found.bans.iter().filter(|kept| !kept.strangers_only);
    let restored: Vec<_> = dropped.map(|kept| (kept.address, ban_spread::left(kept, now_ms))).collect();
    let listeners = edge.listener_fds();
    let (kernel_bans, post) =
        kernel::start(&settings.kernel, &[frames, http, grpc], &listeners, seed()?, &restored, kernel.clone()).map_err(system)?;
    edge.set_ban_sink(Box::new(BanSpread { kernel: kernel_bans, journal }));
    if regions.ranges() > 0 {
        tracing::info!("regions  {} ranges", regions.ranges());
        let _empty_one_before =
            control.set_regions(Arc::new(regions)).map_err(|_| ServeError::bug("a new edge takes no order"))?;
    }
    let router = pages::router(games, client_key(settings), Arc::clone(&readiness), kernel.clone())
        .merge(hillfort_nakama::rest::router(Arc::clone(&services.gate)))
        .merge(door.router());
    let play = Play { modules: modules.clone(), matches, sockets: sockets.clone(), cipher: door.cipher().clone() };
    let calls = Calls { gate: Arc::clone(&services.gate), sockets, social: services.social.clone() };
    let watch = Watch::new(stats, control.clone(), Arc::clone(&realm), settings.edge.guard.clone(), kernel, calls);
    let realtime = door.run(sockets_port).map_err(system)?;
    let (ended, edge_ended) = oneshot::channel();
    let edge = std::thread::Builder::new()
        .name("edge".into())
        .spawn(move || {
            let result = edge.run(port, router);
            // Nobody listens any more while the server drains.
            let _drains = ended.send(());
            result
        })
        .map_err(system)?;
    let refresher = watch.refresh().map_err(system)?;
    let key = ConsoleKey::of(&settings.data_folder)
        .map_err(|error| ServeError::new(Exit::Io, "the key of the console in the data folder cannot be used", error))?;
    let office = services.office(play);
    let console = console::serve(
        console_listener,
        Arc::clone(&watch) as Arc<dyn console::Source>,
        office.clone(),
        console_settings(settings, frames, http, key, post),
    )
    .map_err(system)?;
    readiness.set(true);
    tracing::info!("game     {scheme}://{http}/");
    tracing::info!("console  http://{console_addr}/");
    if !settings.development {
        first_administrator(&office)?;
    }
    tracing::info!("frames   {frames}");
    tracing::info!("nakama   {scheme}://{http}/v2 and /ws, gRPC {grpc}");
    let loaded = modules.status();
    if !loaded.modules.is_empty() {
        tracing::info!("modules  {} from {}", loaded.modules.len(), settings.modules.folder.display());
    }
    if let Some(game) = shown {
        tracing::info!("watch    {scheme}://{http}/{game}/?room={SHOWN_ROOM}&spectate");
    }
    Ok(Running {
        control,
        realm,
        readiness,
        edge,
        edge_ended,
        realtime,
        console,
        frames,
        watch,
        ban_writer,
        services,
        modules,
        _module_files: module_files,
        _refresher: refresher,
        _data: data,
    })
}

/// Makes the first operator of the console, and shows its password: on standard error, not as a line of the log. Whatever collects a
/// service's standard error keeps it.
fn first_administrator(office: &Office) -> Result<(), ServeError> {
    let made = office.threads.block_on(office.first_administrator());
    let made = made.map_err(|why| ServeError::new(Exit::Io, "the first operator cannot be made", anyhow::anyhow!(why)))?;
    if let Some(password) = made {
        let shown = format!(
            "\nFIRST START: sign in to the console as {} with the password {password}\nIt is shown this once; change it there. Lost: hillfort operator {}\n\n",
            console::FIRST,
            console::FIRST,
        );
        // Without a standard error there is nobody to read it.
        let _closed = io::stderr().write_all(shown.as_bytes());
    }
    Ok(())
}

fn no_services(error: StartError) -> ServeError {
    let exit = match error {
        StartError::Threads(_) => Exit::System,
        StartError::Store(_) => Exit::Io,
        StartError::Social(_) => Exit::Config,
    };
    ServeError::new(exit, "the client API cannot be served", error)
}

fn not_bound(error: BindError) -> ServeError {
    let (exit, hint) = match &error {
        BindError::Listen { .. } => {
            let hint = "is another Hillfort running? --set edge.http_port=0 --set edge.tcp_port=0 --set nakama.grpc_port=0 takes free ports";
            (Exit::Address, hint)
        }
        BindError::Certificate(_) => (Exit::Config, "look at edge.tls_certificate and edge.tls_key"),
        BindError::Bounds(_) => (Exit::Config, "look at its settings"),
        BindError::System(_) => (Exit::System, "the system does not give what they need"),
    };
    ServeError::new(exit, format!("the doors cannot be opened: {hint}"), error)
}

fn bad_modules(refused: modules::Refused) -> ServeError {
    ServeError::new(Exit::Config, "the modules cannot be loaded: look at modules.folder", refused)
}

fn regions(settings: &Settings) -> Result<Regions, ServeError> {
    regions::load(&settings.regions_files)
        .map_err(|error| ServeError::new(Exit::Config, "the table of regions cannot be used: look at regions.files", error))
}

/// All games, those in Rust before scripts of the same name.
pub(crate) fn rooms(games: &Games, natives: &[Game], development: bool) -> Result<Vec<Game>, ServeError> {
    let scripts = games.scripts().map_err(|error| ServeError::new(Exit::Config, "the games cannot be read", error))?;
    let mut rooms = natives.to_vec();
    for script in scripts.iter().filter(|script| natives.iter().all(|native| **native.name() != *script.name)) {
        rooms.push(room(script)?);
    }
    let echo = hillfort_realm::echo(ECHO_HZ);
    if development && natives.iter().all(|native| native.name() != echo.name()) {
        rooms.push(echo);
    }
    Ok(rooms)
}

fn room(script: &Script) -> Result<Game, ServeError> {
    let refused = |error: anyhow::Error| ServeError::new(Exit::Config, format!("the game {} cannot be used", script.name), error);
    let schema = match &script.schema {
        Some(file) => {
            let schema = hillfort_sync::read_schema(&file.text);
            Some(Arc::new(schema.map_err(|error| refused(anyhow::anyhow!("{}: {error}", file.origin)))?))
        }
        None => None,
    };
    hillfort_realm::luau_game_with(&script.name, &script.origin, &script.source, schema, hillfort_realm::luau_limits())
        .map_err(|error| refused(error.into()))
}

fn client_key(settings: &Settings) -> Option<ClientKey> {
    let key: &Key = settings.keys.first()?;
    settings.development.then(|| ClientKey {
        app: key.app.0,
        key: key.key.0,
        secret_hex: key.secret_hex(),
        server_key: settings.services.social.server_key.clone(),
    })
}

fn console_settings(
    settings: &Settings,
    frames: SocketAddr,
    http: SocketAddr,
    key: ConsoleKey,
    post: kernel::Post,
) -> console::Settings {
    let attack = std::env::current_exe().ok().filter(|_| settings.console.attacks).map(|program| AttackTool {
        program,
        prefix: vec!["load".into(), "attack".into()],
        target: frames,
        raw_sockets: crate::privileges::raw_sockets(),
        tls: settings.edge.certificate.is_some(),
        post: Some(Arc::new(post)),
    });
    if attack.as_ref().is_some_and(|tool| tool.raw_sockets)
        && let Err(error) = hillfort_load::remove_stale_namespaces()
    {
        tracing::warn!("network namespaces of attacks whose processes are gone: {error:#}");
    }
    console::Settings {
        version: env!("CARGO_PKG_VERSION"),
        development: settings.development,
        attack,
        hosts: settings.console.hosts.clone(),
        proxies: settings.console.proxies.clone(),
        key,
        plain_sign_in: settings.console.plain_sign_in,
        patience: console::PATIENCE,
        configuration: settings.configuration(),
        game_port: Some(http.port()),
        assets: None,
    }
}

fn bots(settings: &Settings, target: SocketAddr) -> Option<Bots> {
    let program = std::env::current_exe().ok()?;
    (settings.bots > 0).then_some(Bots { program, target, count: settings.bots })
}

async fn keep_playing(bots: Option<Bots>) {
    match bots {
        Some(bots) => bots.keep_playing().await,
        None => std::future::pending().await,
    }
}

async fn any([terminate, interrupt]: &mut [Signal; 2]) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

async fn drain(running: Running, within: Duration, signals: &mut [Signal; 2]) -> Result<(), ServeError> {
    let Running { control, realm, readiness, edge, console, ban_writer, services, modules, mut realtime, .. } = running;
    readiness.set(false);
    tracing::info!("draining: players have {} ms; a second signal ends at once", within.as_millis());
    realm.begin_drain(within);
    let drained = async {
        let edge = async {
            match control.drain(within) {
                Ok(done) => drop(done.await),
                Err(error) => tracing::warn!(%error, "the edge does not drain"),
            }
        };
        // A queue of functions, or a slow hook, does not keep the rest from ending in order.
        let hook = tokio::time::timeout(within, modules.shutdown());
        let _hook_in_time = tokio::join!(edge, realtime.drain(&realm, within), hook);
    };
    let in_time = tokio::select! {
        done = tokio::time::timeout(within + PATIENCE_AFTER_DRAIN, drained) => Some(done.is_ok()),
        () = any(signals) => None,
    };
    console.stop();
    if in_time != Some(true) {
        tracing::warn!("ended before all players were told");
        if in_time.is_some() {
            services.stop(any(signals)).await;
        }
        return Ok(());
    }
    realm.drain(Duration::ZERO);
    let ended = edge.join();
    if let Err(error) = realtime.join() {
        tracing::warn!(%error, "the realtime socket ended with an error");
    }
    // With the edge the last giver of bans is gone.
    ban_writer.finish();
    services.stop(any(signals)).await;
    match ended {
        Ok(Ok(())) => {
            tracing::info!("ended");
            Ok(())
        }
        Ok(Err(error)) => Err(ServeError::new(Exit::System, "the edge ended with an error", error)),
        Err(_) => Err(ServeError::bug("the edge thread panicked")),
    }
}

fn seed() -> Result<u64, ServeError> {
    let refused = |error| ServeError::new(Exit::System, "the system gives no randomness", io::Error::other(error));
    getrandom::u64().map_err(refused)
}
