//! Players who were here before, what the console asks of the guard, and where bans go.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hillfort_guard::{Ban, Cause, Country, Place, Range, Regions, Step};
use hillfort_proto::ids::RoomId;
use hillfort_proto::message::{ClientBody, ServerBody, ServerView};
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
        self.connect_to(Door::Frames, addr)
    }

    fn connect_to(&mut self, door: Door, addr: IpAddr) -> Client {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(addr, 0).into()).unwrap();
        socket.connect(&self.addr(door).into()).unwrap();
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
    guard.played_after = Duration::from_millis(500);
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
    rig.until("the sweep", |rig| known(rig) == (true, 0));
    one.say(ClientBody::Ping { echo: 1, pad: &[] });
    rig.next(&mut one);
    assert_eq!(rig.refusals(), []);
}

/// Plays in a room until the server gives a ticket for it.
fn earn_ticket(rig: &mut Rig, client: &mut Client) -> Vec<u8> {
    rig.seat(client, RoomId(0x100));
    for _ in 0..2 {
        rig.pass(Duration::from_millis(1_500));
        client.sequenced(ClientBody::Input { op: 1, data: b"north" });
        rig.until("the input", |rig| rig.told().is_some());
    }
    let mut ticket = None;
    rig.until("a ticket", |rig| {
        rig.pass(Duration::from_millis(250));
        client.read();
        while let Some(message) = client.poll() {
            if let ServerBody::Ticket { ticket: bytes } = ServerView::read(&message).unwrap().body {
                ticket = Some(bytes.to_vec());
            }
        }
        ticket.is_some()
    });
    ticket.unwrap()
}

/// A few players and a cheater at one address. It is banned for strangers: they play on, and come back with their tickets.
#[test]
fn who_has_played_comes_back_to_an_address_that_is_banned_for_another() {
    let mut guard = quick_to_settle().guard;
    guard.tolerance = rate(10, 1_000);
    let mut rig = Rig::new(Config { guard, ..config() });
    let home = ip("127.0.0.2");
    let mut players = ["ann", "bob", "cem", "dee"].map(|name| rig.login_from(home, name));
    let tickets = players.each_mut().map(|player| earn_ticket(&mut rig, player));
    let refused = |rig: &mut Rig, client: &mut Client| rig.closed(client);
    let mut floods = 0;
    let banned = loop {
        let mut cheater = rig.connect_from(home);
        cheater.send(&hello());
        cheater.say(ClientBody::Login { name: "cheater" });
        let message = rig.next(&mut cheater);
        if matches!(ServerView::read(&message).unwrap().body, ServerBody::Close { .. }) {
            break refused(&mut rig, &mut cheater).or(Some(Reject::Banned));
        }
        cheater.send(&[0; 32]);
        assert_eq!(rig.closed(&mut cheater), Some(Reject::FrameMagic));
        floods += 1;
        assert!(floods < 50, "never banned");
    };
    assert_eq!(banned, Some(Reject::Banned));
    for player in &mut players {
        player.say(ClientBody::Ping { echo: 1, pad: &[] });
        rig.next(player);
    }
    for (name, ticket) in [("ann", &tickets[0]), ("bob", &tickets[1])] {
        let mut back = rig.connect_from(home);
        back.send(&hello());
        back.say(ClientBody::Ticket { ticket });
        back.say(ClientBody::Login { name });
        rig.welcome(&mut back);
    }
    // The token of a session is proof enough.
    let mut back = rig.connect_from(home);
    back.send(&hello());
    back.say(ClientBody::Resume { session: players[0].session, token: &players[0].token, received: 0 });
    rig.welcome(&mut back);
    // And a ticket that somebody made up is none.
    let mut stranger = rig.connect_from(home);
    stranger.send(&hello());
    stranger.say(ClientBody::Ticket { ticket: &[7; 28] });
    stranger.say(ClientBody::Login { name: "ann" });
    assert_eq!(rig.closed(&mut stranger), Some(Reject::Banned));
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

/// At the door of HTTP, too: who keeps silent gives way, and of those who asked the oldest; but strangers before known players.
#[test]
fn strangers_are_shed_before_known_players_at_the_door_of_http() {
    const GET: &str = "GET / HTTP/1.1\r\nHost: fort\r\n\r\n";
    let (home, abroad) = (ip("127.0.0.2"), ip("127.0.0.3"));
    let check = |asks: bool, places: usize| {
        let mut rig = Rig::new(Config { http_connections_max: 8, ..quick_to_settle() });
        let _player = rig.login_from(home, "ann");
        rig.pass(Duration::from_millis(2_500));
        rig.until("the sweep", |rig| {
            let mut view = rig.control.ladder(home).unwrap();
            rig.settle();
            view.try_recv().unwrap().reputation.known
        });
        let visit = |rig: &mut Rig, from: IpAddr| {
            let mut client = rig.connect_to(Door::Http, from);
            if asks {
                assert!(rig.request(&mut client, GET).starts_with("HTTP/1.1 200"), "{:?}", rig.refusals());
            }
            rig.settle();
            client
        };
        // The oldest of all.
        let mut known = visit(&mut rig, home);
        let strangers: Vec<_> = (0..places + 3).map(|_| visit(&mut rig, abroad)).collect();
        rig.until("four to go", |rig| rig.refused(Reject::UnprovenShed) == 4);
        known.received.clear();
        assert!(rig.request(&mut known, GET).starts_with("HTTP/1.1 200"), "asks: {asks}");
        drop(strangers);
    };
    check(false, 4);
    check(true, 7);
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

    fn all(&mut self, bans: &mut dyn Iterator<Item = (&Ban, Duration)>) {
        let mut whole = self.1.lock().unwrap();
        whole.wanted = false;
        whole.heard.push(bans.map(|(ban, _)| ban.addr).collect());
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
        strangers_only: false,
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
