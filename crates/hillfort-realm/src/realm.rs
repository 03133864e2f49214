//! Starts world threads and ends them. Knows nothing of what happens in a turn.

use std::collections::BTreeSet;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder, JoinHandle};
use std::time::Duration;

use hillfort_proto::ids::RoomId;
use hillfort_proto::reject::Reject;
use hillfort_proto::route::{RoomPort, SessionPort, lane};
use hillfort_proto::time::Time;
use hillfort_world::RoomFault;

use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Keep, ROOMS_MAX};
use crate::directory::Listed;
use crate::game::Game;
use crate::outbox::Outbox;
use crate::placement::Placement;
use crate::port::{EdgePort, Waker};
use crate::routes::View;
use crate::saved::SavedRoom;
use crate::shelf::Shelf;
use crate::snapshot::{Snapshot, WorldSnapshot};
use crate::vault::{Found, Vault};
use crate::wall;
use crate::world::{Command, Parts, Peer, Reply, Saving, World};

mod operate;

/// Letters of other world threads that wait for one at most.
const LETTERS_WAITING: usize = 64;
/// Commands that wait for one world thread at most.
const COMMANDS_WAITING: usize = 64;
/// A thread whose rooms are all gone waits this long for the edge threads to take what it has to say.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Starts realms.
#[derive(Debug)]
pub struct Realm;

/// Why a realm did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There must be 1 to 256 world threads.
    #[error("a realm needs 1 to 256 world threads, not {0}")]
    Worlds(usize),
    /// More rooms than a room id has bits for, or none.
    #[error("rooms_max must be 1 to {ROOMS_MAX}")]
    Rooms,
    /// Two games have the same name.
    #[error("game `{0}` is there twice")]
    Twice(Arc<str>),
    /// A game could not be set up.
    #[error("game `{game}` could not be set up: {fault}")]
    Game {
        /// Its name.
        game: Arc<str>,
        /// What its maker said.
        fault: RoomFault,
    },
    /// The folder of recordings cannot be used.
    #[error("the folder of recordings cannot be made or written")]
    Recordings(#[source] std::io::Error),
    /// The folder of saved rooms cannot be used.
    #[error("the folder of saved rooms cannot be made or read")]
    Saves(#[source] std::io::Error),
    /// The operating system gave no thread.
    #[error("no thread for a world")]
    Thread(#[from] std::io::Error),
    /// A world thread ended before it said that it was ready.
    #[error("a world thread ended while it started")]
    Ended,
}

/// Everything that a world needs but the thread to be built on.
pub struct WorldMaker {
    parts: Parts,
    games: Vec<Game>,
    waker: Waker,
}

/// A realm seen from outside: ports for the doors, snapshots, signals, the end. Can be shared. Dropping it ends the rooms without grace,
/// and does not wait for that.
#[derive(Debug)]
pub struct RealmHandle {
    placement: Arc<Placement>,
    ports: Mutex<Vec<EdgePort>>,
    worlds: Vec<WorldEnd>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// With the thread that writes.
    shelf: Mutex<Option<(Shelf, JoinHandle<()>)>>,
    /// Writes saved rooms. It has its thread from the start of a realm on; a test works it by hand.
    vault: Mutex<Option<Vault>>,
    saver: Mutex<Option<JoinHandle<()>>>,
}

/// Why no recording was written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// [`Reject::RoomUnknown`]: there is no such room, or it is not recorded. [`Reject::WorldBusy`]: its thread did not answer.
    #[error("{0}")]
    Refused(Reject),
    /// There is no folder for recordings.
    #[error("this server keeps no recordings")]
    Nowhere,
    /// It could not be written.
    #[error("the recording could not be written: {0}")]
    Write(#[from] std::io::Error),
}

#[derive(Debug)]
struct WorldEnd {
    commands: SyncSender<Command>,
    waker: Waker,
    published: Arc<Mutex<Arc<WorldSnapshot>>>,
}

impl Realm {
    /// Starts a world thread for each of `ports`, sets up the games on each, and returns when all are ready.
    ///
    /// # Errors
    /// [`StartError`]; threads that were started before end again.
    pub fn start(config: Config, games: Vec<Game>, ports: Vec<Box<dyn SessionPort>>) -> Result<RealmHandle, StartError> {
        let (handle, makers) = Self::assemble(config, games, ports)?;
        if let Some(vault) = locked(&handle.vault).take() {
            let saver = Builder::new().name("room-saver".to_owned()).spawn(move || vault.run())?;
            *locked(&handle.saver) = Some(saver);
        }
        let clock = SystemClock::start();
        for maker in makers {
            let (ready, started) = sync_channel(1);
            let thread = Builder::new().name(format!("world-{}", maker.parts.id)).spawn(move || {
                let waker = Arc::clone(&maker.waker);
                let made = maker.make(clock.now());
                // Only this thread sets it.
                let _set_once = waker.set(thread::current());
                match made {
                    Ok(world) => {
                        let _starter_waits = ready.try_send(Ok(()));
                        run(world, &clock);
                    }
                    Err(error) => {
                        let _starter_waits = ready.try_send(Err(error));
                    }
                }
            })?;
            locked(&handle.threads).push(thread);
            if let Err(error) = started.recv().unwrap_or(Err(StartError::Ended)) {
                handle.drain(Duration::ZERO);
                return Err(error);
            }
        }
        Ok(handle)
    }

    /// Makes the same without threads: each world is to be made and turned by the caller, e.g. a test with a clock of its own.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn assemble(
        config: Config,
        games: Vec<Game>,
        ports: Vec<Box<dyn SessionPort>>,
    ) -> Result<(RealmHandle, Vec<WorldMaker>), StartError> {
        if !(1..=256).contains(&ports.len()) {
            return Err(StartError::Worlds(ports.len()));
        }
        if !(1..=ROOMS_MAX).contains(&config.rooms_max) {
            return Err(StartError::Rooms);
        }
        let names: Vec<_> = games.iter().map(|game| Arc::clone(game.name())).collect();
        if let Some((_, twice)) = names.iter().enumerate().find(|&(at, name)| names[..at].contains(name)) {
            return Err(StartError::Twice(Arc::clone(twice)));
        }
        let recordings = &config.recordings;
        let shelf = recordings.folder.as_ref().filter(|_| recordings.keep != Keep::Nothing);
        let shelf =
            shelf.map(|folder| Shelf::open(folder, recordings.folder_bytes)).transpose().map_err(StartError::Recordings)?;
        let (vault, jobs, found) = match &config.saves {
            Some(saves) => {
                let (vault, jobs, found) = Vault::open(&saves.folder, config.rooms_max).map_err(StartError::Saves)?;
                (Some(vault), Some((jobs, saves.every)), found)
            }
            None => (None, None, Found { rooms: Vec::new(), generation: 1 }),
        };
        let mut saved_of: Vec<Vec<SavedRoom>> = vec![Vec::new(); ports.len()];
        for room in found.rooms {
            let owner = room.id.map_or(0, |id| usize::from(id.owner()));
            // A realm with fewer threads than before: the first takes those of the missing ones.
            let owner = if owner < saved_of.len() { owner } else { 0 };
            saved_of[owner].push(room);
        }
        let placement = Arc::new(Placement::new(names, ports.len(), config.rooms_max, config.seed));
        let edges = ports.iter().map(|port| port.edges()).max().unwrap_or(0);
        let mut edge_ports: Vec<_> = (0..edges)
            .map(|edge| EdgePort {
                placement: Arc::clone(&placement),
                edge: edge as u8,
                view: View::default(),
                lanes: Vec::new(),
            })
            .collect();
        let (peers, letters): (Vec<_>, Vec<_>) = ports
            .iter()
            .map(|_| {
                let (letters, lettered) = sync_channel(LETTERS_WAITING);
                (Peer { letters, waker: Waker::default() }, lettered)
            })
            .unzip();
        let mut letters = letters.into_iter();
        let (mut worlds, mut makers) = (Vec::new(), Vec::new());
        for (id, port) in ports.into_iter().enumerate() {
            let (commands, commanded) = sync_channel(COMMANDS_WAITING);
            let (waker, published) = (Arc::clone(&peers[id].waker), Arc::<Mutex<Arc<WorldSnapshot>>>::default());
            let lanes = edge_ports.iter_mut().map(|edge| {
                let (sender, receiver) = lane();
                edge.lanes.push((sender, Arc::clone(&waker)));
                receiver
            });
            let parts = Parts {
                id: id as u8,
                config: config.clone(),
                lanes: lanes.collect(),
                commands: commanded,
                outbox: Outbox::new(port),
                peers: peers.clone(),
                letters: letters.next().expect("one for each"),
                placement: Arc::clone(&placement),
                shelf: shelf.as_ref().map(|(shelf, _)| shelf.clone()),
                published: Arc::clone(&published),
                saves: jobs.as_ref().map(|(jobs, every)| Saving {
                    jobs: jobs.clone(),
                    every: *every,
                    busy_until: Time::ZERO,
                    waiting: None,
                    unwritten: BTreeSet::new(),
                    gone: Vec::new(),
                }),
                saved: std::mem::take(&mut saved_of[id]),
                generation: found.generation,
            };
            makers.push(WorldMaker { parts, games: games.clone(), waker: Arc::clone(&waker) });
            worlds.push(WorldEnd { commands, waker, published });
        }
        // Taken from the end, so that edge thread 0 gets the first.
        edge_ports.reverse();
        let handle = RealmHandle {
            placement,
            ports: Mutex::new(edge_ports),
            worlds,
            threads: Mutex::default(),
            shelf: Mutex::new(shelf),
            vault: Mutex::new(vault),
            saver: Mutex::default(),
        };
        Ok((handle, makers))
    }
}

impl WorldMaker {
    /// Sets the games up on the calling thread. `now` is where the deadlines of the rooms count from.
    ///
    /// # Errors
    /// [`StartError::Game`].
    pub fn make(mut self, now: Time) -> Result<World, StartError> {
        let mut games = Vec::new();
        for game in &self.games {
            let factory = wall::behind(|| game.factory());
            games.push((game, factory.map_err(|fault| StartError::Game { game: Arc::clone(game.name()), fault })?));
        }
        let saved = std::mem::take(&mut self.parts.saved);
        let mut world = World::new(now, self.parts, games);
        world.take_up(now, saved);
        Ok(world)
    }
}

impl RealmHandle {
    /// A port for the next edge thread; `None` when each has one.
    pub fn port(&self) -> Option<Box<dyn RoomPort>> {
        locked(&self.ports).pop().map(|port| Box::new(port) as Box<dyn RoomPort>)
    }

    /// What the world threads published last: a second old at most.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let worlds = self.worlds.iter().map(|world| Arc::clone(&locked(&world.published))).collect();
        Snapshot { worlds, joins_shed: self.placement.joins_shed() }
    }

    /// Whether all world threads run.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let threads = locked(&self.threads);
        threads.len() == self.worlds.len() && threads.iter().all(|thread| !thread.is_finished())
    }

    /// Whether all world threads have ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        locked(&self.threads).iter().all(JoinHandle::is_finished)
    }

    /// Passes a signal to a room and waits for its answer.
    ///
    /// # Errors
    /// [`Reject::RoomUnknown`]; [`Reject::WorldBusy`] when there is no answer within `patience`; the room's fault.
    pub fn signal(&self, room: RoomId, data: &[u8], patience: Duration) -> Result<Vec<u8>, Reject> {
        let (reply, answer) = sync_channel(1);
        // Whoever asked may have stopped waiting.
        self.signal_then(room, data.to_vec(), move |result| drop(reply.try_send(result)))?;
        answer.recv_timeout(patience).unwrap_or(Err(Reject::WorldBusy))
    }

    /// Passes a signal to a room. Its answer, or why there is none, goes to `then`, on the room's thread, so it must be quick; it is dropped
    /// when that thread ends.
    ///
    /// # Errors
    /// [`Reject::RoomUnknown`]; [`Reject::WorldBusy`]: too many wait.
    pub fn signal_then(
        &self,
        room: RoomId,
        data: Vec<u8>,
        then: impl FnOnce(Result<Vec<u8>, Reject>) + Send + 'static,
    ) -> Result<(), Reject> {
        let reply = Reply::new(then);
        self.owner(room)?.tell(Command::Signal { room, data, reply }).map_err(|_| Reject::WorldBusy)
    }

    /// Makes a room of `game` that nobody has asked to join; [`hillfort_world::RoomConfig::empty`] says what becomes of it until somebody does.
    /// Its number, or why there is none, goes to `then`, as in [`RealmHandle::signal_then`].
    ///
    /// # Errors
    /// [`Reject::RoomGame`], [`Reject::RoomsFull`], [`Reject::Draining`]; [`Reject::WorldBusy`]: too many wait.
    pub fn create_then(
        &self,
        game: &str,
        params: Vec<u8>,
        then: impl FnOnce(Result<RoomId, Reject>) + Send + 'static,
    ) -> Result<(), Reject> {
        let (game, world) = self.placement.place_room(game)?;
        let reply = Reply::new(then);
        self.worlds[usize::from(world)].tell(Command::Create { game, params, reply }).map_err(|_| Reject::WorldBusy)
    }

    /// Looks at a room as it is now. What there is to see, `None` when there is no such room, goes to `then`, as in
    /// [`RealmHandle::signal_then`].
    ///
    /// # Errors
    /// [`Reject::RoomUnknown`]; [`Reject::WorldBusy`]: too many wait.
    pub fn look_then(&self, room: RoomId, then: impl FnOnce(Option<Listed>) + Send + 'static) -> Result<(), Reject> {
        let reply = Reply::new(then);
        self.owner(room)?.tell(Command::Look { room, reply }).map_err(|_| Reject::WorldBusy)
    }

    /// Rooms as lists show them, by world thread: a second old at most, and not all when there are very many.
    #[must_use]
    pub fn rooms(&self) -> Vec<Arc<[Listed]>> {
        self.placement.directory().lists()
    }

    /// Name of a game by its number in [`Listed::game`].
    #[must_use]
    pub fn game(&self, game: usize) -> Option<&Arc<str>> {
        self.placement.game_name(game)
    }

    fn owner(&self, room: RoomId) -> Result<&WorldEnd, Reject> {
        self.worlds.get(usize::from(self.placement.routes().owner(room))).ok_or(Reject::RoomUnknown)
    }

    /// Ends the realm: no more joins; rooms are told and may go on for `grace`, or until their players are gone; then players are told
    /// and the threads end, and rooms that can be saved are. Blocks until they have. A second call does nothing.
    pub fn drain(&self, grace: Duration) {
        self.begin_drain(grace);
        let threads = std::mem::take(&mut *locked(&self.threads));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a world thread panicked");
            }
        }
        // The threads' ends of the shelf are gone: its own thread writes what waits, and ends.
        if let Some((shelf, writes)) = locked(&self.shelf).take() {
            drop(shelf);
            if writes.join().is_err() {
                tracing::error!("the thread that writes recordings panicked");
            }
        }
        // It ends when it has written what the worlds handed over.
        let saver = locked(&self.saver).take();
        if saver.is_some_and(|saver| saver.join().is_err()) {
            tracing::error!("the thread that saves rooms panicked");
        }
    }

    /// Begins what [`RealmHandle::drain`] does, and does not wait.
    pub fn begin_drain(&self, grace: Duration) {
        for world in &self.worlds {
            // A queue full of signals empties within a turn; a thread that is gone needs no command.
            while let Err(TrySendError::Full(_)) = world.tell(Command::Drain { grace }) {
                thread::yield_now();
            }
        }
    }
}

#[cfg(test)]
impl RealmHandle {
    /// Writes what waits to be written.
    pub(crate) fn write_saved(&self) {
        if let Some(vault) = locked(&self.vault).as_mut() {
            vault.work(None);
        }
    }

    pub(crate) fn owner_of(&self, room: RoomId) -> u8 {
        self.placement.routes().owner(room)
    }

    pub(crate) fn tell(&self, world: usize, command: Command) {
        self.worlds[world].tell(command).expect("is there and not full");
    }
}

impl WorldEnd {
    fn tell(&self, command: Command) -> Result<(), TrySendError<Command>> {
        self.commands.try_send(command)?;
        if let Some(thread) = self.waker.get() {
            thread.unpark();
        }
        Ok(())
    }
}

/// What is behind these locks stays whole when a holder panics.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The loop of a world thread.
fn run(mut world: World, clock: &SystemClock) {
    let mut last_words = None;
    while !world.is_done() {
        let next = world.turn(clock);
        let now = clock.now();
        if world.is_drained() && now >= *last_words.get_or_insert(now + LAST_WORDS) {
            tracing::warn!("an edge thread did not take the last answers of a world thread");
            return;
        }
        if next > now {
            thread::park_timeout(next.since(now));
        }
    }
}

impl std::fmt::Debug for WorldMaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorldMaker").field("world", &self.parts.id).field("games", &self.games).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
