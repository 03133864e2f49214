//! Steam: a ticket that its Web API says is good, and whose. Knows nothing of accounts.

use serde::Deserialize;

use super::fetch::{Fetch, escape};
use super::{PROOF_MAX, Person, ProofFault};

/// Steam for a game.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SteamConfig {
    /// The Web API, without a slash at the end.
    pub url: String,
    /// The game's number at Steam. Zero: not configured.
    pub app_id: u32,
    /// The publisher's key to the Web API: a secret. Empty: not configured.
    pub publisher_key: String,
    /// Whether somebody whom Steam or the publisher has banned is refused.
    pub refuse_banned: bool,
}

impl Default for SteamConfig {
    fn default() -> Self {
        Self { url: "https://api.steampowered.com".to_owned(), app_id: 0, publisher_key: String::new(), refuse_banned: true }
    }
}

/// Checks tickets.
#[derive(Debug)]
pub struct Steam {
    config: SteamConfig,
}

#[derive(Deserialize)]
struct Wrapper {
    response: Response,
}

#[derive(Deserialize)]
struct Response {
    params: Option<Params>,
    error: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Params {
    result: String,
    steamid: String,
    #[serde(default)]
    vacbanned: bool,
    #[serde(default)]
    publisherbanned: bool,
}

impl Steam {
    /// With these rules.
    #[must_use]
    pub fn new(config: SteamConfig) -> Self {
        Self { config }
    }

    /// Whose `ticket` it is, in hexadecimal digits as a client gets it.
    ///
    /// # Errors
    /// [`ProofFault`].
    pub async fn check(&self, fetch: &Fetch, ticket: &str) -> Result<Person, ProofFault> {
        let SteamConfig { url, app_id, publisher_key, refuse_banned } = &self.config;
        if *app_id == 0 || publisher_key.is_empty() {
            return Err(ProofFault::NotConfigured("Steam"));
        }
        if ticket.len() > PROOF_MAX || !ticket.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ProofFault::Refused("no ticket"));
        }
        let key = escape(publisher_key);
        let address = format!("{url}/ISteamUserAuth/AuthenticateUserTicket/v1/?key={key}&appid={app_id}&ticket={ticket}");
        let answer = fetch.get(&address).await.map_err(|why| ProofFault::Unreachable(why.to_string()))?;
        match answer.status {
            200 => {}
            // Steam answers so when the ticket is not for this app or cannot be read.
            400 => return Err(ProofFault::Refused("Steam does not know the ticket")),
            status => return Err(ProofFault::Unreachable(format!("Steam answered with status {status}"))),
        }
        let wrapper: Wrapper = serde_json::from_slice(&answer.body)
            .map_err(|why| ProofFault::Unreachable(format!("Steam's answer makes no sense: {why}")))?;
        let params = match wrapper.response {
            Response { params: Some(params), error: None } if params.result == "OK" => params,
            _ => return Err(ProofFault::Refused("Steam refuses the ticket")),
        };
        if *refuse_banned && (params.vacbanned || params.publisherbanned) {
            return Err(ProofFault::Refused("banned at Steam"));
        }
        if params.steamid.is_empty() || params.steamid.len() > 20 || !params.steamid.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ProofFault::Unreachable("Steam named nobody".to_owned()));
        }
        Ok(Person { id: params.steamid, ..Person::default() })
    }
}

#[cfg(test)]
mod tests;
