//! Both ends of a session over connections that are cut at any byte: nothing lost, nothing doubled, order kept.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

use std::time::Duration;

use hillfort_proto::limits::{RESUME_WINDOW, UNACKED_MESSAGES_MAX};
use hillfort_proto::reject::Reject;
use hillfort_proto::session::{client, server};
use hillfort_testkit::pair::Pair;

/// Steps of one run.
const STEPS: usize = 400;
const SEEDS: u64 = 300;

/// One random run: returns what each side was given to send.
fn run(pair: &mut Pair) -> [Vec<(u32, Vec<u8>)>; 2] {
    let (mut inputs, mut events, mut tick) = (Vec::new(), Vec::new(), 0);
    for _ in 0..STEPS {
        match pair.seed.below(10) {
            0..3 => {
                let message = (inputs.len() as u32, pair.seed.bytes(200));
                // A full log refuses; such an input was not sent.
                if pair.input(message.0, &message.1).is_ok() {
                    inputs.push(message);
                }
            }
            3..5 => {
                let message = (events.len() as u32, pair.seed.bytes(2000));
                pair.event(message.0, &message.1).unwrap();
                events.push(message);
            }
            5 => {
                tick += 1;
                pair.state(tick, &[7; 100]);
            }
            6..8 => pair.deliver_some(),
            8 => {
                let time = Duration::from_millis(pair.seed.below(2_000) as u64);
                pair.advance(time);
            }
            _ if pair.is_connected() && pair.seed.one_in(3) => pair.cut(),
            _ if !pair.is_connected() => pair.connect(),
            _ => pair.deliver_some(),
        }
    }
    [inputs, events]
}

#[test]
fn nothing_is_lost_or_doubled_however_the_connection_is_cut() {
    let mut cuts_seen = 0;
    for seed in 0..SEEDS {
        let mut pair = Pair::seated(seed);
        let [inputs, events] = run(&mut pair);
        if !pair.is_connected() {
            cuts_seen += 1;
            pair.connect();
        }
        pair.settle();
        assert_eq!(pair.at_server.rejects, [], "seed {seed}: no reject");
        assert_eq!(pair.at_client.rejects, [], "seed {seed}: no reject");
        assert!(pair.at_server.sequenced == inputs, "seed {seed}: inputs differ");
        assert!(pair.at_client.sequenced == events, "seed {seed}: events differ");
        assert!(pair.at_client.states.is_sorted_by(|a, b| a < b), "seed {seed}: states go back");
        assert!(!events.is_empty() && !inputs.is_empty());

        // Once the acknowledgements are due, neither end keeps anything.
        pair.advance(Duration::from_secs(3));
        pair.settle();
        assert_eq!(pair.client.unacknowledged(), 0, "seed {seed}");
    }
    assert!(cuts_seen > 10, "the runs must contain cuts");
}

#[test]
fn the_window_is_kept_at_its_edge() {
    let check = |away: Duration, resumed: bool| {
        let mut pair = Pair::seated(1);
        pair.input(1, b"before").unwrap();
        pair.cut();
        pair.server.as_mut().unwrap().handle_disconnect(pair.now);
        let id = pair.client.id();
        pair.now = pair.now + away;
        pair.connect();
        pair.settle();
        assert_eq!(pair.client.id() == id, resumed, "{away:?}");
        assert_eq!(pair.client.state(), client::State::Open);
        assert_eq!(pair.at_server.sequenced.len(), usize::from(resumed), "{away:?}");
    };
    check(Duration::from_secs(1), true);
    check(RESUME_WINDOW, true);
    check(RESUME_WINDOW + Duration::from_millis(1), false);
}

/// The client's clock runs slow, or the server was restarted: it asks to resume what is gone.
#[test]
fn a_session_that_is_gone_is_refused_and_the_client_logs_in_anew() {
    let mut pair = Pair::seated(2);
    pair.cut();
    pair.server = None;
    pair.connect();
    pair.settle();
    assert_eq!(pair.at_client.rejects, [Reject::ResumeUnknown]);
    assert!(!pair.is_connected());
    pair.connect();
    pair.settle();
    assert_eq!((pair.client.state(), pair.client.seat().room()), (client::State::Open, None));
    assert_eq!(pair.server.as_ref().map(server::Session::state), Some(server::State::Open));
}

#[test]
fn a_room_full_of_events_for_an_absent_client_ends_its_session() {
    let mut pair = Pair::seated(3);
    pair.settle();
    pair.cut();
    let mut taken = 0;
    while pair.event(0, b"x").is_ok() {
        taken += 1;
    }
    assert!(taken <= UNACKED_MESSAGES_MAX, "{taken}");
    assert_eq!(pair.event(0, b"x"), Err(Reject::SlowConsumer));
}

/// Quiet for an hour: both sides hear each other and neither gives up.
#[test]
fn an_idle_connection_stays_for_an_hour() {
    let mut pair = Pair::new(4);
    pair.connect();
    pair.settle();
    for _ in 0..360 {
        pair.advance(Duration::from_secs(10));
        pair.settle();
    }
    assert!(pair.is_connected() && pair.at_server.rejects.is_empty() && pair.at_client.rejects.is_empty());
    assert!(!pair.server.as_ref().unwrap().is_stale(pair.now));
}

/// Under challenge everything goes on as without, also over lines that break before the work is done.
#[test]
fn work_stands_before_logins_and_resumptions() {
    for seed in 0..200 {
        let mut pair = Pair::new(seed);
        pair.challenge = Some(6);
        pair.connect();
        pair.deliver_some();
        if pair.seed.one_in(2) {
            pair.cut();
            pair.connect();
        }
        pair.settle();
        assert_eq!(pair.client.state(), client::State::Open, "seed {seed}");

        let mut pair = Pair::seated(seed);
        pair.challenge = Some(6);
        for n in 0..40u32 {
            pair.event(n, b"x").unwrap();
            pair.input(n, b"y").unwrap();
            // What was received and not acknowledged is on nobody's mind while there is work to do.
            pair.deliver_some();
            pair.cut();
            pair.connect();
            pair.settle();
            assert_eq!(pair.client.state(), client::State::Open, "seed {seed}");
        }
        let all = (0..40).collect::<Vec<_>>();
        for record in [&pair.at_client, &pair.at_server] {
            assert_eq!(record.sequenced.iter().map(|(op, _)| *op).collect::<Vec<_>>(), all, "seed {seed}");
        }
        assert_eq!((pair.at_client.rejects.as_slice(), pair.at_server.rejects.as_slice()), (&[][..], &[][..]), "seed {seed}");
    }
}
