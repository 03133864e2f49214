//! Players who were here before, what the console asks of the guard, and where bans go.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hillfort_guard::{Ban, Cause, Country, Place, Range, Regions, Step};
use hillfort_proto::message::ClientBody;
use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;
use socket2::{Domain, Socket, Type};

use super::rig::*;
use crate::{BanSink, Config, Door, Edge};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

impl Rig {
    /// A client with this address of its own; all of 127/8 is this machine.
    fn connect_from(&mut self, addr: IpAddr) -> Client {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(addr, 0).into()).unwrap();
        socket.connect(&self.addr(Door::Frames).into()).unwrap();
        Client::new(TcpStream::from(socket))
    }

    fn login_from(&mut self, addr: IpAddr, name: &str) -> Client {
        let mut client = self.connect_from(addr);
        client.send(&hello());
        client.say(ClientBody::Login { name });
        self.welcome(&mut client);
        client
    }
}

fn quick_to_settle() -> Config {
    let mut guard = guard_config();
    guard.settled_after = Duration::from_secs(2);
    Config { guard, ..config() }
}

#[test]
fn a_session_that_lasts_makes_its_address_known() {
    let mut rig = Rig::new(quick_to_settle());
    let here = ip("127.0.0.2");
    let mut one = rig.login_from(here, "ann");
    let known = |rig: &mut Rig| {
        let mut view = rig.control.ladder(here).unwrap();
        rig.settle();
        let reputation = view.try_recv().unwrap().reputation;
        (reputation.known, reputation.accounts)
    };
    rig.pass(Duration::from_millis(1_000));
    assert_eq!(known(&mut rig), (false, 0));
    rig.pass(Duration::from_millis(1_500));
    rig.until("the sweep", |rig| known(rig) == (true, 1));
    // The same account again and another one, each with a connection of its own.
    let (_again, _other) = (rig.login_from(here, "ann"), rig.login_from(here, "bob"));
    rig.pass(Duration::from_millis(2_500));
    rig.until("the sweep", |rig| known(rig) == (true, 2));
    one.say(ClientBody::Ping { echo: 1, pad: &[] });
    rig.next(&mut one);
    assert_eq!(rig.refusals(), []);
}

#[test]
fn strangers_are_shed_before_known_players() {
    let mut rig = Rig::new(Config { connections_max: 8, unproven_max: 3, ..quick_to_settle() });
    let (home, abroad) = (ip("127.0.0.2"), ip("127.0.0.3"));
    let _player = rig.login_from(home, "ann");
    rig.pass(Duration::from_millis(2_500));
    rig.until("the sweep", |rig| {
        let mut view = rig.control.ladder(home).unwrap();
        rig.settle();
        view.try_recv().unwrap().reputation.known
    });
    // The known one is the oldest that has said nothing, and stays.
    let mut known = rig.connect_from(home);
    rig.settle();
    let mut strangers: Vec<_> = (0..2).map(|_| rig.connect_from(abroad)).collect();
    rig.settle();
    for round in 1..=4 {
        strangers.push(rig.connect_from(abroad));
        rig.settle();
        let mut oldest = strangers.remove(0);
        assert_eq!((rig.closed(&mut oldest), oldest.reset), (None, true), "round {round}");
        assert_eq!(rig.refused(Reject::UnprovenShed), round);
    }
    known.send(&hello());
    known.say(ClientBody::Login { name: "bob" });
    rig.welcome(&mut known);
    // Of known ones alone the oldest goes.
    let mut home: Vec<_> = (0..5).map(|_| rig.connect_from(home)).collect();
    rig.until("room to be made", |rig| rig.refused(Reject::UnprovenShed) == 8);
    let ended = |client: &mut Client| {
        client.read();
        client.ended
    };
    let mut gone = Vec::new();
    rig.until("those who went", |_| {
        gone = strangers.iter_mut().chain(&mut home).map(ended).collect();
        gone.iter().filter(|gone| **gone).count() == 4
    });
    assert_eq!(
        gone,
        [true, true, true, true, false, false, false][..gone.len()],
        "both strangers before the oldest of the known"
    );
}

/// An address, and how long its ban lasts; `None`: it was lifted.
type Told = (IpAddr, Option<Duration>);

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Told>>>, Arc<Mutex<Whole>>);

/// What a sink heard of all bans.
#[derive(Default)]
struct Whole {
    wanted: bool,
    heard: Vec<Vec<IpAddr>>,
}

impl BanSink for Heard {
    fn banned(&mut self, ban: &Ban, lasts: Duration) {
        self.0.lock().unwrap().push((ban.addr, Some(lasts)));
    }

    fn lifted(&mut self, addr: IpAddr) {
        self.0.lock().unwrap().push((addr, None));
    }

    fn wants_all(&self) -> bool {
        self.1.lock().unwrap().wanted
    }

    fn all(&mut self, bans: &mut dyn Iterator<Item = (IpAddr, Duration)>) {
        let mut whole = self.1.lock().unwrap();
        whole.wanted = false;
        whole.heard.push(bans.map(|(addr, _)| addr).collect());
    }
}

/// A loop with a sink, made by hand: the rig has none.
#[test]
fn bans_go_where_they_are_wanted_and_come_back_after_a_restart() {
    let restored = |n: u32, s: u64| Ban {
        addr: IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 + n)),
        cause: Cause::Offence(Reject::HelloMac),
        count: 11,
        first: Time::ZERO,
        last: Time::ZERO,
        until: Time::from_millis(s * 1_000),
        repeats: 2,
    };
    let mut guard = guard_config();
    guard.unbannable = vec![ip("10.0.0.3").into()];
    // Some of those that are never banned, some that are over.
    let restored_bans = (0..5_000).map(|n| restored(n, if n == 4 { 0 } else { 300 })).collect();
    let mut edge = Edge::bind(Config { guard, restored_bans, ..config() }).unwrap();
    let fds = edge.listener_fds();
    assert!(fds[0].as_raw_fd() != fds[1].as_raw_fd());
    let (heard, control) = (Heard::default(), edge.control());
    edge.set_ban_sink(Box::new(heard.clone()));
    drop(edge.session_ports(1));
    let (mut edge, _http) = edge.into_thread(Box::new(Quiet), axum::Router::new()).unwrap();
    {
        let mut heard = heard.0.lock().unwrap();
        assert_eq!(heard.len(), 4_998, "one is over, one must not be banned");
        assert!(heard.iter().all(|(_, lasts)| *lasts == Some(Duration::from_secs(300))));
        heard.clear();
    }
    let other = ip("192.0.2.1");
    for n in 0..100 {
        drop(control.ban(other, Duration::from_secs(60 + n)).unwrap());
    }
    drop(control.lift(other).unwrap());
    for _ in 0..20 {
        edge.turn(Some(Duration::from_millis(1))).unwrap();
    }
    let told = std::mem::take(&mut *heard.0.lock().unwrap());
    assert_eq!((told.len(), told[0], told[100]), (101, (other, Some(Duration::from_secs(60))), (other, None)));

    // What was lost behind the sink, or before it, is made good by telling all.
    let whole = |edge: &mut crate::thread::EdgeThread| {
        for _ in 0..2_000 {
            edge.turn(Some(Duration::from_millis(1))).unwrap();
            let heard = std::mem::take(&mut heard.1.lock().unwrap().heard);
            if !heard.is_empty() {
                return heard;
            }
        }
        Vec::new()
    };
    heard.1.lock().unwrap().wanted = true;
    let after = whole(&mut edge);
    assert_eq!((after.len(), after[0].contains(&ip("10.0.0.1")), after[0].contains(&other)), (1, true, false));
    let mut nobody = guard_config();
    nobody.unbannable = vec!["10.0.0.0/8".parse().unwrap()];
    control.apply(nobody).unwrap();
    assert_eq!(whole(&mut edge), [Vec::<IpAddr>::new()], "more were lifted at once than news can wait");
}

#[test]
fn the_console_sees_steps_lifts_them_and_swaps_regions() {
    let mut guard = guard_config();
    guard.tolerance = rate(50, 100_000);
    let mut rig = Rig::new(Config { guard, ..config() });
    let bad = ip("127.0.0.9");
    // A quarter of 100,000 points, at 250 for each frame that is none; meanwhile some are forgiven.
    for _ in 0..110 {
        let mut client = rig.connect_from(bad);
        client.send(&hello());
        client.send(&[0; 32]);
        rig.closed(&mut client);
    }
    let steps = |rig: &mut Rig| {
        let mut steps = rig.control.steps(10).unwrap();
        rig.settle();
        steps.try_recv().unwrap().steps
    };
    let seen = steps(&mut rig);
    assert_eq!(seen.iter().map(|row| (row.addr, row.step, row.count)).collect::<Vec<_>>(), [(bad, Step::Slow, 110)]);
    assert_eq!(seen[0].cause, Cause::Offence(Reject::FrameMagic));
    let (mut top, mut view) = (rig.control.top(1).unwrap(), rig.control.ladder(bad).unwrap());
    rig.settle();
    let (top, view) = (top.try_recv().unwrap(), view.try_recv().unwrap());
    assert_eq!((top[0].addr, top[0].events, top[0].refused), (bad, 220, 110));
    assert_eq!((view.steps, view.reputation.reasons[0].count, view.place), (seen, 110, Place::default()));
    let mut was_banned = rig.control.lift(bad).unwrap();
    rig.settle();
    assert!(!was_banned.try_recv().unwrap());
    assert_eq!(steps(&mut rig), []);
    let place = Place { asn: 64_496, country: Country::new(*b"AA").unwrap() };
    let range = Range { start: ip("127.0.0.0"), end: ip("127.255.255.255"), place };
    let mut old = rig.control.set_regions(Arc::new(Regions::from_ranges([range]).unwrap())).unwrap();
    let mut view = rig.control.ladder(bad).unwrap();
    rig.settle();
    assert_eq!((old.try_recv().unwrap().ranges(), view.try_recv().unwrap().place), (0, place));
}
