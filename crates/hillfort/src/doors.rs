//! One port for the realm over those of all doors: the edge, and the realtime socket. Owns the numbers that the realm knows them by.

use hillfort_proto::route::{OutboundBatch, SessionPort};

/// The realm's number for the loop of the realtime socket; the edge is 0.
pub(crate) const SOCKETS: u8 = 1;

/// A world thread's way to both.
struct Doors([Box<dyn SessionPort>; 2]);

/// Joins the ports of both doors, one of each for each world thread.
pub(crate) fn join(edge: Vec<Box<dyn SessionPort>>, sockets: Vec<Box<dyn SessionPort>>) -> Vec<Box<dyn SessionPort>> {
    edge.into_iter().zip(sockets).map(|(edge, sockets)| Box::new(Doors([edge, sockets])) as Box<dyn SessionPort>).collect()
}

impl SessionPort for Doors {
    fn edges(&self) -> usize {
        self.0.len()
    }

    fn submit(&mut self, edge: u8, batch: &mut OutboundBatch) -> bool {
        self.0[usize::from(edge)].submit(0, batch)
    }

    fn wake(&mut self, edge: u8) {
        self.0[usize::from(edge)].wake(0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    struct Door(&'static str, Arc<Mutex<Vec<String>>>);

    impl SessionPort for Door {
        fn edges(&self) -> usize {
            1
        }

        fn submit(&mut self, edge: u8, _: &mut OutboundBatch) -> bool {
            self.1.lock().unwrap().push(format!("{} {edge}", self.0));
            self.0 == "sockets"
        }

        fn wake(&mut self, edge: u8) {
            self.1.lock().unwrap().push(format!("wake {} {edge}", self.0));
        }
    }

    #[test]
    fn each_door_gets_what_is_for_it() {
        let told = Arc::default();
        let door = |name| vec![Box::new(Door(name, Arc::clone(&told))) as Box<dyn SessionPort>];
        let mut ports = join(door("edge"), door("sockets"));
        let (port, batch) = (&mut ports[0], &mut OutboundBatch::default());
        assert_eq!((port.edges(), port.submit(SOCKETS, batch), port.submit(0, batch)), (2, true, false));
        port.wake(SOCKETS);
        assert_eq!(*told.lock().unwrap(), ["sockets 0", "edge 0", "wake sockets 0"]);
    }
}
