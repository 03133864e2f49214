//! No descriptor is left. In a process of its own, because the limit is the process's.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use hillfort_proto::reject::Reject;

use super::rig::*;

const CHILD: &str = "HILLFORT_TEST_FEW_DESCRIPTORS";
const NAME: &str = "tests::descriptors::without_descriptors_the_loop_refuses_and_rests";

#[test]
fn without_descriptors_the_loop_refuses_and_rests() {
    if std::env::var_os(CHILD).is_some() {
        return child();
    }
    let test = std::env::current_exe().unwrap();
    let status = Command::new(test).args(["--exact", NAME, "--nocapture"]).env(CHILD, "1").status().unwrap();
    assert!(status.success());
}

fn child() {
    let mut rig = Rig::new(config());
    // Both ends of each connection are in this process; the clients are opened before the limit falls.
    let new = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let mut late: Vec<_> = (0..4).map(|_| new()).collect();
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    let mut clients: Vec<Client> = (0..20).map(|_| rig.connect()).collect();
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(open + 20 + 8), maximum }).unwrap();
    let begin = Instant::now();
    let mut turns = 0;
    while begin.elapsed() < Duration::from_millis(300) {
        rig.edge.turn(Some(Duration::from_millis(100))).unwrap();
        turns += 1;
    }
    // While it rests, connections that come do not wake it.
    let so_far = rig.refused(Reject::Descriptors);
    rig.until("the next rest", |rig| rig.refused(Reject::Descriptors) > so_far);
    for socket in late.drain(..) {
        socket.connect(&rig.addr(crate::Door::Frames).into()).unwrap();
        clients.push(Client::new(socket.into()));
        let begin = Instant::now();
        rig.edge.turn(Some(Duration::from_millis(5))).unwrap();
        assert!(begin.elapsed() >= Duration::from_millis(4), "woken after {:?}", begin.elapsed());
    }
    let refused = rig.refused(Reject::Descriptors);
    let accepted = rig.stats.snapshot().accepted;
    assert!((5..=12).contains(&(accepted - refused)), "{accepted} {refused}");
    // One refusal for each pause of 50 ms, and a turn or two: no spinning.
    assert!((1..=8).contains(&refused) && turns < 40, "{refused} refused in {turns} turns");
    // As soon as there are descriptors again, those that waited come in.
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    rig.until("the rest", |rig| rig.stats.snapshot().accepted == 24);
    for client in &mut clients {
        client.read();
    }
    assert_eq!(clients.iter().filter(|client| client.reset).count() as u64, refused);
}
