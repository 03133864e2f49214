//! Signing in with each of the services, through the calls: accounts made and found, links, what is wrong with proofs, and what a client learns
//! when a service refuses, is down or is not set up. What each claim must be is tested beside its adapter.

use std::sync::Arc;

use hillfort_api::Code;
use hillfort_social::{Config, MailConfig, OutsideConfig};

use crate::rig::{NOW_MS, Rig, config, refused};
use crate::services::Service::*;
use crate::services::{FLAWS, Made, Proof, SERVICES, Service, Services, id_at, link, sign_in, taken_over, unlink};

const NOW_S: i64 = NOW_MS / 1000;
/// Nobody's proof.
const NONE: fn() -> Proof = Proof::default;

fn rig_with(change: impl Fn(&mut OutsideConfig)) -> (Rig, Services) {
    let runtime = Arc::new(tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());
    let services = runtime.block_on(Services::start(NOW_S));
    let mut outside = services.config();
    change(&mut outside);
    (Rig::beside(runtime, Config { outside, ..config() }, MailConfig::None), services)
}

fn rig() -> (Rig, Services) {
    rig_with(|_| {})
}

#[test]
fn a_service_makes_an_account_and_finds_it() {
    let (rig, services) = rig();
    for (person, service) in (100..).zip(SERVICES) {
        let good = |person: u64| services.proof(service, person, Made::Good, NOW_S);
        let username = format!("{service:?}");
        let first = rig.sign_in(sign_in(service, &good(person), None, &username)).unwrap();
        assert!(first.created, "{service:?}");
        let account = rig.account(&first);
        let user = account.user.unwrap();
        assert_eq!((id_at(service, &user), &user.username), (person.to_string().as_str(), &username));
        let verified = !account.email.is_empty();
        assert_eq!((account.email, user.display_name, user.avatar_url), taken_over(service, person), "{service:?}");
        assert_eq!(account.verify_time.is_some(), verified, "{service:?}");
        let again = rig.sign_in(sign_in(service, &good(person), Some(false), "")).unwrap();
        assert!(!again.created && rig.user_id(&again) == user.id, "{service:?}");
        let stranger = person + 100;
        refused(rig.sign_in(sign_in(service, &good(stranger), Some(false), "")), Code::NotFound, "");
        refused(rig.sign_in(sign_in(service, &good(stranger), None, &username)), Code::AlreadyExists, "username");
        refused(rig.sign_in(sign_in(service, &good(stranger), None, "a\nb")), Code::InvalidArgument, "username");
    }
}

#[test]
fn a_proof_that_is_old_forged_or_for_another_game_does_nothing() {
    let (rig, services) = rig();
    for (person, service) in (100..).zip(SERVICES) {
        let ada = rig.device(&format!("device-{person}-1"));
        let proof = |made: Made| services.proof(service, person, made, NOW_S);
        for made in FLAWS {
            let bad = proof(made);
            let error = rig.sign_in(sign_in(service, &bad, None, "")).expect_err(&format!("{service:?} {made:?}"));
            assert_eq!(error.code, Code::Unauthenticated, "{service:?} {made:?}: {error}");
            assert!(error.message.starts_with("Could not authenticate "), "{error}");
            refused(rig.as_user(&ada, link(service, &bad)), Code::Unauthenticated, "");
        }
        refused(rig.sign_in(sign_in(service, &proof(Made::Good), Some(false), "")), Code::NotFound, "");
        assert_eq!(id_at(service, &rig.account(&ada).user.unwrap()), "");
        rig.as_user(&ada, link(service, &proof(Made::Good))).unwrap();
        for made in FLAWS {
            refused(rig.as_user(&ada, unlink(service, &proof(made))), Code::Unauthenticated, "");
        }
        assert_eq!(id_at(service, &rig.account(&ada).user.unwrap()), person.to_string());
        rig.as_user(&ada, unlink(service, &proof(Made::Good))).unwrap();
    }
}

#[test]
fn a_service_is_linked_and_unlinked_by_its_proof() {
    let (rig, services) = rig();
    for (number, service) in (0..).zip(SERVICES) {
        let device = |name: &str| rig.device(&format!("{name}-device-{number}"));
        let (ada, eve) = (device("ada"), device("eve"));
        let (person, other) = (100 + number, 200 + number);
        let good = |person: u64| services.proof(service, person, Made::Good, NOW_S);
        rig.as_user(&ada, link(service, &good(person))).unwrap();
        rig.as_user(&ada, link(service, &good(person))).unwrap();
        let account = rig.account(&ada);
        let user = account.user.unwrap();
        assert_eq!(id_at(service, &user), person.to_string(), "{service:?}");
        assert_eq!((account.email, user.display_name, user.avatar_url), taken_over(service, person), "{service:?}");
        refused(rig.as_user(&eve, link(service, &good(person))), Code::AlreadyExists, "");
        refused(rig.as_user(&ada, link(service, &good(other))), Code::AlreadyExists, "");
        let same = rig.sign_in(sign_in(service, &good(person), None, "")).unwrap();
        assert_eq!((same.created, rig.user_id(&same)), (false, user.id), "{service:?}");
        refused(rig.as_user(&ada, unlink(service, &good(other))), Code::PermissionDenied, "");
        refused(rig.as_user(&eve, unlink(service, &NONE())), Code::PermissionDenied, "");
        rig.as_user(&ada, unlink(service, &good(person))).unwrap();
        assert_eq!(id_at(service, &rig.account(&ada).user.unwrap()), "", "{service:?}");
        refused(rig.sign_in(sign_in(service, &good(person), Some(false), "")), Code::NotFound, "");
        // Without a proof, whatever there is goes.
        rig.as_user(&eve, link(service, &good(person))).unwrap();
        rig.as_user(&eve, unlink(service, &NONE())).unwrap();
        assert_eq!(id_at(service, &rig.account(&eve).user.unwrap()), "", "{service:?}");
    }
}

#[test]
fn what_is_shown_again_is_judged_again() {
    let (rig, services) = rig();
    let ada = rig.device("device-0001");
    for (person, service) in (100..).zip(SERVICES) {
        let proof = services.proof(service, person, Made::Good, NOW_S);
        let first = rig.sign_in(sign_in(service, &proof, None, "")).unwrap();
        let again = rig.sign_in(sign_in(service, &proof, None, ""));
        if service == GameCenter {
            // Its proof is good once, for whatever call.
            refused(again, Code::Unauthenticated, "");
            refused(rig.as_user(&ada, link(service, &proof)), Code::Unauthenticated, "");
            refused(rig.as_user(&first, unlink(service, &proof)), Code::Unauthenticated, "");
        } else {
            let again = again.unwrap();
            assert_eq!((again.created, rig.user_id(&again)), (false, rig.user_id(&first)), "{service:?}");
        }
    }
    // What proves itself ends by itself; Facebook and Steam say so of what they vouch for.
    let kept: Vec<_> = [Apple, Google, LimitedLogin, InstantGame]
        .map(|service| (service, services.proof(service, 300, Made::Good, NOW_S)))
        .into();
    rig.pass(606);
    for (service, proof) in kept {
        refused(rig.sign_in(sign_in(service, &proof, None, "")), Code::Unauthenticated, "");
    }
}

#[test]
fn a_token_with_a_nonce_is_of_no_use_to_who_does_not_know_it() {
    const SECRET: &str = "the client's secret";
    /// Its SHA-256, which is in the token for everybody to read.
    const NONCE: &str = "e9f6e4b873b7e0c58f02064ef226d41d25e0a6c96a7b68c8c3ad20ed4fcb226b";
    for strict in [false, true] {
        let (rig, services) = rig_with(|outside| outside.nonce = strict);
        let eve = rig.device("device-0001");
        for service in [Apple, Google, LimitedLogin] {
            let token = services.with_nonce(service, 7, NONCE, NOW_S);
            let session = rig.sign_in(sign_in(service, &token.with_nonce(SECRET), None, "")).unwrap();
            assert!(session.created, "{service:?}");
            for stolen in [token.with_nonce(NONCE), token.with_nonce(""), token.with_nonce("a guess")] {
                refused(rig.sign_in(sign_in(service, &stolen, None, "")), Code::Unauthenticated, "");
                refused(rig.as_user(&eve, link(service, &stolen)), Code::Unauthenticated, "");
                refused(rig.as_user(&session, unlink(service, &stolen)), Code::Unauthenticated, "");
            }
            // Who does not ask for nonces does not get what they give.
            assert_eq!(rig.sign_in(sign_in(service, &token, None, "")).is_err(), strict, "{service:?}");
            let without = services.proof(service, 8, Made::Good, NOW_S);
            assert_eq!(rig.sign_in(sign_in(service, &without, None, "")).is_err(), strict, "{service:?}");
        }
    }
}

#[test]
fn a_service_that_is_down_is_asked_again_later() {
    let (rig, services) = rig();
    // Of keys that were fetched once, none is needed for a day.
    services.server.change(|_| (503, String::new()));
    let asked: Vec<Service> = SERVICES.into_iter().filter(|service| !matches!(service, InstantGame | GameCenter)).collect();
    for service in asked {
        let error = rig.sign_in(sign_in(service, &services.proof(service, 100, Made::Good, NOW_S), None, "")).unwrap_err();
        assert_eq!(error.code, Code::Unavailable, "{service:?}: {error}");
        assert!(error.message.ends_with("cannot be asked now: try again later."), "{error}");
    }
}

#[test]
fn a_service_that_is_not_set_up_says_so() {
    let (_, services) = rig();
    let rig = Rig::new();
    let ada = rig.device("device-0001");
    for service in SERVICES {
        let proof = services.proof(service, 100, Made::Good, NOW_S);
        for error in
            [rig.sign_in(sign_in(service, &proof, None, "")).unwrap_err(), rig.as_user(&ada, link(service, &proof)).unwrap_err()]
        {
            assert_eq!(error.code, Code::FailedPrecondition, "{service:?}");
            assert!(error.message.ends_with("authentication is not configured."), "{error}");
        }
    }
}
