//! The rows of calls with a proof of another service: sign-in, link and unlink of each. The services are stand-ins that sign as the real ones
//! do.

use hillfort_api::Call;
use serde_json::{Value, json};

use super::cases::{Case, SQL, case};
use crate::rig::Rig;
use crate::services::{Made, Proof, Service, Services, link, sign_in, unlink};

/// What Eve is at each service; strangers are others.
const EVE: u64 = 200;
const STRANGER: u64 = 300;
/// Somebody whose proof is shown for the second time.
const SEEN: u64 = 400;

/// The services, and proofs that were shown.
pub(super) struct Proofs {
    services: Services,
    now_s: i64,
    /// Of Game Center, whose proofs are good once: for a sign-in, a link, an unlink.
    shown: Vec<Proof>,
}

/// The services behind a call, with its verb; none for a call without a proof.
fn services_of(call: &str) -> Option<(&'static str, &'static [Service])> {
    let (verb, name) = ["Authenticate", "Link", "Unlink"].into_iter().find_map(|verb| Some((verb, call.strip_prefix(verb)?)))?;
    let services: &[Service] = match name {
        "Apple" => &[Service::Apple],
        "Google" => &[Service::Google],
        "Facebook" => &[Service::Facebook, Service::LimitedLogin],
        "FacebookInstantGame" => &[Service::InstantGame],
        "GameCenter" => &[Service::GameCenter],
        "Steam" => &[Service::Steam],
        _ => return None,
    };
    Some((verb, services))
}

fn json_of(call: &Call) -> Value {
    serde_json::from_slice(&call.json()).unwrap()
}

/// A proof as the body of a request.
fn body(verb: &str, service: Service, proof: &Proof) -> Value {
    match verb {
        "Authenticate" => json_of(&sign_in(service, proof, None, ""))["account"].take(),
        "Link" if matches!(service, Service::Facebook | Service::LimitedLogin) => {
            json_of(&link(service, proof))["account"].take()
        }
        "Link" => json_of(&link(service, proof)),
        _ => json_of(&unlink(service, proof)),
    }
}

fn path(verb: &str, call: &str) -> String {
    format!("/v2/account/{}/{}", verb.to_lowercase(), call.trim_start_matches(verb).to_lowercase())
}

impl Proofs {
    /// Links all services to Eve's account, and shows what may be shown once.
    pub(super) fn new(rig: &Rig, services: Services, eve: &str) -> Self {
        let mut proofs = Self { services, now_s: rig.now_ms() / 1000, shown: Vec::new() };
        for call in ["LinkApple", "LinkGoogle", "LinkFacebook", "LinkFacebookInstantGame", "LinkGameCenter", "LinkSteam"] {
            let (verb, services) = services_of(call).unwrap();
            let hers = proofs.proof(services[0], EVE, Made::Good);
            let answer = rig.call("POST", &path(verb, call), eve, &body(verb, services[0], &hers));
            assert_eq!(answer.status, 200, "{call}: {}", String::from_utf8_lossy(&answer.body));
        }
        for _ in 0..3 {
            let once = proofs.proof(Service::GameCenter, SEEN, Made::Good);
            let signed_in = body("Authenticate", Service::GameCenter, &once);
            let answer = rig.call("POST", "/v2/account/authenticate/gamecenter", crate::rig::SERVER_KEY, &signed_in);
            assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
            proofs.shown.push(once);
        }
        proofs
    }

    fn proof(&self, service: Service, person: u64, made: Made) -> Proof {
        self.services.proof(service, person, made, self.now_s)
    }

    /// By the name of the call; nothing for a call without a proof.
    pub(super) fn cases(&self, call: &str) -> Vec<Case> {
        let Some((verb, services)) = services_of(call) else { return Vec::new() };
        let path = path(verb, call);
        let post = |what, body, wanted| case(what, "POST", path.clone(), body, wanted);
        // Steam's link has the account in a field.
        let is_inside = call == "LinkSteam";
        let inside = |account: Value| if is_inside { json!({ "account": account }) } else { account };
        let mut all = match services[0] {
            Service::GameCenter => game_center(&path, verb),
            service => {
                let field = if service == Service::InstantGame { "signed_player_info" } else { "token" };
                // Without a proof whatever there is goes, and there is nothing.
                let none = if verb == "Unlink" { (7, "") } else { (3, field) };
                vec![
                    post("missing", inside(json!({})), none),
                    post("wrong type", inside(json!({ field: 1 })), (3, field)),
                    post("wrong type", inside(json!([])), (3, if is_inside { "account" } else { "" })),
                    post("too long", inside(json!({ field: "x".repeat(100_000) })), (16, "")),
                    post("injected", inside(json!({ field: SQL })), (16, "")),
                ]
            }
        };
        for &service in services {
            let shown = |person, made| body(verb, service, &self.proof(service, person, made));
            let refused = [("another's", Made::ForAnotherApp), ("another's", Made::ByAnotherKey), ("expired", Made::Expired)];
            all.extend(refused.map(|(what, made)| post(what, shown(STRANGER, made), (16, ""))));
            let hers = shown(EVE, Made::Good);
            all.push(match verb {
                "Authenticate" => {
                    let named = format!("{path}?username=eve");
                    case("another's", "POST", named, shown(STRANGER, Made::Good), (6, "username"))
                }
                "Link" => post("another's", hers, (6, "")),
                _ => post("another's", hers, (7, "")),
            });
        }
        if services[0] == Service::GameCenter {
            let at = ["Authenticate", "Link", "Unlink"].iter().position(|one| *one == verb).unwrap();
            all.push(post("replayed", body(verb, Service::GameCenter, &self.shown[at]), (16, "")));
        }
        all
    }
}

/// Game Center's proof has many fields.
fn game_center(path: &str, verb: &str) -> Vec<Case> {
    let post = |what, body, wanted| case(what, "POST", path, body, wanted);
    let with = |field: &str, value: Value| {
        let mut all = json!({ "bundle_id": "b", "player_id": "p", "public_key_url": "u", "salt": "c2FsdA==", "signature": "c2ln", "timestamp_seconds": 1 });
        all[field] = value;
        all
    };
    vec![
        post("missing", json!({}), if verb == "Unlink" { (7, "") } else { (3, "bundle_id") }),
        post("missing", with("timestamp_seconds", Value::Null), (3, "timestamp_seconds")),
        post("wrong type", json!({ "timestamp_seconds": "soon" }), (3, "timestamp_seconds")),
        post("too long", with("player_id", "x".repeat(100_000).into()), (16, "")),
        post("injected", with("player_id", SQL.into()), (16, "")),
        post("injected", with("public_key_url", "https://localhost@192.0.2.1/x.cer".into()), (16, "")),
    ]
}
