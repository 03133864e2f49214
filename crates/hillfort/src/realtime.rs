//! The realtime socket of the client API: its door, the matches behind it, its thread and its end. Owns the order of these; what is said on
//! it is the affair of `hillfort-nakama`.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use axum::Router;
use hillfort_api::match_id::RoomCipher;
use hillfort_api::matches::Matches;
use hillfort_edge::Edge;
use hillfort_nakama::matches::MatchList;
use hillfort_nakama::socket::{Config, SocketDoor, Sockets};
use hillfort_proto::route::{RoomPort, SessionPort};
use hillfort_realm::RealmHandle;
use tokio::sync::oneshot;

use crate::doors;
use crate::realm_rooms::RealmRooms;
use crate::services::Services;

/// How often it is looked whether all who play have left.
const LOOK: Duration = Duration::from_millis(20);

/// The door before the realm is there.
pub(crate) struct Door {
    door: SocketDoor,
    cipher: RoomCipher,
}

/// The socket's loop.
#[derive(Debug)]
pub(crate) struct Running {
    /// Resolves when the loop ends.
    pub(crate) ended: oneshot::Receiver<()>,
    sockets: Sockets,
    thread: JoinHandle<io::Result<()>>,
}

impl Door {
    /// A door that asks `services`.
    ///
    /// # Errors
    /// The system gives no poller, or no randomness.
    pub(crate) fn open(config: Config, services: &Services) -> io::Result<Self> {
        let mut key = [0; 4];
        for part in &mut key {
            *part = getrandom::u64().map_err(io::Error::other)?;
        }
        let cipher = RoomCipher::new(key);
        let door = SocketDoor::new(config, services.service(), services.handle(), cipher.clone())?;
        Ok(Self { door, cipher })
    }

    /// One port for each world thread. To be called once.
    pub(crate) fn session_ports(&mut self, worlds: usize) -> Vec<Box<dyn SessionPort>> {
        self.door.session_ports(worlds)
    }

    /// The route `/ws`.
    pub(crate) fn router(&self) -> Router {
        self.door.router()
    }

    /// Has requests for a socket that are refused by their token refused where `edge` accepts them.
    pub(crate) fn watch(&self, edge: &mut Edge) {
        edge.set_porter(self.door.porter());
    }

    /// What makes ids of matches.
    pub(crate) const fn cipher(&self) -> &RoomCipher {
        &self.cipher
    }

    /// The open sockets.
    pub(crate) fn sockets(&self) -> Sockets {
        self.door.sockets()
    }

    /// The matches of the sockets and of a realm that was started just now.
    pub(crate) fn matches(&self, realm: &Arc<RealmHandle>) -> Arc<dyn Matches> {
        let rooms = Arc::new(RealmRooms::new(Arc::clone(realm)));
        Arc::new(MatchList::new(self.door.sockets(), rooms, self.cipher.clone()))
    }

    /// Starts the loop. `rooms` is the realm's port for it.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn run(self, rooms: Box<dyn RoomPort>) -> io::Result<Running> {
        let sockets = self.door.sockets();
        let thread = self.door.into_thread(rooms, doors::SOCKETS);
        let (tell, ended) = oneshot::channel();
        let thread = Builder::new().name("sockets".into()).spawn(move || {
            let result = thread.run();
            // Nobody listens any more at the end of a drain.
            let _drains = tell.send(());
            result
        })?;
        Ok(Running { ended, sockets, thread })
    }
}

impl Running {
    /// Lets matches go on until they end or the time is over, tells all sockets that the server ends, and waits for the loop. The realm has
    /// to drain already.
    pub(crate) async fn drain(&mut self, realm: &RealmHandle, within: Duration) {
        let end = Instant::now() + within;
        while self.sockets.stats().open > 0 && !realm.has_ended() && Instant::now() < end {
            tokio::time::sleep(LOOK).await;
        }
        self.sockets.drain();
        // An error means that the loop has ended already.
        let _ended = (&mut self.ended).await;
    }

    /// How the loop ended. Blocks until it has.
    pub(crate) fn join(self) -> io::Result<()> {
        self.thread.join().map_err(|_| io::Error::other("the thread of the realtime socket panicked"))?
    }
}
