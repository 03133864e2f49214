//! What is doubtful about a configuration that is valid: what an operator should know before strangers come. Knows nothing of how it is shown.

use std::net::SocketAddr;

use hillfort_social::MailConfig;
use serde::Serialize;

use super::Settings;
use super::print::{self, Setting};

/// What the server was told, for people.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    /// Each setting in force.
    pub settings: Vec<Setting>,
    /// What is doubtful.
    pub warnings: Vec<Warning>,
}

/// Something doubtful.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The setting that it is about.
    pub key: &'static str,
    /// What may happen, and what to do.
    pub text: &'static str,
}

impl Settings {
    /// What the server was told, for people; secrets are hidden.
    #[must_use]
    pub fn configuration(&self) -> Configuration {
        Configuration { settings: print::settings(&self.layers), warnings: self.warnings() }
    }

    /// What is doubtful, the worst first.
    fn warnings(&self) -> Vec<Warning> {
        let is_set = |key: &str, value: &str| self.layers.get(key).and_then(toml::Value::as_str) == Some(value);
        let is_public = |addr: SocketAddr| !addr.ip().to_canonical().is_loopback();
        let (edge, services) = (&self.edge, &self.services);
        let has_tls = edge.certificate.is_some() || self.self_signed;
        let tls_is_refused = |key: &str| self.layers.get(key).and_then(toml::Value::as_bool) == Some(true);
        let has_list = |keys: &[&str]| {
            keys.iter().any(|key| self.layers.get(key).and_then(toml::Value::as_array).is_some_and(|list| !list.is_empty()))
        };
        let doubts = [
            (
                self.development,
                "keys",
                "Development mode: everybody knows the key, so the server listens on this machine only, and whoever can open this page is an \
                 administrator. Put a key of your own under [[keys]] before others are to play.",
            ),
            (
                self.store.url == "memory:",
                "store.url",
                "Accounts, storage, operators and the audit log are kept in memory and end with the server. A file is enough to keep them: \
                 sqlite:data/hillfort.db.",
            ),
            (
                is_public(self.console.addr),
                "console.address",
                "Other machines reach the console, which speaks no TLS: what operators see can be read on the way. Keep it on 127.0.0.1 behind \
                 an SSH tunnel or a proxy with HTTPS.",
            ),
            (
                self.console.plain_sign_in,
                "console.plain_sign_in",
                "Operators of other machines may sign in without HTTPS: their passwords and sessions can be read on the way.",
            ),
            (
                !has_tls && is_public(edge.http_addr),
                "edge.tls_certificate",
                "The doors speak no TLS on an address for others: passwords and session tokens of players can be read on the way. Right only \
                 behind a balancer that ends TLS.",
            ),
            (self.self_signed, "edge.tls_self_signed", "The certificate signs itself: no player should trust it."),
            (
                self.store.url.starts_with("postgres") && self.store.options.postgres_ca.is_none(),
                "store.authorities",
                "The connection to PostgreSQL is not encrypted, and its server proves nothing. Right only on this machine or a network of \
                 your own.",
            ),
            (
                services.social.server_key == "defaultkey",
                "nakama.server_key",
                "Everybody knows this key, which games show before a player has a session.",
            ),
            (
                services.social.http_key == "defaulthttpkey",
                "nakama.http_key",
                "Everybody knows this key, with which functions of modules are called without a session.",
            ),
            (
                services.social.passwords.memory_kib < 19_456,
                "accounts.password_kib",
                "The hash of a password takes less memory than OWASP advises (19,456 KiB): stolen ones are guessed sooner.",
            ),
            (services.mail == MailConfig::None, "mail.way", "No mail is sent: whoever forgets a password cannot get a new one."),
            (
                tls_is_refused("tls.dry_run") && has_list(&["tls.refuse_ja4", "tls.refuse_ja3"]),
                "tls.dry_run",
                "The lists of fingerprints refuse nobody: whom they would refuse is only counted.",
            ),
            (
                tls_is_refused("regions.dry_run") && has_list(&["regions.refuse", "regions.allow"]),
                "regions.dry_run",
                "The lists of networks and countries refuse nobody: whom they would refuse is only counted.",
            ),
            (self.save_every.is_none(), "world.save_s", "Rooms are not saved: a restart ends them."),
            (
                is_set("world.record", "off"),
                "world.record",
                "Nothing is recorded: what led to the fault of a room cannot be played again.",
            ),
            (
                is_set("kernel.filter", "off"),
                "kernel.filter",
                "The kernel filter is off: every packet of a flood reaches this process.",
            ),
        ];
        let doubts = doubts.into_iter().filter(|(holds, ..)| *holds);
        doubts.map(|(_, key, text)| Warning { key, text }).collect()
    }
}
