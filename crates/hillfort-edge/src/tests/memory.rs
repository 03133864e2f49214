//! What the busy paths allocate: nothing.

use std::time::Duration;

use hillfort_proto::ids::RoomId;
use hillfort_proto::message::ClientBody;
use hillfort_proto::route::Outbound;

use super::rig::*;

const ROOM: RoomId = RoomId(0x100);

/// Turns the loop a few times and counts what that allocates.
fn allocations(rig: &mut Rig) -> u64 {
    allocation_counter::measure(|| {
        for _ in 0..4 {
            rig.edge.turn(Some(Duration::from_millis(1))).unwrap();
        }
    })
    .count_total
}

#[test]
fn pings_allocate_nothing() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    let mut total = 0;
    for round in 0..50 {
        for echo in 0..16 {
            client.say(ClientBody::Ping { echo, pad: &[0; 64] });
        }
        let allocated = allocations(&mut rig);
        // The first rounds find their buffers' sizes.
        total += if round < 5 { 0 } else { allocated };
        client.read();
        client.received.clear();
    }
    assert_eq!(rig.stats.snapshot().frames_in, 1 + 50 * 16);
    assert_eq!(total, 0);
}

#[test]
fn inputs_and_states_allocate_nothing() {
    let mut rig = Rig::new(config());
    let mut client = rig.login("ann");
    rig.seat(&mut client, ROOM);
    rig.rooms.lock().unwrap().quiet = true;
    let (to, mut total) = ([client.session], 0);
    for round in 0..50 {
        for _ in 0..8 {
            client.sequenced(ClientBody::Input { op: 1, data: b"a step north" });
        }
        // Cut in the middle of a frame.
        client.send(&hillfort_proto::frame::write_header(14)[..5]);
        rig.batch.push(Outbound::State { to: &to, room: ROOM, tick: round, data: &[1; 600] }).unwrap();
        rig.say(Outbound::State { to: &to, room: ROOM, tick: round, data: &[1; 600] });
        let mut allocated = allocations(&mut rig);
        client.send(&hillfort_proto::frame::write_header(14)[5..]);
        client.send(&[0x42, 12, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0x12, 1, 7]);
        allocated += allocations(&mut rig);
        total += if round < 5 { 0 } else { allocated };
        client.read();
        client.received.clear();
    }
    assert_eq!((rig.rooms.lock().unwrap().inputs, rig.refusals()), (400, vec![]));
    assert_eq!(total, 0);
}

#[test]
fn refused_connections_allocate_nothing() {
    let mut guard = guard_config();
    guard.connect = rate(1, 1);
    let mut rig = Rig::new(crate::Config { guard, ..config() });
    let _first = rig.connect();
    rig.settle();
    let mut total = 0;
    for round in 0..20 {
        let _clients: Vec<Client> = (0..5).map(|_| rig.connect()).collect();
        let allocated = allocations(&mut rig);
        total += if round < 2 { 0 } else { allocated };
    }
    assert_eq!((rig.refused(hillfort_proto::reject::Reject::ConnectRate), total), (100, 0));
}

#[test]
fn refused_client_hellos_allocate_nothing() {
    use hillfort_guard::{Action, FingerprintList};
    use hillfort_proto::client_hello::{Scratch, Transport, read};
    let (certificate, client) = super::tls::certificate();
    let bytes = super::tls::client_hello(&client);
    let ja4 = read(&bytes, &mut Scratch::default()).unwrap().unwrap().ja4(Transport::Tcp).bytes();
    let mut guard = guard_config();
    guard.refused_ja4 = FingerprintList::new(vec![(ja4, Action::Refuse)]).unwrap();
    let mut rig = Rig::new(crate::Config { certificate: Some(certificate), guard, ..config() });
    let mut total = 0;
    for round in 0..20 {
        let mut clients: Vec<Client> = (0..5).map(|n| if n % 2 == 0 { rig.connect() } else { rig.connect_http() }).collect();
        // Half of it first: what came is kept for a turn.
        clients.iter_mut().for_each(|client| client.send(&bytes[..90]));
        let mut allocated = allocations(&mut rig);
        clients.iter_mut().for_each(|client| client.send(&bytes[90..]));
        allocated += allocations(&mut rig);
        // The first rounds make the records, the buffers and the table.
        total += if round < 5 { 0 } else { allocated };
    }
    assert_eq!((rig.refused(hillfort_proto::reject::Reject::Fingerprint), total), (100, 0));
}
