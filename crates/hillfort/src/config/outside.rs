//! Services that vouch for players: raw values of `[accounts]` into their settings. Owns what an address of theirs may be.

use hillfort_social::OutsideConfig;
use hillfort_social::outside::facebook::FacebookConfig;
use hillfort_social::outside::fetch::Trust;
use hillfort_social::outside::game_center::GameCenterConfig;
use hillfort_social::outside::steam::SteamConfig;

use super::check::Check;
use super::layers::shown;
use super::raw;

impl Check<'_> {
    pub(super) fn outside(&mut self, accounts: &raw::Accounts) -> Option<OutsideConfig> {
        let apple_keys_url = self.service_url("accounts.apple_keys_url", &accounts.apple_keys_url);
        let google_keys_url = self.service_url("accounts.google_keys_url", &accounts.google_keys_url);
        let facebook_keys_url = self.service_url("accounts.facebook_keys_url", &accounts.facebook_keys_url);
        let graph_url = self.service_url("accounts.facebook_graph_url", &accounts.facebook_graph_url);
        let steam_url = self.service_url("accounts.steam_url", &accounts.steam_url);
        let extra_pem = self.authorities("accounts.authorities", &accounts.authorities);
        Some(OutsideConfig {
            apple_bundle_ids: accounts.apple_bundle_ids.clone(),
            google_client_ids: accounts.google_client_ids.clone(),
            apple_keys_url: Some(apple_keys_url?),
            google_keys_url: Some(google_keys_url?),
            nonce: accounts.nonce,
            facebook: FacebookConfig {
                graph_url: graph_url?.trim_end_matches('/').to_owned(),
                app_id: accounts.facebook_app_id.clone(),
                app_secret: accounts.facebook_app_secret.clone(),
                keys_url: facebook_keys_url?,
                instant_secret: accounts.facebook_instant_secret.clone(),
            },
            game_center: GameCenterConfig {
                bundle_ids: accounts.game_center_bundle_ids.clone(),
                hosts: accounts.game_center_hosts.clone(),
                ..GameCenterConfig::default()
            },
            steam: SteamConfig {
                url: steam_url?.trim_end_matches('/').to_owned(),
                app_id: accounts.steam_app_id,
                publisher_key: accounts.steam_publisher_key.clone(),
                ..SteamConfig::default()
            },
            trust: Trust { extra_pem: extra_pem? },
        })
    }

    /// An address that secrets are sent to and keys are believed from: by TLS, or on this machine.
    fn service_url(&mut self, key: &str, text: &str) -> Option<String> {
        let uri = text.parse::<axum::http::Uri>().ok();
        let fits = uri.is_some_and(|uri| match (uri.scheme_str(), uri.host()) {
            (Some("https"), Some(host)) => !host.is_empty(),
            (Some("http"), Some(host)) => ["localhost", "127.0.0.1", "[::1]"].contains(&host),
            _ => false,
        });
        if !fits {
            self.wrong(key, shown(&text.into()), "an address as https://example.org/keys, or http:// on this machine".to_owned());
        }
        fits.then(|| text.to_owned())
    }

    /// Certificates of authorities from a file, or none.
    pub(super) fn authorities(&mut self, key: &str, path: &str) -> Option<String> {
        if path.is_empty() {
            return Some(String::new());
        }
        let text = String::from_utf8(self.file(key, path)?).unwrap_or_default();
        if !text.contains("-----BEGIN CERTIFICATE-----") {
            self.wrong_text(key, format!("{path} has no certificate in PEM"));
            return None;
        }
        Some(text)
    }
}
