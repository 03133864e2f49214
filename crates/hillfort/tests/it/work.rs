//! Under attack strangers work for their login: players and bots get in all the same, and who does not work does not.

use hillfort_proto::message::{ClientBody, ClientView, ServerBody};
use hillfort_proto::reject::Reject;
use rustix::process::Signal;

use crate::player::Player;
use crate::server::{Server, hillfort, run};
use crate::wire::{Door, Wire};

/// A server that takes ten connections in a second for an attack, and has just had them.
fn attacked(more: &[(&str, &str)]) -> Server {
    let settings = [&[("guard.attack_offered_per_s", "10"), ("guard.work_bits", "12")], more].concat();
    let server = Server::start(&settings);
    let _crowd: Vec<_> = (0..20).map(|_| Wire::open(&Door::frames(server.frames)).unwrap()).collect();
    server
}

/// What a login is answered by.
fn bits(door: &Door) -> (Wire, u32) {
    let mut wire = Wire::proven(door);
    wire.say(ClientView::unsequenced(ClientBody::Login { name: "Idle" }));
    let bits = wire.wait("Challenge", |body| match body {
        ServerBody::Challenge { bits, .. } => Some(bits),
        _ => None,
    });
    (wire, bits)
}

#[test]
fn players_and_bots_work_and_play_on() {
    let server = attacked(&[]);
    for door in server.doors() {
        let (mut wire, bits) = bits(&door);
        assert_eq!(bits, 12);
        let wrong = ClientBody::Work { nonce: u64::MAX };
        wire.say(ClientView::unsequenced(wrong));
        // One number in 4,096 would be right.
        assert_eq!(wire.closed(), Some(Reject::Work));

        let mut ann = Player::seated(&door, "Ann", "hilltop");
        ann.state();
        ann.cut();
        ann.connect();
        assert!(ann.welcome(), "a resumption is worked for and goes on");
        ann.state();
    }
    let mut bots = hillfort(std::path::Path::new("."));
    let target = server.frames.to_string();
    bots.args(["load", "bots", "--echo", "--count", "50", "--rate", "10", "--seconds", "1", "--target", &target]);
    let output = run(&mut bots);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // It was an attack all the time.
    assert_eq!(bits(&Door::frames(server.frames)).1, 12);
    server.signal(Signal::TERM);
}
