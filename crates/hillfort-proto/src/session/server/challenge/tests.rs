//! Work before a login and before a resumption.

use super::*;
use crate::ids::SessionId;
use crate::message::{ClientBody, ClientView, Encode, ServerView};
use crate::time::Time;

const F: Framing = Framing::Bare;
const ID: SessionId = SessionId(0x2A00);
const TOKEN: [u8; 16] = [7; 16];
const PUZZLE: Puzzle = Puzzle::new([3; 16], 10);

fn ms(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn feed(session: &mut Session, body: ClientBody<'_>) -> Result<String, Reject> {
    let mut payload = Vec::new();
    ClientView::unsequenced(body).put(F, &mut payload);
    session.handle_payload(ms(1), &payload, F, &mut Vec::new()).map(|event| format!("{event:?}"))
}

fn answer() -> u64 {
    PUZZLE.solve(0, u64::MAX).unwrap()
}

/// Asked for `opening`, and challenged.
fn challenged(opening: Opening) -> Session {
    let mut session = Session::new(ms(0));
    let asks = match &opening {
        Opening::Login => ClientBody::Login { name: "Ada" },
        Opening::Resume { session, token, received } => ClientBody::Resume { session: *session, token, received: *received },
    };
    feed(&mut session, asks).unwrap();
    let mut out = Vec::new();
    session.challenge(PUZZLE, opening, F, &mut out).unwrap();
    let said = ServerView::read(&out).unwrap();
    assert_eq!((said.seq, said.body), (0, ServerBody::Challenge { salt: &[3; 16], bits: 10 }));
    session
}

const RESUME: Opening = Opening::Resume { session: ID, token: TOKEN, received: 3 };

#[test]
fn after_the_work_the_login_goes_on() {
    let mut session = challenged(Opening::Login);
    assert_eq!(session.accept_login(ms(1), ID, TOKEN, F, &mut Vec::new()), Err(Reject::OutOfState), "not before");
    assert_eq!(feed(&mut session, ClientBody::Work { nonce: answer() }), Ok("Some(Worked(Login))".into()));
    let mut out = Vec::new();
    session.accept_login(ms(1), ID, TOKEN, F, &mut out).unwrap();
    assert_eq!((session.state(), session.name()), (State::Open, "Ada"));
    assert!(matches!(ServerView::read(&out).unwrap().body, ServerBody::Welcome { resumed: false, .. }));
}

#[test]
fn after_the_work_the_resumption_goes_on() {
    let worked = feed(&mut challenged(RESUME), ClientBody::Work { nonce: answer() });
    assert_eq!(worked, Ok(format!("Some({:?})", Event::Worked(RESUME))));
}

#[test]
fn one_answer_is_judged_and_nothing_else_is_taken() {
    for opening in [Opening::Login, RESUME] {
        let mut session = challenged(opening);
        let wrong = (0..).find(|nonce| !PUZZLE.verify(*nonce)).unwrap();
        assert_eq!(feed(&mut session, ClientBody::Work { nonce: wrong }), Err(Reject::Work));
        assert_eq!(feed(&mut session, ClientBody::Work { nonce: answer() }), Err(Reject::OutOfState));
        for body in [
            ClientBody::Login { name: "Ada" },
            ClientBody::Resume { session: ID, token: &TOKEN, received: 0 },
            ClientBody::Ack,
            ClientBody::Bye,
        ] {
            assert_eq!(feed(&mut challenged(opening), body), Err(Reject::OutOfState), "{body:?}");
        }
        let mut session = challenged(opening);
        feed(&mut session, ClientBody::Work { nonce: answer() }).unwrap();
        assert_eq!(feed(&mut session, ClientBody::Work { nonce: answer() }), Err(Reject::OutOfState), "once");
    }
}

#[test]
fn work_has_the_time_of_the_login() {
    let mut session = challenged(Opening::Login);
    assert_eq!(session.poll_timeout(), Some(ms(10_000)));
    assert_eq!(session.handle_timeout(ms(10_000), F, &mut Vec::new()), Ok(()));
    assert_eq!(session.handle_timeout(ms(10_001), F, &mut Vec::new()), Err(Reject::WorkSlow));
    assert_eq!((session.state(), session.poll_timeout()), (State::Ended, None));
    let mut session = challenged(RESUME);
    session.handle_disconnect(ms(5));
    assert_eq!(session.state(), State::Ended);
}

#[test]
fn only_who_asked_is_challenged() {
    let mut out = Vec::new();
    let mut challenge = |session: &mut Session, opening| session.challenge(PUZZLE, opening, F, &mut out);
    assert_eq!(challenge(&mut Session::new(ms(0)), Opening::Login), Err(Reject::OutOfState));
    assert_eq!(challenge(&mut challenged(Opening::Login), Opening::Login), Err(Reject::OutOfState), "twice");
    let mut open = challenged(Opening::Login);
    feed(&mut open, ClientBody::Work { nonce: answer() }).unwrap();
    open.accept_login(ms(1), ID, TOKEN, F, &mut Vec::new()).unwrap();
    assert_eq!(challenge(&mut open, Opening::Login), Err(Reject::OutOfState));
    assert!(out.is_empty());
}
