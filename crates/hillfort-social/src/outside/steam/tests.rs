//! Tickets against a stand-in of Steam's Web API.

use super::{Steam, SteamConfig};
use crate::outside::stand_in::{StandIn, block_on, fetch};
use crate::outside::{Person, ProofFault};

const OWNER: &str = r#""steamid":"76561197960287930","ownersteamid":"76561197960287930""#;

#[test]
fn a_ticket_names_its_owner_or_is_refused() {
    block_on(async {
        let server = StandIn::plain(|path| {
            if !path.starts_with("/ISteamUserAuth/AuthenticateUserTicket/v1/?key=the%20key&appid=480&ticket=") {
                return (403, String::new());
            }
            let params = |more: &str| format!(r#"{{"response":{{"params":{{"result":"OK",{OWNER}{more}}}}}}}"#);
            match path.rsplit('=').next().unwrap() {
                "00aa" => (200, params(r#","vacbanned":false,"publisherbanned":false"#)),
                "00bb" => (200, params(r#","vacbanned":true"#)),
                "00cc" => (200, params(r#","publisherbanned":true"#)),
                "00dd" => (200, r#"{"response":{"error":{"errorcode":101,"errordesc":"Invalid ticket"}}}"#.into()),
                "00ee" => (200, r#"{"response":{}}"#.into()),
                "00ff" => (200, r#"{"response":{"params":{"result":"OK","steamid":"x/../y"}}}"#.into()),
                "0011" => (200, "no json".into()),
                "0022" => (500, String::new()),
                _ => (400, String::new()),
            }
        })
        .await;
        let config = SteamConfig { url: server.url(""), app_id: 480, publisher_key: "the key".into(), refuse_banned: true };
        let steam = Steam::new(config.clone());
        let check = async |ticket: &str| steam.check(&fetch(""), ticket).await;
        assert_eq!(check("00aa").await, Ok(Person { id: "76561197960287930".into(), ..Person::default() }));
        for refused in ["00bb", "00cc", "00dd", "00ee", "0033", "not hex", "00aa&appid=1", &"0".repeat(10_000)] {
            assert!(matches!(check(refused).await, Err(ProofFault::Refused(_))), "{refused}");
        }
        for fault in ["00ff", "0011", "0022"] {
            let found = check(fault).await;
            assert!(matches!(&found, Err(ProofFault::Unreachable(why)) if !why.contains("key")), "{fault}: {found:?}");
        }
        let lenient = Steam::new(SteamConfig { refuse_banned: false, ..config.clone() });
        assert!(lenient.check(&fetch(""), "00bb").await.is_ok());
        let other_key = Steam::new(SteamConfig { publisher_key: "another".into(), ..config.clone() });
        assert!(matches!(other_key.check(&fetch(""), "00aa").await, Err(ProofFault::Unreachable(_))));
        for missing in [SteamConfig { app_id: 0, ..config.clone() }, SteamConfig { publisher_key: String::new(), ..config }] {
            assert_eq!(Steam::new(missing).check(&fetch(""), "00aa").await, Err(ProofFault::NotConfigured("Steam")));
        }
    });
}
