//! Signing in with services, through the calls: accounts made and found, links, and what a client learns when a service refuses or is down.
//! How each service is asked is tested beside its adapter.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hillfort_api::api::*;
use hillfort_api::{Call, Code};
use hillfort_social::{Config, MailConfig};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::rig::{NOW_MS, Rig, config, refused};

/// Steam's Web API: a ticket of digits is good, and whose it is says the ticket. On a thread, since the rig's runtime runs in turns.
fn steam() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
            let ticket = line.split("ticket=").nth(1).unwrap().split(' ').next().unwrap().to_owned();
            let (status, body) = match ticket.as_str() {
                "dead" => ("503 Unavailable", String::new()),
                _ if ticket.bytes().all(|byte| byte.is_ascii_digit()) => {
                    ("200 OK", format!(r#"{{"response":{{"params":{{"result":"OK","steamid":"{ticket}"}}}}}}"#))
                }
                _ => ("200 OK", r#"{"response":{"error":{"errorcode":101,"errordesc":"Invalid ticket"}}}"#.to_owned()),
            };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    url
}

fn rig() -> Rig {
    let mut config: Config = config();
    config.outside.steam.url = steam();
    config.outside.steam.app_id = 480;
    config.outside.steam.publisher_key = "key".into();
    config.outside.facebook.instant_secret = "secret".into();
    Rig::with(config, MailConfig::None)
}

fn sign_in(ticket: &str, create: Option<bool>, username: &str) -> Call {
    let account = AccountSteam { token: ticket.into(), ..Default::default() };
    Call::AuthenticateSteam(AuthenticateSteamRequest { account: Some(account), create, username: username.into(), sync: None })
}

fn link(ticket: &str) -> Call {
    let account = AccountSteam { token: ticket.into(), ..Default::default() };
    Call::LinkSteam(LinkSteamRequest { account: Some(account), sync: None })
}

fn player(id: &str) -> String {
    let json = format!(r#"{{"algorithm":"HMAC-SHA256","player_id":"{id}","issued_at":{}}}"#, NOW_MS / 1000);
    let payload = URL_SAFE_NO_PAD.encode(json);
    let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
    mac.update(payload.as_bytes());
    format!("{}.{payload}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

#[test]
fn a_service_makes_an_account_and_finds_it() {
    let rig = rig();
    let first = rig.sign_in(sign_in("76561", None, "gordon")).unwrap();
    assert!(first.created);
    let user = rig.account(&first).user.unwrap();
    assert_eq!((user.steam_id.as_str(), user.username.as_str()), ("76561", "gordon"));
    let again = rig.sign_in(sign_in("76561", Some(false), "")).unwrap();
    assert!(!again.created && rig.user_id(&again) == user.id);
    refused(rig.sign_in(sign_in("76562", Some(false), "")), Code::NotFound, "");
    refused(rig.sign_in(sign_in("76562", None, "gordon")), Code::AlreadyExists, "username");
    refused(rig.sign_in(sign_in("76562", None, "a\nb")), Code::InvalidArgument, "username");
    refused(rig.sign_in(sign_in("abcdef", None, "")), Code::Unauthenticated, "");
    refused(rig.sign_in(sign_in("not a ticket", None, "")), Code::Unauthenticated, "");
    let down = rig.sign_in(sign_in("dead", None, "")).unwrap_err();
    assert_eq!((down.code, down.message.as_ref()), (Code::Unavailable, "Steam cannot be asked now: try again later."));
}

#[test]
fn a_service_is_linked_and_unlinked_by_its_proof() {
    let rig = rig();
    let (ada, eve) = (rig.device("device-0001"), rig.device("device-0002"));
    rig.as_user(&ada, link("76561")).unwrap();
    rig.as_user(&ada, link("76561")).unwrap();
    refused(rig.as_user(&eve, link("76561")), Code::AlreadyExists, "");
    refused(rig.as_user(&ada, link("76562")), Code::AlreadyExists, "");
    refused(rig.as_user(&ada, link("abcdef")), Code::Unauthenticated, "");
    let same = rig.sign_in(sign_in("76561", None, "")).unwrap();
    assert_eq!(rig.user_id(&same), rig.user_id(&ada));
    let unlink = |ticket: &str| Call::UnlinkSteam(AccountSteam { token: ticket.into(), ..Default::default() });
    refused(rig.as_user(&ada, unlink("76562")), Code::PermissionDenied, "");
    refused(rig.as_user(&ada, unlink("abcdef")), Code::Unauthenticated, "");
    refused(rig.as_user(&eve, unlink("")), Code::PermissionDenied, "");
    rig.as_user(&ada, unlink("76561")).unwrap();
    assert_eq!(rig.account(&ada).user.unwrap().steam_id, "");
    rig.as_user(&eve, link("76561")).unwrap();
}

#[test]
fn an_instant_game_signs_in_and_a_forged_player_does_not() {
    let rig = rig();
    let call = |signed: &str| {
        let account = AccountFacebookInstantGame { signed_player_info: signed.into(), ..Default::default() };
        Call::AuthenticateFacebookInstantGame(AuthenticateFacebookInstantGameRequest {
            account: Some(account),
            ..Default::default()
        })
    };
    let session = rig.sign_in(call(&player("77"))).unwrap();
    assert_eq!(rig.account(&session).user.unwrap().facebook_instant_game_id, "77");
    let forged = format!("{}x", player("77"));
    refused(rig.sign_in(call(&forged)), Code::Unauthenticated, "");
    refused(rig.sign_in(call("")), Code::InvalidArgument, "signed_player_info");
    rig.pass(601);
    refused(rig.sign_in(call(&player("77"))), Code::Unauthenticated, "");
}
