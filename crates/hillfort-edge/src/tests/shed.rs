//! Floods of connections that prove nothing: the silent cannot push out who has begun to speak, nor the other way round.

use std::time::Duration;

use hillfort_proto::message::ClientBody;
use hillfort_proto::reject::Reject;
use rustls::ClientConnection;

use super::rig::*;
use super::tls::certificate;
use crate::{Config, Door};

const PLACES: usize = 8;
/// Many times what there is room for.
const FLOOD: usize = 5 * PLACES;

/// Connections from here that say `bytes` each, one after the other.
fn flood(rig: &mut Rig, bytes: &[u8]) -> Vec<Client> {
    let bots = (0..FLOOD).map(|_| {
        let mut bot = rig.connect();
        rig.settle();
        bot.send(bytes);
        rig.settle();
        bot
    });
    bots.collect()
}

/// Few places; and time enough for a machine that has more to do than this test.
fn places() -> Config {
    Config { unproven_max: PLACES, hello_patience: Duration::from_secs(60), ..config() }
}

#[test]
fn silence_does_not_shed_who_has_begun_to_speak() {
    let mut rig = Rig::new(places());
    let bytes = hello();
    let mut slow = [1, 40, 71].map(|said| {
        let mut client = rig.connect();
        client.send(&bytes[..said]);
        client
    });
    let mut proven = rig.connect();
    proven.send(&hello());
    rig.settle();
    let _bots = flood(&mut rig, &[]);
    assert_eq!(rig.refusals(), [("unproven_shed", FLOOD as u64 - 4)]);
    proven.say(ClientBody::Login { name: "ann" });
    rig.welcome(&mut proven);
    for client in &mut slow {
        client.read();
        assert!(!client.ended);
    }
    slow[0].send(&bytes[1..]);
    slow[0].say(ClientBody::Login { name: "bob" });
    rig.welcome(&mut slow[0]);
}

#[test]
fn silence_does_not_shed_who_is_in_the_middle_of_tls() {
    let (certificate, tls) = certificate();
    let mut rig = Rig::new(Config { certificate: Some(certificate), ..places() });
    // One has said half of its ClientHello, one all of it and waits for the answer on a slow line.
    let mut half = rig.connect();
    let mut begun = ClientConnection::new(tls.clone(), "fort.test".try_into().unwrap()).unwrap();
    let mut bytes = Vec::new();
    begun.write_tls(&mut bytes).unwrap();
    half.send(&bytes[..100]);
    let mut whole = rig.connect();
    let mut answered = ClientConnection::new(tls, "fort.test".try_into().unwrap()).unwrap();
    answered.write_tls(&mut whole.socket).unwrap();
    rig.settle();
    let _bots = flood(&mut rig, &[]);
    assert_eq!(rig.refusals(), [("unproven_shed", FLOOD as u64 - 6)]);
    half.send(&bytes[100..]);
    for (client, handshake) in [(&mut half, begun), (&mut whole, answered)] {
        client.tls = Some(handshake);
        rig.until("the handshake", |_| {
            client.read();
            !client.tls.as_ref().unwrap().is_handshaking()
        });
        client.send(&hello());
        client.say(ClientBody::Login { name: "ann" });
        rig.welcome(client);
    }
}

#[test]
fn beginnings_do_not_shed_who_has_not_spoken_yet() {
    let mut rig = Rig::new(places());
    let mut players: Vec<_> = (0..PLACES / 2 - 1).map(|_| rig.connect()).collect();
    rig.settle();
    let mut bots = flood(&mut rig, &hello()[..1]);
    for client in &mut players {
        client.send(&hello());
        client.say(ClientBody::Login { name: "ann" });
        rig.welcome(client);
    }
    let (gone, left) = bots.split_at_mut(FLOOD - (PLACES / 2 + 1));
    let mut has_ended = |client: &mut Client| {
        client.read();
        client.ended
    };
    rig.until("the ends of the oldest", |_| gone.iter_mut().all(&mut has_ended));
    assert!(!left.iter_mut().any(&mut has_ended));
}

#[test]
fn floods_of_both_kinds_have_half_of_the_places_each() {
    let mut rig = Rig::new(places());
    let mut bots: Vec<_> = (0..FLOOD)
        .map(|n| {
            let mut bot = rig.connect();
            if n % 2 == 0 {
                bot.send(&hello()[..1]);
            }
            rig.settle();
            bot
        })
        .collect();
    let left: Vec<usize> = (0..FLOOD)
        .filter(|n| {
            bots[*n].read();
            !bots[*n].ended
        })
        .collect();
    assert_eq!(left, (FLOOD - PLACES..FLOOD).collect::<Vec<_>>());
}

#[test]
fn who_speaks_late_has_all_its_time_from_the_first_byte() {
    let mut rig = Rig::new(config());
    let (mut late, mut slow) = (rig.connect(), rig.connect());
    rig.settle();
    rig.pass(Duration::from_millis(2_900));
    let bytes = hello();
    late.send(&bytes[..1]);
    slow.send(&bytes[..1]);
    rig.settle();
    rig.pass(Duration::from_millis(2_900));
    late.send(&bytes[1..]);
    late.say(ClientBody::Login { name: "ann" });
    rig.welcome(&mut late);
    // A further byte buys nothing.
    slow.send(&bytes[1..2]);
    rig.pass(Duration::from_millis(200));
    assert_eq!((rig.closed(&mut slow), rig.refusals()), (None, vec![("hello_slow", 1)]));
}

#[test]
fn a_header_of_a_balancer_is_no_word_of_its_client() {
    let mut rig = Rig::new(Config { proxies: vec!["127.0.0.0/8".parse().unwrap()], ..places() });
    let header = super::proxied::header("203.0.113.7:49153");
    let mut player = rig.connect();
    player.send(&[&header[..], &hello()[..1]].concat());
    rig.settle();
    let _bots = flood(&mut rig, &header);
    player.read();
    assert_eq!((player.ended, rig.refused(Reject::UnprovenShed)), (false, FLOOD as u64 - 7));
    assert_eq!(rig.stats.snapshot().open(Door::Frames), PLACES as u64);
}
