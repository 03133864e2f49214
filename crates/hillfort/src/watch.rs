//! The server as the console sees it: edge, guard and realm put together, and changes handed to their owners.
//!
//! Owns the settings of the guard that are in force, and a copy of the tables that only the edge thread can read, refreshed twice a
//! second. Nothing here is called from a hot path.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use hillfort_edge::{Certificate, Control, ControlError, Stats};
use hillfort_guard::{IpNet, Regions};
use hillfort_nakama::Gate;
use hillfort_nakama::socket::Sockets;
use hillfort_proto::ids::RoomId;
use hillfort_proto::reject::Reject;
use hillfort_realm::{RealmHandle, RecordError};
use hillfort_social::Social;

use crate::console::{
    AddressView, Change, ChangeRefused, Connections, KernelBoard, KnownPlayers, Posture, Quantiles, ROWS_MAX, Reading, Rejects,
    RoomDeed, RoomView, Source, Step, TOP_MAX, Tables, Talker, Traffic, Wall, World,
};

mod knobs;
mod room;
mod rows;

/// A world thread gives what it recorded within this time.
const ROOM_PATIENCE: Duration = Duration::from_secs(5);
/// How often the edge is asked for its tables.
const REFRESH: Duration = Duration::from_millis(500);
/// Addresses that bear a step which are looked at; bans beyond them hold all the same.
const STEPS_MAX: usize = 1024;
/// Longest ban that a person can make.
const BAN_S_MAX: u64 = 30 * 24 * 3600;
/// Reasons typed by people that are remembered; older ones are shown as "operator".
const REASONS_MAX: usize = 256;
/// Addresses that can be allowed while running.
const TRUSTED_MAX: usize = 1024;

/// Where the console's figures come from.
#[derive(Debug)]
pub(crate) struct Watch {
    stats: Arc<Stats>,
    control: Control,
    realm: Arc<RealmHandle>,
    kernel: KernelBoard,
    calls: Calls,
    guard: Mutex<hillfort_guard::Config>,
    reasons: Mutex<VecDeque<(IpAddr, String)>>,
    polled: Mutex<Polled>,
}

/// The client API, as far as it counts.
#[derive(Debug)]
pub(crate) struct Calls {
    /// Its doors for one call at a time.
    pub(crate) gate: Arc<Gate>,
    /// Its realtime socket.
    pub(crate) sockets: Sockets,
    /// What answers it.
    pub(crate) social: Social,
}

/// What only the edge thread knows.
#[derive(Debug, Default)]
struct Polled {
    tables: Tables,
    proven: u64,
    /// `None` before the first answer.
    posture: Option<Posture>,
    would_refuse: Rejects,
    known: KnownPlayers,
    steps: [u64; Step::ALL.len()],
    top: Vec<Talker>,
}

/// The thread that refreshes a [`Watch`]; ends when dropped.
#[derive(Debug)]
pub(crate) struct Refresher {
    _stop: SyncSender<()>,
}

impl Watch {
    /// A watch over a running server. `guard` are the settings that it was started with; `kernel` is where the owner of the kernel
    /// filter leaves its readings.
    pub(crate) fn new(
        stats: Arc<Stats>,
        control: Control,
        realm: Arc<RealmHandle>,
        guard: hillfort_guard::Config,
        kernel: KernelBoard,
        calls: Calls,
    ) -> Arc<Self> {
        let (reasons, polled) = (Mutex::default(), Mutex::default());
        Arc::new(Self { stats, control, realm, kernel, calls, guard: Mutex::new(guard), reasons, polled })
    }

    /// Starts to ask the edge for its tables.
    ///
    /// # Errors
    /// The thread cannot be made.
    pub(crate) fn refresh(self: &Arc<Self>) -> io::Result<Refresher> {
        let (stop, stopped) = sync_channel(0);
        let watch = Arc::clone(self);
        std::thread::Builder::new()
            .name("watch".into())
            .spawn(move || while watch.poll().is_ok() && stopped.recv_timeout(REFRESH) == Err(RecvTimeoutError::Timeout) {})?;
        Ok(Refresher { _stop: stop })
    }

    /// Asks the edge once. Waits for its answer, so never on the edge's own thread.
    fn poll(&self) -> Result<(), ControlError> {
        let control = &self.control;
        let answers = (control.steps(STEPS_MAX), control.players(ROWS_MAX), control.guard_stats(), control.top(TOP_MAX));
        // A busy edge answers next time.
        let (Ok(steps), Ok(players), Ok(guard), Ok(top)) = answers else {
            return if answers.0.is_err_and(|error| error == ControlError::Ended) { Err(ControlError::Ended) } else { Ok(()) };
        };
        let ended = |_| ControlError::Ended;
        let (steps, players) = (steps.blocking_recv().map_err(ended)?, players.blocking_recv().map_err(ended)?);
        let (guard, top) = (guard.blocking_recv().map_err(ended)?, top.blocking_recv().map_err(ended)?);
        let mut polled = lock(&self.polled);
        polled.proven = guard.authed;
        polled.posture = Some(rows::posture(guard.posture));
        polled.would_refuse = rows::would_refuse(&guard);
        polled.known = rows::known(&guard);
        polled.tables.steps_total = steps.steps.len() as u64;
        (polled.tables.steps, polled.steps) = rows::steps(steps, &lock(&self.reasons));
        polled.top = rows::talkers(top);
        polled.tables.players_total = self.stats.snapshot().sessions_live;
        polled.tables.players = rows::players(players);
        Ok(())
    }

    /// Gives the guard other settings altogether.
    ///
    /// # Errors
    /// The edge is busy; nothing was changed.
    pub(crate) fn replace_guard(&self, wanted: hillfort_guard::Config) -> Result<(), ChangeRefused> {
        self.reconfigure(|guard| {
            *guard = wanted;
            Ok(())
        })
    }

    /// Gives the guard another table of regions, and drops the one from before here, where nobody waits.
    ///
    /// # Errors
    /// The edge is busy or has ended; nothing was changed.
    pub(crate) async fn replace_regions(&self, regions: Arc<Regions>) -> Result<(), ChangeRefused> {
        let before = self.control.set_regions(regions).map_err(|_| ChangeRefused::Busy)?;
        before.await.map(drop).map_err(|_| ChangeRefused::Busy)
    }

    /// Gives new connections another certificate.
    ///
    /// # Errors
    /// Why it cannot be used, in words; the one of before stays.
    pub(crate) async fn replace_certificate(&self, wanted: &Certificate) -> Result<(), String> {
        let answer = self.control.set_certificate(wanted).map_err(|error| error.to_string())?;
        answer.await.map_err(|_| ControlError::Ended.to_string())?.map_err(|error| error.to_string())
    }

    fn reconfigure(
        &self,
        edit: impl FnOnce(&mut hillfort_guard::Config) -> Result<(), ChangeRefused>,
    ) -> Result<(), ChangeRefused> {
        let mut guard = lock(&self.guard);
        let mut wanted = guard.clone();
        edit(&mut wanted)?;
        self.control.apply(wanted.clone()).map_err(|_| ChangeRefused::Busy)?;
        *guard = wanted;
        Ok(())
    }

    fn ban(&self, address: IpAddr, reason: String, seconds: u64) -> Result<(), ChangeRefused> {
        if !(1..=BAN_S_MAX).contains(&seconds) {
            return Err(ChangeRefused::Invalid(format!("a ban lasts 1 to {BAN_S_MAX} seconds")));
        }
        let guard = lock(&self.guard);
        if guard.trusted.iter().chain(&guard.unbannable).any(|net| net.contains(&address)) {
            return Err(ChangeRefused::Invalid(format!(
                "{address} is in a prefix that is never banned (guard.trusted, guard.unbannable)"
            )));
        }
        let _answer_shows_in_the_table =
            self.control.ban(address, Duration::from_secs(seconds)).map_err(|_| ChangeRefused::Busy)?;
        let mut reasons = lock(&self.reasons);
        reasons.retain(|(known, _)| *known != address);
        reasons.push_back((address, reason));
        if reasons.len() > REASONS_MAX {
            reasons.pop_front();
        }
        Ok(())
    }
}

impl Source for Watch {
    fn read(&self) -> Reading {
        let edge = self.stats.snapshot();
        let realm = self.realm.snapshot();
        let Polled { proven, posture, would_refuse, known, steps, .. } = *lock(&self.polled);
        let mut rejects = Rejects::default();
        for reject in Reject::ALL {
            rejects.add(*reject, edge.refused(*reject));
        }
        Reading {
            connections: Connections {
                open: edge.open_frames + edge.open_http + edge.open_websocket,
                unproven: edge.unproven,
                sessions: edge.sessions_live + edge.sessions_detached,
                detached: edge.sessions_detached,
            },
            traffic: Traffic {
                accepted: edge.accepted,
                proven,
                frames_in: edge.frames_in,
                frames_out: edge.frames_out,
                bytes_in: edge.bytes_in,
                bytes_out: edge.bytes_out,
            },
            rejects,
            latency_us: Quantiles { p50: edge.rtt_us_p50, p99: edge.rtt_us_p99 },
            worlds: realm.worlds.iter().map(|world| rows::world(world)).collect::<Vec<World>>(),
            joins_shed: realm.joins_shed,
            calls: self.calls.gate.counts(),
            sockets: self.calls.sockets.stats(),
            refreshes: rows::refreshes(self.calls.social.refresh_stats()),
            behind: rows::behind(self.calls.social.written_behind()),
            wall: Wall {
                kernel: self.kernel.read(),
                posture,
                would_refuse,
                known,
                logins: edge.logins,
                sessions_shed: edge.sessions_shed,
                stale_keys: edge.stale_keys,
                pause_us_max: edge.own_pause_us_max,
                pauses_too_long: edge.own_pauses_too_long,
                steps,
            },
        }
    }

    fn tables(&self) -> Tables {
        let realm = self.realm.snapshot();
        let guard = lock(&self.guard);
        let polled = lock(&self.polled);
        Tables {
            rooms_total: realm.rooms_open(),
            rooms: rows::rooms(&realm),
            allowed: guard.trusted.iter().filter(|net| net.prefix_len() == net.max_prefix_len()).map(IpNet::addr).collect(),
            limits: knobs::rows(&guard),
            top: rows::top(self.kernel.read().map(|kernel| kernel.top), &polled.top),
            ..polled.tables.clone()
        }
    }

    fn explain(&self, address: IpAddr) -> Result<AddressView, ChangeRefused> {
        let answer = self.control.ladder(address).map_err(|_| ChangeRefused::Busy)?;
        let view = answer.blocking_recv().map_err(|_| ChangeRefused::Busy)?;
        Ok(rows::address(address, &view, &lock(&self.reasons)))
    }

    fn record(&self, room: RoomId) -> Result<String, ChangeRefused> {
        self.realm.record(room, ROOM_PATIENCE).map(|path| path.display().to_string()).map_err(|error| match error {
            RecordError::Refused(Reject::RoomUnknown) => ChangeRefused::Unknown("room"),
            RecordError::Refused(_) => ChangeRefused::Busy,
            RecordError::Nowhere | RecordError::Write(_) => ChangeRefused::Invalid(error.to_string()),
        })
    }

    fn move_room(&self, room: RoomId, to: u8) -> Result<(), ChangeRefused> {
        if self.realm.snapshot().worlds.len() < 2 {
            return Err(ChangeRefused::Forbidden(
                "this server has one world thread: rooms can move when it is started with world.threads at 2 or more",
            ));
        }
        self.realm.move_room(room, to, ROOM_PATIENCE).map_err(|reject| match reject {
            Reject::RoomUnknown => ChangeRefused::Unknown("room, or no such other world thread"),
            Reject::RoomRefused => ChangeRefused::Invalid("its rules have no on_save, so it cannot move".to_owned()),
            Reject::WorldBusy => ChangeRefused::NotNow(
                "it cannot move just now: somebody has paused it, it is about to answer somebody, it is on its way, or a door is behind; try again",
            ),
            reject => ChangeRefused::Gone(format!("the room ended: {reject}")),
        })
    }

    fn inspect(&self, room: RoomId, deed: RoomDeed) -> Result<RoomView, ChangeRefused> {
        match self.realm.inspect(room, room::deed(deed), ROOM_PATIENCE) {
            Ok(seen) => Ok(room::view(*seen, self.realm.snapshot().worlds.len())),
            Err(Reject::WorldBusy) => Err(ChangeRefused::Busy),
            Err(Reject::RoomUnknown) => Err(room::gone(room, &self.realm.snapshot())),
            Err(reject) => Err(ChangeRefused::Gone(format!("the room ended by what was done: {reject}"))),
        }
    }

    fn end_room(&self, room: RoomId) -> Result<(), ChangeRefused> {
        self.realm.end_room(room, ROOM_PATIENCE).map_err(|reject| match reject {
            Reject::RoomUnknown => room::gone(room, &self.realm.snapshot()),
            _ => ChangeRefused::Busy,
        })
    }

    fn change(&self, change: Change) -> Result<(), ChangeRefused> {
        match change {
            Change::Ban { address, reason, seconds } => self.ban(address, reason, seconds),
            Change::Lift { address } => {
                let _answer_shows_in_the_table = self.control.lift(address).map_err(|_| ChangeRefused::Busy)?;
                Ok(())
            }
            Change::Allow { address } => self.reconfigure(|guard| {
                if guard.trusted.len() >= TRUSTED_MAX {
                    return Err(ChangeRefused::Invalid(format!("{TRUSTED_MAX} prefixes are allowed already")));
                }
                guard.trusted.push(IpNet::from(address));
                Ok(())
            }),
            Change::Disallow { address } => self.reconfigure(|guard| {
                let before = guard.trusted.len();
                guard.trusted.retain(|net| *net != IpNet::from(address));
                if guard.trusted.len() < before { Ok(()) } else { Err(ChangeRefused::Unknown("allowed address")) }
            }),
            Change::Limit { key, value } => self.reconfigure(|guard| knobs::set(guard, &key, value)),
        }
    }
}

/// A panic elsewhere while a table was copied leaves it whole: it is only ever replaced.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
