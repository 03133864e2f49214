//! The six services on one server with TLS on loopback, proofs of theirs, good and bad, and the calls that bring them. Knows no account.

use std::cell::Cell;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hillfort_api::Call;
use hillfort_api::api::*;
use hillfort_social::OutsideConfig;
use hillfort_social::outside::facebook::FacebookConfig;
use hillfort_social::outside::fetch::Trust;
use hillfort_social::outside::game_center::GameCenterConfig;
use hillfort_social::outside::steam::SteamConfig;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::stand_in::{RSA_1, RSA_2, Signer, StandIn, certificate, key_set};

/// The game, as every service knows it. Steam's number is 480.
const APP: &str = "org.example.game";
const OTHER_APP: &str = "org.example.other";

/// A service, Facebook's two kinds of tokens apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Apple,
    Google,
    LimitedLogin,
    Facebook,
    InstantGame,
    GameCenter,
    Steam,
}

use Service::*;

pub(crate) const SERVICES: [Service; 7] = [Apple, Google, LimitedLogin, Facebook, InstantGame, GameCenter, Steam];

/// What a proof is, or what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    Good,
    Expired,
    ForAnotherApp,
    ByAnotherKey,
}

pub(crate) const FLAWS: [Made; 3] = [Made::Expired, Made::ForAnotherApp, Made::ByAnotherKey];

/// What a client shows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proof {
    token: String,
    game_center: AccountGameCenter,
    vars: BTreeMap<String, String>,
}

impl Proof {
    /// The same, shown with this nonce.
    pub(crate) fn with_nonce(&self, nonce: &str) -> Self {
        Self { vars: BTreeMap::from([("nonce".to_owned(), nonce.to_owned())]), ..self.clone() }
    }
}

pub(crate) struct Services {
    pub(crate) server: StandIn,
    ours: Signer,
    theirs: Signer,
    salt: Cell<u64>,
}

impl Services {
    pub(crate) async fn start(now_s: i64) -> Self {
        let ours = Signer::rsa("one", RSA_1);
        let (keys, certificate) = (key_set(&[&ours]), certificate(RSA_1));
        let server = StandIn::tls(move |path| match path.split_once('?').unwrap_or((path, "")) {
            ("/apple/keys" | "/google/keys" | "/facebook/keys", _) => (200, keys.clone()),
            ("/graph/debug_token", query) => debugged(query, now_s),
            ("/graph/me", query) => profile(query),
            ("/ISteamUserAuth/AuthenticateUserTicket/v1/", query) => ticket(query),
            ("/public-key/one.cer", _) => (200, certificate.clone()),
            _ => (404, String::new()),
        })
        .await;
        Self { server, ours, theirs: Signer::rsa("one", RSA_2), salt: Cell::default() }
    }

    /// All of them, as an operator would set them.
    pub(crate) fn config(&self) -> OutsideConfig {
        let ours = || vec![APP.to_owned()];
        OutsideConfig {
            apple_bundle_ids: ours(),
            google_client_ids: ours(),
            apple_keys_url: Some(self.server.https("/apple/keys")),
            google_keys_url: Some(self.server.https("/google/keys")),
            nonce: false,
            facebook: FacebookConfig {
                graph_url: self.server.https("/graph"),
                app_id: APP.into(),
                app_secret: "app secret".into(),
                keys_url: self.server.https("/facebook/keys"),
                instant_secret: "instant secret".into(),
            },
            game_center: GameCenterConfig {
                bundle_ids: ours(),
                hosts: vec![format!("localhost:{}", self.server.address.port())],
                window_ms: 600_000,
            },
            steam: SteamConfig { url: self.server.https(""), app_id: 480, publisher_key: "key".into(), refuse_banned: true },
            trust: Trust { extra_pem: self.server.pem.clone() },
        }
    }

    /// What `service` gives the person of this number at this second, or what somebody else made of it.
    pub(crate) fn proof(&self, service: Service, person: u64, made: Made, now_s: i64) -> Proof {
        let token = match service {
            Apple => self.identity(&claims("https://appleid.apple.com", person, made, now_s), made),
            Google => {
                let mut claims = claims("https://accounts.google.com", person, made, now_s);
                claims["name"] = name(person).into();
                claims["picture"] = picture(person).into();
                self.identity(&claims, made)
            }
            LimitedLogin => {
                let mut claims = claims("https://www.facebook.com", person, made, now_s);
                // Facebook does not say whether it has verified an address here.
                claims.as_object_mut().unwrap().remove("email_verified");
                self.identity(&claims, made)
            }
            Facebook => format!("{made:?}-{person}"),
            InstantGame => instant(person, made, now_s),
            GameCenter => return Proof { game_center: self.game_center(person, made, now_s), ..Proof::default() },
            Steam => format!("{:02x}{person:016x}", made as u8),
        };
        Proof { token, ..Proof::default() }
    }

    /// An identity token with a nonce.
    pub(crate) fn with_nonce(&self, service: Service, person: u64, nonce: &str, now_s: i64) -> Proof {
        let issuer = match service {
            Apple => "https://appleid.apple.com",
            Google => "accounts.google.com",
            LimitedLogin => "https://limited.facebook.com",
            other => panic!("{other:?} has no identity tokens"),
        };
        let mut claims = claims(issuer, person, Made::Good, now_s);
        claims["nonce"] = nonce.into();
        Proof { token: self.identity(&claims, Made::Good), ..Proof::default() }
    }

    fn identity(&self, claims: &Value, made: Made) -> String {
        if made == Made::ByAnotherKey { self.theirs.token(claims) } else { self.ours.token(claims) }
    }

    fn game_center(&self, person: u64, made: Made, now_s: i64) -> AccountGameCenter {
        self.salt.set(self.salt.get() + 1);
        let salt = self.salt.get().to_be_bytes();
        let time = now_s * 1000 - if made == Made::Expired { 600_001 } else { 0 };
        let (player, bundle) = (person.to_string(), if made == Made::ForAnotherApp { OTHER_APP } else { APP });
        let signed = [player.as_bytes(), bundle.as_bytes(), &time.to_be_bytes(), &salt].concat();
        let signer = if made == Made::ByAnotherKey { &self.theirs } else { &self.ours };
        AccountGameCenter {
            player_id: player,
            bundle_id: bundle.into(),
            timestamp_seconds: time,
            salt: STANDARD.encode(salt),
            signature: STANDARD.encode(signer.sign(&signed)),
            public_key_url: self.server.https("/public-key/one.cer"),
            ..Default::default()
        }
    }
}

fn claims(issuer: &str, person: u64, made: Made, now_s: i64) -> Value {
    json!({
        "iss": issuer, "sub": person.to_string(), "iat": now_s - 60, "email": email(person), "email_verified": "true",
        "aud": if made == Made::ForAnotherApp { OTHER_APP } else { APP },
        "exp": if made == Made::Expired { now_s - 6 } else { now_s + 600 },
    })
}

fn instant(person: u64, made: Made, now_s: i64) -> String {
    let issued = now_s - if made == Made::Expired { 601 } else { 0 };
    let player = json!({"algorithm": "HMAC-SHA256", "player_id": person.to_string(), "issued_at": issued});
    let payload = URL_SAFE_NO_PAD.encode(player.to_string());
    let secret: &[u8] = if made == Made::ForAnotherApp { b"another game's" } else { b"instant secret" };
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(payload.as_bytes());
    let mut signature = mac.finalize().into_bytes();
    signature[0] ^= u8::from(made == Made::ByAnotherKey);
    format!("{}.{payload}", URL_SAFE_NO_PAD.encode(signature))
}

/// Facebook's word on an access token, which is made of what is wrong with it and whose it is.
fn debugged(query: &str, now_s: i64) -> (u16, String) {
    let token = query.strip_prefix("input_token=").unwrap().split('&').next().unwrap();
    let Some((made, person)) = token.split_once('-') else { return (400, String::new()) };
    let data = |app: &str, expires: i64| json!({"app_id": app, "user_id": person, "is_valid": true, "expires_at": expires});
    let data = match made {
        "Good" => data(APP, now_s + 600),
        "Expired" => data(APP, now_s - 6),
        "ForAnotherApp" => data(OTHER_APP, now_s + 600),
        _ => return (400, String::new()),
    };
    (200, json!({ "data": data }).to_string())
}

fn profile(query: &str) -> (u16, String) {
    let token = query.strip_prefix("fields=id,name,email,picture&access_token=").unwrap().split('&').next().unwrap();
    let person: u64 = token.strip_prefix("Good-").unwrap().parse().unwrap();
    let picture = json!({"data": {"url": picture(person)}});
    (200, json!({"id": person.to_string(), "name": name(person), "email": email(person), "picture": picture}).to_string())
}

/// Steam's word on a ticket: two digits for what is wrong with it, and whose it is.
fn ticket(query: &str) -> (u16, String) {
    let ticket = query.strip_prefix("key=key&appid=480&ticket=").unwrap();
    let error = |code: u32| (200, json!({"response": {"error": {"errorcode": code, "errordesc": "Ticket"}}}).to_string());
    match ticket.split_at_checked(2) {
        Some(("00", person)) => {
            let person = u64::from_str_radix(person, 16).unwrap().to_string();
            (200, json!({"response": {"params": {"result": "OK", "steamid": person}}}).to_string())
        }
        Some(("01", _)) => error(103),
        Some(("02", _)) => (400, String::new()),
        _ => error(101),
    }
}

fn email(person: u64) -> String {
    format!("person{person}@example.org")
}

fn name(person: u64) -> String {
    format!("Person {person}")
}

fn picture(person: u64) -> String {
    format!("https://pictures.example/{person}")
}

/// Address, name and picture that an account takes over from a service.
pub(crate) fn taken_over(service: Service, person: u64) -> (String, String, String) {
    match service {
        Google | Facebook => (email(person), name(person), picture(person)),
        Apple => (email(person), String::new(), String::new()),
        LimitedLogin | InstantGame | GameCenter | Steam => Default::default(),
    }
}

/// The id of a service in what everybody may see of an account.
pub(crate) fn id_at(service: Service, user: &User) -> &str {
    match service {
        Apple => &user.apple_id,
        Google => &user.google_id,
        LimitedLogin | Facebook => &user.facebook_id,
        InstantGame => &user.facebook_instant_game_id,
        GameCenter => &user.gamecenter_id,
        Steam => &user.steam_id,
    }
}

/// Proofs in the messages of each service, for all three kinds of calls.
struct Accounts {
    apple: AccountApple,
    google: AccountGoogle,
    facebook: AccountFacebook,
    instant: AccountFacebookInstantGame,
    game_center: AccountGameCenter,
    steam: AccountSteam,
}

fn accounts(proof: &Proof) -> Accounts {
    let (token, vars) = (|| proof.token.clone(), || proof.vars.clone());
    Accounts {
        apple: AccountApple { token: token(), vars: vars() },
        google: AccountGoogle { token: token(), vars: vars() },
        facebook: AccountFacebook { token: token(), vars: vars() },
        instant: AccountFacebookInstantGame { signed_player_info: token(), vars: vars() },
        game_center: proof.game_center.clone(),
        steam: AccountSteam { token: token(), vars: vars() },
    }
}

pub(crate) fn sign_in(service: Service, proof: &Proof, create: Option<bool>, username: &str) -> Call {
    let (all, username) = (accounts(proof), username.to_owned());
    match service {
        Apple => Call::AuthenticateApple(AuthenticateAppleRequest { account: Some(all.apple), create, username }),
        Google => Call::AuthenticateGoogle(AuthenticateGoogleRequest { account: Some(all.google), create, username }),
        LimitedLogin | Facebook => {
            let account = Some(all.facebook);
            Call::AuthenticateFacebook(AuthenticateFacebookRequest { account, create, username, sync: None })
        }
        InstantGame => {
            let account = Some(all.instant);
            Call::AuthenticateFacebookInstantGame(AuthenticateFacebookInstantGameRequest { account, create, username })
        }
        GameCenter => {
            let account = Some(all.game_center);
            Call::AuthenticateGameCenter(AuthenticateGameCenterRequest { account, create, username })
        }
        Steam => Call::AuthenticateSteam(AuthenticateSteamRequest { account: Some(all.steam), create, username, sync: None }),
    }
}

pub(crate) fn link(service: Service, proof: &Proof) -> Call {
    let all = accounts(proof);
    match service {
        Apple => Call::LinkApple(all.apple),
        Google => Call::LinkGoogle(all.google),
        LimitedLogin | Facebook => Call::LinkFacebook(LinkFacebookRequest { account: Some(all.facebook), sync: None }),
        InstantGame => Call::LinkFacebookInstantGame(all.instant),
        GameCenter => Call::LinkGameCenter(all.game_center),
        Steam => Call::LinkSteam(LinkSteamRequest { account: Some(all.steam), sync: None }),
    }
}

pub(crate) fn unlink(service: Service, proof: &Proof) -> Call {
    let all = accounts(proof);
    match service {
        Apple => Call::UnlinkApple(all.apple),
        Google => Call::UnlinkGoogle(all.google),
        LimitedLogin | Facebook => Call::UnlinkFacebook(all.facebook),
        InstantGame => Call::UnlinkFacebookInstantGame(all.instant),
        GameCenter => Call::UnlinkGameCenter(all.game_center),
        Steam => Call::UnlinkSteam(all.steam),
    }
}
